//! Whom limits deny most: told with masked names, kept in a space that no caller makes grow.

use std::collections::BTreeMap;
use std::fmt;

use waygate_api::rate_limits::{CallerReport, MOST_CALLERS};
use waygate_core::{CallerFacts, Counted, Exceeded, Heaviest, ServiceId, masked_caller};

/// The callers since the last report. What they have sent stays in this process.
pub(super) struct Callers(Heaviest<Caller>);

/// By what a limit knows a caller.
struct Caller {
    policy: String,
    kind: &'static str,
    key: Box<[u8]>,
}

impl Default for Callers {
    fn default() -> Self {
        Self(Heaviest::new(MOST_CALLERS))
    }
}

/// Keys are nobody else's business.
impl fmt::Debug for Callers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Callers").finish_non_exhaustive()
    }
}

impl Callers {
    pub(super) fn note(&mut self, exceeded: &Exceeded<'_>, policy: &str, facts: &impl CallerFacts) {
        let found = exceeded.standing.policy.caller_of(facts, |kind, key| (kind, Box::<[u8]>::from(key)));
        if let Some((kind, key)) = found {
            let is_it = |known: &Caller| known.kind == kind && known.key == key && known.policy == policy;
            self.0.add(1, 0, is_it, || Caller { policy: policy.to_owned(), kind, key: key.clone() });
        }
    }

    /// What is told of them: those that have the same name are one.
    pub(super) fn told(self, service: &ServiceId) -> Vec<CallerReport> {
        let mut sums: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
        for Counted { what, count, over } in self.0.into_sorted() {
            let caller = masked_caller(service, what.kind, &what.key);
            let sum = sums.entry((what.policy, caller)).or_default();
            *sum = (sum.0.saturating_add(count), sum.1.saturating_add(over));
        }
        let told = |((policy, caller), (count, over))| CallerReport { policy, caller, count, over };
        sums.into_iter().map(told).collect()
    }
}
