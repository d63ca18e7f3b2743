//! One limit of a chain, and whom it charges.

use std::time::Duration;

use jiff::Timestamp;

use super::RateLimitPolicy;
use super::caller::{Charge, Limit};
use super::charged::{Exceeded, Standing};
use super::meter::{Meter, Step};
use crate::decide::{Layer, LimitChain};
use crate::route::LocalKey;

/// How many limits a chain may have.
pub(super) const LAYERS: usize = 3;

/// One policy of a chain with whom it charges.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line<'s, T> {
    pub(super) layer: Layer,
    pub(super) route: Option<&'s LocalKey>,
    pub(super) policy: &'s RateLimitPolicy,
    pub(super) charge: Charge<'s, T>,
}

impl<'s, T> Line<'s, T> {
    /// The limits of a chain, from the outermost to the innermost.
    pub(super) fn all(
        chain: &LimitChain<'s>,
        charge: impl Fn(Layer, Option<&'s LocalKey>, &'s RateLimitPolicy) -> Charge<'s, T>,
    ) -> [Option<Self>; LAYERS] {
        let line = |layer, route, policy| Self { layer, route, policy, charge: charge(layer, route, policy) };
        [
            chain.global.map(|policy| line(Layer::GlobalLimit, None, policy)),
            chain.service.map(|policy| line(Layer::ServiceLimit, None, policy)),
            chain.route.map(|(key, policy)| line(Layer::RouteLimit, Some(key), policy)),
        ]
    }

    /// Whether it only counts.
    pub(super) fn is_shadow(&self) -> bool {
        self.policy.enforcement.is_shadow()
    }

    pub(super) fn standing(&self, limit: &Limit<'s>, meter: &Meter, step: Step, now: Timestamp) -> Standing<'s> {
        Standing {
            layer: self.layer,
            route: self.route,
            policy: self.policy,
            tier: limit.tier,
            limit: limit.expression,
            quota: meter.quota,
            capacity: meter.capacity(),
            remaining: step.remaining,
            at: now,
            reset_after: step.reset_after,
        }
    }

    /// The denial of a caller without the key that the policy insists on, where he is one.
    pub(super) fn blocked(&self, now: Timestamp) -> Option<Exceeded<'s>> {
        let Charge::Blocked(limit) = &self.charge else { return None };
        let meter = Meter::of(self.policy, limit.expression).next()?;
        let reset_after = Duration::from_secs(meter.quota.period_seconds);
        let step = Step { allowed: false, remaining: 0, reset_after };
        Some(Exceeded { standing: self.standing(limit, &meter, step, now), missing_key: true })
    }
}
