//! A store that several nodes share.

use std::sync::Arc;

use async_trait::async_trait;
use waygate_core::{Commit, Cursor, Draft, DraftId, State};
use waygate_store::{
    CommitError, CommitStream, HistoryPage, HistoryQuery, MemoryStore, SideStore, Store, StoreError, WatchError,
};

/// One node's way to a store that others use too: it does not end with the node.
#[derive(Debug)]
pub(crate) struct Shared(pub(crate) Arc<MemoryStore>);

#[async_trait]
impl Store for Shared {
    async fn load(&self) -> Result<State, StoreError> {
        self.0.load().await
    }

    async fn commit(&self, base: &Cursor, drafts: Vec<Draft>) -> Result<Vec<Arc<Commit>>, CommitError> {
        self.0.commit(base, drafts).await
    }

    async fn watch(&self, after: &Cursor) -> Result<CommitStream, WatchError> {
        self.0.watch(after).await
    }

    async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError> {
        self.0.history(query).await
    }

    async fn find(&self, id: &DraftId) -> Result<Option<Arc<Commit>>, StoreError> {
        self.0.find(id).await
    }

    fn side(&self) -> Arc<dyn SideStore> {
        self.0.side()
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn trouble(&self) -> Option<String> {
        self.0.trouble()
    }

    fn describe(&self) -> String {
        "shared".to_owned()
    }
}
