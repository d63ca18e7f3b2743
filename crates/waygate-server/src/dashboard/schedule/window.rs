//! One planned maintenance of a route: what it is, what comes of it, what was done about it, also once it is over.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use waygate_api::error::ErrorCode;
use waygate_api::paths;
use waygate_core::{Change, Commit, Lifecycle, LifecycleKind, LocalKey, Revision, Route, RouteKey, ServiceId, Window};
use waygate_store::HistoryQuery;

use crate::api::audit::may_see;
use crate::dashboard::audit::Entry;
use crate::dashboard::fleet::Fleet;
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::schedule::bar::Stage;
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::{Kind, Moment, counted, distance, route_name, span};
use crate::error::ApiError;
use crate::traffic::Span;

/// How many commits are read at a time, and how often.
const READ: usize = 1000;
const TIMES: usize = 5;

#[derive(Template)]
#[template(path = "window.html")]
struct WindowPage {
    frame: Frame,
    name: String,
    /// The page of the route, below the base.
    route: String,
    stage: Stage,
    when: String,
    start: Moment,
    end: Moment,
    length: String,
    reason: String,
    shadow: bool,
    /// What the route is once it is over; `None` where it is over already, or the route is gone.
    afterwards: Option<Kind>,
    instances: String,
    met: String,
    /// Other windows of the route that overlap it.
    overlaps: Vec<(String, Moment, Moment)>,
    /// The window that was planned in its place.
    instead: Option<String>,
    actions: Vec<(String, &'static str)>,
    history: Vec<Entry>,
}

/// What the log tells of a window.
#[derive(Default)]
struct Told {
    history: Vec<Entry>,
    /// The window as it was when it went, when that was, and what was planned in its place.
    gone: Option<(Window, Timestamp, Option<u32>)>,
}

pub(in crate::dashboard) async fn show(
    visit: Visit,
    Path((route, number)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let not_found = || {
        let error = format!("there is no window `{number}` of that route in the history that is kept");
        ApiError::new(StatusCode::NOT_FOUND, ErrorCode::UnknownPath, error)
    };
    let key: RouteKey = paths::key_of_path(&route).and_then(|key| key.parse().ok()).ok_or_else(not_found)?;
    let number: u32 = number.parse().map_err(|_| not_found())?;
    let (state, fleet) = (visit.state(), Fleet::of(&visit).await);
    let known = state.route(&key).map(|route| &**route);
    let told = Told::of(&visit, &key, number).await?;
    let planned = known.and_then(|route| route.windows.iter().find(|window| window.id == number));
    let (window, stage, end, instead) = match (planned, told.gone) {
        (Some(window), _) => (window.clone(), stage(window, visit.now), window.end, None),
        (None, Some((window, at, instead))) => {
            let (stage, end) = stage_of_gone(&window, at);
            (window, stage, end, instead)
        }
        (None, None) => return Err(not_found()),
    };
    let is_there = planned.is_some();
    let at = |at: Timestamp| distance(at, visit.now);
    let when = match stage {
        Stage::Upcoming => format!("begins {}", at(window.start)),
        Stage::Running => format!("ends {}", at(end)),
        Stage::Done | Stage::Ended => format!("ended {}", at(end)),
        Stage::Cancelled => "never began".to_owned(),
    };
    let other = |other: &&Window| other.id != number && other.start < window.end && window.start < other.end;
    let others = known.filter(|_| is_there).into_iter().flat_map(|route| &route.windows).filter(other);
    page(&WindowPage {
        name: format!("{} of {}", route_name(&key), key.service),
        route: format!("/routes/{route}"),
        stage,
        when,
        start: Moment(window.start),
        end: Moment(end),
        length: span(end.duration_since(window.start)),
        reason: window.reason.clone(),
        shadow: window.enforcement.is_shadow(),
        afterwards: known.filter(|_| is_there).map(outside),
        instances: counted(fleet.count(key.service.as_str()), "instance"),
        met: met(&visit, &key, &window, stage, end),
        overlaps: others.map(|other| (path_of(&route, other.id), Moment(other.start), Moment(other.end))).collect(),
        instead: instead.map(|id| path_of(&route, id)),
        actions: if is_there && visit.may_operate() { actions(&route, number, stage) } else { Vec::new() },
        history: told.history,
        frame: Frame::with(&visit, &state, Section::Schedule, &fleet).await,
    })
}

/// The address of a window's page, below the base.
pub(in crate::dashboard) fn path_of(route: &str, id: u32) -> String {
    format!("/schedule/{route}/{id}")
}

impl Told {
    async fn of(visit: &Visit, key: &RouteKey, number: u32) -> Result<Self, ApiError> {
        let mut told = Self::default();
        let mut before: Option<Revision> = None;
        for _ in 0..TIMES {
            let page = visit.app.control.history(HistoryQuery { before, limit: READ }).await?;
            for commit in &page.commits {
                if told.take(visit, commit, key, number) {
                    return Ok(told);
                }
            }
            before = page.commits.last().map(|commit| commit.revision());
            if !page.more {
                break;
            }
        }
        Ok(told)
    }

    /// Takes what a commit tells; whether it is the one that has planned it.
    fn take(&mut self, visit: &Visit, commit: &Commit, key: &RouteKey, number: u32) -> bool {
        for record in &commit.draft.records {
            let Change::RouteSet { key: own, route } = &record.change else { continue };
            if own != key || !may_see(&visit.principal, record) {
                continue;
            }
            let earlier = match record.before.first() {
                Some(Change::RouteSet { route, .. }) => Some(&**route),
                _ => None,
            };
            let (was, is) = (earlier.and_then(|route| find(route, number)), find(route, number));
            if was.is_none() == is.is_none() {
                continue;
            }
            self.history.push(Entry::of(commit, record, visit.now));
            if let (Some(was), None) = (was, is) {
                let instead = instead(commit, key, was.id);
                self.gone.get_or_insert((was.clone(), commit.draft.cause.at, instead));
            } else {
                return true;
            }
        }
        false
    }
}

fn find(route: &Route, number: u32) -> Option<&Window> {
    route.windows.iter().find(|window| window.id == number)
}

/// The window of the route that the same commit has planned.
fn instead(commit: &Commit, key: &RouteKey, gone: u32) -> Option<u32> {
    let mut planned = commit.draft.records.iter().filter_map(|record| match (&record.change, record.before.first()) {
        (Change::RouteSet { key: own, route }, Some(Change::RouteSet { route: before, .. })) if own == key => {
            route.windows.iter().map(|window| window.id).find(|id| *id != gone && find(before, *id).is_none())
        }
        _ => None,
    });
    planned.next_back()
}

fn stage(window: &Window, now: Timestamp) -> Stage {
    match () {
        () if window.is_open(now) => Stage::Running,
        () if now < window.start => Stage::Upcoming,
        () => Stage::Done,
    }
}

/// What became of a window that went at some time, and when it ended.
pub(super) fn stage_of_gone(window: &Window, at: Timestamp) -> (Stage, Timestamp) {
    if window.end <= at {
        (Stage::Done, window.end)
    } else if window.start <= at {
        (Stage::Ended, at)
    } else {
        (Stage::Cancelled, window.end)
    }
}

/// What a route is outside of its windows.
fn outside(route: &Route) -> Kind {
    Kind(match (&route.base.lifecycle, &route.deprecation) {
        (Lifecycle::Active, Some(_)) => LifecycleKind::Deprecated,
        (lifecycle, _) => lifecycle.kind(),
    })
}

/// What became of the requests in its time, or what there was lately where it has not begun.
fn met(visit: &Visit, key: &RouteKey, window: &Window, stage: Stage, end: Timestamp) -> String {
    let (from, to, words) = match stage {
        Stage::Upcoming => (visit.now - jiff::SignedDuration::from_hours(1), visit.now, "in the last hour"),
        Stage::Cancelled => return "It stopped nothing.".to_owned(),
        Stage::Running | Stage::Done | Stage::Ended => (window.start, end.min(visit.now), "in its time"),
    };
    let Some(span) = Span::between(from, to, visit.now) else {
        return "No data: counts are kept for 24 hours.".to_owned();
    };
    let is_it = |_: &ServiceId, local: Option<&LocalKey>| local == Some(&key.local);
    let seen = visit.app.traffic.read(span, is_it, |service| *service == key.service);
    let measured: Vec<_> = seen.series.iter().filter_map(|point| point.counts).collect();
    if measured.is_empty() {
        return format!("No data: nobody counted requests {words}.");
    }
    let total: u64 = measured.iter().map(waygate_api::traffic::Outcomes::total).sum();
    let (blocked, shadow): (u64, u64) =
        (measured.iter().map(|counts| counts.blocked).sum(), measured.iter().map(|counts| counts.shadow).sum());
    let requests = counted(usize::try_from(total).unwrap_or(usize::MAX), "request");
    match stage {
        Stage::Upcoming => format!("{requests} {words}."),
        _ if window.enforcement.is_shadow() => format!("{requests} {words}; {shadow} would have been stopped."),
        _ => format!("{requests} {words}; {blocked} blocked."),
    }
}

/// What can be done to a window: where, and the word for it.
pub(super) fn actions(route: &str, window: u32, stage: Stage) -> Vec<(String, &'static str)> {
    let edit = format!("/routes/{route}/reschedule?window={window}");
    let cancel = format!("/routes/{route}/unschedule?window={window}");
    match stage {
        Stage::Running => vec![(edit, "Extend…"), (cancel, "End now…")],
        Stage::Upcoming => {
            let begin = format!("{edit}&start=now");
            vec![(edit, "Edit…"), (begin, "Start now…"), (cancel, "Cancel…")]
        }
        Stage::Done | Stage::Ended | Stage::Cancelled => Vec::new(),
    }
}
