//! States in the reference's form.

use serde::Serialize;
use serde_json::{Value, json};
use waygate_core::{
    Effective, Environment, Lifecycle, LifecycleKind, Maintenance, MaintenanceScope, Route, RouteKey, ServiceId, State,
    Temporary, Timestamp,
};

/// The reference keeps its own records under names that begin like this.
pub(super) const RESERVED: &str = "__waygate:";

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
    let enforced = route.enforced(now);
    let allowed: Vec<&str> = match enforced {
        Effective::Temporary(Temporary { control, .. }) | Effective::Base(control) => match &control.lifecycle {
            Lifecycle::EnvGated(allowed) => allowed.iter().map(Environment::as_str).collect(),
            _ => Vec::new(),
        },
        Effective::Window(_) => Vec::new(),
    };
    let deprecation = route.deprecation.as_ref();
    let mut value = record(&key.to_string(), Some(&key.service), route.enforced_status(now), enforced.reason());
    value["allowed_envs"] = json!(allowed);
    value["sunset_date"] = json!(deprecation.and_then(|deprecation| deprecation.sunset.as_deref()));
    value["successor_path"] = json!(deprecation.and_then(|deprecation| deprecation.successor.as_deref()));
    value["force_active"] = json!(route.force_active);
    value
}

/// A route that is no longer there: the client is to let its requests through.
pub(crate) fn removed_route(key: &RouteKey) -> Value {
    record(&key.to_string(), Some(&key.service), LifecycleKind::Active, "")
}

pub(super) fn record(path: &str, service: Option<&ServiceId>, status: LifecycleKind, reason: &str) -> Value {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use waygate_core::{Control, Decision, Enforcement, RequestFacts, Revision, RouteMethod, ServiceView, Snapshot};

    use super::*;

    struct Get;

    impl RequestFacts for Get {
        fn method(&self) -> Option<RouteMethod> {
            Some(RouteMethod::Get)
        }

        fn template(&self) -> Option<&str> {
            Some("/a")
        }

        fn path(&self) -> &'static str {
            "/a"
        }

        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
    }

    fn controls() -> Vec<Control> {
        let lifecycles = [Lifecycle::Active, Lifecycle::Maintenance, Lifecycle::Disabled];
        let control =
            |lifecycle: &Lifecycle, enforcement| Control { enforcement, ..Control::new(lifecycle.clone(), "r") };
        lifecycles
            .iter()
            .flat_map(|lifecycle| {
                [Enforcement::Enforce, Enforcement::Shadow].map(|enforcement| control(lifecycle, enforcement))
            })
            .collect()
    }

    #[test]
    fn the_reference_is_told_what_our_services_enforce() {
        let key: RouteKey = "pay:GET:/a".parse().unwrap();
        let until = "1970-01-01T01:00:00Z".parse().unwrap();
        let timed = |control| Some(Temporary { control, until, planned_at: Revision::ZERO });
        let temporaries = || controls().into_iter().map(timed).chain([None]);
        for (base, temporary) in
            controls().into_iter().flat_map(|base| temporaries().map(move |timed| (base.clone(), timed)))
        {
            let known: Route = serde_json::from_value(json!({"changed_at": 1})).unwrap();
            let known = Route { base, temporary, ..known };
            let told = route(&key, &known, Timestamp::UNIX_EPOCH)["status"] == "active";
            let mut view = ServiceView::default();
            Arc::make_mut(&mut view.service).routes.insert(key.local.clone(), Arc::new(known.clone()));
            let enforced = matches!(Snapshot::compile(view, None).decide(&Get), Decision::Forward(_));
            assert_eq!(told, enforced, "{known:?}");
        }
    }
}
