//! A history that was rolled back has its numbers again, with other content.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use waygate_core::{Commit, Cursor, Draft, DraftId, State};
use waygate_store::{
    CommitError, CommitStream, HistoryPage, HistoryQuery, MemoryStore, SideStore, Store, StoreError, WatchError,
};

use super::switch;
use crate::helpers::{Follower, TestServer};

/// A store that, when told to, gives its watchers one commit of another lineage in the place of the next.
#[derive(Debug)]
struct Forked {
    inner: MemoryStore,
    is_forked: Arc<AtomicBool>,
}

#[async_trait]
impl Store for Forked {
    async fn load(&self) -> Result<State, StoreError> {
        self.inner.load().await
    }

    async fn commit(&self, base: &Cursor, drafts: Vec<Draft>) -> Result<Vec<Arc<Commit>>, CommitError> {
        self.inner.commit(base, drafts).await
    }

    async fn watch(&self, after: &Cursor) -> Result<CommitStream, WatchError> {
        let is_forked = self.is_forked.clone();
        let commits = self.inner.watch(after).await?;
        Ok(Box::pin(commits.map(move |commit| {
            let mut commit = Commit::clone(&*commit?);
            if is_forked.swap(false, Ordering::SeqCst) {
                commit.cursor.lineage.0 ^= 1;
            }
            Ok(Arc::new(commit))
        })))
    }

    async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError> {
        self.inner.history(query).await
    }

    async fn find(&self, id: &DraftId) -> Result<Option<Arc<Commit>>, StoreError> {
        self.inner.find(id).await
    }

    fn side(&self) -> Arc<dyn SideStore> {
        self.inner.side()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }

    fn trouble(&self) -> Option<String> {
        self.inner.trouble()
    }

    fn describe(&self) -> String {
        "forked".to_owned()
    }
}

#[tokio::test]
async fn g8_a_commit_of_another_lineage_is_not_applied_but_has_everything_loaded_anew() {
    let is_forked = Arc::new(AtomicBool::new(false));
    let store = Forked { inner: MemoryStore::new().unwrap(), is_forked: is_forked.clone() };
    let server = TestServer::start_on(Arc::new(store), |server| server).await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let mut follower = Follower::caught_up(&service, "pay").await;

    is_forked.store(true, Ordering::SeqCst);
    let made = switch(&admin, "pay:GET:/a", "disable").await;
    follower.until(made).await;
    assert_eq!((follower.snapshots, follower.commits.len()), (2, 0), "nothing of the other history was told");
    follower.until_bookmark().await;
    let cursor = server.control.current().cursor.clone();
    assert_eq!(follower.cursor, Some(cursor));
    // It goes on from there.
    let made = switch(&admin, "pay:GET:/a", "enable").await;
    follower.until(made).await;
    assert_eq!((follower.snapshots, follower.commits.len()), (2, 1));
}
