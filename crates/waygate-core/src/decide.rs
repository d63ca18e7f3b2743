//! The one place that says yes or no to a request.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::facts::RequestFacts;
use crate::id::Environment;
use crate::lifecycle::{Control, Deprecation, Effective, Lifecycle};
use crate::limit::RateLimitPolicy;
use crate::maintenance::Maintenance;
use crate::route::{LocalKey, RouteMethod};
use crate::snapshot::{RouteEntry, Slot, Snapshot, lets_through};

/// What happens to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision<'s> {
    /// It goes on to the handler, once the limits admit it.
    Forward(Pass<'s>),
    Deny(Denial<'s>),
}

/// A request that no lifecycle stops.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pass<'s> {
    /// The policies that must admit it, from the outermost to the innermost.
    pub limits: LimitChain<'s>,
    /// The announcement to add to the answer.
    pub deprecation: Option<&'s Deprecation>,
    /// What would have stopped it, were it enforced and not in shadow.
    pub shadow: Option<Denial<'s>>,
}

/// The limits of one request in the order in which they are charged. A request must pass all.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LimitChain<'s> {
    pub global: Option<&'s RateLimitPolicy>,
    pub service: Option<&'s RateLimitPolicy>,
    pub route: Option<(&'s LocalKey, &'s RateLimitPolicy)>,
}

impl LimitChain<'_> {
    pub fn is_empty(&self) -> bool {
        self.global.is_none() && self.service.is_none() && self.route.is_none()
    }
}

/// Why a request is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial<'s> {
    Maintenance { layer: Layer, reason: &'s str, until: Option<Timestamp> },
    Disabled { reason: &'s str, until: Option<Timestamp> },
    EnvGated { current: Option<&'s Environment>, allowed: &'s BTreeSet<Environment> },
}

impl Denial<'_> {
    /// The layer that stops the request.
    pub fn layer(&self) -> Layer {
        match self {
            Self::Maintenance { layer, .. } => *layer,
            Self::Disabled { .. } | Self::EnvGated { .. } => Layer::Route,
        }
    }
}

/// The steps of a decision, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    GlobalMaintenance,
    ServiceMaintenance,
    /// The route's own lifecycle: its open window, its timed control, its base.
    Route,
    GlobalLimit,
    ServiceLimit,
    RouteLimit,
}

impl Layer {
    const IN_ORDER: [Self; 6] = [
        Self::GlobalMaintenance,
        Self::ServiceMaintenance,
        Self::Route,
        Self::GlobalLimit,
        Self::ServiceLimit,
        Self::RouteLimit,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GlobalMaintenance => "global_maintenance",
            Self::ServiceMaintenance => "service_maintenance",
            Self::Route => "route",
            Self::GlobalLimit => "global_limit",
            Self::ServiceLimit => "service_limit",
            Self::RouteLimit => "route_limit",
        }
    }
}

/// What a layer says about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'s> {
    /// Nothing is set here, or it lets the request through.
    Pass,
    /// Something is in force, and this request is exempt from it.
    Exempt,
    /// The route is always on, so the layer does not apply.
    ForceActive,
    /// It would be stopped, and is only counted.
    Shadow(Denial<'s>),
    Deny(Denial<'s>),
    /// A limit is in force and has to be charged.
    Charge,
}

/// Watches a decision being made, for explanations and tests. `()` watches nothing and costs nothing.
pub trait Trace<'s> {
    fn step(&mut self, layer: Layer, verdict: Verdict<'s>);
}

impl Trace<'_> for () {
    #[inline]
    fn step(&mut self, _: Layer, _: Verdict<'_>) {}
}

impl<'s> Trace<'s> for Vec<(Layer, Verdict<'s>)> {
    fn step(&mut self, layer: Layer, verdict: Verdict<'s>) {
        self.push((layer, verdict));
    }
}

impl Snapshot {
    /// Decides about one request: global maintenance, service maintenance, the route's lifecycle, then the limits of
    /// all, of the service and of the route.
    ///
    /// A route that is always on (`force_active`) passes everything but a maintenance that says
    /// `include_force_active`. What is unknown passes, but for maintenance and the limits of all and of the service; while
    /// the control plane has never been heard of, the choices of [`Unheard`](crate::Unheard) are part of the lifecycle.
    #[inline]
    pub fn decide<'s>(&'s self, facts: &impl RequestFacts) -> Decision<'s> {
        self.decide_traced(facts, &mut ())
    }

    /// The same decision, with each step told to `trace`.
    pub fn decide_traced<'s>(&'s self, facts: &impl RequestFacts, trace: &mut impl Trace<'s>) -> Decision<'s> {
        let method = facts.method();
        let template = facts.template().or_else(|| self.match_request(method, facts.path())).unwrap_or(facts.path());
        let slot = self.slot(method, template);
        if self.is_quiet && slot.is_some_and(Slot::is_plain) {
            for layer in Layer::IN_ORDER {
                trace.step(layer, Verdict::Pass);
            }
            return Decision::Forward(Pass::default());
        }
        let entry = slot.and_then(|slot| self.entry_at(slot));
        let mut shadow = None;
        for (layer, maintenance) in [
            (Layer::GlobalMaintenance, self.global_maintenance()),
            (Layer::ServiceMaintenance, self.service_maintenance()),
        ] {
            let exempt = || match entry {
                Some(entry) if entry.is_exempt_from(layer) => true,
                // A route for any method may be exempt for this one alone.
                Some(entry) if entry.key.method != RouteMethod::Any => false,
                _ => maintenance.exempts(method, template),
            };
            let verdict = maintenance_verdict(layer, maintenance, entry, exempt, facts);
            trace.step(layer, verdict);
            match verdict {
                Verdict::Deny(denial) => return Decision::Deny(denial),
                Verdict::Shadow(denial) => shadow = shadow.or(Some(denial)),
                _ => {}
            }
        }
        let Some(entry) = entry else {
            let verdict = self.when_unknown.verdict();
            trace.step(Layer::Route, verdict);
            if let Verdict::Deny(denial) = verdict {
                return Decision::Deny(denial);
            }
            let limits = self.limits(None, template, facts, trace);
            return Decision::Forward(Pass { limits, deprecation: None, shadow });
        };
        let deprecation = entry.route.deprecation.as_ref();
        if entry.route.force_active {
            for layer in [Layer::Route, Layer::GlobalLimit, Layer::ServiceLimit, Layer::RouteLimit] {
                trace.step(layer, Verdict::ForceActive);
            }
            return Decision::Forward(Pass { limits: LimitChain::default(), deprecation, shadow });
        }
        let verdict = match if entry.open { Verdict::Pass } else { self.route_verdict(entry, facts) } {
            denied @ Verdict::Deny(_) => denied,
            passed => match entry.when_unknown.verdict() {
                Verdict::Pass => passed,
                unknown => unknown,
            },
        };
        trace.step(Layer::Route, verdict);
        match verdict {
            Verdict::Deny(denial) => return Decision::Deny(denial),
            Verdict::Shadow(denial) => shadow = shadow.or(Some(denial)),
            _ => {}
        }
        Decision::Forward(Pass { limits: self.limits(Some(entry), template, facts, trace), deprecation, shadow })
    }

    fn route_verdict<'s>(&'s self, entry: &'s RouteEntry, facts: &impl RequestFacts) -> Verdict<'s> {
        // An untimed route has only its base: no need to ask for the time.
        let effective = if entry.route.is_timed() {
            entry.route.effective(facts.now())
        } else {
            Effective::Base(&entry.route.base)
        };
        let verdict = self.effective_verdict(entry, effective);
        match entry.route.is_timed().then(|| entry.route.shadow_window(facts.now())).flatten() {
            // What only counts must not open what is shut under it.
            Some(window) if verdict == Verdict::Pass => Verdict::Shadow(Denial::Maintenance {
                layer: Layer::Route,
                reason: &window.reason,
                until: Some(window.end),
            }),
            _ => verdict,
        }
    }

    fn effective_verdict<'s>(&'s self, entry: &'s RouteEntry, effective: Effective<'s>) -> Verdict<'s> {
        match effective {
            Effective::Window(window) => Verdict::Deny(Denial::Maintenance {
                layer: Layer::Route,
                reason: &window.reason,
                until: Some(window.end),
            }),
            Effective::Temporary(temporary) => {
                let timed = self.control_verdict(&temporary.control, Some(temporary.until));
                if !temporary.control.enforcement.is_shadow() {
                    return timed;
                }
                // What only counts must not open what is shut under it.
                match (self.control_verdict(&entry.route.base, None), timed) {
                    (Verdict::Shadow(_) | Verdict::Pass, Verdict::Shadow(denial)) => Verdict::Shadow(denial),
                    (below, _) => below,
                }
            }
            Effective::Base(control) => self.control_verdict(control, None),
        }
    }

    fn control_verdict<'s>(&'s self, control: &'s Control, until: Option<Timestamp>) -> Verdict<'s> {
        let environment = self.environment();
        if lets_through(control, environment) {
            return Verdict::Pass;
        }
        let denial = match &control.lifecycle {
            Lifecycle::Active => return Verdict::Pass,
            Lifecycle::Maintenance => Denial::Maintenance { layer: Layer::Route, reason: &control.reason, until },
            Lifecycle::Disabled => Denial::Disabled { reason: &control.reason, until },
            Lifecycle::EnvGated(allowed) => Denial::EnvGated { current: environment, allowed },
        };
        if control.enforcement.is_shadow() { Verdict::Shadow(denial) } else { Verdict::Deny(denial) }
    }

    fn limits<'s>(
        &'s self,
        entry: Option<&'s RouteEntry>,
        template: &str,
        facts: &impl RequestFacts,
        trace: &mut impl Trace<'s>,
    ) -> LimitChain<'s> {
        let in_force = |policy: &&RateLimitPolicy| policy.is_on(|| facts.now());
        let exempt = |policy: &&RateLimitPolicy| {
            policy.exempt_routes.iter().any(|exempt| exempt.covers(facts.method(), template))
        };
        let mut charged = |layer: Layer, policy: Option<&'s RateLimitPolicy>| {
            let policy = policy.filter(in_force);
            let charged = policy.filter(|policy| !exempt(policy));
            let verdict = match (policy, charged) {
                (_, Some(_)) => Verdict::Charge,
                (Some(_), None) => Verdict::Exempt,
                (None, None) => Verdict::Pass,
            };
            trace.step(layer, verdict);
            charged
        };
        let view = self.view();
        let route = entry.and_then(|entry| entry.limit.as_ref()).map(|(key, policy)| (key, &**policy));
        LimitChain {
            global: charged(Layer::GlobalLimit, view.global.rate_limit.as_deref()),
            service: charged(Layer::ServiceLimit, view.service.rate_limit.as_deref()),
            route: charged(Layer::RouteLimit, route.map(|(_, policy)| policy))
                .and_then(|policy| Some((route?.0, policy))),
        }
    }
}

fn maintenance_verdict<'s>(
    layer: Layer,
    maintenance: &'s Maintenance,
    entry: Option<&RouteEntry>,
    exempt: impl Fn() -> bool,
    facts: &impl RequestFacts,
) -> Verdict<'s> {
    if !maintenance.is_on(|| facts.now()) {
        return Verdict::Pass;
    }
    if entry.is_some_and(|entry| entry.route.force_active) && !maintenance.include_force_active {
        return Verdict::ForceActive;
    }
    if exempt() {
        return Verdict::Exempt;
    }
    let denial = Denial::Maintenance { layer, reason: &maintenance.reason, until: maintenance.until };
    if maintenance.enforcement.is_shadow() { Verdict::Shadow(denial) } else { Verdict::Deny(denial) }
}
