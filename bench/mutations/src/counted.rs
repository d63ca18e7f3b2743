//! A store that counts what is committed to another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use waygate_core::{Commit, Cursor, Draft, DraftId, State};
use waygate_store::{CommitError, CommitStream, HistoryPage, HistoryQuery, SideStore, Store, StoreError, WatchError};

#[derive(Debug)]
pub(crate) struct Counted {
    store: Arc<dyn Store>,
    batches: AtomicU64,
    commits: AtomicU64,
    bytes: AtomicU64,
}

/// What was committed so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) batches: u64,
    pub(crate) commits: u64,
    /// As JSON.
    pub(crate) bytes: u64,
}

impl Counted {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, batches: AtomicU64::default(), commits: AtomicU64::default(), bytes: AtomicU64::default() }
    }

    pub(crate) fn counts(&self) -> Counts {
        let now = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts { batches: now(&self.batches), commits: now(&self.commits), bytes: now(&self.bytes) }
    }
}

#[async_trait]
impl Store for Counted {
    async fn load(&self) -> Result<State, StoreError> {
        self.store.load().await
    }

    async fn commit(&self, base: &Cursor, drafts: Vec<Draft>) -> Result<Vec<Arc<Commit>>, CommitError> {
        let commits = self.store.commit(base, drafts).await?;
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.commits.fetch_add(commits.len() as u64, Ordering::Relaxed);
        // One is as long as the other.
        let bytes = commits.first().map_or(0, |commit| commit.size() * commits.len());
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(commits)
    }

    async fn watch(&self, after: &Cursor) -> Result<CommitStream, WatchError> {
        self.store.watch(after).await
    }

    async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError> {
        self.store.history(query).await
    }

    async fn find(&self, id: &DraftId) -> Result<Option<Arc<Commit>>, StoreError> {
        self.store.find(id).await
    }

    fn side(&self) -> Arc<dyn SideStore> {
        self.store.side()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
    }

    fn trouble(&self) -> Option<String> {
        self.store.trouble()
    }

    fn describe(&self) -> String {
        self.store.describe()
    }
}
