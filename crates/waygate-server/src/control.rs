//! The control plane proper: one place where state changes, and one feed by which everybody follows.
//!
//! A single writer task plans commands one after another and hands the store whole batches, so that commands which
//! wait together share a flush and never conflict with each other. A follower task applies what the store has
//! committed, by this node or another: readers and streams see durable commits only.

mod concerned;
pub(crate) mod feed;
mod follower;
mod place;
pub(crate) mod presence;
mod scheduler;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use waygate_api::instances::Propagation;
use waygate_core::{Cause, Command, CommandError, Cursor, Revision, RouteKey, Scope, State};
use waygate_store::{HistoryPage, HistoryQuery, SideStore, Store, StoreError};

pub use self::concerned::Concerned;
use crate::clock;
use crate::control::feed::Feed;
use crate::metrics::{Metrics, metered};

/// How many commands may wait for the writer before further callers wait for room.
const QUEUE: usize = 1024;

/// A handle to the control plane. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct ControlPlane(Arc<Inner>);

pub(crate) struct Inner {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    started: Timestamp,
    state: ArcSwap<State>,
    feed: Feed,
    revision: watch::Sender<Revision>,
    /// For whoever asks the store about a place in history that is not known here.
    asking: tokio::sync::Mutex<()>,
    /// Why the store cannot be followed at the moment.
    trouble: watch::Sender<Option<String>>,
    queue: mpsc::Sender<Request>,
    /// Nothing more is taken in.
    ending: CancellationToken,
    tasks: TaskTracker,
    /// The follower goes on until the writer has shown what it has committed.
    written: CancellationToken,
    following: TaskTracker,
    /// Where it has to be ended without waiting.
    runtime: Handle,
}

/// A command on its way to the writer.
pub(crate) struct Request {
    command: Command,
    cause: Cause,
    answer: oneshot::Sender<Result<Applied, ExecuteError>>,
}

/// What a command came to.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The revision that it made, or at which it was found that nothing needs to change.
    pub revision: Revision,
    /// Where in history that is.
    pub cursor: Cursor,
    /// Whether anything has changed.
    pub changed: bool,
    /// The routes that were meant, resolved.
    pub routes: Vec<RouteKey>,
    /// The scopes whose rate limits were meant, resolved.
    pub limits: Vec<Scope>,
    /// The pending or open windows and timed switches that it ended, in words.
    pub ended: Vec<String>,
    /// What the caller should know although it was carried out.
    pub warnings: Vec<String>,
    /// Whose instances it concerns.
    pub concerned: Concerned,
    /// How far it has come; `None` where nobody has waited for that.
    pub propagation: Option<Propagation>,
    /// It was only found out what it would come to; nothing is committed.
    pub dry_run: bool,
    /// The state at that revision or a later one.
    pub state: Arc<State>,
}

/// Why a command was not carried out. Nothing has changed then.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ControlPlane {
    /// Loads the store and begins to follow it.
    ///
    /// # Errors
    ///
    /// When the store cannot be loaded.
    pub async fn start(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let metrics = Arc::<Metrics>::default();
        let store = metered(store, &metrics);
        let state = Arc::new(store.load().await?);
        let bounds = feed::Bounds::default();
        let past = store.history(HistoryQuery { before: None, limit: bounds.commits }).await?;
        let (queue, requests) = mpsc::channel(QUEUE);
        let inner = Arc::new(Inner {
            feed: Feed::new(state.clone(), past, bounds),
            revision: watch::Sender::new(state.cursor.revision),
            asking: tokio::sync::Mutex::new(()),
            trouble: watch::Sender::new(None),
            state: ArcSwap::new(state),
            store,
            metrics,
            started: clock::now(),
            queue,
            ending: CancellationToken::new(),
            tasks: TaskTracker::new(),
            written: CancellationToken::new(),
            following: TaskTracker::new(),
            runtime: Handle::current(),
        });
        inner.following.spawn(watched(inner.clone(), "follower", follower::run(inner.clone())));
        inner.tasks.spawn(watched(inner.clone(), "writer", writer::run(inner.clone(), requests)));
        let control = Self(inner);
        control.0.tasks.spawn(scheduler::run(control.clone(), control.0.ending.clone()));
        Ok(control)
    }

    /// The newest state that this node knows to be durable. Never waits.
    pub fn current(&self) -> Arc<State> {
        self.0.state.load_full()
    }

    /// Carries a command out. When this returns, the commit is durable and [`ControlPlane::current`] shows it.
    ///
    /// # Errors
    ///
    /// [`ExecuteError`]; nothing has changed then.
    pub async fn execute(&self, command: Command, cause: Cause) -> Result<Applied, ExecuteError> {
        let (answer, answered) = oneshot::channel();
        let stopped = || ExecuteError::Store(StoreError::Unavailable("the control plane is stopping".to_owned()));
        let (began, actor, platform) = (Instant::now(), cause.actor.clone(), cause.platform);
        let sent = self.0.queue.send(Request { command, cause, answer }).await.map_err(|_| stopped());
        let applied = match sent {
            Ok(()) => answered.await.unwrap_or_else(|_| Err(stopped())),
            Err(error) => Err(error),
        };
        self.0.metrics.carried_out(&applied, began.elapsed());
        if let Ok(Applied { revision, changed: true, .. }) = &applied {
            let revision = revision.0;
            tracing::info!(revision, actor = actor.as_str(), platform = platform.as_str(), "a change was committed");
        }
        applied
    }

    /// Past commits, newest first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError> {
        self.0.store.history(query).await
    }

    /// Follows the revision.
    pub fn changed(&self) -> watch::Receiver<Revision> {
        self.0.revision.subscribe()
    }

    /// Why the store cannot be followed or written at the moment; `None` when all is well.
    pub fn trouble(&self) -> Option<String> {
        self.0.trouble.borrow().clone().or_else(|| self.0.store.trouble())
    }

    /// What the store is, for operators.
    pub fn describe_store(&self) -> String {
        self.0.store.describe()
    }

    /// What the store keeps beside the log.
    pub(crate) fn side(&self) -> Arc<dyn SideStore> {
        self.0.store.side()
    }

    /// Runs a task until the control plane ends; it is told by the token, and waited for.
    pub(crate) fn spawn<F: Future<Output = ()> + Send + 'static>(&self, task: impl FnOnce(CancellationToken) -> F) {
        self.0.tasks.spawn(task(self.0.ending.clone()));
    }

    /// What is counted.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// When it was started.
    pub(crate) fn started(&self) -> Timestamp {
        self.0.started
    }

    pub(crate) fn feed(&self) -> &Feed {
        &self.0.feed
    }

    /// Finishes what is being committed, takes nothing more, and closes the store.
    ///
    /// # Errors
    ///
    /// When the store cannot be closed; what was acknowledged is durable all the same.
    pub async fn stop(&self) -> Result<(), StoreError> {
        self.0.ending.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.written.cancel();
        self.0.following.close();
        self.0.following.wait().await;
        self.0.store.close().await
    }
}

impl ControlPlane {
    /// As [`ControlPlane::stop`], in the background; for want of anybody who could wait for it.
    pub(crate) fn abandon(&self) {
        if self.0.ending.is_cancelled() {
            return;
        }
        self.0.ending.cancel();
        let control = self.clone();
        self.0.runtime.spawn(async move {
            if let Err(error) = control.stop().await {
                tracing::warn!(%error, "the store of a control plane that was dropped could not be closed");
            }
        });
    }
}

/// Runs one of the tasks that everything depends on. Were it to fail, readiness would say so.
async fn watched(inner: Arc<Inner>, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    if let Err(error) = tokio::spawn(task).await {
        tracing::error!(%error, "the {name} has failed");
        inner.trouble.send_replace(Some(format!("the {name} has failed; restart this server")));
    }
}

impl fmt::Debug for ControlPlane {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ControlPlane")
            .field("store", &self.0.store)
            .field("cursor", &self.0.state.load().cursor)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
