//! A store that is timed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use jiff::Timestamp;
use waygate_core::{Commit, Cursor, Draft, DraftId, State};
use waygate_store::{
    CommitError, CommitStream, HistoryPage, HistoryQuery, SideStore, SideValue, Store, StoreError, WatchError,
};

use crate::metrics::Metrics;

/// The same store; what it is asked for is timed, and what it fails at counted.
pub(crate) fn metered(store: Arc<dyn Store>, metrics: &Arc<Metrics>) -> Arc<dyn Store> {
    let side = Arc::new(Metered { inner: store.side(), metrics: metrics.clone() });
    Arc::new(MeteredStore { store: Metered { inner: store, metrics: metrics.clone() }, side })
}

struct MeteredStore {
    store: Metered<dyn Store>,
    side: Arc<Metered<dyn SideStore>>,
}

/// Something that is asked for things.
struct Metered<T: ?Sized> {
    inner: Arc<T>,
    metrics: Arc<Metrics>,
}

impl<T: ?Sized> Metered<T> {
    async fn timed<A, E>(
        &self,
        operation: &'static str,
        asked: impl Future<Output = Result<A, E>> + Send,
        error_of: impl FnOnce(&E) -> Option<&'static str> + Send,
    ) -> Result<A, E> {
        let began = Instant::now();
        let answer = asked.await;
        self.metrics.store_operations.observe([operation], began.elapsed().as_secs_f64());
        if let Err(error) = &answer
            && let Some(error) = error_of(error)
        {
            self.metrics.store_errors.at([operation, error]).inc();
        }
        answer
    }
}

#[async_trait]
impl Store for MeteredStore {
    async fn load(&self) -> Result<State, StoreError> {
        self.store.timed("load", self.store.inner.load(), some_kind).await
    }

    async fn commit(&self, base: &Cursor, drafts: Vec<Draft>) -> Result<Vec<Arc<Commit>>, CommitError> {
        let error = |error: &CommitError| match error {
            // Counted where it is dealt with; the store is well.
            CommitError::Conflict { .. } => None,
            CommitError::Store(error) => some_kind(error),
        };
        self.store.timed("commit", self.store.inner.commit(base, drafts), error).await
    }

    async fn watch(&self, after: &Cursor) -> Result<CommitStream, WatchError> {
        // Whatever ends a watch, its beginning included, is counted by the follower.
        self.store.timed("watch", self.store.inner.watch(after), |_| None).await
    }

    async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError> {
        self.store.timed("history", self.store.inner.history(query), some_kind).await
    }

    async fn find(&self, id: &DraftId) -> Result<Option<Arc<Commit>>, StoreError> {
        self.store.timed("find", self.store.inner.find(id), some_kind).await
    }

    fn side(&self) -> Arc<dyn SideStore> {
        self.side.clone()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.timed("close", self.store.inner.close(), some_kind).await
    }

    fn may_commit_late(&self) -> bool {
        self.store.inner.may_commit_late()
    }

    fn trouble(&self) -> Option<String> {
        self.store.inner.trouble()
    }

    fn describe(&self) -> String {
        self.store.inner.describe()
    }
}

#[async_trait]
impl SideStore for Metered<dyn SideStore> {
    async fn value(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.timed("side_value", self.inner.value(key, now), some_kind).await
    }

    async fn values(&self, prefix: &str, now: Timestamp) -> Result<BTreeMap<String, String>, StoreError> {
        self.timed("side_values", self.inner.values(prefix, now), some_kind).await
    }

    async fn swap(
        &self,
        key: &str,
        expected: Option<&str>,
        new: Option<SideValue>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.timed("side_swap", self.inner.swap(key, expected, new, now), some_kind).await
    }

    async fn note(&self, notes: Vec<(String, SideValue)>, now: Timestamp) -> Result<(), StoreError> {
        self.timed("side_note", self.inner.note(notes, now), some_kind).await
    }

    async fn noted(&self, prefix: &str, now: Timestamp) -> Result<BTreeMap<String, String>, StoreError> {
        self.timed("side_noted", self.inner.noted(prefix, now), some_kind).await
    }

    fn keeps_notes(&self) -> bool {
        self.inner.keeps_notes()
    }
}

impl Metrics {
    /// Takes down why the store cannot be followed.
    pub(crate) fn cannot_follow(&self, error: &WatchError) {
        let error = match error {
            WatchError::Compacted { .. } => "compacted",
            WatchError::OtherHistory { .. } => "other_history",
            WatchError::Store(error) => kind(error),
        };
        self.store_errors.at(["watch", error]).inc();
    }
}

#[expect(clippy::unnecessary_wraps, reason = "other errors are none of the store")]
fn some_kind(error: &StoreError) -> Option<&'static str> {
    Some(kind(error))
}

fn kind(error: &StoreError) -> &'static str {
    match error {
        StoreError::Full(_) => "full",
        StoreError::Corrupt(_) => "corrupt",
        StoreError::Locked(_) => "locked",
        StoreError::Refused(_) => "refused",
        StoreError::Unacknowledged(_) => "unacknowledged",
        _ => "unavailable",
    }
}

impl fmt::Debug for MeteredStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.inner.fmt(formatter)
    }
}

impl fmt::Debug for Metered<dyn SideStore> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(formatter)
    }
}
