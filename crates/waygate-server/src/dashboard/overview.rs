//! The front page: is anything wrong, is anything about to happen, what was done last.

use askama::Template;
use axum::response::Response;
use jiff::SignedDuration;
use waygate_core::{LifecycleKind, RouteKey};

use crate::dashboard::audit::{Entry, read};
use crate::dashboard::chart::{Chart, SERIES};
use crate::dashboard::fleet::Fleet;
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::routes::Row;
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::{Moment, counted, distance, route_name};
use crate::error::ApiError;
use crate::traffic::Window;

/// How many routes that are not as usual are listed.
const MOST: usize = 50;
/// How many of the latest changes are listed.
const LATEST: usize = 8;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    unusual: Vec<Row>,
    more: usize,
    planned: Vec<Planned>,
    services: Vec<Service>,
    latest: Vec<Entry>,
    chart: Chart,
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
}

pub(super) async fn show(visit: Visit) -> Result<Response, ApiError> {
    let (state, fleet) = (visit.state(), Fleet::of(&visit).await);
    let (mut unusual, mut planned) = (Vec::new(), Vec::new());
    let horizon = visit.now.saturating_add(SignedDuration::from_hours(24)).unwrap_or(visit.now);
    for (service, known) in &state.services {
        for (local, route) in &known.routes {
            let key = RouteKey::new(service.clone(), local.clone());
            let row = Row::of(&visit, &state, &fleet, &key, known, route);
            planned.extend(
                route.windows.iter().filter(|window| visit.now < window.start && window.start < horizon).map(
                    |window| Planned {
                        id: row.id.clone(),
                        name: format!("{} of {service}", route_name(&key)),
                        start: Moment(window.start),
                        end: Moment(window.end),
                        when: distance(window.start, visit.now),
                        reason: window.reason.clone(),
                    },
                ),
            );
            if !matches!(row.kind.0, LifecycleKind::Active | LifecycleKind::Deprecated) {
                unusual.push(row);
            }
        }
    }
    unusual.sort_by_key(|row| std::cmp::Reverse(row.changed_at));
    planned.sort_by_key(|planned| planned.start.0);
    let more = unusual.len().saturating_sub(MOST);
    unusual.truncate(MOST);
    let (latest, _) = read(&visit, None, LATEST, |_, record| !record.action.is_routine()).await?;
    let services = state.services.iter().map(|(service, known)| Service {
        name: service.to_string(),
        words: format!("{}, {}", counted(known.routes.len(), "route"), fleet.standing(service.as_str()).words),
    });
    let traffic = visit.app.traffic.read(Window::Quarter, visit.now, |_, _| true, |of| state.services.contains_key(of));
    page(&OverviewPage {
        frame: Frame::with(&visit, &state, Section::Overview, &fleet).await,
        unusual,
        more,
        planned,
        services: services.collect(),
        latest,
        chart: Chart::of(&traffic, "traffic"),
        series: SERIES,
    })
}
