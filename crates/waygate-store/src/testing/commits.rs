//! Committing.

use waygate_core::{Commit, Cursor, Lineage, Revision, State};

use super::{ALL, Subject, commit_in_the_end, draft, next};
use crate::{CommitError, StoreError, WatchError};

/// A fresh store is at revision 0 of a history of its own.
pub async fn a_new_store_is_empty(make: impl AsyncFn(usize) -> Subject) {
    let (one, other) = (make(ALL).await, make(ALL).await);
    let state = one.store.load().await.unwrap();
    assert_eq!(state, State::new(Cursor::start_of(state.cursor.epoch.clone())));
    assert!(one.page(None, 10).await.commits.is_empty());
    assert_ne!(state.cursor.epoch, other.cursor().await.epoch);
    assert!(!one.store.describe().is_empty());
}

/// Only the newest cursor is a base: older ones, ones ahead, other lineages and other histories conflict.
pub async fn a_base_that_is_not_the_newest_is_refused(make: impl AsyncFn(usize) -> Subject) {
    let subject = make(ALL).await;
    let start = subject.cursor().await;
    subject.commit([1]).await;
    let newest = subject.commit([2]).await[0].cursor.clone();
    let before = subject.store.load().await.unwrap();
    let bad = [
        start,
        Cursor { revision: newest.revision.next(), ..newest.clone() },
        Cursor { lineage: Lineage(newest.lineage.0 ^ 1), ..newest.clone() },
        Cursor { epoch: "otherhistory".parse().unwrap(), ..newest.clone() },
    ];
    for base in bad {
        let refused = subject.store.commit(&base, vec![draft(3)]).await;
        let Err(CommitError::Conflict { current }) = refused else { panic!("{base}: {refused:?}") };
        assert_eq!(current, newest);
    }
    assert_eq!(subject.store.load().await.unwrap(), before);
    assert_eq!(subject.page(None, 10).await.commits.len(), 2);
    assert_eq!(subject.store.commit(&newest, vec![draft(3)]).await.unwrap()[0].revision(), Revision(3));
}

/// A batch becomes consecutive commits, chained as [`Commit::after`] says; a refused one leaves no trace.
pub async fn a_batch_is_consecutive_and_all_or_nothing(make: impl AsyncFn(usize) -> Subject) {
    let subject = make(ALL).await;
    let start = subject.cursor().await;
    let mut expected = Vec::new();
    let mut cursor = start.clone();
    for number in 1..=3 {
        let commit = Commit::after(&cursor, draft(number));
        cursor = commit.cursor.clone();
        expected.push(commit);
    }
    let commits = subject.commit(1..=3).await;
    assert_eq!(commits.iter().map(|commit| (**commit).clone()).collect::<Vec<_>>(), expected);

    assert!(subject.store.commit(&start, vec![draft(4), draft(5)]).await.is_err());
    assert_eq!(subject.cursor().await, cursor);
    for number in [4, 5] {
        assert_eq!(subject.store.find(&draft(number).id).await.unwrap(), None);
    }
    assert_eq!(subject.store.commit(&cursor, Vec::new()).await.unwrap(), Vec::new());
    assert_eq!(subject.cursor().await, cursor);
}

/// Nothing of a draft is lost: causes, reasons and the way back are there again.
pub async fn commits_come_back_as_they_were_given(make: impl AsyncFn(usize) -> Subject) {
    let subject = make(ALL).await;
    let commits = subject.commit(1..=5).await;
    for (number, commit) in (1..).zip(&commits) {
        assert_eq!(commit.draft, draft(number));
        assert_eq!(subject.store.find(&commit.draft.id).await.unwrap().as_ref(), Some(commit));
    }
    let page = subject.page(None, 5).await;
    assert!(page.commits.iter().rev().eq(&commits));
}

/// Many that commit at once, each on what it believes the newest: each draft is there exactly once.
pub async fn parallel_committers_lose_nothing(make: impl AsyncFn(usize) -> Subject) {
    const WRITERS: u64 = 8;
    const EACH: u64 = 12;
    let subject = make(ALL).await;
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
    for writer in writers {
        writer.await.unwrap();
    }
    let commits = subject.page(None, ALL).await.commits;
    assert!(commits.iter().rev().map(|commit| commit.revision().0).eq(1..=WRITERS * EACH));
    let mut ids: Vec<_> = commits.iter().map(|commit| commit.draft.id.as_str().to_owned()).collect();
    ids.sort_unstable();
    let expected: Vec<_> = (0..WRITERS * EACH).map(|number| String::from(draft(number).id)).collect();
    assert_eq!(ids, expected);
}

/// After [`crate::Store::close`] nothing is committed; watchers get what was, then an end with an error.
pub async fn a_closed_store_refuses_commits_and_ends_watches(make: impl AsyncFn(usize) -> Subject) {
    let subject = make(ALL).await;
    let start = subject.cursor().await;
    let mut watch = subject.store.watch(&start).await.unwrap();
    let newest = subject.commit([1]).await[0].cursor.clone();
    subject.store.close().await.unwrap();
    subject.store.close().await.unwrap();
    let refused = subject.store.commit(&newest, vec![draft(2)]).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    assert_eq!(next(&mut watch).await.unwrap().cursor, newest);
    let ended = next(&mut watch).await;
    assert!(matches!(ended, Err(WatchError::Store(StoreError::Unavailable(_)))), "{ended:?}");
    assert!(futures_util::StreamExt::next(&mut watch).await.is_none());
}
