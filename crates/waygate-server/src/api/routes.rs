//! Routes: listed, shown and switched.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::Timestamp;
use waygate_api::routes::RouteState;
use waygate_core::{
    Command, Enforcement, Environment, Lifecycle, Maintenance, MaintenanceScope, Revision, RouteKey, RouteSelector,
    ServiceId, ServiceState, Switch,
};

use crate::api::answer;
use crate::api::body::Fields;
use crate::api::names::{NamedRoute, Parameters, app_id, if_match};
use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::compat;
use crate::error::ApiError;

/// A service's SDK, which says its name in a header and asks for its own routes, gets them as it is to enforce them.
pub(super) async fn list(
    State(app): State<App>,
    principal: Principal,
    parameters: Parameters,
    head: HeaderMap,
) -> Result<Response, ApiError> {
    let asked = parameters.service()?;
    if let Some(service) = &asked {
        principal.require_read(service)?;
    }
    let (state, now) = (app.control.current(), clock::now());
    if let Some(service) = app_id(&head)?
        && asked.as_ref() == Some(&service)
    {
        return Ok(answer::read(&state, compat::route_list(&state, &service, now)));
    }
    let only = asked.as_ref().or(principal.only_service());
    let services = state.services.iter().filter(|(service, _)| only.is_none_or(|only| only == *service));
    let listed: Vec<RouteState> =
        services.flat_map(|(service, known)| routes_of(&state, service, known, now)).collect();
    Ok(answer::read(&state, listed))
}

pub(super) async fn show(
    State(app): State<App>,
    principal: Principal,
    NamedRoute(route): NamedRoute,
) -> Result<Response, ApiError> {
    let route = route.within(principal.only_service());
    if let Some(service) = &route.service {
        principal.require_read(service)?;
    }
    let state = app.control.current();
    let key = state.resolve(&route)?;
    Ok(answer::read(&state, view(&state, &key, clock::now())?))
}

pub(super) async fn enable(
    app: State<App>,
    principal: Principal,
    route: NamedRoute,
    head: HeaderMap,
    fields: Fields,
) -> Result<Response, ApiError> {
    control(app, principal, route, &head, &fields, Lifecycle::Active).await
}

pub(super) async fn disable(
    app: State<App>,
    principal: Principal,
    route: NamedRoute,
    head: HeaderMap,
    fields: Fields,
) -> Result<Response, ApiError> {
    control(app, principal, route, &head, &fields, Lifecycle::Disabled).await
}

/// With a start it is a planned window, which needs an end; with an end alone it begins now.
pub(super) async fn maintenance(
    app: State<App>,
    principal: Principal,
    route: NamedRoute,
    head: HeaderMap,
    fields: Fields,
) -> Result<Response, ApiError> {
    let (start, end) = (fields.time("start")?, fields.time("end")?);
    if end.is_some() && fields.time("until")?.is_some() {
        return Err(ApiError::invalid_field("until", "give either `end` or `until`"));
    }
    let to = match (start, end) {
        (None, None) => return control(app, principal, route, &head, &fields, Lifecycle::Maintenance).await,
        (Some(start), Some(end)) => Switch::Window { start, end, enforcement: enforcement(&fields)? },
        (Some(_), None) => return Err(ApiError::invalid_field("end", "a window with a start needs an end")),
        (None, Some(end)) => {
            Switch::Control { lifecycle: Lifecycle::Maintenance, until: Some(end), enforcement: enforcement(&fields)? }
        }
    };
    switch(app, principal, route, &head, &fields, to).await
}

pub(super) async fn gate(
    app: State<App>,
    principal: Principal,
    route: NamedRoute,
    head: HeaderMap,
    fields: Fields,
) -> Result<Response, ApiError> {
    let allowed = fields.texts("envs", str::parse::<Environment>)?.ok_or_else(|| {
        ApiError::invalid_field("envs", "expected a list of environments; an empty one blocks everywhere")
    })?;
    control(app, principal, route, &head, &fields, Lifecycle::EnvGated(allowed.into_iter().collect())).await
}

pub(super) async fn schedule(
    app: State<App>,
    principal: Principal,
    route: NamedRoute,
    head: HeaderMap,
    fields: Fields,
) -> Result<Response, ApiError> {
    let to = Switch::Window {
        start: fields.required_time("start")?,
        end: fields.required_time("end")?,
        enforcement: enforcement(&fields)?,
    };
    switch(app, principal, route, &head, &fields, to).await
}

/// Takes every planned and open window of the route back.
pub(super) async fn cancel_schedule(
    app: State<App>,
    principal: Principal,
    route: NamedRoute,
    head: HeaderMap,
    fields: Fields,
) -> Result<Response, ApiError> {
    switch(app, principal, route, &head, &fields, Switch::CancelWindows { id: None }).await
}

async fn control(
    app: State<App>,
    principal: Principal,
    route: NamedRoute,
    head: &HeaderMap,
    fields: &Fields,
    lifecycle: Lifecycle,
) -> Result<Response, ApiError> {
    let to = Switch::Control { lifecycle, until: fields.time("until")?, enforcement: enforcement(fields)? };
    switch(app, principal, route, head, fields, to).await
}

async fn switch(
    State(app): State<App>,
    principal: Principal,
    NamedRoute(route): NamedRoute,
    head: &HeaderMap,
    fields: &Fields,
    to: Switch,
) -> Result<Response, ApiError> {
    let expected: Option<Revision> = fields.expected_revision(if_match(head)?)?;
    let command = Command::Route { route: route.clone(), to, reason: fields.reason()?, expected };
    let applied = app.execute(&principal, command).await?;
    let key = applied.routes.first().ok_or_else(ApiError::internal)?;
    Ok(answer::changed(&applied, view(&applied.state, key, clock::now())?))
}

pub(super) fn enforcement<const LIMIT: usize>(fields: &Fields<LIMIT>) -> Result<Enforcement, ApiError> {
    Ok(if fields.flag("shadow")? { Enforcement::Shadow } else { Enforcement::Enforce })
}

/// One route as it stands.
pub(super) fn view(state: &waygate_core::State, key: &RouteKey, now: Timestamp) -> Result<RouteState, ApiError> {
    let unknown = || {
        let selector = Box::new(RouteSelector::from(key.clone()));
        waygate_core::CommandError::UnknownRoute { selector, near: Vec::new() }
    };
    let route = state.route(key).ok_or_else(unknown)?;
    let none = Maintenance::default();
    let service = state.maintenance(&MaintenanceScope::Service(key.service.clone())).unwrap_or(&none);
    Ok(RouteState::of(key, route, &state.global.maintenance, service, now))
}

fn routes_of(
    state: &waygate_core::State,
    service: &ServiceId,
    known: &ServiceState,
    now: Timestamp,
) -> Vec<RouteState> {
    let of = |(local, route): (&waygate_core::LocalKey, &std::sync::Arc<waygate_core::Route>)| {
        let key = RouteKey::new(service.clone(), local.clone());
        RouteState::of(&key, route, &state.global.maintenance, &known.maintenance, now)
    };
    known.routes.iter().map(of).collect()
}
