//! Commits in memory only.

use std::sync::Arc;

use async_trait::async_trait;
use waygate_core::{Commit, Cursor, Draft, DraftId, Epoch, State};

use crate::log::{CommitLog, Retention};
use crate::timeline::Timeline;
use crate::{
    CommitError, CommitStream, HistoryPage, HistoryQuery, MemorySide, SideStore, Store, StoreError, WatchError,
};

/// Keeps everything in memory: for tests, for trying out, and for a control plane whose services register anew after
/// each start. Every new one is a history of its own.
#[derive(Debug)]
pub struct MemoryStore {
    timeline: Timeline,
    side: Arc<MemorySide>,
}

impl MemoryStore {
    /// An empty store with the default [`Retention`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the system gives no random bytes for the epoch.
    pub fn new() -> Result<Self, StoreError> {
        Self::with_retention(Retention::default())
    }

    /// An empty store that keeps commits as far back as told.
    ///
    /// # Errors
    ///
    /// As [`MemoryStore::new`].
    pub fn with_retention(retention: Retention) -> Result<Self, StoreError> {
        Ok(Self { timeline: Timeline::fresh(retention)?, side: Arc::default() })
    }

    /// An empty store whose history has a given name: the same commits then have the same cursors, as a test wants it
    /// that is to run twice alike. Never give two histories that a client may meet the same name.
    pub fn in_epoch(epoch: Epoch, retention: Retention) -> Self {
        let start = Cursor::start_of(epoch);
        let timeline = Timeline::new(State::new(start.clone()), CommitLog::new(start, retention));
        Self { timeline, side: Arc::default() }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self) -> Result<State, StoreError> {
        Ok(self.timeline.state())
    }

    async fn commit(&self, base: &Cursor, drafts: Vec<Draft>) -> Result<Vec<Arc<Commit>>, CommitError> {
        self.timeline.commit(base, drafts)
    }

    async fn watch(&self, after: &Cursor) -> Result<CommitStream, WatchError> {
        self.timeline.watch(after)
    }

    async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError> {
        Ok(self.timeline.history(query))
    }

    async fn find(&self, id: &DraftId) -> Result<Option<Arc<Commit>>, StoreError> {
        Ok(self.timeline.find(id))
    }

    fn side(&self) -> Arc<dyn SideStore> {
        self.side.clone()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.timeline.close();
        Ok(())
    }

    fn trouble(&self) -> Option<String> {
        None
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}
