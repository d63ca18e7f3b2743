//! A fingerprint of what a service knows, by which a client notices that it has drifted from the control plane.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::id::InvalidName;
use crate::revision::Revision;
use crate::state::ServiceView;

/// What a digest keeps apart, so that a client which cannot read elements of one kind can still compare the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DigestKind {
    /// The switches of everything and of the service.
    Maintenance,
    /// The policies of all three scopes.
    RateLimits,
    Routes,
}

impl DigestKind {
    const ALL: [Self; 3] = [Self::Maintenance, Self::RateLimits, Self::Routes];

    /// The text of the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Maintenance => "maintenance",
            Self::RateLimits => "rate_limits",
            Self::Routes => "routes",
        }
    }
}

/// For each kind the sum (of 64 bits, wrapping) of the hashes of its elements, each the first 8 bytes of the SHA-256 of
/// the element's key, a zero byte and its `changed_at` in 8 bytes, big-endian. Neither order nor encoding matters: an
/// older client, which drops fields that it does not know, comes to the same sums.
///
/// As text, in bookmarks: `maintenance=<hex>,rate_limits=<hex>,routes=<hex>`. Kinds that are not known are ignored when
/// it is read, and one that is left out says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Digest([Option<u64>; DigestKind::ALL.len()]);

impl Digest {
    /// Of a service's view.
    pub fn of(view: &ServiceView) -> Self {
        let maintenance = [("global", &view.global.maintenance), ("service", &view.service.maintenance)];
        let maintenance = maintenance.map(|(key, maintenance)| element(key, maintenance.changed_at));
        let limit_of_all = view.global.rate_limit.iter().map(|policy| element("global", policy.changed_at));
        let limit_of_service = view.service.rate_limit.iter().map(|policy| element("service", policy.changed_at));
        let limits = view.service.route_limits.iter();
        let limits = limits.map(|(key, policy)| element(&key.to_string(), policy.changed_at));
        let routes = view.service.routes.iter().map(|(key, route)| element(&key.to_string(), route.changed_at));
        Self([Some(sum(maintenance)), Some(sum(limit_of_all.chain(limit_of_service).chain(limits))), Some(sum(routes))])
    }

    /// The kinds about which two digests disagree. Where one of them says nothing there is no disagreement.
    pub fn differing(self, other: Self) -> impl Iterator<Item = DigestKind> {
        DigestKind::ALL.into_iter().filter(move |kind| {
            let (own, theirs) = (self.0[*kind as usize], other.0[*kind as usize]);
            own.zip(theirs).is_some_and(|(own, theirs)| own != theirs)
        })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = DigestKind::ALL.into_iter().filter_map(|kind| Some((kind, self.0[kind as usize]?)));
        for (position, (kind, sum)) in said.enumerate() {
            let separator = if position == 0 { "" } else { "," };
            write!(formatter, "{separator}{}={sum:016x}", kind.as_str())?;
        }
        Ok(())
    }
}

impl FromStr for Digest {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut digest = Self::default();
        for (name, sum) in text.split(',').filter_map(|part| part.split_once('=')) {
            let Some(kind) = DigestKind::ALL.into_iter().find(|kind| kind.as_str() == name) else { continue };
            let sum = u64::from_str_radix(sum, 16)
                .map_err(|_| InvalidName(format!("the digest of `{name}` is 64 bits in hex, not `{sum}`")))?;
            digest.0[kind as usize] = Some(sum);
        }
        Ok(digest)
    }
}

fn sum(elements: impl IntoIterator<Item = u64>) -> u64 {
    elements.into_iter().fold(0, u64::wrapping_add)
}

fn element(key: &str, changed_at: Revision) -> u64 {
    let hash = Sha256::new().chain_update(key).chain_update([0]).chain_update(changed_at.0.to_be_bytes()).finalize();
    let mut head = [0; 8];
    head.copy_from_slice(&hash[..8]);
    u64::from_be_bytes(head)
}
