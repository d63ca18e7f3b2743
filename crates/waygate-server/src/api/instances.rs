//! The instances of services, and what they enforce.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use waygate_api::error::ErrorCode;
use waygate_api::instances::{InstanceForgotten, InstanceState, InstanceView};
use waygate_api::paths;
use waygate_core::ServiceId;

use crate::api::answer;
use crate::api::asked::wait_of;
use crate::api::names::{NamedInstance, NamedService, Parameters};
use crate::app::App;
use crate::auth::Principal;
use crate::control::Concerned;
use crate::control::presence::NotForgotten;
use crate::error::ApiError;

/// The most instances on a page.
const LARGEST_PAGE: usize = 1000;

/// Every instance of every service that the caller may see, or of the `service` that is asked for.
pub(super) async fn list(
    State(app): State<App>,
    principal: Principal,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let service = parameters.service()?;
    if let Some(service) = &service {
        principal.require_read(service)?;
    }
    let mut instances = app.presence.instances(service.as_ref().or(principal.only_service())).await;
    instances.retain(|instance| principal.may_read_named(Some(&instance.service)));
    answer(&app, instances, &parameters)
}

/// The instances of one service.
pub(super) async fn of_service(
    State(app): State<App>,
    principal: Principal,
    NamedService(service): NamedService,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    principal.require_read(&service)?;
    let instances = app.presence.instances(Some(&service)).await;
    let state = app.control.current();
    if instances.is_empty() && !state.services.contains_key(&service) {
        return Err(ApiError::unknown_service(&service, &state));
    }
    answer(&app, instances, &parameters)
}

/// Waits until everything that is stored is in force at the instances of the services that are named, or of all that the
/// caller may see.
pub(super) async fn propagation(
    State(app): State<App>,
    principal: Principal,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    // Other nodes may have stored more than this one has followed.
    app.control.catch_up().await?;
    let state = app.control.current();
    let read = |text: &str| text.parse().map_err(|problem| ApiError::invalid_field("service", problem));
    let names = parameters.filter("service").map(|text| text.split(',').map(str::trim).map(read).collect());
    let services: Option<BTreeSet<ServiceId>> = names.transpose()?;
    for service in services.iter().flatten() {
        principal.require_read(service)?;
        if !state.services.contains_key(service) {
            return Err(ApiError::unknown_service(service, &state));
        }
    }
    let concerned =
        services.or_else(|| principal.services.as_deref().cloned()).map_or(Concerned::Everyone, Concerned::Services);
    let patience = parameters.text("wait").map(wait_of).transpose()?.unwrap_or_default();
    let come = app.presence.propagation(&state.cursor, &concerned, patience, &app.stopping).await;
    Ok(answer::read(&state, come))
}

/// Forgets an instance of the `service` that is asked for, or of the one that has an instance of that id.
pub(super) async fn forget(
    State(app): State<App>,
    principal: Principal,
    NamedInstance(id): NamedInstance,
    parameters: Parameters,
) -> Result<Json<InstanceForgotten>, ApiError> {
    let mut known = app.presence.instances(parameters.service()?.as_ref().or(principal.only_service())).await;
    known.retain(|known| known.id == id.as_str() && principal.may_read_named(Some(&known.service)));
    let unknown = || {
        let error = format!("no instance `{id}` is known; `GET /api/instances` lists them");
        ApiError::new(StatusCode::NOT_FOUND, ErrorCode::UnknownInstance, error)
    };
    let service: ServiceId = match &*known {
        [] => return Err(unknown()),
        [only] => only.service.parse().map_err(|_| unknown())?,
        several => {
            let services: Vec<&str> = several.iter().map(|known| &*known.service).collect();
            let problem = format!("several services have an instance `{id}`; expected one of: {}", services.join(", "));
            return Err(ApiError::invalid_field("service", problem));
        }
    };
    match app.presence.forget(&service, &id).await {
        Ok(()) => {
            let actor = principal.actor.as_str();
            tracing::info!(instance = id.as_str(), service.id = service.as_str(), actor, "an instance was forgotten");
            Ok(Json(InstanceForgotten { ok: true, id: id.to_string(), service: service.to_string() }))
        }
        Err(NotForgotten::Unknown) => Err(unknown()),
        Err(NotForgotten::Present(state)) => {
            let error = format!("the instance `{id}` is `{}`; only lost ones and those that have left", state.as_str());
            let error = format!("{error} are forgotten");
            Err(ApiError::new(StatusCode::CONFLICT, ErrorCode::InstancePresent, error))
        }
    }
}

fn answer(app: &App, mut instances: Vec<InstanceView>, parameters: &Parameters) -> Result<Response, ApiError> {
    if let Some(state) = parameters.filter("state") {
        let expected = "expected `in_sync`, `applying`, `behind`, `unconfirmed`, `lost` or `left`";
        let state: InstanceState =
            serde_json::from_value(state.into()).map_err(|_| ApiError::invalid_field("state", expected))?;
        instances.retain(|instance| instance.state == state);
    }
    let page = parameters.page(LARGEST_PAGE, place)?;
    let total = instances.len();
    if let Some((service, id)) = &page.after {
        instances.retain(|instance| (&instance.service, &instance.id) > (service, id));
    }
    let more = page.limit.is_some_and(|limit| instances.len() > limit);
    instances.truncate(page.limit.unwrap_or(usize::MAX));
    let next = instances.last().filter(|_| more).map(|last| paths::path_key(&format!("{} {}", last.id, last.service)));
    Ok(answer::list(&app.control.current(), instances, Some(total), next.as_deref()))
}

/// A cursor of this list names the last instance that was given; no id has a blank in it.
fn place(cursor: &str) -> Option<(String, String)> {
    let key = paths::key_of_path(cursor)?;
    let (id, service) = key.split_once(' ')?;
    Some((service.to_owned(), id.to_owned()))
}
