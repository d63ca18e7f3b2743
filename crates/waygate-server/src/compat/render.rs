//! States in the reference's form.

use serde::Serialize;
use serde_json::{Value, json};
use waygate_api::routes::RouteState;
use waygate_core::{LifecycleKind, Maintenance, MaintenanceScope, Route, RouteKey, ServiceId, State, Timestamp};

/// The reference keeps its own records under names that begin like this.
const RESERVED: &str = "__waygate:";

/// Whether a key is one of the reference's own records, also behind a service's name.
pub(crate) fn is_reserved(key: &str) -> bool {
    key.split(':').any(|part| part.trim_start().starts_with("__waygate")) || key.contains(RESERVED)
}

#[derive(Serialize)]
struct Config<'m> {
    enabled: bool,
    reason: &'m str,
    exempt_paths: Vec<String>,
    include_force_active: bool,
}

/// The record by which the reference's client learns of a maintenance, also of one that is off.
pub(crate) fn maintenance(scope: &MaintenanceScope, maintenance: &Maintenance, now: Timestamp) -> Value {
    let on = maintenance.is_on(|| now) && !maintenance.enforcement.is_shadow();
    let config = Config {
        enabled: on,
        reason: if on { &maintenance.reason } else { "" },
        exempt_paths: maintenance.exempt.iter().map(ToString::to_string).collect(),
        include_force_active: on && maintenance.include_force_active,
    };
    let (path, service) = match scope {
        MaintenanceScope::Global => (format!("{RESERVED}global__"), None),
        MaintenanceScope::Service(service) => (format!("{RESERVED}svc_global:{service}__"), Some(service)),
    };
    let reason = serde_json::to_string(&config).unwrap_or_default();
    record(&path, service, LifecycleKind::Active, &reason)
}

/// A route as the reference's client is to enforce it now. Windows are not sent: that client would start a timer of
/// its own for each, and push what the timer does as new routes.
pub(crate) fn route(key: &RouteKey, route: &Route, now: Timestamp) -> Value {
    let nothing = Maintenance::default();
    let mut state = RouteState::of(key, route, &nothing, &nothing, now);
    state.window = None;
    if state.shadow {
        state.status = if route.deprecation.is_some() { LifecycleKind::Deprecated } else { LifecycleKind::Active };
    }
    let mut value = record(&state.path, Some(&key.service), state.status, &state.reason);
    value["allowed_envs"] = json!(state.allowed_envs);
    value["sunset_date"] = json!(state.sunset_date);
    value["successor_path"] = json!(state.successor_path);
    value["force_active"] = json!(state.force_active);
    value
}

/// A route that is no longer there: the client is to let its requests through.
pub(crate) fn removed_route(key: &RouteKey) -> Value {
    record(&key.to_string(), Some(&key.service), LifecycleKind::Active, "")
}

fn record(path: &str, service: Option<&ServiceId>, status: LifecycleKind, reason: &str) -> Value {
    json!({
        "path": path,
        "service": service.map(ServiceId::as_str),
        "status": status.as_str(),
        "reason": reason,
        "allowed_envs": [],
        "allowed_roles": [],
        "allowed_ips": [],
        "window": null,
        "sunset_date": null,
        "successor_path": null,
        "rollout_percentage": 100,
        "force_active": false,
    })
}

/// The maintenance records that concern a service.
pub(crate) fn sentinels(state: &State, service: &ServiceId, now: Timestamp) -> Vec<Value> {
    let scope = MaintenanceScope::Service(service.clone());
    let nothing = Maintenance::default();
    let own = state.maintenance(&scope).unwrap_or(&nothing);
    vec![maintenance(&MaintenanceScope::Global, &state.global.maintenance, now), maintenance(&scope, own, now)]
}

/// Everything that the reference's client needs to enforce for a service: what it asks for when it starts and after
/// each interruption.
pub(crate) fn route_list(state: &State, service: &ServiceId, now: Timestamp) -> Vec<Value> {
    let routes = state.services.get(service).into_iter().flat_map(|known| &known.routes);
    let routes = routes.map(|(local, known)| route(&RouteKey::new(service.clone(), local.clone()), known, now));
    sentinels(state, service, now).into_iter().chain(routes).collect()
}
