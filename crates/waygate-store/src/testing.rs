//! What every store must do, as tests: [`conformance!`](crate::conformance).
//!
//! A store of your own is the trait plus this suite. Its crate needs `tokio` with `macros` and `rt-multi-thread` among
//! its dev-dependencies, and this in a test:
//!
//! ```
//! use waygate_store::testing::Subject;
//! use waygate_store::{MemoryStore, Retention};
//!
//! /// A fresh, empty store that keeps about as many commits as told.
//! async fn store(commits: usize) -> Subject {
//!     let retention = Retention { commits, ..Retention::default() };
//!     Subject::new(MemoryStore::with_retention(retention).unwrap())
//! }
//!
//! waygate_store::conformance!(store);
//! ```
#![expect(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, reason = "a test fails by panicking")]

mod commits;
mod history;
mod side;
mod watching;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use waygate_core::{
    Action, Cause, Change, Commit, Cursor, Draft, Maintenance, MaintenanceScope, Platform, Record, Revision, State,
    Timestamp,
};

use crate::{CommitError, CommitStream, HistoryPage, HistoryQuery, Store, WatchError};

pub use commits::*;
pub use history::*;
pub use side::*;
pub use watching::*;

/// Generates one test per behaviour that a store must show.
///
/// Takes the path of an `async fn(commits: usize) -> Subject` that makes a fresh, empty store. It must keep at least
/// `commits` commits, and no more than some hundreds above that. See [`testing`](crate::testing) for an example.
/// Where the store needs what may be missing, `conformance!(store, if available)` asks an `fn() -> bool` before each.
#[macro_export]
macro_rules! conformance {
    ($factory:path) => {
        $crate::conformance!($factory, if $crate::testing::always);
    };
    ($factory:path, if $available:path) => {
        $crate::conformance! { @each $factory, $available:
            a_new_store_is_empty
            a_base_that_is_not_the_newest_is_refused
            a_batch_is_consecutive_and_all_or_nothing
            commits_come_back_as_they_were_given
            parallel_committers_lose_nothing
            a_closed_store_refuses_commits_and_ends_watches
            a_watch_begins_at_every_cursor
            a_watch_of_another_history_is_refused
            a_watch_from_before_the_log_is_refused
            a_watcher_that_falls_behind_is_told
            catching_up_and_live_commits_meet
            history_is_paged_newest_first
            drafts_are_found
            the_state_is_the_fold_of_history
            the_side_table_compares_before_it_replaces
            the_side_table_forgets_what_has_expired
            of_those_who_swap_at_once_one_wins
            notes_are_seen_by_all_and_apart_from_values
        }
    };
    (@each $factory:path, $available:path: $($behaviour:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                if $available() {
                    $crate::testing::$behaviour($factory).await;
                }
            }
        )+
    };
}

/// How many commits a store keeps that is not to lose any during a test.
const ALL: usize = 10_000;
/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Of a store that needs nothing.
#[doc(hidden)]
pub fn always() -> bool {
    true
}

/// A store under test, with whatever must outlive it.
pub struct Subject {
    store: Arc<dyn Store>,
    _guard: Option<Box<dyn Any + Send>>,
}

impl Subject {
    pub fn new(store: impl Store) -> Self {
        Self { store: Arc::new(store), _guard: None }
    }

    /// Keeps something, such as a temporary directory, until the store is gone.
    #[must_use]
    pub fn with_guard(self, guard: impl Any + Send) -> Self {
        Self { store: self.store, _guard: Some(Box::new(guard)) }
    }

    /// The store itself.
    pub fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    async fn cursor(&self) -> Cursor {
        self.store.load().await.unwrap().cursor
    }

    /// Commits drafts of these numbers as one batch on the newest state.
    async fn commit(&self, numbers: impl IntoIterator<Item = u64>) -> Vec<Arc<Commit>> {
        let base = self.cursor().await;
        self.store.commit(&base, numbers.into_iter().map(draft).collect()).await.unwrap()
    }

    async fn page(&self, before: Option<Revision>, limit: usize) -> HistoryPage {
        self.store.history(HistoryQuery { before, limit }).await.unwrap()
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(formatter)
    }
}

/// A draft that differs from that of every other number, and leads to another state.
pub fn draft(number: u64) -> Draft {
    let at = Timestamp::UNIX_EPOCH + Duration::from_secs(number);
    let scope = match number % 3 {
        0 => MaintenanceScope::Global,
        other => MaintenanceScope::Service(format!("service-{other}").parse().unwrap()),
    };
    let maintenance =
        |reason: String| Maintenance { enabled: number.is_multiple_of(2), reason, ..Maintenance::default() };
    let set = |reason| Change::MaintenanceSet { scope: scope.clone(), maintenance: maintenance(reason) };
    let switched = Record {
        action: Action::ServiceMaintenanceOn,
        reason: format!("« {number} »\n"),
        change: set(format!("number {number}")),
        before: vec![set(format!("before {number}"))],
    };
    let noted = Record {
        action: Action::Login,
        reason: String::new(),
        change: Change::Noted { subject: "ada".to_owned(), imported: None },
        before: Vec::new(),
    };
    Draft {
        id: format!("draft-{number:016}").try_into().unwrap(),
        cause: Cause { actor: "ada".parse().unwrap(), platform: Platform::Cli, at, undoes: None },
        records: vec![switched, noted],
    }
}

/// The next item of a stream that has not ended.
async fn next(stream: &mut CommitStream) -> Result<Arc<Commit>, WatchError> {
    tokio::time::timeout(PATIENCE, stream.next()).await.unwrap().unwrap()
}

/// The next commits of a stream.
async fn take(stream: &mut CommitStream, count: usize) -> Vec<Arc<Commit>> {
    let mut taken = Vec::new();
    for _ in 0..count {
        taken.push(next(stream).await.unwrap());
    }
    taken
}

/// Plans on the newest state until the draft is committed, as a control plane does.
async fn commit_in_the_end(store: &dyn Store, draft: Draft) -> Arc<Commit> {
    let mut base = store.load().await.unwrap().cursor;
    loop {
        match store.commit(&base, vec![draft.clone()]).await {
            Ok(commits) => return commits[0].clone(),
            Err(CommitError::Conflict { current }) => base = current,
            Err(CommitError::Store(error)) => panic!("{error}"),
        }
    }
}

/// The state that commits lead to, from the beginning.
fn fold<'c>(start: Cursor, commits: impl IntoIterator<Item = &'c Arc<Commit>>) -> State {
    let mut state = State::new(start);
    for commit in commits {
        state.apply(commit).unwrap();
    }
    state
}
