//! How many requests there were and what became of them.

mod denied;
mod export;
mod filter;

use askama::Template;
use axum::response::Response;
use waygate_api::paths::path_key;
use waygate_api::traffic::{CallerTraffic, Outcomes, RouteTraffic, ServiceTraffic, TrafficView};
use waygate_core::{RouteKey, State};

use self::denied::{Limit, Sample};
pub(super) use self::export::export;
use self::filter::{Filter, Range};
use crate::dashboard::chart::marks::Marks;
use crate::dashboard::chart::{Chart, SERIES, length, stacked};
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::visit::{Visit, page};
use crate::error::ApiError;

/// What may become of a request, in the words of addresses.
const OUTCOMES: [&str; 5] = ["allowed", "shadow", "limited", "blocked", "gated"];
/// How many routes are listed.
const MOST: usize = 50;
/// How many of those that stop the most.
const MOST_STOPPED: usize = 10;

#[derive(Template)]
#[template(path = "traffic.html")]
struct TrafficPage {
    frame: Frame,
    filter: Filter,
    services: Vec<String>,
    ranges: Vec<Range>,
    title: String,
    chart: Chart,
    series: [(&'static str, &'static str); 5],
    routes: Vec<Row>,
    more: usize,
    stopped: Vec<Row>,
    callers: Vec<CallerTraffic>,
    limits: Vec<Limit>,
    samples: Vec<Sample>,
    /// Services of which nothing is known, although they are registered.
    silent: Vec<String>,
    csv: String,
    json: String,
}

struct Row {
    id: Option<String>,
    service: String,
    name: String,
    counts: [u64; 5],
    stopped: u64,
    stamp: String,
}

pub(super) async fn show(visit: Visit) -> Result<Response, ApiError> {
    let state = visit.state();
    let filter = Filter::of(&visit, &state);
    let view = read(&visit, &state, &filter);
    let counted = |of: &str| view.services.iter().any(|seen| seen.service == of && is_counted(seen));
    let silent = state.services.keys().filter(|of| filter.takes_service(of) && !counted(of.as_str()));
    let silent = silent.map(ToString::to_string).collect();
    let marks = Marks::since(&visit, filter.span.start(), filter.concern()).await?;
    let denied = denied::of(&visit, &filter);
    let fine = if filter.is_custom() { "" } else { "&fine=true" };
    let rows: Vec<Row> = view.routes.iter().map(Row::of).collect();
    let mut stopped: Vec<Row> = view.routes.iter().map(Row::of).filter(|row| row.stopped > 0).collect();
    stopped.sort_by_key(|row| std::cmp::Reverse(row.stopped));
    stopped.truncate(MOST_STOPPED);
    page(&TrafficPage {
        frame: Frame::of(&visit, &state, Section::Traffic).await,
        services: state.services.keys().map(ToString::to_string).collect(),
        silent,
        limits: denied::limits(&denied),
        samples: denied::samples(&visit, denied),
        ranges: filter.ranges(&visit.base),
        title: match length(&view.window) {
            Some(length) => format!("Requests, last {length}"),
            None => "Requests".to_owned(),
        },
        chart: Chart::of(&view, "traffic", marks),
        series: SERIES,
        more: rows.len().saturating_sub(MOST),
        routes: rows.into_iter().take(MOST).collect(),
        stopped,
        csv: format!("{}/traffic/export{}", visit.base, filter.query(None)),
        json: format!("{}/api/traffic{}{fine}", visit.base, filter.query(None)),
        callers: view.callers,
        filter,
    })
}

/// What is asked for, of what the visitor may see.
fn read(visit: &Visit, state: &State, filter: &Filter) -> TrafficView {
    let is_wanted = |of: &_| state.services.contains_key(of) && filter.takes_service(of);
    let view = visit.app.traffic.read(filter.span, |service, key| filter.takes(service, key), is_wanted);
    match filter.outcome.as_str() {
        "" => view,
        outcome => view.clone().only(outcome).unwrap_or(view),
    }
}

fn is_counted(seen: &ServiceTraffic) -> bool {
    seen.measured_seconds > 0 || seen.counts != Outcomes::default()
}

impl Row {
    fn of(route: &RouteTraffic) -> Self {
        let RouteTraffic { service, method, path, counts } = route;
        let key: Option<RouteKey> = format!("{service}:{method}:{path}").parse().ok();
        let id = key.filter(|_| !path.is_empty()).map(|key| path_key(&key.to_string()));
        let name = if path.is_empty() { "no known route".to_owned() } else { format!("{method} {path}") };
        let (stopped, counts) = (counts.stopped(), stacked(*counts));
        let stamp = counts.map(|count| count.to_string()).join(" ");
        Self { id, service: service.clone(), name, counts, stopped, stamp }
    }
}
