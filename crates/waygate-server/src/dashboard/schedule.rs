//! What is planned, and what ends by itself: a list, seven days or a month of it, and what there was.

mod bar;
pub(super) mod calendar;
mod day;
mod month;
mod past;
pub(super) mod plan;
mod timeline;
pub(super) mod window;

use askama::Template;
use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan as _};
use waygate_api::paths::{path_key, percent_encoded};
use waygate_api::schedules::{Scheduled, ScheduledKind};

use self::bar::{Bar, Stage};
pub(super) use self::day::Day;
use self::month::Week;
use self::timeline::Timeline;
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
    /// Where a window is planned, for that service.
    new: String,
    /// The same list for a calendar.
    calendar: String,
    rows: Vec<Row>,
    /// Where seven days and a month are to be had, and which of them this is.
    views: [View; 2],
    previous: String,
    next: String,
    /// What is drawn.
    title: String,
    timeline: Option<Timeline>,
    weeks: Vec<Week>,
    past: Vec<Over>,
    /// Whether the log was read to its end, or to the end of what is listed.
    past_is_whole: bool,
}

struct View {
    name: &'static str,
    href: String,
    current: bool,
}

/// A window that is over.
struct Over {
    bar: Bar,
    start: Moment,
    end: Moment,
}

struct Row {
    key: String,
    what: String,
    link: Option<String>,
    /// Its own page, where it has one.
    own: Option<String>,
    kind: Option<Kind>,
    open: bool,
    shadow: bool,
    start: Option<Moment>,
    end: Moment,
    when: String,
    length: Option<String>,
    reason: String,
    planned: Option<(String, Moment)>,
    /// Another window of the same route is in force for a part of the time.
    overlaps: bool,
    /// What can be done to it: where, and the word for it.
    actions: Vec<(String, &'static str)>,
}

/// What is drawn: seven days, or a month.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Days,
    Month,
}

pub(super) async fn list(visit: Visit) -> Result<Response, ApiError> {
    let state = visit.state();
    let service = visit.parameters.service().ok().flatten().filter(|service| state.services.contains_key(service));
    let planned = schedules::planned(&visit.app, &visit.principal, service.as_ref(), None, visit.now).await?;
    let (past, past_is_whole) = past::windows(&visit, service.as_ref(), past::BACK, past::TIMES).await?;
    let bars: Vec<Bar> = planned.iter().map(|scheduled| Bar::of(&visit, scheduled)).chain(past.clone()).collect();
    let shape = if visit.parameters.text("view") == Some("month") { Shape::Month } else { Shape::Days };
    let today = TimeZone::UTC.to_datetime(visit.now).date();
    let from = visit.parameters.filter("from").and_then(|from| from.parse().ok()).unwrap_or(today);
    let from = if shape == Shape::Month { from.first_of_month() } else { from };
    let href = |shape, from: Option<Date>| {
        let mut query = Vec::new();
        query.extend(service.as_ref().map(|service| format!("service={}", percent_encoded(service.as_str()))));
        query.extend((shape == Shape::Month).then(|| "view=month".to_owned()));
        query.extend(from.map(|from| format!("from={from}")));
        let query = query.join("&");
        format!("{}/schedule{}{query}", visit.base, if query.is_empty() { "" } else { "?" })
    };
    let moved = |by: Span| href(shape, Some(from.checked_add(by).unwrap_or(from)));
    let step = if shape == Shape::Month { 1.month() } else { 7.days() };
    let view = |name, own| View { name, href: href(own, None), current: shape == own };
    let over = |bar: Bar| Over { start: Moment(bar.start), end: Moment(bar.end), bar };
    let of = service.as_ref().map(|service| format!("?service={}", percent_encoded(service.as_str())));
    let of = of.unwrap_or_default();
    page(&SchedulePage {
        frame: Frame::of(&visit, &state, Section::Schedule).await,
        services: state.services.keys().map(ToString::to_string).collect(),
        rows: planned.iter().map(|scheduled| Row::of(&visit, scheduled, &planned)).collect(),
        views: [view("7 days", Shape::Days), view("Month", Shape::Month)],
        previous: moved(-step),
        next: moved(step),
        title: match shape {
            Shape::Days => format!("7 days from {}", from.strftime("%-d %B %Y")),
            Shape::Month => from.strftime("%B %Y").to_string(),
        },
        timeline: (shape == Shape::Days).then(|| Timeline::of(&bars, from, visit.now)),
        weeks: if shape == Shape::Month { month::weeks(&bars, from, today) } else { Vec::new() },
        past: past.into_iter().map(over).collect(),
        past_is_whole,
        new: format!("/schedule/new{of}"),
        calendar: format!("/schedule/calendar.ics{of}"),
        service: service.map(|service| service.to_string()),
    })
}

/// What something planned is about, in words.
fn subject(scheduled: &Scheduled) -> String {
    let what = match (&scheduled.route, &scheduled.service) {
        (Some(route), _) => route.clone(),
        (None, Some(service)) => format!("the service {service}"),
        (None, None) => "everything".to_owned(),
    };
    if scheduled.status.is_none() { format!("Rate limit of {what}") } else { what }
}

impl Row {
    fn of(visit: &Visit, scheduled: &Scheduled, all: &[Scheduled]) -> Self {
        let next = scheduled.start.filter(|_| !scheduled.open).unwrap_or(scheduled.end);
        let what = subject(scheduled);
        let overlaps = scheduled.start.is_some_and(|start| {
            let same = |other: &&Scheduled| other.route == scheduled.route && other.id != scheduled.id;
            let windows = all.iter().filter(same).filter_map(|other| Some((other.start?, other.end)));
            windows.into_iter().any(|(other, end)| start < end && other < scheduled.end)
        });
        Self {
            key: path_key(&format!("{:?} {what} {:?}", scheduled.kind, scheduled.id)),
            what,
            link: scheduled.route.as_deref().map(|route| format!("/routes/{}", path_key(route))),
            own: scheduled.route.as_deref().zip(scheduled.id).map(|(route, id)| window::path_of(&path_key(route), id)),
            kind: scheduled.status.map(Kind),
            open: scheduled.open,
            shadow: scheduled.shadow,
            start: scheduled.start.map(Moment),
            end: Moment(scheduled.end),
            when: format!("{} {}", if scheduled.open { "ends" } else { "begins" }, distance(next, visit.now)),
            length: scheduled.start.map(|start| span(scheduled.end.duration_since(start))),
            reason: scheduled.reason.clone(),
            planned: scheduled.planned_by.clone().zip(scheduled.planned_at.map(Moment)),
            overlaps,
            actions: actions(scheduled),
        }
    }
}

/// What can be done to it.
fn actions(scheduled: &Scheduled) -> Vec<(String, &'static str)> {
    let route = scheduled.route.as_deref().map(path_key);
    let scope = match (&route, &scheduled.service) {
        (Some(id), _) => format!("routes/{id}"),
        (None, Some(service)) => format!("services/{service}"),
        (None, None) => "global/all".to_owned(),
    };
    let maintenance = match &scheduled.service {
        Some(service) => format!("/maintenance/{service}"),
        None => "/maintenance".to_owned(),
    };
    match (scheduled.kind, &route, scheduled.id) {
        (ScheduledKind::Window, Some(id), Some(number)) => {
            window::actions(id, number, if scheduled.open { Stage::Running } else { Stage::Upcoming })
        }
        (ScheduledKind::Switch, Some(id), _) => vec![(format!("/routes/{id}/enable"), "Enable now…")],
        (ScheduledKind::Maintenance, ..) => {
            vec![(format!("{maintenance}?edit=1"), "Edit…"), (maintenance, "End now…")]
        }
        (ScheduledKind::RateLimit, ..) => vec![(format!("/limits/{scope}/edit"), "Edit…")],
        (ScheduledKind::Window | ScheduledKind::Switch, ..) => Vec::new(),
    }
}
