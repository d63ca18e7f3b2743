//! Watching.

use std::sync::Arc;

use waygate_core::{Cursor, Lineage, Revision};

use super::{ALL, Subject, commit_in_the_end, draft, fold, next, take};
use crate::WatchError;

/// How many commits a store keeps that is to lose some.
const FEW: usize = 5;
/// So many commits that a store which keeps few has let go of the oldest.
const MANY: u64 = 1000;

/// From every place, the newest included, a watcher gets exactly what follows, and then live commits.
pub async fn a_watch_begins_at_every_cursor(make: impl AsyncFn(usize) -> Subject) {
    let subject = make(ALL).await;
    let start = subject.cursor().await;
    let mut commits = subject.commit(1..=4).await;
    commits.extend(subject.commit(5..=6).await);
    let places: Vec<Cursor> =
        std::iter::once(start).chain(commits.iter().map(|commit| commit.cursor.clone())).collect();
    let mut watches = Vec::new();
    for place in &places {
        watches.push(subject.store.watch(place).await.unwrap());
    }
    commits.extend(subject.commit([7]).await);
    for (number, watch) in watches.iter_mut().enumerate() {
        assert_eq!(take(watch, commits.len() - number).await, commits[number..]);
    }
}

/// A cursor that is ahead, of another epoch or of another lineage leads nowhere.
pub async fn a_watch_of_another_history_is_refused(make: impl AsyncFn(usize) -> Subject) {
    let subject = make(ALL).await;
    let start = subject.cursor().await;
    let middle = subject.commit([1]).await[0].cursor.clone();
    let newest = subject.commit([2]).await[0].cursor.clone();
    let bad = [
        Cursor { revision: newest.revision.next(), ..newest.clone() },
        Cursor { revision: Revision(u64::MAX), ..newest.clone() },
        Cursor { epoch: "otherhistory".parse().unwrap(), ..middle.clone() },
        Cursor { lineage: Lineage(middle.lineage.0 ^ 1), ..middle.clone() },
        Cursor { lineage: Lineage(1), ..start },
        Cursor { lineage: middle.lineage, ..newest },
    ];
    for after in bad {
        let refused = subject.store.watch(&after).await.err();
        assert!(matches!(refused, Some(WatchError::OtherHistory { .. })), "{after}: {refused:?}");
    }
}

/// What is no longer kept is said to be gone; the oldest that is kept can still be followed.
pub async fn a_watch_from_before_the_log_is_refused(make: impl AsyncFn(usize) -> Subject) {
    let subject = make(FEW).await;
    let start = subject.cursor().await;
    let first = subject.commit([0]).await[0].cursor.clone();
    for number in 1..MANY / 10 {
        subject.commit(number * 10..number * 10 + 10).await;
    }
    for after in [start, first] {
        let refused = subject.store.watch(&after).await.err();
        assert!(matches!(refused, Some(WatchError::Compacted { .. })), "{after}: {refused:?}");
    }
    let kept = subject.page(None, ALL).await;
    assert!(!kept.more);
    assert!(kept.commits.len() >= FEW, "{} commits are kept", kept.commits.len());
    let oldest = kept.commits.last().unwrap();
    let mut watch = subject.store.watch(&oldest.cursor).await.unwrap();
    let followed = take(&mut watch, kept.commits.len() - 1).await;
    assert!(followed.iter().eq(kept.commits.iter().rev().skip(1)));
}

/// A watcher that does not keep up costs nothing: it is told to load again, after a gapless beginning.
pub async fn a_watcher_that_falls_behind_is_told(make: impl AsyncFn(usize) -> Subject) {
    let subject = make(FEW).await;
    let start = subject.cursor().await;
    let mut watch = subject.store.watch(&start).await.unwrap();
    for number in 0..MANY / 10 {
        subject.commit(number * 10..number * 10 + 10).await;
    }
    let mut expected = start.revision;
    let told = loop {
        match next(&mut watch).await {
            Ok(commit) => {
                expected = expected.next();
                assert_eq!(commit.revision(), expected);
            }
            Err(error) => break error,
        }
    };
    assert!(matches!(told, WatchError::Compacted { .. }), "{told:?}");
}

/// Watchers that begin at any moment, while others commit, all see one gapless history.
pub async fn catching_up_and_live_commits_meet(make: impl AsyncFn(usize) -> Subject) {
    const WRITERS: u64 = 4;
    const EACH: u64 = 25;
    let subject = make(ALL).await;
    let start = subject.cursor().await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = subject.store();
            tokio::spawn(async move {
                for number in 0..EACH {
                    commit_in_the_end(&*store, draft(writer * EACH + number)).await;
                }
            })
        })
        .collect();
    let mut watchers = Vec::new();
    for _ in 0..12 {
        let state = subject.store.load().await.unwrap();
        let mut watch = subject.store.watch(&state.cursor).await.unwrap();
        watchers.push(tokio::spawn(async move {
            let mut state = state;
            while state.cursor.revision < Revision(WRITERS * EACH) {
                state.apply(&next(&mut watch).await.unwrap()).unwrap();
            }
            state
        }));
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let mut watch = subject.store.watch(&start).await.unwrap();
    let commits: Vec<Arc<_>> = take(&mut watch, usize::try_from(WRITERS * EACH).unwrap()).await;
    let expected = fold(start, &commits);
    assert_eq!(subject.store.load().await.unwrap(), expected);
    for watcher in watchers {
        assert_eq!(watcher.await.unwrap(), expected);
    }
}
