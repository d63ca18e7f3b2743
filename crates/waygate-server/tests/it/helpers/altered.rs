//! A store that is not always what it is.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use tokio::sync::Semaphore;
use waygate_core::{Commit, Cursor, Draft, DraftId, State, Timestamp};
use waygate_store::{
    CommitError, CommitStream, HistoryPage, HistoryQuery, SideStore, SideValue, Store, StoreError, WatchError,
};

type Before = Box<dyn Fn() -> Result<(), StoreError> + Send + Sync>;
type BeforeSwap = Box<dyn Fn(&str) -> Result<(), StoreError> + Send + Sync>;
type Watched = Box<dyn Fn(CommitStream) -> CommitStream + Send + Sync>;

/// Another store, but for what a test does in between.
pub(crate) struct Altered {
    inner: Arc<dyn Store>,
    before_commit: Before,
    watched: Watched,
    side: Arc<AlteredSide>,
}

struct AlteredSide {
    inner: Arc<dyn SideStore>,
    before_swap: BeforeSwap,
}

impl Altered {
    /// The store as it is.
    pub(crate) fn of(inner: impl Store) -> Self {
        let side = Arc::new(AlteredSide { inner: inner.side(), before_swap: Box::new(|_| Ok(())) });
        Self {
            inner: Arc::new(inner),
            before_commit: Box::new(|| Ok(())),
            watched: Box::new(std::convert::identity),
            side,
        }
    }

    /// Every commit goes this way first, and no further where it fails.
    pub(crate) fn before_commit(self, does: impl Fn() -> Result<(), StoreError> + Send + Sync + 'static) -> Self {
        Self { before_commit: Box::new(does), ..self }
    }

    /// Whoever watches gets what this makes of the commits.
    pub(crate) fn watched(self, makes: impl Fn(CommitStream) -> CommitStream + Send + Sync + 'static) -> Self {
        Self { watched: Box::new(makes), ..self }
    }

    /// Every swap beside the log goes this way first, with its key, and no further where it fails.
    pub(crate) fn before_swap(self, does: impl Fn(&str) -> Result<(), StoreError> + Send + Sync + 'static) -> Self {
        let side = Arc::new(AlteredSide { inner: self.inner.side(), before_swap: Box::new(does) });
        Self { side, ..self }
    }
}

/// Commits that are learnt of one by one: each takes a permit.
pub(crate) fn held_back(permits: &Arc<Semaphore>) -> impl Fn(CommitStream) -> CommitStream + Send + Sync + use<> {
    let permits = permits.clone();
    move |commits| {
        let permits = permits.clone();
        Box::pin(commits.then(move |commit| {
            let permits = permits.clone();
            async move {
                permits.acquire().await.unwrap().forget();
                commit
            }
        }))
    }
}

#[async_trait]
impl Store for Altered {
    async fn load(&self) -> Result<State, StoreError> {
        self.inner.load().await
    }

    async fn commit(&self, base: &Cursor, drafts: Vec<Draft>) -> Result<Vec<Arc<Commit>>, CommitError> {
        (self.before_commit)()?;
        self.inner.commit(base, drafts).await
    }

    async fn watch(&self, after: &Cursor) -> Result<CommitStream, WatchError> {
        Ok((self.watched)(self.inner.watch(after).await?))
    }

    async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError> {
        self.inner.history(query).await
    }

    async fn find(&self, id: &DraftId) -> Result<Option<Arc<Commit>>, StoreError> {
        self.inner.find(id).await
    }

    fn side(&self) -> Arc<dyn SideStore> {
        self.side.clone()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }

    fn trouble(&self) -> Option<String> {
        self.inner.trouble()
    }

    fn describe(&self) -> String {
        "altered".to_owned()
    }
}

#[async_trait]
impl SideStore for AlteredSide {
    async fn value(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.inner.value(key, now).await
    }

    async fn values(&self, prefix: &str, now: Timestamp) -> Result<BTreeMap<String, String>, StoreError> {
        self.inner.values(prefix, now).await
    }

    async fn swap(
        &self,
        key: &str,
        expected: Option<&str>,
        new: Option<SideValue>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        (self.before_swap)(key)?;
        self.inner.swap(key, expected, new, now).await
    }

    async fn note(&self, notes: Vec<(String, SideValue)>, now: Timestamp) -> Result<(), StoreError> {
        self.inner.note(notes, now).await
    }

    async fn noted(&self, prefix: &str, now: Timestamp) -> Result<BTreeMap<String, String>, StoreError> {
        self.inner.noted(prefix, now).await
    }

    fn keeps_notes(&self) -> bool {
        self.inner.keeps_notes()
    }
}

impl fmt::Debug for Altered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Altered").field(&self.inner).finish()
    }
}

impl fmt::Debug for AlteredSide {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("AlteredSide").field(&self.inner).finish()
    }
}
