//! One change: who, why, and what it was before and after.

use std::collections::HashSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::SignedDuration;
use waygate_api::error::ErrorCode;
use waygate_core::{Commit, LocalKey, Record, Revision, RouteKey, RouteMethod, Scope, ServiceId, State};
use waygate_store::HistoryQuery;

use crate::api::audit::{Subject, may_see};
use crate::dashboard::audit::Entry;
use crate::dashboard::chart::marks::Marks;
use crate::dashboard::chart::{Chart, SERIES};
use crate::dashboard::difference::{Difference, content, current, differences};
use crate::dashboard::fleet::{Arrival, Fleet, pace};
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::preview::origin;
use crate::dashboard::undo::way_back;
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::sentence;
use crate::error::ApiError;
use crate::traffic::Span;

/// How long before and after a change requests are shown.
const AROUND: SignedDuration = SignedDuration::from_mins(15);

#[derive(Template)]
#[template(path = "change.html")]
struct ChangePage {
    frame: Frame,
    entry: Entry,
    parts: Vec<Part>,
    propagation: String,
    late: bool,
    pace: Option<String>,
    instances: Vec<Arrival>,
    /// The requests a quarter of an hour before and after; `None` where that is too long ago, or it concerns none.
    chart: Option<Chart>,
    series: [(&'static str, &'static str); 5],
    /// Why it cannot be taken back, where it cannot.
    stays: Option<String>,
    previous: Option<u64>,
    next: Option<u64>,
    /// Where it is found, as a whole.
    link: String,
}

/// What one record changed.
pub(super) struct Part {
    pub(super) sentence: String,
    reason: String,
    pub(super) rows: Vec<Difference>,
    /// Its subject is something else by now, and the rows say what.
    moved_on: bool,
}

/// The change of that number, where the visitor may see any of it.
pub(super) async fn commit_of(visit: &Visit, revision: &str) -> Result<Arc<Commit>, ApiError> {
    let not_found = || {
        let error = format!("there is no change `{revision}` in the history that is kept");
        ApiError::new(StatusCode::NOT_FOUND, ErrorCode::UnknownPath, error)
    };
    let number: u64 = revision.trim_start_matches('r').parse().map_err(|_| not_found())?;
    let before = Some(Revision(number.checked_add(1).ok_or_else(not_found)?));
    let history = visit.app.control.history(HistoryQuery { before, limit: 1 }).await?;
    let commit = history.commits.into_iter().next().filter(|commit| commit.revision().0 == number);
    let seen = |commit: &Arc<Commit>| commit.draft.records.iter().any(|record| may_see(&visit.principal, record));
    commit.filter(seen).ok_or_else(not_found)
}

pub(super) async fn show(visit: Visit, Path(revision): Path<String>) -> Result<Response, ApiError> {
    let (state, fleet) = (visit.state(), Fleet::of(&visit).await);
    let commit = commit_of(&visit, &revision).await?;
    let number = commit.revision().0;
    let visible = |record: &Record| may_see(&visit.principal, record);
    let entry = Entry::of_those(&commit, visit.now, visible).ok_or_else(ApiError::internal)?;
    let records = commit.draft.records.iter().filter(|record| visible(record));
    let (propagation, complete) = fleet.propagation(&commit);
    let instances = fleet.arrivals(&visit, &commit);
    page(&ChangePage {
        frame: Frame::with(&visit, &state, Section::Audit, &fleet).await,
        entry,
        parts: records.map(|record| part(record, Some(&state))).collect(),
        propagation,
        late: !complete,
        pace: pace(&instances),
        instances,
        chart: around(&visit, &state, &commit),
        series: SERIES,
        stays: way_back(&state, &commit, "").err(),
        previous: (number > 1).then(|| number - 1),
        next: (number < state.cursor.revision.0).then(|| number + 1),
        link: format!("{}/changes/{number}", origin(&visit)),
    })
}

/// The requests before and after a change: to its routes, or else to the services that it concerns.
fn around(visit: &Visit, state: &State, commit: &Commit) -> Option<Chart> {
    let seen = |record: &&Record| !record.action.is_routine() && may_see(&visit.principal, record);
    let records: Vec<&Record> = commit.draft.records.iter().filter(seen).collect();
    let routes: Option<HashSet<&RouteKey>> = records
        .iter()
        .map(|record| match Subject::of(&record.change) {
            Subject::Route(key) | Subject::RateLimit(Scope::Route(key)) => Some(key),
            _ => None,
        })
        .collect();
    let at = commit.draft.cause.at;
    let (from, until) = (at.checked_sub(AROUND).ok()?, at.checked_add(AROUND).ok()?);
    let span = Span::between(from, until.min(visit.now), visit.now)?;
    let concerned = |service: &ServiceId| state.services.contains_key(service) && commit.concerns(service);
    if records.is_empty() || !state.services.keys().any(concerned) {
        return None;
    }
    let is_it = |service: &ServiceId, local: Option<&LocalKey>| match (&routes, local) {
        (None, _) => true,
        // A limit of all methods is of each of them.
        (Some(routes), Some(local)) => [local.method, RouteMethod::Any]
            .into_iter()
            .any(|method| routes.contains(&RouteKey::new(service.clone(), LocalKey::new(method, local.path.clone())))),
        (Some(_), None) => false,
    };
    let view = visit.app.traffic.read(span, is_it, concerned);
    let entries = Entry::of_those(commit, visit.now, |record| may_see(&visit.principal, record)).into_iter().collect();
    Some(Chart::of(&view, "traffic", Marks { entries, more: false }))
}

/// What a record changed, beside what its subject is in a state.
pub(super) fn part(record: &Record, state: Option<&State>) -> Part {
    let before = record.before.first().map(content).unwrap_or_default();
    let after = content(&record.change);
    let now = state.and_then(|state| current(state, &record.change));
    let mut rows = differences(&before, &after, now.as_ref());
    let moved_on = rows.iter().any(|row| row.now.as_ref().is_some_and(|now| *now != row.after));
    if !moved_on {
        for row in &mut rows {
            row.now = None;
        }
    }
    Part { sentence: sentence(record), reason: record.reason.clone(), rows, moved_on }
}
