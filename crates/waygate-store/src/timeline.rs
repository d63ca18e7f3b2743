//! The newest state with the log that led to it, and how watchers follow it. Shared by the stores of this crate.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::stream;
use tokio::sync::watch;
use waygate_core::{Commit, Cursor, Draft, DraftId, Epoch, State};

use crate::log::{CommitLog, Retention};
use crate::{CommitError, CommitStream, HistoryPage, HistoryQuery, StoreError, WatchError};

/// How many commits a watcher takes out of the log at once; all that it ever holds.
const WATCHER_BATCH: usize = 64;

/// What everybody may see: durable commits only.
pub(crate) struct Timeline {
    moment: Arc<Mutex<Moment>>,
    /// Wakes watchers. They read the log themselves, so a slow one costs nothing but its place in it.
    moved: watch::Sender<()>,
}

struct Moment {
    state: State,
    log: CommitLog,
    closed: bool,
}

impl Timeline {
    /// Nothing yet, in a history of its own.
    pub(crate) fn fresh(retention: Retention) -> Result<Self, StoreError> {
        let start = Cursor::start_of(fresh_epoch()?);
        Ok(Self::new(State::new(start.clone()), CommitLog::new(start, retention)))
    }

    pub(crate) fn new(state: State, log: CommitLog) -> Self {
        Self { moment: Arc::new(Mutex::new(Moment { state, log, closed: false })), moved: watch::Sender::new(()) }
    }

    pub(crate) fn state(&self) -> State {
        lock(&self.moment).state.clone()
    }

    /// The place right before the oldest kept commit.
    #[cfg(feature = "file")]
    pub(crate) fn start(&self) -> Cursor {
        lock(&self.moment).log.start().clone()
    }

    /// Commits in one step. For a store with nothing to do in between.
    pub(crate) fn commit(&self, base: &Cursor, drafts: Vec<Draft>) -> Result<Vec<Arc<Commit>>, CommitError> {
        let mut moment = lock(&self.moment);
        let commits = moment.place(base, drafts)?;
        moment.publish(&commits)?;
        drop(moment);
        self.moved.send_replace(());
        Ok(commits)
    }

    /// Gives drafts their place after the newest commit, without letting anybody see them.
    #[cfg(any(feature = "file", feature = "redis"))]
    pub(crate) fn place(&self, base: &Cursor, drafts: Vec<Draft>) -> Result<Vec<Arc<Commit>>, CommitError> {
        lock(&self.moment).place(base, drafts)
    }

    /// Lets everybody see commits that [`Timeline::place`] has placed and that are durable now.
    #[cfg(any(feature = "file", feature = "redis"))]
    pub(crate) fn publish(&self, commits: &[Arc<Commit>]) -> Result<(), StoreError> {
        lock(&self.moment).publish(commits)?;
        self.moved.send_replace(());
        Ok(())
    }

    /// Goes on with another history, or behind a gap. Watchers of what is no longer here are told so. Returns the
    /// commits that were known and did not happen in this history, oldest first.
    #[cfg(feature = "redis")]
    pub(crate) fn replace(&self, state: State, log: CommitLog) -> Vec<Arc<Commit>> {
        let mut moment = lock(&self.moment);
        moment.state = state;
        let before = std::mem::replace(&mut moment.log, log);
        let gone = before.not_in(&moment.log);
        drop(moment);
        self.moved.send_replace(());
        gone
    }

    #[cfg(feature = "redis")]
    pub(crate) fn cursor(&self) -> Cursor {
        lock(&self.moment).state.cursor.clone()
    }

    pub(crate) fn history(&self, query: HistoryQuery) -> HistoryPage {
        lock(&self.moment).log.page(query)
    }

    pub(crate) fn find(&self, id: &DraftId) -> Option<Arc<Commit>> {
        lock(&self.moment).log.find(id)
    }

    /// Refuses commits from now on and ends every watch once it has caught up.
    pub(crate) fn close(&self) {
        lock(&self.moment).closed = true;
        self.moved.send_replace(());
    }

    pub(crate) fn watch(&self, after: &Cursor) -> Result<CommitStream, WatchError> {
        lock(&self.moment).log.after(after, 0)?;
        let watcher = Watcher {
            moment: self.moment.clone(),
            moved: self.moved.subscribe(),
            after: after.clone(),
            taken: VecDeque::new(),
        };
        Ok(Box::pin(stream::unfold(Some(watcher), |watcher| async {
            let mut watcher = watcher?;
            Some(match watcher.next().await {
                Ok(commit) => (Ok(commit), Some(watcher)),
                Err(error) => (Err(error), None),
            })
        })))
    }
}

impl fmt::Debug for Timeline {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cursor = lock(&self.moment).state.cursor.clone();
        formatter.debug_struct("Timeline").field("cursor", &cursor).finish_non_exhaustive()
    }
}

impl Moment {
    fn place(&self, base: &Cursor, drafts: Vec<Draft>) -> Result<Vec<Arc<Commit>>, CommitError> {
        if self.closed {
            return Err(closed().into());
        }
        if *base != self.state.cursor {
            return Err(CommitError::Conflict { current: self.state.cursor.clone() });
        }
        Ok(commits_after(base, drafts))
    }

    fn publish(&mut self, commits: &[Arc<Commit>]) -> Result<(), StoreError> {
        for commit in commits {
            self.state.apply(commit).map_err(|error| StoreError::Unavailable(error.to_string()))?;
            self.log.push(commit.clone());
        }
        Ok(())
    }
}

/// One watcher's place in the log.
struct Watcher {
    moment: Arc<Mutex<Moment>>,
    moved: watch::Receiver<()>,
    after: Cursor,
    taken: VecDeque<Arc<Commit>>,
}

impl Watcher {
    async fn next(&mut self) -> Result<Arc<Commit>, WatchError> {
        let mut gone = false;
        loop {
            if let Some(commit) = self.taken.pop_front() {
                self.after = commit.cursor.clone();
                return Ok(commit);
            }
            // Marked as seen before the log is read: a commit in between wakes this watcher once more.
            self.moved.borrow_and_update();
            if self.take()? {
                continue;
            }
            if gone {
                return Err(closed().into());
            }
            gone = self.moved.changed().await.is_err();
        }
    }

    /// Whether there is something to deliver.
    fn take(&mut self) -> Result<bool, WatchError> {
        let moment = lock(&self.moment);
        self.taken = moment.log.after(&self.after, WATCHER_BATCH)?.into();
        if self.taken.is_empty() && moment.closed {
            return Err(closed().into());
        }
        Ok(!self.taken.is_empty())
    }
}

/// Drafts as the commits that follow a place.
pub(crate) fn commits_after(base: &Cursor, drafts: Vec<Draft>) -> Vec<Arc<Commit>> {
    let mut cursor = base.clone();
    let place = |draft| {
        let commit = Commit::after(&cursor, draft);
        cursor = commit.cursor.clone();
        Arc::new(commit)
    };
    drafts.into_iter().map(place).collect()
}

pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable("it has been closed".to_owned())
}

/// Nothing panics while the lock is held, so a poisoned one holds what it should.
fn lock(moment: &Mutex<Moment>) -> MutexGuard<'_, Moment> {
    moment.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn fresh_epoch() -> Result<Epoch, StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| StoreError::Unavailable(format!("the system gives no random bytes: {error}")))?;
    let text = format!("{:032x}", u128::from_be_bytes(bytes));
    text.parse().map_err(|error| StoreError::Unavailable(format!("no epoch can be made: {error}")))
}
