//! What operators have set, as a document: to be kept in a repository, compared and applied.
//!
//! It says what is wanted, not what is known: what services declare by themselves is in it only where it shows. Fields
//! that are left out are the default. Names that nobody knows are refused, so that a typing error is none.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waygate_core::{
    Control, GlobalState, Lifecycle, LifecycleKind, Maintenance, RateLimitPolicy, Revision, Route, ServiceState, State,
};

use crate::rate_limits::LimitSettings;

/// The form of documents that this build writes and reads.
pub const FORM: u32 = 1;

/// Everything that operators set, or the part of it that a document is about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The form of the document: 1.
    pub waygate: u32,
    /// The revision that it was read at; says nothing about what is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global: Option<ScopeDocument>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<String, ServiceDocument>,
}

/// What holds for everything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<MaintenanceDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<LimitDocument>,
}

/// What holds for one service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<MaintenanceDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<LimitDocument>,
    /// By their keys within the service, such as `GET:/api/payments`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<String, RouteDocument>,
    /// Limits that operators have set, by the keys of routes; `ALL:/path` is for every method of a path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub route_limits: BTreeMap<String, LimitDocument>,
}

/// The maintenance of a service or of everything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceDocument {
    #[serde(default)]
    pub enabled: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Goes on answering: `/path` or `METHOD:/path`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub include_force_active: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// The revision that last changed it; says nothing about what is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Revision>,
}

/// A rate limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitDocument {
    #[serde(flatten)]
    pub settings: LimitSettings,
    /// It admits everything for the time being.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// The revision that last changed it; says nothing about what is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Revision>,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteDocument {
    #[serde(flatten)]
    pub control: ControlDocument,
    /// What goes before it for some time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary: Option<TemporaryDocument>,
    /// Planned maintenance, in the order of the starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecation: Option<DeprecationDocument>,
    /// The code declares it to be always on; nothing here changes that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force_active: bool,
    /// No operator has switched it: it is as the code declares it. Says nothing about what is wanted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub declared: bool,
    /// The revision that last changed it; says nothing about what is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Revision>,
}

/// What a route is set to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControlDocument {
    #[serde(default = "active")]
    pub status: LifecycleKind,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// For `env_gated`: where it answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
}

/// A switch that ends by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemporaryDocument {
    #[serde(flatten)]
    pub control: ControlDocument,
    pub until: Timestamp,
}

/// A planned maintenance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowDocument {
    pub start: Timestamp,
    pub end: Timestamp,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
}

/// The announcement that a route will go away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeprecationDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunset: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
}

fn active() -> LifecycleKind {
    LifecycleKind::Active
}

impl Document {
    /// What is in a state at `now`; what has ended by itself is left out.
    pub fn of(state: &State, now: Timestamp) -> Self {
        let GlobalState { maintenance, rate_limit } = &*state.global;
        Self {
            waygate: FORM,
            revision: Some(state.cursor.revision),
            global: Some(ScopeDocument {
                maintenance: Some(MaintenanceDocument::of(maintenance, now)),
                rate_limit: rate_limit.as_deref().and_then(|policy| LimitDocument::of(policy, now)),
            }),
            services: state
                .services
                .iter()
                .map(|(service, known)| (service.to_string(), ServiceDocument::of(known, now)))
                .collect(),
        }
    }

    /// The same without what says nothing about what is wanted.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.revision = None;
        let of_scope = |maintenance: &mut Option<MaintenanceDocument>, limit: &mut Option<LimitDocument>| {
            if let Some(maintenance) = maintenance {
                maintenance.changed_at = None;
            }
            if let Some(limit) = limit {
                limit.changed_at = None;
            }
        };
        if let Some(global) = &mut self.global {
            of_scope(&mut global.maintenance, &mut global.rate_limit);
        }
        for service in self.services.values_mut() {
            of_scope(&mut service.maintenance, &mut service.rate_limit);
            for limit in service.route_limits.values_mut() {
                limit.changed_at = None;
            }
            for route in service.routes.values_mut() {
                route.changed_at = None;
                route.declared = false;
            }
        }
        self
    }
}

impl ServiceDocument {
    fn of(known: &ServiceState, now: Timestamp) -> Self {
        let limits = known.route_limits.iter();
        Self {
            maintenance: Some(MaintenanceDocument::of(&known.maintenance, now)),
            rate_limit: known.rate_limit.as_deref().and_then(|policy| LimitDocument::of(policy, now)),
            routes: known.routes.iter().map(|(key, route)| (key.to_string(), RouteDocument::of(route, now))).collect(),
            route_limits: limits
                .filter_map(|(key, policy)| Some((key.to_string(), LimitDocument::of(policy, now)?)))
                .collect(),
        }
    }
}

impl MaintenanceDocument {
    fn of(maintenance: &Maintenance, now: Timestamp) -> Self {
        let exempt = maintenance.exempt.iter().map(ToString::to_string).collect();
        if !maintenance.is_on(|| now) {
            return Self { exempt, changed_at: Some(maintenance.changed_at), ..Self::default() };
        }
        Self {
            enabled: true,
            reason: maintenance.reason.clone(),
            exempt,
            include_force_active: maintenance.include_force_active,
            until: maintenance.until,
            shadow: maintenance.enforcement.is_shadow(),
            changed_at: Some(maintenance.changed_at),
        }
    }
}

impl LimitDocument {
    /// `None` for a limit that the code declares, or that has ended.
    fn of(policy: &RateLimitPolicy, now: Timestamp) -> Option<Self> {
        if policy.declared || policy.until.is_some_and(|until| until <= now) {
            return None;
        }
        Some(Self { settings: LimitSettings::of(policy), paused: !policy.enabled, changed_at: Some(policy.changed_at) })
    }
}

impl RouteDocument {
    fn of(route: &Route, now: Timestamp) -> Self {
        let temporary = route.temporary.as_ref().filter(|timed| now < timed.until);
        Self {
            control: ControlDocument::of(&route.base),
            temporary: temporary
                .map(|timed| TemporaryDocument { control: ControlDocument::of(&timed.control), until: timed.until }),
            windows: route
                .windows
                .iter()
                .filter(|window| now < window.end)
                .map(|window| WindowDocument {
                    start: window.start,
                    end: window.end,
                    reason: window.reason.clone(),
                    shadow: window.enforcement.is_shadow(),
                })
                .collect(),
            deprecation: route.deprecation.as_ref().map(|deprecation| DeprecationDocument {
                sunset: deprecation.sunset.clone(),
                successor: deprecation.successor.clone(),
            }),
            force_active: route.force_active,
            declared: !route.switched,
            changed_at: Some(route.changed_at),
        }
    }
}

impl ControlDocument {
    fn of(control: &Control) -> Self {
        let environments = match &control.lifecycle {
            Lifecycle::EnvGated(allowed) => allowed.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        };
        Self {
            status: control.lifecycle.kind(),
            reason: control.reason.clone(),
            environments,
            shadow: control.enforcement.is_shadow(),
        }
    }
}
