//! How much of a limit is used, as far as it was measured.

use std::cmp::Reverse;

use waygate_core::{KeyStrategy, Quota, RateLimitPolicy, Share, State};

use crate::dashboard::limits::foresight::{Reached, is_one_number, measured};
use crate::dashboard::limits::target::Target;
use crate::dashboard::visit::Visit;
use crate::dashboard::words::{counted, span};

/// Of a hundred periods, how many had no more.
const PERCENTILE: usize = 95;

/// What reached a limit in nearly all of its periods, beside what it admits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Usage {
    quota: Quota,
    /// No more in 95 of 100 periods, of all callers and instances together.
    reached: u64,
    periods: usize,
    /// One counter counts all of them.
    is_of_all: bool,
}

impl Usage {
    /// Of the limit's quota that is the closest to being used up; `None` where no period of any was measured, or where it
    /// is not these numbers that are in force.
    pub(super) fn of(visit: &Visit, state: &State, target: &Target, policy: &RateLimitPolicy) -> Option<Self> {
        if !is_one_number(visit, target, policy) {
            return None;
        }
        let reached = Reached::of(visit, state, target, policy);
        // Otherwise each instance has a counter of its own, which admits the whole limit.
        let is_of_all = policy.key_strategy == KeyStrategy::Global && policy.share == Share::Divided;
        let of_quota = |quota: &Quota| {
            let period = i64::try_from(quota.period_seconds).ok()?;
            let sums = measured(reached.in_periods_of(*quota), period, visit.now)?;
            Some(Self { quota: *quota, reached: percentile(&sums)?, periods: sums.len(), is_of_all })
        };
        policy.limit.quotas().iter().filter_map(of_quota).min_by_key(|usage| Reverse(usage.percent()))
    }

    fn percent(&self) -> u64 {
        (self.reached * 100).checked_div(self.quota.amount).unwrap_or(u64::MAX)
    }

    /// What a meter shows, and of how much. What all counters count together says nothing of one of them once it is more
    /// than one of them admits.
    pub(super) fn meter(&self) -> Option<(u64, u64)> {
        let is_known = self.quota.amount > 0 && (self.is_of_all || self.reached <= self.quota.amount);
        is_known.then(|| (self.reached.min(self.quota.amount), self.quota.amount))
    }

    /// In a few words.
    pub(super) fn brief(&self) -> String {
        format!("{} of {}", self.reached, self.quota)
    }

    pub(super) fn is_of_all(&self) -> bool {
        self.is_of_all
    }

    /// In a sentence.
    pub(super) fn words(&self) -> String {
        let period =
            span(jiff::SignedDuration::from_secs(i64::try_from(self.quota.period_seconds).unwrap_or(i64::MAX)));
        let requests = counted(usize::try_from(self.reached).unwrap_or(usize::MAX), "request");
        let mut words = format!(
            "p95: in {PERCENTILE} of 100 periods of {period} no more than {requests} came as far as this limit, all callers and \
             instances together, as measured in {}.",
            counted(self.periods, "period"),
        );
        if self.meter().is_none() && self.quota.amount > 0 {
            words.push_str(" That is more than one counter admits; how much one of them had is not measured.");
        }
        words
    }
}

/// The least of the numbers that 95 of 100 of them do not exceed.
fn percentile(sums: &[u64]) -> Option<u64> {
    let mut sorted = sums.to_vec();
    sorted.sort_unstable();
    sorted.get((sums.len() * PERCENTILE).div_ceil(100).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentile_is_of_the_numbers_there_are() {
        let hundred: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(percentile(&hundred), Some(95));
        assert_eq!(percentile(&hundred[..20]), Some(99));
        assert_eq!(percentile(&[7]), Some(7));
        assert_eq!(percentile(&[]), None);
    }

    #[test]
    fn a_meter_shows_only_what_is_known() {
        let usage = |reached, amount, is_of_all| {
            Usage { quota: Quota { amount, period_seconds: 60 }, reached, periods: 1, is_of_all }.meter()
        };
        assert_eq!(usage(30, 100, false), Some((30, 100)));
        assert_eq!(usage(130, 100, false), None, "of one counter nothing is known");
        assert_eq!(usage(130, 100, true), Some((100, 100)));
        assert_eq!(usage(0, 0, true), None);
    }
}
