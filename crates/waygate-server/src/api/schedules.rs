//! What is planned, and what ends by itself.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use waygate_api::schedules::{Scheduled, ScheduledKind};
use waygate_core::{
    LifecycleKind, Maintenance, RateLimitPolicy, Revision, Route, RouteKey, RouteSelector, Scope, ServiceId, Timestamp,
};
use waygate_store::HistoryQuery;

use crate::api::answer;
use crate::api::names::Parameters;
use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::error::ApiError;

/// Every planned or open window, timed switch, timed maintenance and timed rate limit, by the time of what comes next.
pub(super) async fn list(
    State(app): State<App>,
    principal: Principal,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let (state, now) = (app.control.current(), clock::now());
    let only = parameters.service()?;
    let selector =
        |text: &str| text.parse::<RouteSelector>().map_err(|problem| ApiError::invalid_field("route", problem));
    let selector = parameters.filter("route").map(selector).transpose()?;
    let route =
        selector.map(|selector| principal.visible(&state).resolve(&selector.within(only.as_ref()))).transpose()?;
    let listed = planned(&app, &principal, only.as_ref(), route.as_ref(), now).await?;
    let total = listed.len();
    Ok(answer::list(&state, listed, Some(total), None))
}

/// What a caller may see of it, of one service or of one route where that is wanted.
pub(crate) async fn planned(
    app: &App,
    principal: &Principal,
    only: Option<&ServiceId>,
    route: Option<&RouteKey>,
    now: Timestamp,
) -> Result<Vec<Scheduled>, ApiError> {
    let state = app.control.current();
    let mut found = Vec::new();
    if only.is_none() && route.is_none() {
        found.extend(of_scope(None, &state.global.maintenance, now));
        found.extend(of_limit(&Scope::Global, state.global.rate_limit.as_deref(), now));
    }
    for (service, known) in &state.services {
        if only.is_some_and(|only| only != service) || !principal.may_read(service) {
            continue;
        }
        if route.is_none() {
            found.extend(of_scope(Some(service), &known.maintenance, now));
            found.extend(of_limit(&Scope::Service(service.clone()), known.rate_limit.as_deref(), now));
        }
        for (local, timed) in known.routes.iter().filter(|(_, route)| route.is_timed()) {
            let key = RouteKey::new(service.clone(), local.clone());
            if route.is_none_or(|only| *only == key) {
                found.extend(of_route(&key, timed, now));
            }
        }
        for (local, policy) in &known.route_limits {
            let key = RouteKey::new(service.clone(), local.clone());
            if route.is_none_or(|only| *only == key) {
                found.extend(of_limit(&Scope::Route(key), Some(policy), now));
            }
        }
    }
    found.sort_by_key(|(_, scheduled)| scheduled.start.filter(|_| !scheduled.open).unwrap_or(scheduled.end));
    name_planners(app, &mut found).await?;
    Ok(found.into_iter().map(|(_, scheduled)| scheduled).collect())
}

fn of_scope(service: Option<&ServiceId>, maintenance: &Maintenance, now: Timestamp) -> Option<(Revision, Scheduled)> {
    let end = maintenance.until.filter(|_| maintenance.is_on(|| now))?;
    let scheduled = Scheduled {
        service: service.map(ToString::to_string),
        status: Some(LifecycleKind::Maintenance),
        shadow: maintenance.enforcement.is_shadow(),
        reason: maintenance.reason.clone(),
        ..ending(ScheduledKind::Maintenance, end)
    };
    Some((maintenance.changed_at, scheduled))
}

fn of_limit(scope: &Scope, policy: Option<&RateLimitPolicy>, now: Timestamp) -> Option<(Revision, Scheduled)> {
    let policy = policy?;
    let end = policy.until.filter(|until| now < *until)?;
    let scheduled = Scheduled {
        route: matches!(scope, Scope::Route(_)).then(|| scope.to_string()),
        service: scope.service().map(ToString::to_string),
        limit: Some(policy.limit.to_string()),
        open: policy.is_on(|| now),
        shadow: policy.enforcement.is_shadow(),
        ..ending(ScheduledKind::RateLimit, end)
    };
    Some((policy.changed_at, scheduled))
}

/// Something in force that ends by itself.
fn ending(kind: ScheduledKind, end: Timestamp) -> Scheduled {
    Scheduled {
        kind,
        id: None,
        route: None,
        service: None,
        status: None,
        limit: None,
        cancelable: false,
        start: None,
        end,
        open: true,
        shadow: false,
        reason: String::new(),
        planned_by: None,
        planned_at: None,
    }
}

fn of_route(key: &RouteKey, route: &Route, now: Timestamp) -> Vec<(Revision, Scheduled)> {
    let of = |kind, status, end| Scheduled {
        route: Some(key.to_string()),
        service: Some(key.service.to_string()),
        status: Some(status),
        ..ending(kind, end)
    };
    let windows = route.windows.iter().filter(|window| now < window.end).map(|window| {
        let scheduled = Scheduled {
            id: Some(window.id),
            cancelable: true,
            start: Some(window.start),
            open: window.is_open(now),
            shadow: window.enforcement.is_shadow(),
            reason: window.reason.clone(),
            ..of(ScheduledKind::Window, LifecycleKind::Maintenance, window.end)
        };
        (window.planned_at, scheduled)
    });
    let switch = route.temporary.iter().filter(|timed| now < timed.until).map(|timed| {
        let scheduled = Scheduled {
            shadow: timed.control.enforcement.is_shadow(),
            reason: timed.control.reason.clone(),
            ..of(ScheduledKind::Switch, timed.control.lifecycle.kind(), timed.until)
        };
        (timed.planned_at, scheduled)
    });
    windows.chain(switch).collect()
}

/// The log tells who planned what; as far as it reaches.
async fn name_planners(app: &App, found: &mut [(Revision, Scheduled)]) -> Result<(), ApiError> {
    let mut causes = BTreeMap::new();
    for (revision, scheduled) in found {
        if !causes.contains_key(revision) {
            let page = app.control.history(HistoryQuery { before: Some(revision.next()), limit: 1 }).await?;
            let commit = page.commits.into_iter().find(|commit| commit.revision() == *revision);
            causes.insert(*revision, commit);
        }
        if let Some(Some(commit)) = causes.get(revision) {
            let cause = &commit.draft.cause;
            scheduled.planned_by = Some(cause.actor.to_string());
            scheduled.planned_at = Some(cause.at);
        }
    }
    Ok(())
}
