//! Routes: listed, shown and switched.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::json;
use waygate_api::paths;
use waygate_api::routes::RouteState;
use waygate_core::{
    Command, LifecycleKind, LocalKey, Maintenance, MaintenanceScope, Route, RouteKey, RouteSelector, ServiceId,
    ServiceState, Switch,
};

use crate::api::asked::Asked;
use crate::api::names::{NamedRoute, Parameters, app_id};
use crate::api::{answer, switches};
use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::compat;
use crate::error::ApiError;

/// The most routes on a page.
const LARGEST_PAGE: usize = 1000;

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
    let filter = Filter::of(&parameters)?;
    let page = parameters.page(LARGEST_PAGE, route_at)?;
    let visible = principal.visible(&state);
    let (mut listed, mut total) = (Vec::new(), 0);
    for known in routes_of(&visible, only) {
        let comes_after = |after: &RouteKey| (&after.service, &after.local) < (known.service, known.local);
        // One more than the page holds says that there is another.
        let is_wanted =
            page.limit.is_none_or(|limit| listed.len() <= limit) && page.after.as_ref().is_none_or(comes_after);
        if !is_wanted && filter.takes_all() {
            total += 1;
            continue;
        }
        let (key, route) = known.view(now);
        if filter.takes(&route) {
            total += 1;
            if is_wanted {
                listed.push((key, route));
            }
        }
    }
    let more = page.limit.is_some_and(|limit| listed.len() > limit);
    listed.truncate(page.limit.unwrap_or(usize::MAX));
    let next = listed.last().filter(|_| more).map(|(key, _)| paths::path_key(&key.to_string()));
    let listed: Vec<RouteState> = listed.into_iter().map(|(_, route)| route).collect();
    Ok(answer::list(&state, listed, Some(total), next.as_deref()))
}

/// A cursor of this list is the key of the last route that was given.
fn route_at(cursor: &str) -> Option<RouteKey> {
    paths::key_of_path(cursor)?.parse().ok()
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
    let key = principal.visible(&state).resolve(&route)?;
    Ok(answer::read(&state, view(&state, &key, clock::now())?))
}

pub(super) async fn enable(app: State<App>, route: NamedRoute, asked: Asked) -> Result<Response, ApiError> {
    let to = switches::enable(&asked.fields)?;
    switch(app, route, asked, to).await
}

pub(super) async fn disable(app: State<App>, route: NamedRoute, asked: Asked) -> Result<Response, ApiError> {
    let to = switches::disable(&asked.fields)?;
    switch(app, route, asked, to).await
}

pub(super) async fn maintenance(app: State<App>, route: NamedRoute, asked: Asked) -> Result<Response, ApiError> {
    let to = switches::maintenance(&asked.fields)?;
    switch(app, route, asked, to).await
}

pub(super) async fn gate(app: State<App>, route: NamedRoute, asked: Asked) -> Result<Response, ApiError> {
    let to = switches::gate(&asked.fields)?;
    switch(app, route, asked, to).await
}

pub(super) async fn schedule(app: State<App>, route: NamedRoute, asked: Asked) -> Result<Response, ApiError> {
    let to = switches::window(&asked.fields)?;
    switch(app, route, asked, to).await
}

/// Takes the window with the id of the query back, or without one every planned and open window.
pub(super) async fn cancel_schedule(
    app: State<App>,
    route: NamedRoute,
    parameters: Parameters,
    asked: Asked,
) -> Result<Response, ApiError> {
    let to = match parameters.text("id") {
        Some(id) => Switch::CancelWindows { id: Some(switches::window_id(id)?) },
        None => switches::cancel(&asked.fields)?,
    };
    switch(app, route, asked, to).await
}

pub(super) async fn deprecate(app: State<App>, route: NamedRoute, asked: Asked) -> Result<Response, ApiError> {
    let to = switches::deprecate(&asked.fields, clock::now())?;
    switch(app, route, asked, to).await
}

pub(super) async fn undeprecate(app: State<App>, route: NamedRoute, asked: Asked) -> Result<Response, ApiError> {
    switch(app, route, asked, Switch::Deprecation(None)).await
}

async fn switch(
    State(app): State<App>,
    NamedRoute(route): NamedRoute,
    asked: Asked,
    to: Switch,
) -> Result<Response, ApiError> {
    let command = Command::Route { route, to, reason: asked.fields.reason()?, expected: asked.expected };
    let applied = asked.execute(&app, command).await?;
    let key = applied.routes.first().ok_or_else(ApiError::internal)?;
    Ok(answer::changed(&applied, view(&applied.state, key, clock::now())?))
}

/// Forgets a route. If its service still has it, the next registration brings it back as new.
pub(super) async fn remove(
    State(app): State<App>,
    NamedRoute(route): NamedRoute,
    asked: Asked,
) -> Result<Response, ApiError> {
    let command = Command::RemoveRoute { route, reason: asked.fields.reason()?, expected: asked.expected };
    let applied = asked.execute(&app, command).await?;
    let key = applied.routes.first().ok_or_else(ApiError::internal)?;
    Ok(answer::changed(&applied, json!({ "ok": true, "path": key })))
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

/// A route of a state. What is shown of it is made when it is asked for.
pub(super) struct Known<'s> {
    state: &'s waygate_core::State,
    service: &'s ServiceId,
    of: &'s ServiceState,
    local: &'s LocalKey,
    route: &'s Route,
}

impl Known<'_> {
    pub(super) fn view(&self, now: Timestamp) -> (RouteKey, RouteState) {
        let key = RouteKey::new(self.service.clone(), self.local.clone());
        let view = RouteState::of(&key, self.route, &self.state.global.maintenance, &self.of.maintenance, now);
        (key, view)
    }
}

/// Every route that a caller may see, in order; `only` of one service.
pub(super) fn routes_of<'s>(
    state: &'s waygate_core::State,
    only: Option<&'s ServiceId>,
) -> impl Iterator<Item = Known<'s>> {
    let services = state.services.iter().filter(move |(service, _)| only.is_none_or(|only| only == *service));
    services.flat_map(move |(service, of)| {
        of.routes.iter().map(move |(local, route)| Known { state, service, of, local, route })
    })
}

/// Which routes of the list are wanted.
struct Filter {
    status: Option<LifecycleKind>,
    effective: Option<LifecycleKind>,
    /// Lower case.
    text: Option<String>,
}

impl Filter {
    fn of(parameters: &Parameters) -> Result<Self, ApiError> {
        let text = parameters.filter("text").map(str::to_lowercase);
        Ok(Self { status: parameters.kind("status")?, effective: parameters.kind("effective")?, text })
    }

    fn takes_all(&self) -> bool {
        self.status.is_none() && self.effective.is_none() && self.text.is_none()
    }

    fn takes(&self, route: &RouteState) -> bool {
        let found =
            |text: &String| [&route.path, &route.reason].iter().any(|in_it| in_it.to_lowercase().contains(text));
        self.status.is_none_or(|status| route.status == status)
            && self.effective.is_none_or(|effective| route.effective == effective)
            && self.text.as_ref().is_none_or(found)
    }
}
