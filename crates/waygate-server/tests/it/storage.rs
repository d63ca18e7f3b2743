//! A store that cannot store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use async_trait::async_trait;
use serde_json::json;
use waygate_core::{Commit, Cursor, Draft, DraftId, State};
use waygate_store::{
    CommitError, CommitStream, HistoryPage, HistoryQuery, MemoryStore, SideStore, Store, StoreError, WatchError,
};

use crate::helpers::{TestServer, route};

/// A memory store whose commits can be made to fail.
#[derive(Debug)]
struct Faulty {
    inner: MemoryStore,
    fault: AtomicU8,
}

const SOUND: u8 = 0;
const FULL: u8 = 1;
const GONE: u8 = 2;

#[async_trait]
impl Store for Faulty {
    async fn load(&self) -> Result<State, StoreError> {
        self.inner.load().await
    }

    async fn commit(&self, base: &Cursor, drafts: Vec<Draft>) -> Result<Vec<Arc<Commit>>, CommitError> {
        match self.fault.load(Ordering::SeqCst) {
            FULL => Err(StoreError::Full("no space left".to_owned()).into()),
            GONE => Err(StoreError::Unavailable("connection lost".to_owned()).into()),
            _ => self.inner.commit(base, drafts).await,
        }
    }

    async fn watch(&self, after: &Cursor) -> Result<CommitStream, WatchError> {
        self.inner.watch(after).await
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
        "faulty".to_owned()
    }
}

#[tokio::test]
async fn g23_a_change_that_cannot_be_stored_is_refused_and_later_ones_work_again() {
    let store = Arc::new(Faulty { inner: MemoryStore::new().unwrap(), fault: AtomicU8::new(SOUND) });
    let server = TestServer::start_on(store.clone(), |server| server).await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, before) = (server.admin().await, server.revision());
    for (fault, status, code, retry) in [(FULL, 507, "store_full", None), (GONE, 503, "store_unavailable", Some("5"))] {
        store.fault.store(fault, Ordering::SeqCst);
        let answer = admin.post(&route("/a", "disable"), json!({})).await;
        assert_eq!((answer.refusal(), answer.header("retry-after")), ((status, code), retry));
        assert_eq!(admin.post("/api/auth/logout", json!({})).await.refusal(), (status, code));
        assert_eq!(admin.get("/api/routes").await.body[0]["status"], "active");
    }
    assert_eq!(server.revision(), before);
    let metrics = admin.open(reqwest::Method::GET, "/metrics", None).await.text().await.unwrap();
    for error in ["full", "unavailable"] {
        let counted = format!("waygate_store_errors_total{{operation=\"commit\",error=\"{error}\"}} 2");
        assert!(metrics.contains(&counted), "{counted}: {metrics}");
    }
    store.fault.store(SOUND, Ordering::SeqCst);
    assert_eq!(admin.post(&route("/a", "disable"), json!({})).await.body["status"], "disabled");
    assert_eq!(server.revision(), before + 1);
}
