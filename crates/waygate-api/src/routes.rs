//! Routes as operators and the reference's clients see them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waygate_core::{Effective, Lifecycle, LifecycleKind, Maintenance, Revision, Route, RouteKey};

/// A planned or open maintenance of one route. Times are UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowView {
    #[serde(serialize_with = "crate::instant::serialize")]
    pub start: Timestamp,
    #[serde(serialize_with = "crate::instant::serialize")]
    pub end: Timestamp,
    #[serde(default)]
    pub reason: String,
    /// Counts only, does not block.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
}

/// One route. The fields up to `force_active`, and their order, are those of the reference's `RouteState`; every one
/// of them is always there. What follows is ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteState {
    /// The full key: `service:METHOD:/path`.
    pub path: String,
    pub service: Option<String>,
    /// What the route itself is set to at the moment, whatever maintenance lies over it.
    pub status: LifecycleKind,
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub allowed_envs: Vec<String>,
    #[serde(default)]
    pub allowed_roles: Vec<String>,
    #[serde(default)]
    pub allowed_ips: Vec<String>,
    /// The open window, else the next one.
    #[serde(default)]
    pub window: Option<WindowView>,
    #[serde(default)]
    pub sunset_date: Option<String>,
    #[serde(default)]
    pub successor_path: Option<String>,
    #[serde(default = "everyone")]
    pub rollout_percentage: u8,
    #[serde(default)]
    pub force_active: bool,

    /// What callers get: `status`, or `maintenance` where a maintenance of the service or of everything lies over it.
    #[serde(default = "active")]
    pub effective: LifecycleKind,
    /// Why: `route`, `window`, `temporary`, `service_maintenance` or `global_maintenance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// When the present status ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Counts only, does not block.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// The expected revision of an edit.
    #[serde(default)]
    pub changed_at: Revision,
}

fn everyone() -> u8 {
    100
}

fn active() -> LifecycleKind {
    LifecycleKind::Active
}

impl RouteState {
    /// One route at `now`, under the maintenance of its service and of everything.
    pub fn of(key: &RouteKey, route: &Route, global: &Maintenance, service: &Maintenance, now: Timestamp) -> Self {
        let own = route.effective(now);
        let status = route.status(now);
        let (effective, cause) = effective_of(key, route, global, service, now);
        let (allowed_envs, shadow) = match own {
            Effective::Window(_) => (Vec::new(), false),
            Effective::Temporary(temporary) => gate_of(&temporary.control.lifecycle, temporary.control.enforcement),
            Effective::Base(control) => gate_of(&control.lifecycle, control.enforcement),
        };
        Self {
            path: key.to_string(),
            service: Some(key.service.to_string()),
            status,
            reason: own.reason().to_owned(),
            allowed_envs,
            allowed_roles: Vec::new(),
            allowed_ips: Vec::new(),
            window: route.windows.iter().find(|window| now < window.end).map(|window| WindowView {
                start: window.start,
                end: window.end,
                reason: window.reason.clone(),
                shadow: window.enforcement.is_shadow(),
            }),
            sunset_date: route.deprecation.as_ref().and_then(|deprecation| deprecation.sunset.clone()),
            successor_path: route.deprecation.as_ref().and_then(|deprecation| deprecation.successor.clone()),
            rollout_percentage: 100,
            force_active: route.force_active,
            effective,
            cause: Some(cause.to_owned()),
            until: own.until(),
            shadow,
            changed_at: route.changed_at,
        }
    }
}

fn gate_of(lifecycle: &Lifecycle, enforcement: waygate_core::Enforcement) -> (Vec<String>, bool) {
    let allowed = match lifecycle {
        Lifecycle::EnvGated(allowed) => allowed.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    (allowed, enforcement.is_shadow())
}

fn effective_of(
    key: &RouteKey,
    route: &Route,
    global: &Maintenance,
    service: &Maintenance,
    now: Timestamp,
) -> (LifecycleKind, &'static str) {
    let covered = |maintenance: &Maintenance| {
        maintenance.is_on(|| now)
            && !maintenance.enforcement.is_shadow()
            && (!route.force_active || maintenance.include_force_active)
            && !maintenance.exempts(Some(key.local.method), key.local.path.as_str())
    };
    if covered(global) {
        return (LifecycleKind::Maintenance, "global_maintenance");
    }
    if covered(service) {
        return (LifecycleKind::Maintenance, "service_maintenance");
    }
    if route.force_active {
        return (LifecycleKind::Active, "force_active");
    }
    let cause = match route.enforced(now) {
        Effective::Window(_) => "window",
        Effective::Temporary(_) => "temporary",
        Effective::Base(_) => "route",
    };
    (route.enforced_status(now), cause)
}

/// Body of `POST /api/routes/{path_key}/enable` and of `…/disable`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchRequest {
    #[serde(default)]
    pub reason: String,
    /// When the switch ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Count what would be blocked, do not block.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
}
