//! Which services there are.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;
use waygate_api::routes::RouteState;
use waygate_api::services::ServiceSummary;
use waygate_core::{Command, MaintenanceScope, ServiceId, ServiceState, Timestamp};

use crate::api::answer;
use crate::api::asked::Asked;
use crate::api::names::{NamedService, Parameters};
use crate::api::routes::routes_of;
use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::error::ApiError;

/// The names of every service that something is known of, sorted; with `details=true` what each has.
pub(super) async fn list(
    State(app): State<App>,
    principal: Principal,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let (state, now) = (app.control.current(), clock::now());
    let services = || state.services.iter().filter(|(service, _)| principal.may_read(service));
    let total = Some(services().count());
    if parameters.flag("details")? {
        let details: Vec<_> = services().map(|(service, known)| summary(&state, service, known, now)).collect();
        return Ok(answer::list(&state, details, total, None));
    }
    let names: Vec<&ServiceId> = services().map(|(service, _)| service).collect();
    Ok(answer::list(&state, names, total, None))
}

/// Forgets a service and everything of it. If it still runs, its next registration brings it back as new.
pub(super) async fn remove(
    State(app): State<App>,
    NamedService(service): NamedService,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (reason, expected) = (asked.fields.reason()?, asked.expected);
    let command = Command::RemoveService { service: service.clone(), reason, expected };
    let applied = asked.execute(&app, command).await?;
    Ok(answer::changed(&applied, json!({ "ok": true, "service": service })))
}

fn summary(state: &waygate_core::State, service: &ServiceId, known: &ServiceState, now: Timestamp) -> ServiceSummary {
    let mut effective: BTreeMap<String, usize> = BTreeMap::new();
    for route in routes_of(state, Some(service)) {
        let (_, RouteState { effective: kind, .. }) = route.view(now);
        *effective.entry(kind.as_str().to_owned()).or_default() += 1;
    }
    let planned = |route: &waygate_core::Route| route.windows.iter().filter(|window| now < window.end).count();
    ServiceSummary {
        service: service.to_string(),
        routes: known.routes.len(),
        effective,
        maintenance: state
            .maintenance(&MaintenanceScope::Service(service.clone()))
            .is_some_and(|maintenance| maintenance.is_on(|| now)),
        planned: known.routes.values().map(|route| planned(route)).sum(),
        changed_at: known.changed_at(),
    }
}
