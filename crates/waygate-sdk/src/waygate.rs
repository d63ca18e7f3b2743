//! The handle by which a service uses the SDK.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use waygate_core::{CallerFacts, Charged, Decision, LimitChain, RequestFacts, ServiceId, Snapshot};

use crate::answers::Answers;
use crate::builder::WaygateBuilder;
use crate::config;
use crate::control::Control;
use crate::declare::{Declared, Routes};
use crate::error::BuildError;
use crate::gate::Gate;
use crate::replica::Replica;
use crate::session::Session;
use crate::shared::Shared;
use crate::status::Status;

/// A service's connection to its control plane, and the rules that it enforces.
///
/// Cheap to clone: clones are the same connection. Layers and guarded routers hold one too, so following goes on as
/// long as the service is there; when the last clone is dropped it ends, and [`Waygate::shutdown`] ends it in order.
#[derive(Clone)]
pub struct Waygate(Arc<Inner>);

struct Inner {
    app_id: ServiceId,
    replica: Arc<Replica>,
    gate: Arc<Gate>,
    answers: Answers,
    session: Option<Session>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Waygate {
    /// Begins the settings of a connection: the control plane's URL (or those of its servers, joined by commas), and the
    /// name under which operators know this service. Mistakes in either come out at [`WaygateBuilder::start`].
    pub fn builder(server_url: &str, app_id: &str) -> WaygateBuilder {
        WaygateBuilder::new(server_url, app_id)
    }

    /// Reads the settings from the environment.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `WAYGATE_SERVER_URL` | the control plane, such as `http://localhost:9000`, or its servers with commas between; required |
    /// | `WAYGATE_APP_ID` | the name of this service; required |
    /// | `WAYGATE_TOKEN` | a token for this service |
    /// | `WAYGATE_USERNAME`, `WAYGATE_PASSWORD` | or credentials to log in with |
    /// | `WAYGATE_ENV` | the environment that gates compare with |
    /// | `WAYGATE_INSTANCE` | names this instance to operators: [`WaygateBuilder::instance`] |
    /// | `WAYGATE_CACHE_DIR` | where the last known rules are kept: [`WaygateBuilder::cache_dir`] |
    /// | `WAYGATE_BOOTSTRAP_FILE` | rules for when there are none in the cache: [`WaygateBuilder::bootstrap_file`] |
    /// | `WAYGATE_WHEN_UNKNOWN` | `open`, `closed` or `maintenance`: [`WaygateBuilder::when_unknown`] |
    /// | `WAYGATE_RECONNECT_DELAY` | seconds between two attempts, such as `5` or `0.5` |
    /// | `WAYGATE_TRUSTED_PROXIES` | addresses or ranges, joined by commas: [`WaygateBuilder::trusted_proxies`] |
    /// | `WAYGATE_TRUSTED_HOPS` | how many of them stand one behind the other: [`WaygateBuilder::trusted_hops`] |
    /// | `WAYGATE_RATE_LIMIT_BACKEND` | such as `redis://redis:6379/1`: [`WaygateBuilder::rate_limit_backend`] |
    /// | `WAYGATE_RATE_LIMIT_DEADLINE_MS` | milliseconds: [`WaygateBuilder::rate_limit_deadline`] |
    /// | `WAYGATE_BYPASS_LIFECYCLE`, `WAYGATE_BYPASS_RATE_LIMITS` | `true` or `false`: [`WaygateBuilder::bypass`] |
    ///
    /// A variable that is blank counts as not set.
    ///
    /// # Errors
    ///
    /// [`BuildError`], naming the variable and what is accepted.
    pub fn from_env() -> Result<WaygateBuilder, BuildError> {
        config::from_env()
    }

    pub(crate) fn new(
        app_id: ServiceId,
        replica: Arc<Replica>,
        gate: Arc<Gate>,
        answers: Answers,
        session: Option<Session>,
        stop: CancellationToken,
        tasks: Vec<JoinHandle<()>>,
    ) -> Self {
        let guard = stop.clone().drop_guard();
        let tasks = Mutex::new(tasks);
        Self(Arc::new(Inner { app_id, replica, gate, answers, session, stop, _stop_on_drop: guard, tasks }))
    }

    /// The name of this service.
    pub fn app_id(&self) -> &ServiceId {
        &self.0.app_id
    }

    /// Declares routes. They are enforced as declared from now on, registered with the control plane in one batch,
    /// and follow whatever the control plane says about them.
    pub fn declare(&self, routes: Routes) {
        let declared: Vec<Declared> = routes.into_declarations().collect();
        for route in &declared {
            self.0.answers.set(&route.declaration.key, route.answer.clone());
        }
        self.0.replica.declare(declared);
    }

    /// Decides about one request and hands the decision to `act`, which borrows from the rules in force. For what is
    /// no request of HTTP; [`Waygate::admit`] does all of it for those.
    ///
    /// Takes no lock and does not wait.
    pub fn check<T>(&self, facts: &impl RequestFacts, act: impl FnOnce(Decision<'_>) -> T) -> T {
        let snapshot = self.0.replica.snapshot().load();
        act(snapshot.decide(facts))
    }

    /// Charges a request that [`Waygate::check`] lets through to the limits of its pass, for what
    /// [`Waygate::admit`] does not fit. `template` is that of its route, empty where none is known; it is told with what is denied.
    ///
    /// Counts in this process, whatever the [rate limit backend](WaygateBuilder::rate_limit_backend). Takes a short lock
    /// on the counters of the caller and does not wait.
    pub fn charge<'s>(
        &self,
        limits: &LimitChain<'s>,
        caller: &impl CallerFacts,
        method: &str,
        template: &str,
    ) -> Charged<'s> {
        self.0.gate.charge(limits, caller, method, template)
    }

    /// The same, in the counters that the replicas of this service share: one round trip for all limits, at most as long
    /// as the [deadline](WaygateBuilder::rate_limit_deadline). Without a backend, it counts in this process at once.
    pub async fn charge_shared<'s>(
        &self,
        limits: &LimitChain<'s>,
        caller: &impl CallerFacts,
        method: &str,
        template: &str,
    ) -> Charged<'s> {
        self.0.gate.charge_shared(limits, caller, method, template).await
    }

    /// The rules in force, to keep.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.replica.snapshot().load_full()
    }

    /// How the connection stands.
    pub fn status(&self) -> Status {
        let status = self.0.replica.status().borrow().clone();
        let unmatched = self.snapshot().unmatched().into_iter().map(ToString::to_string).collect();
        Status { unmatched, shared_counters: self.0.gate.shared.as_ref().map(Shared::status), ..status }
    }

    /// Waits until the service is live and its routes are registered; `false` when `timeout` passes before. Nobody
    /// has to wait: without, declared states are enforced until the control plane's arrive.
    pub async fn ready(&self, timeout: Duration) -> bool {
        let mut status = self.0.replica.status();
        let ready = tokio::time::timeout(timeout, status.wait_for(Status::is_ready)).await;
        matches!(ready, Ok(Ok(_)))
    }

    /// Whether the rules in force are the control plane's and were confirmed no longer ago than that, for a service that
    /// would rather get no requests than decide by old rules:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use waygate_sdk::{Waygate, axum::{GuardedRouter, get}};
    /// # #[tokio::main] async fn main() -> Result<(), waygate_sdk::BuildError> {
    /// # let waygate = Waygate::builder("http://localhost:9000", "orders-service").start()?;
    /// use axum::http::StatusCode;
    ///
    /// let rules = waygate.clone();
    /// let readyz = async move || match rules.is_current(Duration::from_secs(3600)) {
    ///     true => StatusCode::OK,
    ///     false => StatusCode::SERVICE_UNAVAILABLE,
    /// };
    /// let app = GuardedRouter::new().route("/readyz", get(readyz).force_active()).guard(&waygate);
    /// # let _: axum::Router = app; Ok(()) }
    /// ```
    ///
    /// Rules from the [cache](WaygateBuilder::cache_dir) have the age that they had on the disk. Rules that are only
    /// declared, and those of a bootstrap file that does not say, are never current.
    pub fn is_current(&self, max_age: Duration) -> bool {
        self.0.replica.status().borrow().is_current(max_age)
    }

    /// Switches routes and maintenance of this service at the control plane.
    pub fn control(&self) -> Control {
        Control::new(self.0.session.clone(), self.0.app_id.clone())
    }

    /// Closes the stream and ends following. What is in force stays in force for requests that still come, but for divided
    /// limits, whose shares are given up.
    pub async fn shutdown(&self) {
        self.0.stop.cancel();
        let tasks = std::mem::take(&mut *self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            // It fails only where the runtime itself is being torn down.
            let _ = task.await;
        }
    }

    pub(crate) fn answers(&self) -> &Answers {
        &self.0.answers
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    pub(crate) fn replica(&self) -> &Arc<Replica> {
        &self.0.replica
    }
}

impl fmt::Debug for Waygate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Waygate").field("app_id", &self.0.app_id).field("status", &self.status()).finish()
    }
}
