//! The list of routes.

pub(super) mod detail;
mod filter;

use askama::Template;
use axum::response::Response;
use waygate_api::paths;
use waygate_core::{
    Effective, LifecycleKind, Maintenance, MaintenanceScope, Route, RouteKey, ServiceId, ServiceState, State,
};

use crate::dashboard::fleet::{Fleet, Standing};
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::routes::filter::Filter;
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::{Kind, Moment, counted};
use crate::error::ApiError;

/// How many routes are on a page.
const PAGE: usize = 100;
/// Stands where a limit would.
const NO_LIMIT: &str = "none";

#[derive(Template)]
#[template(path = "routes.html")]
struct RoutesPage {
    frame: Frame,
    title: String,
    summary: String,
    /// The service that is looked at, where it is one.
    scope: Option<Scope>,
    filter: Filter,
    services: Vec<String>,
    segments: Vec<Segment>,
    groups: Vec<Group>,
    pages: Pages,
    /// Where services find the control plane.
    origin: String,
}

struct Scope {
    on: bool,
    words: String,
    path: String,
}

struct Segment {
    kind: Option<Kind>,
    name: &'static str,
    count: usize,
    href: String,
    current: bool,
}

struct Group {
    service: String,
    fleet: String,
    maintenance: Option<String>,
    rows: Vec<Row>,
}

/// One route of the list.
pub(super) struct Row {
    /// The key in base64url: it names the route in addresses and in the page.
    pub(super) id: String,
    pub(super) service: String,
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) kind: Kind,
    pub(super) cause: String,
    limit: String,
    fleet: String,
    behind: bool,
    pub(super) changed_at: u64,
    changed: String,
    /// Changes whenever anything that the row shows does.
    stamp: String,
    protected: bool,
    /// The likely thing to do: its name in the address, and its word.
    pub(super) likely: (&'static str, &'static str),
    key_query: String,
}

struct Pages {
    count: usize,
    words: String,
    previous: Option<String>,
    next: Option<String>,
}

impl Row {
    pub(super) fn has_no_limit(&self) -> bool {
        self.limit == NO_LIMIT
    }

    /// Everything else that can be done.
    fn actions(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let all = [
            ("enable", "Enable"),
            ("disable", "Disable…"),
            ("maintenance", "Maintenance…"),
            ("env", "Env gate…"),
            ("schedule", "Schedule…"),
            ("deprecate", "Deprecate…"),
        ];
        let (likely, serving) = (self.likely.0, self.likely.0 == "disable");
        all.into_iter().filter(move |(name, _)| *name != likely && !(serving && *name == "enable"))
    }

    pub(super) fn of(
        visit: &Visit,
        state: &State,
        fleet: &Fleet,
        key: &RouteKey,
        known: &ServiceState,
        route: &Route,
    ) -> Self {
        let Standing { words: applied, behind } = fleet.applied(key.service.as_str(), route.changed_at);
        let (kind, cause) = status_of(visit, state, known, key, route);
        let limit = known.limit_of(&key.local).map(|(_, policy)| {
            let limit = policy.limit.to_string();
            if policy.enabled { limit } else { format!("{limit}, paused") }
        });
        // What lies over the route is ended where it was begun; here the route itself is switched.
        let serving = matches!(route.enforced_status(visit.now), LifecycleKind::Active | LifecycleKind::Deprecated);
        let limit = limit.unwrap_or_else(|| NO_LIMIT.to_owned());
        Self {
            id: paths::path_key(&key.to_string()),
            service: key.service.to_string(),
            method: key.local.method.as_str(),
            path: key.local.path.to_string(),
            stamp: format!("{} {} {cause} {limit} {applied}", route.changed_at, kind.as_str()),
            kind,
            cause,
            limit,
            fleet: applied,
            behind,
            changed_at: route.changed_at.0,
            changed: format!("r{}", route.changed_at),
            protected: route.force_active,
            likely: if serving { ("disable", "Disable…") } else { ("enable", "Enable") },
            key_query: paths::percent_encoded(&key.to_string()),
        }
    }
}

/// What callers get of a route, and why.
pub(super) fn status_of(
    visit: &Visit,
    state: &State,
    known: &ServiceState,
    key: &RouteKey,
    route: &Route,
) -> (Kind, String) {
    let view =
        waygate_api::routes::RouteState::of(key, route, &state.global.maintenance, &known.maintenance, visit.now);
    let over = |maintenance: &Maintenance, what: &str| match &*maintenance.reason {
        "" => what.to_owned(),
        reason => format!("{what}: {reason}"),
    };
    let cause = match view.cause.as_deref() {
        Some("global_maintenance") => over(&state.global.maintenance, "Everything is in maintenance"),
        Some("service_maintenance") => over(&known.maintenance, "The service is in maintenance"),
        _ => own_cause(route, visit.now),
    };
    (Kind(view.effective), cause)
}

fn own_cause(route: &Route, now: jiff::Timestamp) -> String {
    let effective = route.effective(now);
    let mut parts = Vec::new();
    match effective {
        Effective::Window(_) => parts.push("planned window".to_owned()),
        Effective::Temporary(waygate_core::Temporary { control, .. }) | Effective::Base(control) => {
            if control.enforcement.is_shadow() {
                parts
                    .push(format!("counts as {}, stops nothing", Kind(control.lifecycle.kind()).word().to_lowercase()));
            }
            if let waygate_core::Lifecycle::EnvGated(allowed) = &control.lifecycle {
                let names: Vec<&str> = allowed.iter().map(waygate_core::Environment::as_str).collect();
                parts.push(format!("{} only", names.join(", ")));
            }
        }
    }
    if !effective.reason().is_empty() {
        parts.push(effective.reason().to_owned());
    }
    if let Some(until) = effective.until() {
        parts.push(format!("until {}", Moment(until).words()));
    }
    if let Some(deprecation) = &route.deprecation {
        parts.extend(deprecation.sunset.as_ref().map(|sunset| format!("sunset {sunset}")));
        parts.extend(deprecation.successor.as_ref().map(|successor| format!("use {successor}")));
    }
    if let Some(next) = route.windows.iter().find(|window| now < window.start) {
        parts.push(format!("maintenance planned for {}", Moment(next.start).words()));
    }
    parts.join(", ")
}

pub(super) async fn list(visit: Visit) -> Result<Response, ApiError> {
    let (state, fleet) = (visit.state(), Fleet::of(&visit).await);
    let filter = Filter::of(&visit.parameters);
    let mut rows: Vec<Row> = Vec::new();
    for (service, known) in &state.services {
        for (local, route) in &known.routes {
            let key = RouteKey::new(service.clone(), local.clone());
            rows.push(Row::of(&visit, &state, &fleet, &key, known, route));
        }
    }
    rows.retain(|row| filter.takes_text(row));
    let segments = segments(&visit, &filter, &rows);
    let summary = summary(&rows);
    rows.retain(|row| filter.takes_status(row));
    let pages = pages(&visit, &filter, rows.len());
    let current = filter.page.min(rows.len().div_ceil(PAGE).max(1));
    let shown = rows.into_iter().skip((current - 1) * PAGE).take(PAGE);
    let frame = Frame::with(&visit, &state, Section::Routes, &fleet).await;
    let title = match filter.status() {
        Some(kind) => format!("{} routes", kind.word()),
        None => "Routes".to_owned(),
    };
    let scope = filter.service.as_ref().and_then(|service| scope(&visit, &state, service));
    page(&RoutesPage {
        frame,
        title,
        summary,
        scope,
        services: state.services.keys().map(ToString::to_string).collect(),
        segments,
        groups: groups(&state, &fleet, shown),
        pages,
        origin: origin(&visit),
        filter,
    })
}

fn origin(visit: &Visit) -> String {
    let scheme = if visit.client.secure { "https" } else { "http" };
    format!("{scheme}://{}{}", visit.client.host.as_deref().unwrap_or("localhost:9000"), visit.base)
}

fn summary(rows: &[Row]) -> String {
    let of = |kind: LifecycleKind| rows.iter().filter(|row| row.kind.0 == kind).count();
    let mut services: Vec<&str> = rows.iter().map(|row| row.service.as_str()).collect();
    services.dedup();
    let total = format!("{} in {}.", counted(rows.len(), "route"), counted(services.len(), "service"));
    let parts = [
        (LifecycleKind::Disabled, "disabled"),
        (LifecycleKind::Maintenance, "in maintenance"),
        (LifecycleKind::EnvGated, "limited to environments"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(kind, _)| of(*kind) > 0).map(|(kind, word)| format!("{} {word}", of(*kind))).collect();
    if parts.is_empty() { format!("{total} All of them answer.") } else { format!("{total} {}.", parts.join(", ")) }
}

fn segments(visit: &Visit, filter: &Filter, rows: &[Row]) -> Vec<Segment> {
    let segment = |kind: Option<Kind>| Segment {
        kind,
        name: kind.map_or("All", Kind::word),
        count: rows.iter().filter(|row| kind.is_none_or(|kind| row.kind == kind)).count(),
        href: format!("{}/routes{}", visit.base, filter.query(kind, 1)),
        current: filter.status() == kind,
    };
    std::iter::once(None).chain(Kind::ALL.map(Some)).map(segment).collect()
}

fn pages(visit: &Visit, filter: &Filter, count: usize) -> Pages {
    let last = count.div_ceil(PAGE).max(1);
    let current = filter.page.min(last);
    let href = |page| format!("{}/routes{}", visit.base, filter.query(filter.status(), page));
    Pages {
        count: last,
        words: format!("Page {current} of {last}, {}", counted(count, "route")),
        previous: (current > 1).then(|| href(current - 1)),
        next: (current < last).then(|| href(current + 1)),
    }
}

fn groups(state: &State, fleet: &Fleet, rows: impl Iterator<Item = Row>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        match groups.last_mut() {
            Some(group) if group.service == row.service => group.rows.push(row),
            _ => groups.push(Group {
                fleet: fleet.standing(&row.service).words,
                maintenance: maintenance_of(state, &row.service),
                service: row.service.clone(),
                rows: vec![row],
            }),
        }
    }
    groups
}

fn maintenance_of(state: &State, service: &str) -> Option<String> {
    let service: ServiceId = service.parse().ok()?;
    let maintenance = state.maintenance(&MaintenanceScope::Service(service))?;
    maintenance.enabled.then(|| "in maintenance".to_owned())
}

fn scope(visit: &Visit, state: &State, service: &str) -> Option<Scope> {
    let id: ServiceId = service.parse().ok()?;
    let maintenance = state.maintenance(&MaintenanceScope::Service(id))?;
    let on = maintenance.is_on(|| visit.now);
    let words = match (on, maintenance.until) {
        (false, _) => format!("{service} answers."),
        (true, None) => format!("{service} is in maintenance: {}", maintenance.reason),
        (true, Some(until)) => {
            format!("{service} is in maintenance until {}: {}", Moment(until).words(), maintenance.reason)
        }
    };
    Some(Scope { on, words, path: format!("/maintenance/{service}") })
}
