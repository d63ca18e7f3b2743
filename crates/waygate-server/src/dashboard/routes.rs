//! The list of routes.

pub(super) mod detail;
mod filter;
mod row;
mod scope;
mod sort;
pub(super) mod spark;

use std::collections::HashMap;

use askama::Template;
use axum::response::Response;
use waygate_core::{LifecycleKind, MaintenanceScope, RouteKey, ServiceId, State};
use waygate_store::HistoryQuery;

pub(super) use self::filter::Filter;
pub(super) use self::row::{Row, own_cause, status_of};
use crate::dashboard::fleet::Fleet;
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::preview::origin;
use crate::dashboard::routes::scope::Scope;
use crate::dashboard::routes::sort::{By, Sort};
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::{Kind, counted, distance};
use crate::error::ApiError;

/// How many routes are on a page.
const PAGE: usize = 100;
/// Of how many of the latest changes is said who has made them.
const KNOWN_CHANGES: usize = 500;

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
    columns: [Column; 4],
    sort: Option<String>,
    groups: Vec<Group>,
    pages: Pages,
    /// How many routes fit, on all pages.
    fitting: usize,
    /// Where services find the control plane.
    origin: String,
}

struct Segment {
    kind: Option<Kind>,
    name: &'static str,
    count: usize,
    href: String,
    current: bool,
}

/// The heading of a column that the list can be sorted by.
struct Column {
    name: &'static str,
    href: String,
    /// As `aria-sort` has it.
    sorted: Option<&'static str>,
}

struct Group {
    /// `None` where the list is sorted, and so not by service.
    head: Option<Head>,
    rows: Vec<Row>,
}

struct Head {
    service: String,
    fleet: String,
    maintenance: Option<String>,
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
    let mut rows = all(&visit, &state, &fleet);
    rows.retain(|row| filter.takes_text(row));
    let segments = segments(&visit, &filter, &rows);
    let summary = summary(&rows);
    rows.retain(|row| filter.takes_status(row));
    let fitting = rows.len();
    let pages = pages(&visit, &filter, fitting);
    let current = filter.page.min(fitting.div_ceil(PAGE).max(1));
    if let Some(sort) = filter.sort {
        if sort.needs_traffic() {
            for row in &mut rows {
                row.with_traffic(&visit);
            }
        }
        sort.apply(&mut rows);
    }
    let mut shown: Vec<Row> = rows.into_iter().skip((current - 1) * PAGE).take(PAGE).collect();
    for row in &mut shown {
        row.with_traffic(&visit);
    }
    name_changes(&visit, &mut shown).await?;
    let groups = match filter.sort {
        Some(_) if !shown.is_empty() => vec![Group { head: None, rows: shown }],
        _ => groups(&state, &fleet, shown),
    };
    let frame = Frame::with(&visit, &state, Section::Routes, &fleet).await;
    let title = match filter.status() {
        Some(kind) => format!("{} ({fitting}), Routes", kind.word()),
        None => "Routes".to_owned(),
    };
    let scope = filter.service.as_ref().and_then(|service| Scope::of(&visit, &state, service));
    page(&RoutesPage {
        frame,
        title,
        summary,
        scope,
        services: state.services.keys().map(ToString::to_string).collect(),
        segments,
        columns: columns(&visit, &filter),
        sort: filter.sort.map(Sort::name),
        groups,
        pages,
        fitting,
        origin: origin(&visit),
        filter,
    })
}

/// Every route that the visitor may see, by service.
pub(super) fn all(visit: &Visit, state: &State, fleet: &Fleet) -> Vec<Row> {
    let mut rows = Vec::new();
    for (service, known) in &state.services {
        for (local, route) in &known.routes {
            let key = RouteKey::new(service.clone(), local.clone());
            rows.push(Row::of(visit, state, fleet, &key, known, route));
        }
    }
    rows
}

/// Says who has changed each of the routes last, as far as the latest changes tell.
async fn name_changes(visit: &Visit, rows: &mut [Row]) -> Result<(), ApiError> {
    let page = visit.app.control.history(HistoryQuery { before: None, limit: KNOWN_CHANGES }).await?;
    let known: HashMap<u64, _> = page.commits.iter().map(|commit| (commit.revision().0, &commit.draft.cause)).collect();
    for row in rows {
        let cause = known.get(&row.changed_at);
        row.changed_by = cause.map(|cause| (cause.actor.to_string(), distance(cause.at, visit.now)));
    }
    Ok(())
}

fn columns(visit: &Visit, filter: &Filter) -> [Column; 4] {
    let column = |name, by| Column {
        name,
        href: format!("{}/routes{}", visit.base, filter.query(filter.status(), Sort::next(filter.sort, by), 1)),
        sorted: Sort::of_column(filter.sort, by),
    };
    [
        column("Route", By::Path),
        column("Status", By::Status),
        column("Traffic, 24 min", By::Traffic),
        column("Changed", By::Changed),
    ]
}

fn summary(rows: &[Row]) -> String {
    let of = |kind: LifecycleKind| rows.iter().filter(|row| row.kind.0 == kind).count();
    let mut services: Vec<&str> = rows.iter().map(|row| row.service.as_str()).collect();
    services.dedup();
    if rows.is_empty() {
        return "No route.".to_owned();
    }
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
        href: format!("{}/routes{}", visit.base, filter.query(kind, filter.sort, 1)),
        current: filter.status() == kind,
    };
    std::iter::once(None).chain(Kind::ALL.map(Some)).map(segment).collect()
}

fn pages(visit: &Visit, filter: &Filter, count: usize) -> Pages {
    let last = count.div_ceil(PAGE).max(1);
    let current = filter.page.min(last);
    let href = |page| format!("{}/routes{}", visit.base, filter.query(filter.status(), filter.sort, page));
    Pages {
        count: last,
        words: format!("Page {current} of {last}, {}", counted(count, "route")),
        previous: (current > 1).then(|| href(current - 1)),
        next: (current < last).then(|| href(current + 1)),
    }
}

fn groups(state: &State, fleet: &Fleet, rows: Vec<Row>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        match groups.last_mut() {
            Some(group) if group.head.as_ref().is_some_and(|head| head.service == row.service) => group.rows.push(row),
            _ => {
                let head = Head {
                    fleet: fleet.standing(&row.service).words,
                    maintenance: maintenance_of(state, &row.service),
                    service: row.service.clone(),
                };
                groups.push(Group { head: Some(head), rows: vec![row] });
            }
        }
    }
    groups
}

fn maintenance_of(state: &State, service: &str) -> Option<String> {
    let service: ServiceId = service.parse().ok()?;
    let maintenance = state.maintenance(&MaintenanceScope::Service(service))?;
    maintenance.enabled.then(|| "in maintenance".to_owned())
}
