//! One route: what callers get and why, what is planned, what was done to it.

use askama::Template;
use axum::response::Response;
use waygate_api::paths;
use waygate_core::{
    LimitExpression, LocalKey, RateLimitPolicy, Route, RouteKey, RouteSelector, Scope, ServiceId, ServiceState, State,
};
use waygate_store::HistoryQuery;

use crate::api::names::NamedRoute;
use crate::dashboard::audit::Entry;
use crate::dashboard::chart::marks::{Concern, Marks};
use crate::dashboard::chart::{Chart, SERIES};
use crate::dashboard::fleet::{Arrival, Fleet, Standing};
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::routes::{Row, status_of};
use crate::dashboard::visit::{Visit, page, see_other};
use crate::dashboard::words::{Kind, Moment};
use crate::error::ApiError;
use crate::traffic::Window;

/// How many commits are searched for what was done to the route.
const SEARCHED: usize = 1000;
const SHOWN: usize = 20;

#[derive(Template)]
#[template(path = "route.html")]
struct RoutePage {
    frame: Frame,
    row: Row,
    kind: Kind,
    cause: String,
    protected: bool,
    /// What can be done to it, with where that leads.
    actions: Vec<(String, &'static str)>,
    chain: Vec<Step>,
    limits: Vec<Limit>,
    windows: Vec<Planned>,
    deprecation: Option<Announced>,
    answer: Option<String>,
    history: Vec<Entry>,
    /// How far what was last changed of it has come, and at which instances.
    standing: Standing,
    instances: Vec<Arrival>,
    chart: Chart,
    series: [(&'static str, &'static str); 5],
}

/// One layer of the decision.
struct Step {
    name: &'static str,
    words: String,
    wins: bool,
}

struct Limit {
    layer: &'static str,
    words: String,
    details: &'static str,
}

struct Planned {
    id: u32,
    start: Moment,
    end: Moment,
    reason: String,
    state: &'static str,
}

struct Announced {
    since: Moment,
    sunset: Option<String>,
    successor: Option<String>,
}

pub(in crate::dashboard) async fn show(visit: Visit, NamedRoute(route): NamedRoute) -> Result<Response, ApiError> {
    let (state, fleet) = (visit.state(), Fleet::of(&visit).await);
    let key = state.resolve(&route)?;
    let known = state.services.get(&key.service).ok_or_else(ApiError::internal)?;
    let route = known.routes.get(&key.local).ok_or_else(ApiError::internal)?;
    if let Some(wanted) = visit.parameters.filter("do") {
        return Ok(see_other(&format!("{}{}", visit.base, form_of(&key, wanted))));
    }
    let (kind, cause) = status_of(&visit, &state, known, &key, route);
    let is_it = |_: &ServiceId, local: Option<&LocalKey>| local == Some(&key.local);
    let traffic = visit.app.traffic.read(Window::Quarter.coarse(visit.now), is_it, |of| *of == key.service);
    let selector = RouteSelector {
        service: Some(key.service.clone()),
        method: Some(key.local.method),
        path: key.local.path.clone(),
    };
    let start = traffic.series.first().map_or(visit.now, |point| point.at);
    let marks = Marks::since(&visit, start, Concern { service: None, route: Some(&selector) }).await?;
    let row = Row::of(&visit, &state, &fleet, &key, known, route);
    page(&RoutePage {
        frame: Frame::with(&visit, &state, Section::Routes, &fleet).await,
        actions: row.actions().map(|(wanted, name)| (from_here(&key, wanted), name)).collect(),
        row,
        kind,
        cause,
        protected: route.force_active,
        chain: chain(&visit, &state, known, &key, route),
        limits: limits(&state, &key),
        windows: windows(&visit, route),
        deprecation: route.deprecation.as_ref().map(|deprecation| Announced {
            since: Moment(deprecation.since),
            sunset: deprecation.sunset.clone(),
            successor: deprecation.successor.clone(),
        }),
        answer: answer(kind),
        history: history(&visit, &key).await?,
        standing: fleet.applied(key.service.as_str(), route.changed_at),
        instances: fleet.arrived(&visit, &key.service, route.changed_at),
        chart: Chart::of(&traffic, "traffic", marks),
        series: SERIES,
    })
}

/// Where the menu of a row leads.
fn form_of(key: &RouteKey, wanted: &str) -> String {
    let id = paths::path_key(&key.to_string());
    match wanted {
        "edit" => format!("/limits/routes/{id}/edit"),
        "history" => format!("/audit?route={}", paths::percent_encoded(&key.to_string())),
        act => format!("/routes/{id}/{}", paths::percent_encoded(act)),
    }
}

/// The same from the page of the route, to which a form leads back.
fn from_here(key: &RouteKey, wanted: &str) -> String {
    let form = form_of(key, wanted);
    if form.contains('?') { form } else { format!("{form}?back=/routes/{}", paths::path_key(&key.to_string())) }
}

fn chain(visit: &Visit, state: &State, known: &ServiceState, key: &RouteKey, route: &Route) -> Vec<Step> {
    let view =
        waygate_api::routes::RouteState::of(key, route, &state.global.maintenance, &known.maintenance, visit.now);
    let cause = view.cause.as_deref().unwrap_or_default();
    let maintenance = |maintenance: &waygate_core::Maintenance| match maintenance.is_on(|| visit.now) {
        false => "not in maintenance".to_owned(),
        true if maintenance.enforcement.is_shadow() => format!("counts only: {}", maintenance.reason),
        true if maintenance.exempts(Some(key.local.method), key.local.path.as_str()) => {
            format!("in maintenance, but this route is exempt: {}", maintenance.reason)
        }
        true => format!("in maintenance: {}", maintenance.reason),
    };
    let window = route.windows.iter().find(|window| window.is_open(visit.now));
    let base = &route.base;
    let mut own = Kind(base.lifecycle.kind()).word().to_owned();
    if base.enforcement.is_shadow() {
        own.push_str(", counts only");
    }
    if !base.reason.is_empty() {
        own = format!("{own}: {}", base.reason);
    }
    let timed = route.temporary.as_ref().filter(|temporary| visit.now < temporary.until).map(|temporary| {
        let word = Kind(temporary.control.lifecycle.kind()).word();
        format!("{word} until {}: {}", Moment(temporary.until).words(), temporary.control.reason)
    });
    vec![
        Step { name: "Everything", words: maintenance(&state.global.maintenance), wins: cause == "global_maintenance" },
        Step { name: "Service", words: maintenance(&known.maintenance), wins: cause == "service_maintenance" },
        Step {
            name: "Window",
            words: window.map_or_else(
                || "none is open".to_owned(),
                |window| format!("open until {}: {}", Moment(window.end).words(), window.reason),
            ),
            wins: cause == "window",
        },
        Step { name: "Timed switch", words: timed.unwrap_or_else(|| "none".to_owned()), wins: cause == "temporary" },
        Step {
            name: "Route",
            words: if route.force_active { format!("{own}; always answers (force_active)") } else { own },
            wins: cause == "route" || cause == "force_active",
        },
    ]
}

fn limits(state: &State, key: &RouteKey) -> Vec<Limit> {
    let exempts = |policy: &RateLimitPolicy| {
        policy.exempt_routes.iter().any(|exempt| exempt.covers(Some(key.local.method), key.local.path.as_str()))
    };
    let limit = |layer, policy: &RateLimitPolicy| Limit {
        layer,
        words: LimitExpression::to_string(&policy.limit),
        details: match policy.enabled {
            false => "paused",
            true if exempts(policy) => "this route is exempt",
            true if policy.enforcement.is_shadow() => "counts only",
            true => "in force",
        },
    };
    let scopes = [("Everything", Scope::Global), ("Service", Scope::Service(key.service.clone()))];
    let outer = scopes.iter().filter_map(|(layer, scope)| state.rate_limit(scope).map(|policy| limit(layer, policy)));
    let own = state.services.get(&key.service).and_then(|known| known.limit_of(&key.local));
    outer.chain(own.map(|(_, policy)| limit("Route", policy))).collect()
}

fn windows(visit: &Visit, route: &Route) -> Vec<Planned> {
    let windows = route.windows.iter().filter(|window| visit.now < window.end);
    windows
        .map(|window| Planned {
            id: window.id,
            start: Moment(window.start),
            end: Moment(window.end),
            reason: window.reason.clone(),
            state: if window.is_open(visit.now) { "open" } else { "planned" },
        })
        .collect()
}

/// What callers of a stopped route get.
fn answer(kind: Kind) -> Option<String> {
    use waygate_core::LifecycleKind::{Active, Deprecated, Disabled, EnvGated, Maintenance};
    let words = match kind.0 {
        Active => return None,
        Deprecated => "The route's own answer, with the headers Deprecation, Sunset and Link.",
        Maintenance => "503 with the code MAINTENANCE_MODE, the reason, and Retry-After where an end is known.",
        Disabled => "503 with the code ROUTE_DISABLED and the reason.",
        EnvGated => "403 with the code ENV_GATED, outside of the environments that are listed.",
    };
    Some(words.to_owned())
}

async fn history(visit: &Visit, key: &RouteKey) -> Result<Vec<Entry>, ApiError> {
    let page = visit.app.control.history(HistoryQuery { before: None, limit: SEARCHED }).await?;
    let concerned = page.commits.iter().flat_map(|commit| Entry::all_of(commit, visit.now));
    Ok(concerned.filter(|entry| entry.is_about(key)).take(SHOWN).collect())
}
