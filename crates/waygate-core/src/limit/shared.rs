//! The limits of a request as counters know them that several processes share: what to ask them, and what their answer
//! comes to.

use std::time::Duration;

use jiff::Timestamp;

use super::caller::{Caller, CallerFacts, Charge, Limit};
use super::charged::{Charged, Exceeded, Standing, longer, tighter};
use super::line::{LAYERS, Line};
use super::meter::{Meter, Step};
use super::{LimitExpression, RateLimitPolicy};
use crate::decide::{Layer, LimitChain};
use crate::id::ServiceId;

/// What one request is charged to in counters that lie outside of this process; from [`LimitChain::shared`].
///
/// The same limits in the same order stand behind all of its functions: those that charge the caller, outermost first.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedCharge<'s, K> {
    lines: [Option<Line<'s, K>>; LAYERS],
}

/// One limit, and by what its counters know the caller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharedLimit<'c, 's, K> {
    pub key: &'c K,
    pub policy: &'s RateLimitPolicy,
    /// The policy's own limit, or that of the caller's tier.
    pub limit: &'s LimitExpression,
}

impl<'s> LimitChain<'s> {
    /// Whom the limits charge for a request of `facts`' caller to `service`, where counters are shared.
    ///
    /// `key` makes a key of the parts that name a caller of a limit: the layer; the service and the route where the
    /// limit is one of these; the generation of the policy, so that a reset reaches all counters; the tier; the kind of the
    /// caller's key, and that key. All processes give it the same parts for the same caller, and no two callers have the
    /// same.
    pub fn shared<K>(
        &self,
        service: &ServiceId,
        facts: &impl CallerFacts,
        key: impl Fn(&[&[u8]]) -> K,
    ) -> SharedCharge<'s, K> {
        let lines = Line::all(self, |layer, route, policy| {
            let route = route.map(ToString::to_string).unwrap_or_default();
            let service = if layer == Layer::GlobalLimit { "" } else { service.as_str() };
            policy.charge(facts, |tier: Option<&str>, caller: &Caller<'_>| {
                let (kind, own) = caller.parts();
                let generation = policy.generation.to_be_bytes();
                let tier = tier.unwrap_or_default();
                let rule = [layer.as_str(), service, &route, tier, kind].map(str::as_bytes);
                let [layer, service, route, tier, kind] = rule;
                key(&[layer, service, route, &generation, tier, kind, own])
            })
        });
        SharedCharge { lines }
    }
}

impl<'s, K> SharedCharge<'s, K> {
    /// The limits to ask.
    pub fn limits(&self) -> impl Iterator<Item = SharedLimit<'_, 's, K>> {
        self.asked().map(|(line, limit, key)| SharedLimit { key, policy: line.policy, limit: limit.expression })
    }

    /// What the charge comes to where nobody has to be asked: no limit charges the caller, or one insists on a key that he
    /// came without.
    pub fn known(&self, now: Timestamp) -> Option<Charged<'s>> {
        if let Some(denial) = self.blocked(now, false) {
            return Some(Charged::Exceeded(denial));
        }
        let nobody = self.asked().next().is_none();
        nobody.then(|| Charged::Admitted { tightest: None, shadow: self.blocked(now, true) })
    }

    /// What an answer comes to: for each limit a step for each of its quotas, as of `at`; none for a limit that was not
    /// asked. Where the request was admitted, the steps are those after it.
    pub fn charged<'a>(
        &self,
        at: Timestamp,
        admitted: bool,
        steps: impl IntoIterator<Item = &'a [Step]>,
    ) -> Charged<'s> {
        let mut denial = None;
        let mut shadow = None;
        let mut tightest = None;
        let mut steps = steps.into_iter();
        for line in self.lines.iter().flatten() {
            let Charge::Subject(limit, _) = &line.charge else {
                // One that is enforced is known without asking; of equal waits the outermost is told.
                shadow = longer(shadow, line.blocked(at).filter(|_| line.is_shadow()));
                continue;
            };
            let Some(steps) = steps.next() else { continue };
            let standings = || {
                let meters = Meter::of(line.policy, limit.expression).zip(steps);
                meters.map(|(meter, step)| (step.allowed, line.standing(limit, &meter, *step, at)))
            };
            let denied = standings().filter(|(allowed, _)| !allowed);
            let denied = denied.fold(None, |denied, (_, standing)| longer(denied, Some(exceeded(standing))));
            if denied.is_none() && !line.is_shadow() {
                tightest = standings().fold(tightest, |tightest, (_, standing)| Some(tighter(tightest, standing)));
            }
            let into = if line.is_shadow() { &mut shadow } else { &mut denial };
            *into = longer(*into, denied);
        }
        match denial {
            Some(denial) if !admitted => Charged::Exceeded(denial),
            _ => Charged::Admitted { tightest, shadow },
        }
    }

    /// A denial by the limit at a position, because the counters cannot be asked: nothing is left, and `wait` is when to
    /// try again. `None` where there is no such limit.
    pub fn refused(&self, position: usize, now: Timestamp, wait: Duration) -> Option<Charged<'s>> {
        let (line, limit, _) = self.asked().nth(position)?;
        let meter = Meter::of(line.policy, limit.expression).next()?;
        let step = Step { allowed: false, remaining: 0, reset_after: wait };
        Some(Charged::Exceeded(exceeded(line.standing(limit, &meter, step, now))))
    }

    /// The limits at some positions alone, to be charged elsewhere.
    pub fn only(&self, positions: &[usize]) -> LimitChain<'s> {
        let mut chain = LimitChain::default();
        for (_, (line, ..)) in self.asked().enumerate().filter(|(position, _)| positions.contains(position)) {
            match (line.layer, line.route) {
                (_, Some(route)) => chain.route = Some((route, line.policy)),
                (Layer::GlobalLimit, None) => chain.global = Some(line.policy),
                (_, None) => chain.service = Some(line.policy),
            }
        }
        chain
    }

    fn asked(&self) -> impl Iterator<Item = (&Line<'s, K>, &Limit<'s>, &K)> {
        self.lines.iter().flatten().filter_map(|line| match &line.charge {
            Charge::Subject(limit, key) => Some((line, limit, key)),
            Charge::Exempt | Charge::Blocked(_) => None,
        })
    }

    /// The denial of a caller without a key, by limits that are in shadow or by those that are not.
    fn blocked(&self, now: Timestamp, shadow: bool) -> Option<Exceeded<'s>> {
        let lines = self.lines.iter().flatten().filter(|line| line.is_shadow() == shadow);
        lines.fold(None, |longest, line| longer(longest, line.blocked(now)))
    }
}

fn exceeded(standing: Standing<'_>) -> Exceeded<'_> {
    Exceeded { standing, missing_key: false }
}
