//! What a policy may be.

use crate::command::{CommandError, MOST_EXEMPTIONS};
use crate::limit::{KeyStrategy, RateLimitPolicy, Share, is_header_name};

/// The largest burst.
const LARGEST_BURST: u32 = 1_000_000_000;
/// The most tiers of one policy.
const MOST_TIERS: usize = 32;
/// The longest name of a tier, a role or a request attribute, in bytes.
const LONGEST_NAME: usize = 100;

impl RateLimitPolicy {
    /// Whether it can be taken, whatever the state.
    ///
    /// # Errors
    ///
    /// [`CommandError::Invalid`] with the field at fault.
    pub fn check(&self) -> Result<(), CommandError> {
        let at_most = |field, most: usize, length: usize| {
            if length > most {
                return Err(CommandError::invalid(field, format!("at most {most} are accepted; got {length}")));
            }
            Ok(())
        };
        if self.burst > LARGEST_BURST {
            return Err(CommandError::invalid("burst", format!("expected at most {LARGEST_BURST}")));
        }
        if let KeyStrategy::Header(name) = &self.key_strategy
            && !is_header_name(name)
        {
            return Err(CommandError::invalid("key_strategy", "expected `header:NAME` with the name of a header"));
        }
        at_most("tiers", MOST_TIERS, self.tiers.len())?;
        at_most("exempt_ips", MOST_EXEMPTIONS, self.exempt_ips.len())?;
        at_most("exempt_roles", MOST_EXEMPTIONS, self.exempt_roles.len())?;
        at_most("exempt_routes", MOST_EXEMPTIONS, self.exempt_routes.len())?;
        for (position, tier) in self.tiers.iter().enumerate() {
            checked_name("tiers", &tier.name)?;
            if self.tiers.iter().take(position).any(|other| other.name == tier.name) {
                return Err(CommandError::invalid("tiers", format!("`{}` is named twice", tier.name)));
            }
        }
        self.exempt_roles.iter().try_for_each(|role| checked_name("exempt_roles", role))?;
        self.tier_resolver.iter().try_for_each(|name| checked_name("tier_resolver", name))
    }

    /// What the audit log says of it: `100/minute · fixed_window · ip`.
    pub(super) fn summary(&self) -> String {
        let divided = if self.share == Share::Divided { " · divided" } else { "" };
        format!("{} · {} · {}{divided}", self.limit, self.algorithm.as_str(), self.key_strategy)
    }

    /// The same but for its bookkeeping.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        let Self { generation, changed_at, .. } = other;
        *other == Self { generation: *generation, changed_at: *changed_at, ..self.clone() }
    }
}

fn checked_name(field: &'static str, name: &str) -> Result<(), CommandError> {
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        let accepted = format!("expected names of 1 to {LONGEST_NAME} bytes without control characters");
        return Err(CommandError::invalid(field, accepted));
    }
    Ok(())
}
