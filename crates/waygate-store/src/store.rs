//! What a store promises: the trait, and the ways it can fail.

use std::fmt;
use std::sync::Arc;

use crate::side::SideStore;
use async_trait::async_trait;
use futures_core::Stream;
use std::pin::Pin;
use waygate_core::{Commit, Cursor, Draft, Revision, State};

/// Commits as they happen, in order and without a gap. Ends with an error when the store cannot go on; watch again,
/// or load again, then.
pub type CommitStream = Pin<Box<dyn Stream<Item = Result<Arc<Commit>, WatchError>> + Send>>;

/// One ordered log of commits and the state that it leads to. Terms are etcd's.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// The whole state and where in history it stands.
    async fn load(&self) -> Result<State, StoreError>;

    /// Appends the drafts as consecutive commits: all of them or none, with one flush, and only if `base` is still
    /// the newest cursor. When this returns, the commits are durable as far as the store promises.
    ///
    /// No drafts are no commits, but the base is still compared, and what is committed is as durable as promised when
    /// this returns.
    ///
    /// After [`CommitError::Store`] the commits may or may not have happened; [`Store::find`] tells.
    async fn commit(&self, base: &Cursor, drafts: Vec<Draft>) -> Result<Vec<Arc<Commit>>, CommitError>;

    /// Every commit after `cursor`, then live ones.
    async fn watch(&self, after: &Cursor) -> Result<CommitStream, WatchError>;

    /// Past commits, newest first.
    async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError>;

    /// The commit that a draft has become, if it has and is still in the log.
    async fn find(&self, id: &waygate_core::DraftId) -> Result<Option<Arc<Commit>>, StoreError>;

    /// What is kept beside the log; every call gives the same table.
    fn side(&self) -> Arc<dyn SideStore>;

    /// Ends the store: writes down what makes the next start quick and lets go of what it holds. Commits are refused
    /// from then on, watchers get what they have not had and then [`StoreError::Unavailable`]. Commits are durable
    /// without it, and closing twice is harmless.
    async fn close(&self) -> Result<(), StoreError>;

    /// Whether a commit that failed with [`StoreError::Unavailable`] may still come to be after [`Store::find`] has not found
    /// it: what was sent is on its way. Not so in this process, which is the default.
    fn may_commit_late(&self) -> bool {
        false
    }

    /// Why it cannot take commits at the moment, as far as it has noticed by itself; `None` when all is well.
    fn trouble(&self) -> Option<String>;

    /// What an operator is told that this store is, such as `memory` or `file:waygate-state.json`. Without secrets.
    fn describe(&self) -> String;
}

/// Which past commits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Only commits before this one; `None` begins with the newest.
    pub before: Option<Revision>,
    /// How many at most.
    pub limit: usize,
}

/// Past commits, newest first.
#[derive(Debug, Clone, Default)]
pub struct HistoryPage {
    /// As many as were asked for, if there are.
    pub commits: Vec<Arc<Commit>>,
    /// Whether older ones are kept.
    pub more: bool,
}

/// The store failed. Nothing that was committed is lost by it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no room; what was to be stored is not.
    #[error("the store is full: {0}")]
    Full(String),
    /// It cannot be reached or written at the moment.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What is stored cannot be read. It has been left untouched.
    #[error("{0}")]
    Corrupt(String),
    /// Another process holds the store.
    #[error("{0}")]
    Locked(String),
    /// It does not let this process in, as by a wrong password; trying again does not help.
    #[error("{0}")]
    Refused(String),
    /// What was to be committed is, and everybody sees it, but fewer replicas than asked for have confirmed it: a
    /// failover now may lose it.
    #[error("the change is made, but not yet safe: {0}")]
    Unacknowledged(String),
}

/// A commit was not made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// Somebody else has committed since; plan again on the newest state.
    #[error("the state has moved on to {current}")]
    Conflict {
        /// The newest place.
        current: Cursor,
    },
    /// The store could not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A watch cannot begin or go on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WatchError {
    /// The commits after the cursor are no longer kept: load the state again.
    #[error("the commits after {after} are no longer kept")]
    Compacted { after: Cursor },
    /// The cursor is of another history: load the state again.
    #[error("{after} is of another history")]
    OtherHistory { after: Cursor },
    /// The store has failed, or was closed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
