//! What is planned, and what ends by itself.

use askama::Template;
use axum::response::Response;
use waygate_api::paths::path_key;
use waygate_api::schedules::{Scheduled, ScheduledKind};

use crate::api::schedules;
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::{Kind, Moment, distance, span};
use crate::error::ApiError;

#[derive(Template)]
#[template(path = "schedule.html")]
struct SchedulePage {
    frame: Frame,
    services: Vec<String>,
    service: Option<String>,
    rows: Vec<Row>,
}

struct Row {
    key: String,
    what: String,
    link: Option<String>,
    kind: Option<Kind>,
    open: bool,
    shadow: bool,
    start: Option<Moment>,
    end: Moment,
    when: String,
    length: Option<String>,
    reason: String,
    planned: Option<(String, Moment)>,
    /// Where it is edited.
    edit: Option<String>,
    /// Where it is ended or taken back, and the word for it.
    cancel: Option<(String, &'static str)>,
}

pub(super) async fn list(visit: Visit) -> Result<Response, ApiError> {
    let state = visit.state();
    let service = visit.parameters.service().ok().flatten().filter(|service| state.services.contains_key(service));
    let planned = schedules::planned(&visit.app, &visit.principal, service.as_ref(), None, visit.now).await?;
    page(&SchedulePage {
        frame: Frame::of(&visit, &state, Section::Schedule).await,
        services: state.services.keys().map(ToString::to_string).collect(),
        service: service.map(|service| service.to_string()),
        rows: planned.into_iter().map(|scheduled| Row::of(&visit, scheduled)).collect(),
    })
}

impl Row {
    fn of(visit: &Visit, scheduled: Scheduled) -> Self {
        let next = scheduled.start.filter(|_| !scheduled.open).unwrap_or(scheduled.end);
        let id = scheduled.route.as_deref().map(path_key);
        let what = match (&scheduled.route, &scheduled.service) {
            (Some(route), _) => route.clone(),
            (None, Some(service)) => format!("the service {service}"),
            (None, None) => "everything".to_owned(),
        };
        let cancel = match (scheduled.kind, &id, &scheduled.service) {
            (ScheduledKind::Window, Some(id), _) => {
                let window = scheduled.id.map(|window| format!("?window={window}")).unwrap_or_default();
                Some((format!("/routes/{id}/unschedule{window}"), if scheduled.open { "End now…" } else { "Cancel…" }))
            }
            (ScheduledKind::Switch, Some(id), _) => Some((format!("/routes/{id}/enable"), "Enable now…")),
            (ScheduledKind::Maintenance, _, Some(service)) => Some((format!("/maintenance/{service}"), "End now…")),
            (ScheduledKind::Maintenance, _, None) => Some(("/maintenance".to_owned(), "End now…")),
            (ScheduledKind::RateLimit, Some(id), _) => Some((format!("/limits/routes/{id}"), "Edit…")),
            (ScheduledKind::RateLimit, None, Some(service)) => Some((format!("/limits/services/{service}"), "Edit…")),
            (ScheduledKind::RateLimit, None, None) => Some(("/limits/global/all".to_owned(), "Edit…")),
            (ScheduledKind::Window | ScheduledKind::Switch, None, _) => None,
        };
        let edit = match (scheduled.kind, &id, scheduled.id) {
            (ScheduledKind::Window, Some(id), Some(window)) => Some(format!("/routes/{id}/reschedule?window={window}")),
            _ => None,
        };
        let kind = scheduled.status.map(Kind);
        Self {
            key: path_key(&format!("{:?} {what} {:?}", scheduled.kind, scheduled.id)),
            what: if kind.is_none() { format!("Rate limit of {what}") } else { what },
            link: id.map(|id| format!("/routes/{id}")),
            kind,
            open: scheduled.open,
            shadow: scheduled.shadow,
            start: scheduled.start.map(Moment),
            end: Moment(scheduled.end),
            when: format!("{} {}", if scheduled.open { "ends" } else { "begins" }, distance(next, visit.now)),
            length: scheduled.start.map(|start| span(scheduled.end.duration_since(start))),
            reason: scheduled.reason,
            planned: scheduled.planned_by.zip(scheduled.planned_at.map(Moment)),
            edit,
            cancel,
        }
    }
}
