//! Applies what the store has committed, in order, by whichever node.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use waygate_core::{Commit, State};
use waygate_store::{HistoryQuery, StoreError, WatchError};

use crate::control::{Inner, feed};

/// How long to wait before the store is watched again after it failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Follows until everything that was committed is shown.
pub(super) async fn run(inner: Arc<Inner>) {
    while !inner.written.is_cancelled() {
        let trouble = tokio::select! {
            trouble = follow(&inner) => trouble,
            () = inner.written.cancelled() => return,
        };
        inner.metrics.cannot_follow(&trouble);
        let reload = matches!(trouble, WatchError::Compacted { .. } | WatchError::OtherHistory { .. });
        if reload {
            match reload_all(&inner).await {
                Ok(()) => continue,
                Err(error) => report(&inner, &error.into()),
            }
        } else {
            report(&inner, &trouble);
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = inner.written.cancelled() => return,
        }
    }
}

async fn follow(inner: &Inner) -> WatchError {
    let after = inner.state.load().cursor.clone();
    let mut commits = match inner.store.watch(&after).await {
        Ok(commits) => commits,
        Err(error) => return error,
    };
    inner.trouble.send_if_modified(|trouble| trouble.take().is_some());
    while let Some(commit) = commits.next().await {
        let applied = match commit {
            Ok(commit) => apply(inner, &commit),
            Err(error) => Err(error),
        };
        if let Err(error) = applied {
            return error;
        }
    }
    WatchError::Store(StoreError::Unavailable("the watch has ended".to_owned()))
}

fn apply(inner: &Inner, commit: &Arc<Commit>) -> Result<(), WatchError> {
    let mut state = State::clone(&inner.state.load());
    let other = || WatchError::OtherHistory { after: inner.state.load().cursor.clone() };
    // The number alone does not tell: a history that was rolled back has it again.
    if !commit.follows(&state.cursor) {
        return Err(other());
    }
    state.apply(commit).map_err(|_| other())?;
    publish(inner, Arc::new(state), |feed, state| feed.push(commit, state));
    inner.metrics.commits.at([commit.draft.cause.platform.as_str()]).inc();
    Ok(())
}

async fn reload_all(inner: &Inner) -> Result<(), StoreError> {
    let state = Arc::new(inner.store.load().await?);
    let past = inner.store.history(HistoryQuery { before: None, limit: feed::Bounds::default().commits }).await?;
    tracing::warn!(cursor = %state.cursor, "the store's history does not continue ours: loaded it anew");
    publish(inner, state, |feed, state| feed.reset(state, past));
    inner.metrics.histories_reloaded.count();
    Ok(())
}

/// State first, then the feed, then those who wait for the revision: whoever is woken finds everything in place.
fn publish(inner: &Inner, state: Arc<State>, feed: impl FnOnce(&feed::Feed, Arc<State>)) {
    let revision = state.cursor.revision;
    inner.state.store(state.clone());
    feed(&inner.feed, state);
    inner.revision.send_replace(revision);
}

fn report(inner: &Inner, trouble: &WatchError) {
    let text = trouble.to_string();
    tracing::warn!(error = %text, "the store cannot be followed; trying again");
    inner.trouble.send_replace(Some(text));
}
