//! Looking back.

use waygate_core::Revision;

use super::{ALL, Subject, draft, fold};

/// Pages follow each other without a gap and say whether there is more.
pub async fn history_is_paged_newest_first(make: impl AsyncFn(usize) -> Subject) {
    let subject = make(ALL).await;
    let empty = subject.page(None, 3).await;
    assert!(empty.commits.is_empty() && !empty.more);
    subject.commit(1..=7).await;
    let revisions = async |before: Option<u64>, limit| {
        let page = subject.page(before.map(Revision), limit).await;
        (page.commits.iter().map(|commit| commit.revision().0).collect::<Vec<_>>(), page.more)
    };
    assert_eq!(revisions(None, 3).await, (vec![7, 6, 5], true));
    assert_eq!(revisions(Some(5), 3).await, (vec![4, 3, 2], true));
    assert_eq!(revisions(Some(2), 3).await, (vec![1], false));
    assert_eq!(revisions(Some(1), 3).await, (vec![], false));
    assert_eq!(revisions(None, 7).await, (vec![7, 6, 5, 4, 3, 2, 1], false));
    assert_eq!(revisions(Some(100), 2).await, (vec![7, 6], true));
    assert_eq!(revisions(None, 0).await, (vec![], true));
}

/// A draft's commit is found by the draft's id, and only if it was committed.
pub async fn drafts_are_found(make: impl AsyncFn(usize) -> Subject) {
    let subject = make(ALL).await;
    let commits = subject.commit(1..=3).await;
    for commit in commits {
        assert_eq!(subject.store.find(&commit.draft.id).await.unwrap(), Some(commit));
    }
    assert_eq!(subject.store.find(&draft(4).id).await.unwrap(), None);
}

/// What is loaded is what the commits lead to.
pub async fn the_state_is_the_fold_of_history(make: impl AsyncFn(usize) -> Subject) {
    let subject = make(ALL).await;
    let start = subject.cursor().await;
    for first in [1, 5, 9, 13] {
        subject.commit(first..first + 4).await;
        let commits = subject.page(None, ALL).await.commits;
        assert_eq!(subject.store.load().await.unwrap(), fold(start.clone(), commits.iter().rev()));
    }
}
