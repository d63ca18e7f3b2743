//! Rate limits of all three scopes, and the requests that they have denied.

mod hits;
mod route;
mod settings;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use waygate_api::rate_limits::{LimitState, LimitSwitched, LimitView};
use waygate_core::{
    Command, CommandError, LimitTarget, RateLimitPolicy, RateLimitSwitch, RouteKey, RouteMethod, RouteSelector, Scope,
    ServiceId,
};

use crate::api::answer;
use crate::api::asked::Asked;
use crate::api::names::{NamedRoute, NamedService, Parameters, app_id};
use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::compat;
use crate::control::Applied;
use crate::error::ApiError;

pub(super) use self::hits::{hits, report};
use self::route::{method, route_of};
pub(super) use self::settings::policy;

/// The limits of routes. A service's SDK, which says its name in a header, gets its own as it is to enforce them.
pub(super) async fn list(
    State(app): State<App>,
    principal: Principal,
    parameters: Parameters,
    head: HeaderMap,
) -> Result<Response, ApiError> {
    let state = app.control.current();
    let asked = parameters.service()?;
    if let Some(service) = app_id(&head)? {
        principal.require_read(&service)?;
        return Ok(answer::read(&state, compat::limit_list(&state, &service, clock::now())));
    }
    if let Some(service) = &asked {
        principal.require_read(service)?;
    }
    let only = asked.as_ref().or(principal.only_service());
    let route = parameters.text("route").filter(|text| !text.is_empty());
    let route: Option<RouteSelector> =
        route.map(|text| text.parse().map_err(|problem| ApiError::invalid_field("route", problem))).transpose()?;
    let method = parameters.text("method").filter(|text| !text.is_empty()).map(method).transpose()?;
    let origin = parameters.text("origin").filter(|text| !text.is_empty());
    if origin.is_some_and(|origin| !matches!(origin, "declared" | "operator")) {
        return Err(ApiError::invalid_field("origin", "expected `declared` or `operator`"));
    }
    let visible = principal.visible(&state);
    let limits = limits_named(&visible, only, |key| {
        method.is_none_or(|method| method == key.local.method) && route.as_ref().is_none_or(|route| fits(route, key))
    });
    let mut views: Vec<LimitView> =
        limits.into_iter().map(|(key, policy)| view(&app, &state, &Scope::Route(key), policy)).collect();
    views.retain(|view| origin.is_none_or(|origin| view.origin == origin));
    Ok(answer::read(&state, views))
}

pub(super) async fn show(
    State(app): State<App>,
    principal: Principal,
    NamedRoute(route): NamedRoute,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let service = parameters.service()?;
    let route = route.within(service.as_ref().or(principal.only_service()));
    let state = app.control.current();
    let visible = principal.visible(&state);
    let mut found = limits_named(&visible, None, |key| fits(&route, key));
    if found.len() > 1 {
        let matches = found.iter().map(|(key, _)| key.to_string()).collect();
        return Err(CommandError::AmbiguousRoute { selector: Box::new(route), matches }.into());
    }
    let unknown = || CommandError::UnknownRateLimit { scope: route.to_string() };
    let (key, policy) = found.pop().ok_or_else(unknown)?;
    principal.require_read(&key.service)?;
    let scope = Scope::Route(key);
    let shares = app.presence.shares(&scope, policy).await;
    Ok(answer::read(&state, LimitView { shares, ..view(&app, &state, &scope, policy) }))
}

/// Sets the limit of a route: named by path and method, or by its whole key.
pub(super) async fn set(app: State<App>, parameters: Parameters, asked: Asked) -> Result<Response, ApiError> {
    let route = route_of(&app, &parameters, &asked.fields)?;
    set_limit(app, asked, LimitTarget::Route(route)).await
}

pub(super) async fn show_global(State(app): State<App>, principal: Principal) -> Response {
    let state = app.control.current();
    let mut shown = state_of(&app, &state, &Scope::Global).await;
    if let Some(policy) = shown.policy.as_mut().filter(|_| !principal.sees_everything()) {
        // They name services.
        policy.unsupported_by.clear();
        policy.shares.clear();
    }
    answer::read(&state, shown)
}

pub(super) async fn show_service(
    State(app): State<App>,
    principal: Principal,
    NamedService(service): NamedService,
) -> Result<Response, ApiError> {
    principal.require_read(&service)?;
    let state = app.control.current();
    if !state.services.contains_key(&service) {
        return Err(ApiError::unknown_service(&service, &state));
    }
    Ok(answer::read(&state, state_of(&app, &state, &Scope::Service(service)).await))
}

pub(super) async fn set_global(app: State<App>, asked: Asked) -> Result<Response, ApiError> {
    set_limit(app, asked, LimitTarget::Global).await
}

pub(super) async fn set_service(
    app: State<App>,
    NamedService(service): NamedService,
    asked: Asked,
) -> Result<Response, ApiError> {
    set_limit(app, asked, LimitTarget::Service(service)).await
}

/// The handlers of the switches that every scope has.
macro_rules! switches {
    ($($to:ident: $route:ident, $service:ident, $global:ident;)*) => {
        $(
            pub(super) async fn $route(
                app: State<App>,
                route: NamedRoute,
                parameters: Parameters,
                asked: Asked,
            ) -> Result<Response, ApiError> {
                switch_route(app, route, &parameters, asked, RateLimitSwitch::$to).await
            }

            pub(super) async fn $service(
                app: State<App>,
                NamedService(service): NamedService,
                asked: Asked,
            ) -> Result<Response, ApiError> {
                switch_limit(app, asked, LimitTarget::Service(service), RateLimitSwitch::$to, None).await
            }

            pub(super) async fn $global(app: State<App>, asked: Asked) -> Result<Response, ApiError> {
                switch_limit(app, asked, LimitTarget::Global, RateLimitSwitch::$to, None).await
            }
        )*
    };
}

switches! {
    Resume: enable, enable_service, enable_global;
    Pause: disable, disable_service, disable_global;
    Reset: reset, reset_service, reset_global;
    Delete: remove, remove_service, remove_global;
}

/// The limits of routes, of one service or of all.
fn limits_named<'s>(
    state: &'s waygate_core::State,
    only: Option<&ServiceId>,
    wanted: impl Fn(&RouteKey) -> bool,
) -> Vec<(RouteKey, &'s RateLimitPolicy)> {
    let services = state.services.iter().filter(|(service, _)| only.is_none_or(|only| only == *service));
    services
        .flat_map(|(service, known)| known.route_limits.iter().map(move |(local, policy)| (service, local, policy)))
        .map(|(service, local, policy)| (RouteKey::new(service.clone(), local.clone()), &**policy))
        .filter(|(key, _)| wanted(key))
        .collect()
}

fn fits(route: &RouteSelector, key: &RouteKey) -> bool {
    route.path == key.local.path
        && route.method.is_none_or(|method| method == key.local.method)
        && route.service.as_ref().is_none_or(|only| *only == key.service)
}

async fn set_limit(State(app): State<App>, asked: Asked, target: LimitTarget) -> Result<Response, ApiError> {
    let to = RateLimitSwitch::Set(Box::new(policy(&asked.fields)?));
    let command = command(&asked, target, to)?;
    let mut applied = asked.execute(&app, command).await?;
    let scope = applied.limits.first().ok_or_else(ApiError::internal)?;
    let policy = applied.state.rate_limit(scope).ok_or_else(ApiError::internal)?;
    let mut view = view(&app, &applied.state, scope, policy);
    view.changed = Some(applied.changed);
    let unsupported = view.unsupported_by.iter().map(|what| format!("stored; {what}"));
    applied.warnings.extend(unsupported);
    let mut response = answer::changed(&applied, view);
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn switch_route(
    app: State<App>,
    NamedRoute(route): NamedRoute,
    parameters: &Parameters,
    asked: Asked,
    to: RateLimitSwitch,
) -> Result<Response, ApiError> {
    let service = parameters.service()?;
    let mut route = route.within(service.as_ref());
    if let Some(text) = parameters.text("method").filter(|text| !text.is_empty()) {
        let given = method(text)?;
        if route.method.is_some_and(|own| own != given) {
            return Err(ApiError::invalid_field("method", format!("the key names another method than `{given}`")));
        }
        route.method = Some(given);
    }
    let echo = (route.path.to_string(), route.method);
    switch_limit(app, asked, LimitTarget::Route(route), to, Some(echo)).await
}

async fn switch_limit(
    State(app): State<App>,
    asked: Asked,
    target: LimitTarget,
    to: RateLimitSwitch,
    echo: Option<(String, Option<RouteMethod>)>,
) -> Result<Response, ApiError> {
    let is_reset = matches!(to, RateLimitSwitch::Reset);
    let command = command(&asked, target, to)?;
    let mut applied = asked.execute(&app, command).await?;
    let unsupported_by = unsupported_switch(&app, &applied, is_reset);
    applied.warnings.extend(unsupported_by.iter().map(|what| format!("stored; {what}")));
    let (path, method) = echo.unzip();
    let body = LimitSwitched {
        ok: true,
        path,
        method: method.flatten().map(|method| method.as_str().to_owned()),
        count: applied.limits.len(),
        changed: applied.changed,
        unsupported_by,
    };
    Ok(answer::changed(&applied, body))
}

fn command(asked: &Asked, target: LimitTarget, to: RateLimitSwitch) -> Result<Command, ApiError> {
    Ok(Command::RateLimit {
        target,
        to,
        reason: asked.fields.reason()?,
        allow_unknown: asked.fields.flag("allow_unknown")?,
        expected: asked.expected,
    })
}

fn unsupported_switch(app: &App, applied: &Applied, is_reset: bool) -> Vec<String> {
    let mut all = Vec::new();
    for scope in &applied.limits {
        let told = match (is_reset, applied.state.rate_limit(scope)) {
            (true, _) => app.presence.unable(scope.service(), compat::CANNOT_RESET),
            (false, Some(policy)) => compat::unsupported(&app.presence, &applied.state, scope, policy),
            (false, None) => Vec::new(),
        };
        all.extend(told);
    }
    all.dedup();
    all
}

async fn state_of(app: &App, state: &waygate_core::State, scope: &Scope) -> LimitState {
    let policy = match state.rate_limit(scope) {
        Some(policy) => {
            let shares = app.presence.shares(scope, policy).await;
            Some(LimitView { shares, ..view(app, state, scope, policy) })
        }
        None => None,
    };
    LimitState { enabled: policy.as_ref().is_some_and(|policy| policy.enabled), policy }
}

fn view(app: &App, state: &waygate_core::State, scope: &Scope, policy: &RateLimitPolicy) -> LimitView {
    LimitView {
        unsupported_by: compat::unsupported(&app.presence, state, scope, policy),
        ..LimitView::of(scope, policy, clock::now())
    }
}
