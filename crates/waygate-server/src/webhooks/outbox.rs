//! The log of commits, read forwards from a place in it.

use std::sync::Arc;

use waygate_core::{Commit, Cursor, Revision, Webhook};
use waygate_store::{HistoryQuery, StoreError};

use crate::control::ControlPlane;
use crate::webhooks::progress::Progress;

/// How many commits are read at a time.
const PAGE: usize = 100;
/// How many commits are read at a time to find the oldest one.
const LARGE_PAGE: usize = 1000;

/// What comes after a place in the log.
#[derive(Debug)]
pub(super) enum Next {
    /// Nothing yet.
    Nothing,
    /// The commits that follow, oldest first; not empty. They may begin later than right after the place, when what
    /// was between is no longer kept.
    Commits(Vec<Arc<Commit>>),
    /// The place is of another history.
    OtherHistory,
}

/// Reads what comes after `settled`, as far as this node follows. `cursor` is a place that was seen, at or right after it.
///
/// Another node may have been further than this one is: what looks like another history is one only where the store
/// knows no better.
pub(super) async fn after(
    control: &ControlPlane,
    settled: Revision,
    cursor: Option<&Cursor>,
) -> Result<Next, StoreError> {
    match (read(control, settled, cursor).await?, cursor) {
        (Next::OtherHistory, Some(cursor)) => control.catch_up_for(cursor).await?,
        (next, _) => return Ok(next),
    }
    read(control, settled, cursor).await
}

async fn read(control: &ControlPlane, settled: Revision, cursor: Option<&Cursor>) -> Result<Next, StoreError> {
    let head = control.current().cursor.clone();
    if let Some(cursor) = cursor
        && (cursor.epoch != head.epoch
            || cursor.revision > head.revision
            || (cursor.revision == head.revision && *cursor != head))
    {
        return Ok(Next::OtherHistory);
    }
    if settled >= head.revision {
        return Ok(Next::Nothing);
    }
    // One more than a page: the commit at the place itself, to compare it.
    let before = Revision(settled.0.saturating_add(PAGE as u64 + 1));
    let page = control.history(HistoryQuery { before: Some(before), limit: PAGE + 1 }).await?;
    let mut commits = page.commits;
    if commits.iter().any(|commit| cursor.is_some_and(|cursor| differs(&commit.cursor, cursor))) {
        return Ok(Next::OtherHistory);
    }
    commits.retain(|commit| settled < commit.revision());
    if commits.is_empty() {
        commits = oldest(control, settled).await?;
    }
    // The store is ahead of what follows it: a place beyond the head would be one of another history.
    commits.retain(|commit| commit.revision() <= head.revision);
    commits.reverse();
    Ok(if commits.is_empty() { Next::Nothing } else { Next::Commits(commits) })
}

fn differs(one: &Cursor, other: &Cursor) -> bool {
    one.revision == other.revision && one != other
}

/// The oldest commits that are kept, newest first.
async fn oldest(control: &ControlPlane, settled: Revision) -> Result<Vec<Arc<Commit>>, StoreError> {
    let mut query = HistoryQuery { before: None, limit: LARGE_PAGE };
    loop {
        let page = control.history(query).await?;
        query.before = page.commits.last().map(|commit| commit.revision());
        if !page.more || query.before.is_none() {
            let mut commits = page.commits;
            commits.retain(|commit| settled < commit.revision());
            return Ok(commits);
        }
    }
}

/// How many records wait to be delivered, of the commits that are kept.
pub(super) async fn pending(
    control: &ControlPlane,
    webhook: &Webhook,
    progress: &Progress,
) -> Result<usize, StoreError> {
    let settled = progress.settled(webhook);
    let mut query = HistoryQuery { before: None, limit: LARGE_PAGE };
    let mut count = 0;
    loop {
        let page = control.history(query).await?;
        for commit in page.commits.iter().filter(|commit| settled < commit.revision()) {
            let records = commit.draft.records.iter().skip(progress.settled_records(commit));
            count += records.filter(|record| webhook.settings.concerns(record)).count();
        }
        query.before = page.commits.last().map(|commit| commit.revision());
        if !page.more || query.before.is_none_or(|oldest| oldest <= settled) {
            return Ok(count);
        }
    }
}
