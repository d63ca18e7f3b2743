//! What a test says about a route, the service or everything.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use waygate_core::{
    Command, Deprecation, Enforcement, Environment, Lifecycle, LimitTarget, LocalKey, MaintenanceScope,
    MaintenanceSwitch, RateLimitSwitch, RouteSelector, Switch,
};

use super::{ControlPlane, refused};
use crate::limit::RateLimit;

/// Switches a route; from [`ControlPlane::route`]. Whatever the control plane would refuse panics, and says why: a route
/// that is not declared, one that is `force_active`.
#[derive(Debug)]
#[must_use = "nothing is switched yet"]
pub struct RouteScript<'p> {
    plane: &'p ControlPlane,
    route: String,
    how: How,
}

/// Switches the service or everything; from [`ControlPlane::service`] and [`ControlPlane::everything`].
#[derive(Debug)]
#[must_use = "nothing is switched yet"]
pub struct WideScript<'p> {
    plane: &'p ControlPlane,
    scope: MaintenanceScope,
    how: How,
    exempt: Vec<String>,
    include_force_active: bool,
}

/// For how long, and whether it only counts.
#[derive(Debug, Clone, Copy, Default)]
struct How {
    lasting: Option<Duration>,
    enforcement: Enforcement,
}

impl How {
    fn until(self, plane: &ControlPlane) -> Option<Timestamp> {
        Some(after(plane.now(), self.lasting?))
    }
}

fn after(at: Timestamp, time: Duration) -> Timestamp {
    at.checked_add(SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
}

impl<'p> RouteScript<'p> {
    pub(super) fn new(plane: &'p ControlPlane, route: &str) -> Self {
        Self { plane, route: route.to_owned(), how: How::default() }
    }

    /// What follows ends by itself after that time.
    pub fn lasting(self, time: Duration) -> Self {
        Self { how: How { lasting: Some(time), ..self.how }, ..self }
    }

    /// What follows stops no request, and counts those that it would have stopped.
    pub fn in_shadow(self) -> Self {
        Self { how: How { enforcement: Enforcement::Shadow, ..self.how }, ..self }
    }

    /// Active.
    ///
    /// # Panics
    ///
    /// When the control plane would refuse it.
    #[track_caller]
    pub fn enable(self) {
        self.switch(Lifecycle::Active, "");
    }

    /// Disabled: 503.
    ///
    /// # Panics
    ///
    /// When the control plane would refuse it.
    #[track_caller]
    pub fn disable(self, reason: &str) {
        self.switch(Lifecycle::Disabled, reason);
    }

    /// In maintenance: 503.
    ///
    /// # Panics
    ///
    /// When the control plane would refuse it.
    #[track_caller]
    pub fn maintenance(self, reason: &str) {
        self.switch(Lifecycle::Maintenance, reason);
    }

    /// Only in these environments, elsewhere 403.
    ///
    /// # Panics
    ///
    /// When the control plane would refuse it.
    #[track_caller]
    pub fn env_only<'e>(self, environments: impl IntoIterator<Item = &'e str>) {
        let environments = refused(Environment::parse_all(environments));
        self.switch(Lifecycle::EnvGated(environments), "");
    }

    /// A maintenance that begins by itself after some time, and ends after another.
    ///
    /// # Panics
    ///
    /// When the control plane would refuse it.
    #[track_caller]
    pub fn planned_maintenance(self, begins_after: Duration, length: Duration, reason: &str) {
        let start = after(self.plane.now(), begins_after);
        let (end, enforcement) = (after(start, length), self.how.enforcement);
        self.to(Switch::Window { start, end, enforcement }, reason);
    }

    /// Announced to go away, with a date where one is known, and with what replaces it.
    ///
    /// # Panics
    ///
    /// When the control plane would refuse it.
    #[track_caller]
    pub fn deprecate(self, sunset: Option<&str>, successor: Option<&str>) {
        let (sunset, successor) = (sunset.map(ToOwned::to_owned), successor.map(ToOwned::to_owned));
        let deprecation = Deprecation { since: self.plane.now(), sunset, successor };
        self.to(Switch::Deprecation(Some(deprecation)), "");
    }

    /// Limited, in place of what the code declares: `"5/minute"`, or any [`RateLimit`].
    ///
    /// # Panics
    ///
    /// When that is no limit, or the control plane would refuse it.
    #[track_caller]
    pub fn limit(self, limit: impl Into<RateLimit>) {
        let target = LimitTarget::Route(self.selector());
        limited(self.plane, target, self.how, limit.into());
    }

    /// Without the limit that the test has set. One that the code declares comes back.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn unlimited(self) {
        unlimited(self.plane, LimitTarget::Route(self.selector()));
    }

    #[track_caller]
    fn switch(self, lifecycle: Lifecycle, reason: &str) {
        let (until, enforcement) = (self.how.until(self.plane), self.how.enforcement);
        self.to(Switch::Control { lifecycle, until, enforcement }, reason);
    }

    #[track_caller]
    fn to(self, to: Switch, reason: &str) {
        let route = self.selector();
        self.plane.must(&Command::Route { route, to, reason: reason.to_owned(), expected: None });
    }

    /// Whatever the test has left out: a bare path means this service's route.
    #[track_caller]
    fn selector(&self) -> RouteSelector {
        refused(self.route.parse::<RouteSelector>()).within(Some(self.plane.waygate.app_id()))
    }
}

impl<'p> WideScript<'p> {
    pub(super) fn of_service(plane: &'p ControlPlane) -> Self {
        Self { scope: MaintenanceScope::Service(plane.waygate.app_id().clone()), ..Self::of_everything(plane) }
    }

    pub(super) fn of_everything(plane: &'p ControlPlane) -> Self {
        let (scope, how) = (MaintenanceScope::Global, How::default());
        Self { plane, scope, how, exempt: Vec::new(), include_force_active: false }
    }

    /// What follows ends by itself after that time.
    pub fn lasting(self, time: Duration) -> Self {
        Self { how: How { lasting: Some(time), ..self.how }, ..self }
    }

    /// What follows stops no request, and counts those that it would have stopped.
    pub fn in_shadow(self) -> Self {
        Self { how: How { enforcement: Enforcement::Shadow, ..self.how }, ..self }
    }

    /// These routes, as `METHOD:/path` or `/path`, go on answering under the maintenance that follows.
    pub fn exempting<'e>(self, routes: impl IntoIterator<Item = &'e str>) -> Self {
        Self { exempt: routes.into_iter().map(ToOwned::to_owned).collect(), ..self }
    }

    /// The maintenance that follows stops what is `force_active`, too.
    pub fn including_force_active(self) -> Self {
        Self { include_force_active: true, ..self }
    }

    /// In maintenance: 503 for every route that is not `force_active` or exempt.
    ///
    /// # Panics
    ///
    /// When the control plane would refuse it.
    #[track_caller]
    pub fn maintenance(self, reason: &str) {
        let exempt: Vec<LocalKey> = self.exempt.iter().map(|route| refused(route.parse())).collect();
        let to = MaintenanceSwitch::On {
            exempt: Some(exempt),
            include_force_active: self.include_force_active,
            until: self.how.until(self.plane),
            enforcement: self.how.enforcement,
        };
        self.to(to, reason);
    }

    /// Out of maintenance.
    ///
    /// # Panics
    ///
    /// When the control plane would refuse it.
    #[track_caller]
    pub fn end_maintenance(self) {
        self.to(MaintenanceSwitch::Off, "");
    }

    /// Limited: `"1000/minute"`, or any [`RateLimit`].
    ///
    /// # Panics
    ///
    /// When that is no limit, or the control plane would refuse it.
    #[track_caller]
    pub fn limit(self, limit: impl Into<RateLimit>) {
        limited(self.plane, self.target(), self.how, limit.into());
    }

    /// Without the limit that the test has set.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn unlimited(self) {
        unlimited(self.plane, self.target());
    }

    fn target(&self) -> LimitTarget {
        match &self.scope {
            MaintenanceScope::Global => LimitTarget::Global,
            MaintenanceScope::Service(service) => LimitTarget::Service(service.clone()),
        }
    }

    #[track_caller]
    fn to(self, to: MaintenanceSwitch, reason: &str) {
        let (scope, reason) = (self.scope, reason.to_owned());
        self.plane.must(&Command::Maintenance { scope, to, reason, allow_unknown: true, expected: None });
    }
}

#[track_caller]
fn limited(plane: &ControlPlane, target: LimitTarget, how: How, limit: RateLimit) {
    let mut policy = refused(limit.into_policy());
    (policy.enforcement, policy.until) = (how.enforcement, how.until(plane));
    set(plane, target, RateLimitSwitch::Set(Box::new(policy)));
}

#[track_caller]
fn unlimited(plane: &ControlPlane, target: LimitTarget) {
    set(plane, target, RateLimitSwitch::Delete);
}

#[track_caller]
fn set(plane: &ControlPlane, target: LimitTarget, to: RateLimitSwitch) {
    let allow_unknown = !matches!(target, LimitTarget::Route(_));
    plane.must(&Command::RateLimit { target, to, reason: String::new(), allow_unknown, expected: None });
}
