//! The list of routes.

pub(super) mod detail;
mod filter;
mod row;

use askama::Template;
use axum::response::Response;
use waygate_core::{LifecycleKind, MaintenanceScope, RouteKey, ServiceId, State};

pub(super) use self::row::{Row, status_of};
use crate::dashboard::fleet::Fleet;
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::routes::filter::Filter;
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::{Kind, Moment, counted};
use crate::error::ApiError;

/// How many routes are on a page.
const PAGE: usize = 100;

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

struct Pages {
    count: usize,
    words: String,
    previous: Option<String>,
    next: Option<String>,
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
