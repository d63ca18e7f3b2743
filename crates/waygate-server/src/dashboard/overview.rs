//! The front page: is anything wrong, is anything about to happen, what was done last.

mod unusual;

use askama::Template;
use axum::response::Response;
use jiff::SignedDuration;
use waygate_api::paths::path_key;
use waygate_core::{Record, RouteKey, State};
use waygate_store::HistoryQuery;

use self::unusual::{Authors, Cause, Unusual};
use crate::api::audit::may_see;
use crate::dashboard::audit::Entry;
use crate::dashboard::chart::marks::{Concern, Marks};
use crate::dashboard::chart::{Chart, SERIES};
use crate::dashboard::fleet::Fleet;
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::routes::spark::spark;
use crate::dashboard::schedule::Day;
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::{Moment, counted, distance, route_name};
use crate::error::ApiError;
use crate::traffic::Window;

/// How many things that are not as usual are listed.
const MOST: usize = 50;
/// How many of the latest changes are listed, and how many commits are read for that and for who has made what is unusual.
const LATEST: usize = 8;
const READ: usize = 500;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    causes: Vec<Cause>,
    unusual: Vec<Unusual>,
    more: usize,
    planned: Vec<Planned>,
    services: Vec<Service>,
    latest: Vec<Latest>,
    chart: Chart,
    day: Day,
    series: [(&'static str, &'static str); 5],
}

struct Planned {
    id: String,
    name: String,
    start: Moment,
    end: Moment,
    when: String,
    reason: String,
}

struct Service {
    name: String,
    words: String,
    /// Not every instance enforces what is in force.
    behind: bool,
    spark: Option<String>,
}

/// A change, and how far it has come.
struct Latest {
    entry: Entry,
    propagation: String,
    complete: bool,
}

pub(super) async fn show(visit: Visit) -> Result<Response, ApiError> {
    let (state, fleet) = (visit.state(), Fleet::of(&visit).await);
    let history = visit.app.control.history(HistoryQuery { before: None, limit: READ }).await?;
    let authors = Authors::of(history.commits.iter().map(|commit| &**commit));
    let mut unusual = unusual::all(&visit, &state, &authors);
    let more = unusual.len().saturating_sub(MOST);
    unusual.truncate(MOST);
    let seen = |record: &Record| !record.action.is_routine() && may_see(&visit.principal, record);
    let latest = history.commits.iter().filter_map(|commit| {
        let entry = Entry::of_those(commit, visit.now, seen)?;
        let (propagation, complete) = fleet.propagation(commit);
        Some(Latest { entry, propagation, complete })
    });
    let latest = latest.take(LATEST).collect();
    let services = state.services.iter().map(|(service, known)| {
        let standing = fleet.standing(service.as_str());
        let words = format!("{}, {}", counted(known.routes.len(), "route"), standing.words);
        let lately = visit.app.traffic.lately_of_all(service, visit.now);
        Service { name: service.to_string(), words, behind: standing.behind, spark: lately.as_ref().map(spark) }
    });
    let span = Window::Hour.fine(visit.now);
    let traffic = visit.app.traffic.read(span, |_, _| true, |of| state.services.contains_key(of));
    let marks = Marks::since(&visit, span.start(), Concern::default()).await?;
    page(&OverviewPage {
        frame: Frame::with(&visit, &state, Section::Overview, &fleet).await,
        causes: unusual::causes(&visit, &state),
        unusual,
        more,
        planned: planned(&visit, &state),
        services: services.collect(),
        latest,
        chart: Chart::of(&traffic, "traffic", marks),
        day: Day::around_now(&visit).await?,
        series: SERIES,
    })
}

/// The windows that open within a day, the next first.
fn planned(visit: &Visit, state: &State) -> Vec<Planned> {
    let horizon = visit.now.saturating_add(SignedDuration::from_hours(24)).unwrap_or(visit.now);
    let mut planned = Vec::new();
    for (service, known) in &state.services {
        for (local, route) in &known.routes {
            let key = RouteKey::new(service.clone(), local.clone());
            let soon = route.windows.iter().filter(|window| visit.now < window.start && window.start < horizon);
            planned.extend(soon.map(|window| Planned {
                id: path_key(&key.to_string()),
                name: format!("{} of {service}", route_name(&key)),
                start: Moment(window.start),
                end: Moment(window.end),
                when: distance(window.start, visit.now),
                reason: window.reason.clone(),
            }));
        }
    }
    planned.sort_by_key(|planned| planned.start.0);
    planned
}
