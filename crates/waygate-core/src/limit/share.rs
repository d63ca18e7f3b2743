//! Limits that the replicas of a service divide among themselves.
//!
//! A replica holds a [`Part`] of the whole, the same for all divided limits of a scope, whatever their amounts are. Parts
//! that do not overlap give amounts that together are never more than the limit, and all of them together are exactly it.
//! Who holds which part is the matter of the [`Division`](super::Division).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{LimitExpression, OnBackendFailure, Quota, RateLimitPolicy};
use crate::state::ServiceView;

/// How a limit is kept by several replicas that do not share their counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// Each replica admits the whole limit.
    #[default]
    PerReplica,
    /// Each replica admits its part of the limit, as the control plane hands it out.
    Divided,
}

/// A part of a whole: pieces of `0..WHOLE` in order, each from its first to before its second number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part(Vec<(u64, u64)>);

/// What a replica may admit of divided limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Holding {
    /// It has got no part yet, or has given it up.
    #[default]
    Nothing,
    /// Its part, while its lease lasts.
    Leased(Part),
    /// The [half](Part::half) of its last part, since its lease has ended.
    Lapsed(Part),
    /// It has never had a part, and there is nobody who would give it one: the control plane cannot be reached.
    Alone,
}

impl Part {
    /// What the numbers go up to. Large enough that rounding to it never shows in an amount.
    pub const WHOLE: u64 = 1 << 48;

    /// All of it.
    pub fn whole() -> Self {
        Self(vec![(0, Self::WHOLE)])
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How much of [`Part::WHOLE`] it is.
    pub fn measure(&self) -> u64 {
        self.0.iter().map(|(from, to)| to.saturating_sub(*from)).fold(0, u64::saturating_add)
    }

    /// What it is of an amount, in whole numbers: parts that do not overlap never come to more than the amount together,
    /// and equal parts of the whole differ by at most one.
    pub fn of(&self, amount: u64) -> u64 {
        let up_to = |at: u64| {
            let share = u128::from(amount) * u128::from(at.min(Self::WHOLE));
            u64::try_from(share.div_ceil(u128::from(Self::WHOLE))).unwrap_or(amount)
        };
        self.0.iter().map(|(from, to)| up_to(*to).saturating_sub(up_to(*from))).fold(0, u64::saturating_add)
    }

    /// What a replica keeps whose lease has ended: the half that begins where it does.
    #[must_use]
    pub fn half(&self) -> Self {
        self.slice(0, self.measure() / 2)
    }

    /// What lies between two places, counted within it.
    pub(super) fn slice(&self, from: u64, to: u64) -> Self {
        let mut passed = 0;
        let mut pieces = Vec::new();
        for (start, end) in &self.0 {
            let length = end - start;
            let (first, last) = (from.clamp(passed, passed + length), to.clamp(passed, passed + length));
            if first < last {
                pieces.push((start + (first - passed), start + (last - passed)));
            }
            passed += length;
        }
        Self(pieces)
    }

    /// What is in it and not in the other.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut pieces = Vec::new();
        for (start, end) in &self.0 {
            let mut at = *start;
            let next = other.0.partition_point(|(_, taken_to)| *taken_to <= at);
            for (taken_from, taken_to) in other.0.get(next..).unwrap_or_default() {
                if *taken_from >= *end {
                    break;
                }
                if *taken_from > at {
                    pieces.push((at, *taken_from));
                }
                at = at.max(*taken_to);
            }
            if at < *end {
                pieces.push((at, *end));
            }
        }
        Self(pieces)
    }

    /// What is in any of them.
    pub(super) fn union<'p>(parts: impl IntoIterator<Item = &'p Self>) -> Self {
        let mut all: Vec<(u64, u64)> = parts.into_iter().flat_map(|part| part.0.iter().copied()).collect();
        all.sort_unstable();
        let mut pieces: Vec<(u64, u64)> = Vec::with_capacity(all.len());
        for (from, to) in all {
            match pieces.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => pieces.push((from, to)),
            }
        }
        Self(pieces)
    }
}

impl Holding {
    /// The part that was given, or what is left of it; `None` where none was.
    pub fn part(&self) -> Option<&Part> {
        match self {
            Self::Nothing | Self::Alone => None,
            Self::Leased(part) | Self::Lapsed(part) => Some(part),
        }
    }

    /// What it comes to of an amount, for policies that count in the replica without a lease.
    pub fn of(&self, amount: u64) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Leased(part) | Self::Lapsed(part) => part.of(amount),
            Self::Alone => amount,
        }
    }
}

impl LimitExpression {
    /// A part of the limit. Its text stays what was written.
    #[must_use]
    pub fn part(&self, part: &Part) -> Self {
        self.with_quotas(|quota| Quota { amount: part.of(quota.amount), ..quota })
    }
}

impl RateLimitPolicy {
    /// What a replica enforces of the policy that holds so much: all of it, unless it is divided. Without a lease,
    /// [`OnBackendFailure`] says what is left: `local` what is held, which is all of it for one that is
    /// [alone](Holding::Alone), `closed` nothing, and with `open` the policy is not enforced, which is `None`.
    #[must_use]
    pub fn held(&self, holding: &Holding) -> Option<Self> {
        if self.share != Share::Divided {
            return Some(self.clone());
        }
        let nothing = Part::default();
        let part = match (holding, self.on_backend_failure) {
            (Holding::Leased(part), _) | (Holding::Lapsed(part), OnBackendFailure::Local) => part,
            (Holding::Alone, OnBackendFailure::Local) => return Some(self.clone()),
            (Holding::Nothing | Holding::Lapsed(_) | Holding::Alone, OnBackendFailure::Open) => return None,
            (Holding::Nothing, _) | (Holding::Lapsed(_) | Holding::Alone, OnBackendFailure::Closed) => &nothing,
        };
        let mut held = self.clone();
        held.limit = self.limit.part(part);
        held.burst = u32::try_from(part.of(self.burst.into())).unwrap_or(self.burst);
        for tier in &mut held.tiers {
            tier.limit = tier.limit.part(part);
        }
        Some(held)
    }
}

impl ServiceView {
    /// Whether there are divided limits: of the service and its routes, and of everything.
    pub fn divides(&self) -> (bool, bool) {
        let is_divided = |policy: &Arc<RateLimitPolicy>| policy.share == Share::Divided;
        let service = self.service.route_limits.values().chain(&self.service.rate_limit).any(is_divided);
        (service, self.global.rate_limit.as_ref().is_some_and(is_divided))
    }

    /// Puts what a replica holds in the place of divided limits.
    pub fn hold(&mut self, service: &Holding, global: &Holding) {
        let held = |policy: &Arc<RateLimitPolicy>, holding: &Holding| policy.held(holding).map(Arc::new);
        let (in_service, in_global) = self.divides();
        if in_global {
            let everything = Arc::make_mut(&mut self.global);
            everything.rate_limit = everything.rate_limit.as_ref().and_then(|policy| held(policy, global));
        }
        if in_service {
            let own = Arc::make_mut(&mut self.service);
            own.rate_limit = own.rate_limit.as_ref().and_then(|policy| held(policy, service));
            let limits = std::mem::take(&mut own.route_limits);
            own.route_limits =
                limits.into_iter().filter_map(|(key, policy)| Some((key, held(&policy, service)?))).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats(count: u64) -> Vec<Part> {
        let whole = Part::whole();
        let at = |seat: u64| u64::try_from(u128::from(Part::WHOLE) * u128::from(seat) / u128::from(count)).unwrap();
        (0..count).map(|seat| whole.slice(at(seat), at(seat + 1))).collect()
    }

    #[test]
    fn equal_parts_come_to_exactly_the_amount_and_differ_by_at_most_one() {
        for amount in [0, 1, 2, 3, 7, 99, 100, 101, 1_000_000_000] {
            for count in [1, 2, 3, 7, 64, 1000] {
                let shares: Vec<u64> = seats(count).iter().map(|part| part.of(amount)).collect();
                assert_eq!(shares.iter().sum::<u64>(), amount, "{amount} among {count}");
                let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
                assert!(most - least <= 1, "{amount} among {count}: {least} to {most}");
            }
        }
    }

    #[test]
    fn halves_and_remainders_do_not_overlap() {
        let whole = Part::whole();
        let half = whole.half();
        let rest = whole.minus(&half);
        assert_eq!((half.of(100), rest.of(100), half.of(7) + rest.of(7)), (50, 50, 7));
        assert!(whole.minus(&Part::union([&half, &rest])).is_empty());
        let pieces = Part(vec![(0, 10), (20, 30), (40, 50)]);
        assert_eq!(pieces.slice(5, 25), Part(vec![(5, 10), (20, 30), (40, 45)]));
        assert_eq!(pieces.minus(&Part(vec![(5, 22), (45, 60)])), Part(vec![(0, 5), (22, 30), (40, 45)]));
        assert_eq!(Part::union([&pieces, &Part(vec![(10, 20)])]), Part(vec![(0, 30), (40, 50)]));
    }
}
