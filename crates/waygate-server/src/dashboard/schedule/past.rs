//! Windows that are over, as the log tells.

use jiff::SignedDuration;
use waygate_api::paths::path_key;
use waygate_core::{Change, Commit, Record, Revision, Route, RouteKey, ServiceId, Timestamp, Window};
use waygate_store::HistoryQuery;

use crate::api::audit::may_see;
use crate::dashboard::schedule::bar::Bar;
use crate::dashboard::schedule::window::{path_of, stage_of_gone};
use crate::dashboard::visit::Visit;
use crate::error::ApiError;

/// How far is looked back.
pub(super) const BACK: SignedDuration = SignedDuration::from_hours(31 * 24);
/// How many commits are read at a time, and how often.
const READ: usize = 1000;
pub(super) const TIMES: usize = 5;
/// How many are listed.
const MOST: usize = 100;

/// The windows that have ended or were taken back in a time up to now, the latest first, and whether that is all there is
/// to tell.
pub(super) async fn windows(
    visit: &Visit,
    service: Option<&ServiceId>,
    back: SignedDuration,
    times: usize,
) -> Result<(Vec<Bar>, bool), ApiError> {
    let oldest = visit.now - back;
    let mut found = Vec::new();
    let mut before: Option<Revision> = None;
    for _ in 0..times {
        let page = visit.app.control.history(HistoryQuery { before, limit: READ }).await?;
        for commit in &page.commits {
            if commit.draft.cause.at < oldest || found.len() >= MOST {
                let is_whole = found.len() < MOST;
                return Ok((found, is_whole));
            }
            for (position, record) in commit.draft.records.iter().enumerate() {
                if let Some((key, gone)) =
                    gone(record).filter(|(key, _)| service.is_none_or(|only| *only == key.service))
                    && may_see(&visit.principal, record)
                    && !is_moved(commit, position, key)
                {
                    found.extend(gone.map(|window| bar(visit, key, window, commit.draft.cause.at)));
                }
            }
        }
        before = page.commits.last().map(|commit| commit.revision());
        if !page.more {
            return Ok((found, true));
        }
    }
    Ok((found, false))
}

/// The windows that a record has taken away.
fn gone(record: &Record) -> Option<(&RouteKey, impl Iterator<Item = &Window>)> {
    let Change::RouteSet { key, route } = &record.change else { return None };
    let Some(Change::RouteSet { route: before, .. }) = record.before.first() else { return None };
    let is_gone = |window: &&Window| !has(route, window);
    Some((key, before.windows.iter().filter(is_gone)))
}

fn has(route: &Route, window: &Window) -> bool {
    route.windows.iter().any(|known| known.id == window.id)
}

/// Whether the same commit plans another window in its place.
fn is_moved(commit: &Commit, position: usize, key: &RouteKey) -> bool {
    commit.draft.records.iter().skip(position + 1).any(|record| match (&record.change, record.before.first()) {
        (Change::RouteSet { key: other, route }, Some(Change::RouteSet { route: before, .. })) => {
            other == key && before.windows.len() < route.windows.len()
        }
        _ => false,
    })
}

fn bar(visit: &Visit, key: &RouteKey, window: &Window, at: Timestamp) -> Bar {
    let (stage, end) = stage_of_gone(window, at);
    Bar {
        what: key.to_string(),
        link: Some(format!("{}{}", visit.base, path_of(&path_key(&key.to_string()), window.id))),
        start: window.start,
        end,
        stage,
        reason: window.reason.clone(),
    }
}
