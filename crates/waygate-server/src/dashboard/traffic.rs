//! How many requests there were and what became of them.

use askama::Template;
use axum::response::Response;
use waygate_api::paths::{path_key, percent_encoded};
use waygate_api::traffic::{Outcomes, RouteTraffic};
use waygate_core::{RouteKey, ServiceId};

use crate::dashboard::chart::{Chart, SERIES, length, stacked};
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::visit::{Visit, page};
use crate::error::ApiError;
use crate::traffic::Window;

/// How many routes are listed.
const MOST: usize = 50;
/// How many kinds of denials are listed.
const MOST_LIMITS: usize = 20;

#[derive(Template)]
#[template(path = "traffic.html")]
struct TrafficPage {
    frame: Frame,
    services: Vec<String>,
    service: Option<String>,
    windows: Vec<Range>,
    window: &'static str,
    length: &'static str,
    chart: Chart,
    series: [(&'static str, &'static str); 5],
    routes: Vec<Row>,
    more: usize,
    limits: Vec<Limit>,
    /// Services of which nothing is known, although they are registered.
    silent: Vec<String>,
}

struct Range {
    name: &'static str,
    href: String,
    current: bool,
}

struct Row {
    id: Option<String>,
    service: String,
    name: String,
    counts: [u64; 5],
    stamp: String,
}

/// A limit, and how many requests it stopped.
struct Limit {
    service: String,
    policy: String,
    quota: String,
    by: String,
    count: u64,
}

pub(super) async fn show(visit: Visit) -> Result<Response, ApiError> {
    let state = visit.state();
    let service = visit.parameters.service().ok().flatten().filter(|service| state.services.contains_key(service));
    let window = visit.parameters.text("window").and_then(Window::parse).unwrap_or(Window::Quarter);
    let is_wanted = |of: &ServiceId| state.services.contains_key(of) && service.as_ref().is_none_or(|only| only == of);
    let view = visit.app.traffic.read(window, visit.now, |_, _| true, is_wanted);
    let counted = |of: &str| view.services.iter().any(|seen| seen.service == of && is_counted(seen));
    let silent = state.services.keys().filter(|of| is_wanted(of) && !counted(of.as_str())).map(ToString::to_string);
    let query = service.as_ref().map(|service| format!("&service={}", percent_encoded(service.as_str())));
    let range = |of: Window| Range {
        name: of.as_str(),
        href: format!("{}/traffic?window={}{}", visit.base, of.as_str(), query.as_deref().unwrap_or_default()),
        current: of == window,
    };
    page(&TrafficPage {
        frame: Frame::of(&visit, &state, Section::Traffic).await,
        services: state.services.keys().map(ToString::to_string).collect(),
        silent: silent.collect(),
        limits: limits(&visit, &is_wanted),
        windows: Window::ALL.map(range).into(),
        window: window.as_str(),
        length: length(window.as_str()),
        chart: Chart::of(&view, "traffic"),
        series: SERIES,
        more: view.routes.len().saturating_sub(MOST),
        routes: view.routes.into_iter().take(MOST).map(Row::of).collect(),
        service: service.map(|service| service.to_string()),
    })
}

fn is_counted(seen: &waygate_api::traffic::ServiceTraffic) -> bool {
    seen.measured_seconds > 0 || seen.counts != Outcomes::default()
}

impl Row {
    fn of(route: RouteTraffic) -> Self {
        let RouteTraffic { service, method, path, counts } = route;
        let key: Option<RouteKey> = format!("{service}:{method}:{path}").parse().ok();
        let id = key.filter(|_| !path.is_empty()).map(|key| path_key(&key.to_string()));
        let name = if path.is_empty() { "no known route".to_owned() } else { format!("{method} {path}") };
        let counts = stacked(counts);
        Self { id, service, name, counts, stamp: counts.map(|count| count.to_string()).join(" ") }
    }
}

/// The limits that have stopped the most, of those denials that are still kept.
fn limits(visit: &Visit, is_wanted: &impl Fn(&ServiceId) -> bool) -> Vec<Limit> {
    let of_wanted = |service: Option<&str>| {
        service.and_then(|service| service.parse().ok()).is_some_and(|service| is_wanted(&service))
    };
    let hits = visit.app.hits.latest(crate::hits::MOST, |hit| of_wanted(hit.service.as_deref()) && !hit.shadow);
    let mut sums: std::collections::BTreeMap<[String; 4], u64> = std::collections::BTreeMap::new();
    for hit in hits {
        let tier = hit.tier.map(|tier| format!(" (tier {tier})")).unwrap_or_default();
        let kind = [hit.service.unwrap_or_default(), hit.policy, format!("{}{tier}", hit.limit), hit.key];
        *sums.entry(kind).or_default() += hit.count;
    }
    let limit = |([service, policy, quota, by], count): ([String; 4], u64)| Limit { service, policy, quota, by, count };
    let mut limits: Vec<Limit> = sums.into_iter().map(limit).collect();
    limits.sort_by_key(|limit| std::cmp::Reverse(limit.count));
    limits.truncate(MOST_LIMITS);
    limits
}
