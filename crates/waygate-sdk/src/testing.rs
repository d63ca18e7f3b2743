//! A control plane in the process of a test: no server, no network, no waiting.
//!
//! What a test switches is in force when the call returns, by the rules of the real control plane. The time of requests
//! stands still until the test moves it, so limits and windows can be tested without sleeping and without luck. Belongs
//! into `[dev-dependencies]`:
//!
//! ```toml
//! waygate-sdk = { version = "0.1", features = ["testing"] }
//! ```
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::body::Body;
//! use axum::http::Request;
//! use tower::ServiceExt as _;
//! use waygate_sdk::axum::{GuardedRouter, get};
//! use waygate_sdk::testing::{Bypass, ControlPlane};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let plane = ControlPlane::new("payments-service");
//! // The service's own function that makes its router, as its `main` calls it.
//! let app = GuardedRouter::new().route("/api/payments", get(async || "[]")).guard(&plane.waygate());
//! let status = async || {
//!     let request = Request::get("/api/payments").body(Body::empty()).unwrap();
//!     app.clone().oneshot(request).await.unwrap().status().as_u16()
//! };
//!
//! assert_eq!(status().await, 200);
//! plane.route("/api/payments").lasting(Duration::from_secs(60)).disable("hotfix");
//! assert_eq!(status().await, 503);
//! {
//!     let _bypass = plane.bypass(Bypass::all());
//!     assert_eq!(status().await, 200);
//! }
//! plane.advance(Duration::from_secs(60));
//! assert_eq!(status().await, 200);
//!
//! plane.route("/api/payments").limit("1/minute");
//! assert_eq!((status().await, status().await), (200, 429));
//! assert_eq!(plane.hits()[0].count, 1);
//! assert_eq!(plane.outcomes("GET:/api/payments").blocked, 1);
//! # }
//! ```
//!
//! [`Waygate::control`] is not available to a service under test, and nothing is read from or written to the disk.

mod bypass;
mod hits;
mod script;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use waygate_api::rate_limits::HitReport;
use waygate_api::traffic::Outcomes;
use waygate_core::{Cause, Command, CommandError, Commit, Cursor, Draft, Plan, Platform, RouteSelector, State, plan};

pub use self::bypass::{Bypass, BypassScope};
pub use self::script::{RouteScript, WideScript};
use crate::builder::WaygateBuilder;
use crate::clock::Clock;
use crate::status::{Outage, Phase};
use crate::testing::hits::Seen;
use crate::waygate::Waygate;

/// When tests begin, unless they say otherwise.
const BEGINNING: Timestamp = Timestamp::constant(1_893_456_000, 0);

/// A control plane that does what a test says, and the connection of one service to it.
pub struct ControlPlane {
    waygate: Waygate,
    clock: Clock,
    inner: Mutex<Inner>,
}

struct Inner {
    state: State,
    /// Of which declarations the control plane knows.
    registered: u64,
    is_away: bool,
    seen: Seen,
}

#[expect(clippy::panic, reason = "what a test says and cannot mean is told to it at once")]
#[track_caller]
pub(crate) fn refused<T, E: fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

impl ControlPlane {
    /// A control plane that one service follows. It begins at 2030-01-01T00:00:00Z with nothing switched.
    ///
    /// # Panics
    ///
    /// When no service can have this name.
    #[track_caller]
    pub fn new(app_id: &str) -> Self {
        Self::followed_by(Waygate::builder("http://localhost:9000", app_id))
    }

    /// The same for a service with settings: its environment, how it tells callers apart, what it answers when a request
    /// is denied. What concerns the network or the disk is left aside.
    ///
    /// ```
    /// # use waygate_sdk::{Waygate, testing::ControlPlane};
    /// let settings = Waygate::builder("http://localhost:9000", "shop").environment("staging");
    /// let plane = ControlPlane::followed_by(settings);
    /// ```
    ///
    /// # Panics
    ///
    /// When a setting is not usable.
    #[track_caller]
    pub fn followed_by(service: WaygateBuilder) -> Self {
        let clock = Clock::stopped_at(BEGINNING);
        let waygate = refused(service.scripted(clock.clone()));
        let state = State::new(Cursor::start_of(refused("testsonly".parse())));
        let inner = Inner { state, registered: 0, is_away: false, seen: Seen::default() };
        let plane = Self { waygate, clock, inner: Mutex::new(inner) };
        plane.deliver(&plane.inner());
        plane.waygate.replica().follow_script();
        plane
    }

    /// The service's connection, to build its router with.
    pub fn waygate(&self) -> Waygate {
        self.waygate.clone()
    }

    /// Switches a route: `GET:/api/payments`, or `/api/payments` for the one route of that path.
    pub fn route(&self, route: &str) -> RouteScript<'_> {
        RouteScript::new(self, route)
    }

    /// Switches the service as a whole.
    pub fn service(&self) -> WideScript<'_> {
        WideScript::of_service(self)
    }

    /// Switches all services.
    pub fn everything(&self) -> WideScript<'_> {
        WideScript::of_everything(self)
    }

    /// Carries out whatever the control plane can do, and says what it has come to.
    ///
    /// # Errors
    ///
    /// As the control plane: nothing has changed then.
    pub fn execute(&self, command: &Command) -> Result<Plan, CommandError> {
        let mut inner = self.inner();
        self.register(&mut inner)?;
        let plan = commit(&mut inner.state, command, self.now())?;
        self.deliver(&inner);
        Ok(plan)
    }

    /// The time by which requests are decided.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the time on. What ends or begins by itself meanwhile has ended or begun.
    pub fn advance(&self, time: Duration) {
        let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        let mut inner = self.inner();
        self.clock.set(self.now().checked_add(time).unwrap_or(Timestamp::MAX));
        if inner.is_away {
            self.waygate.replica().age_by(time);
        }
        // It refuses nothing.
        let _ = commit(&mut inner.state, &Command::Settle, self.now());
        self.deliver(&inner);
    }

    /// Sets the time, for windows and dates that a test names. No time goes by: the rules get no older.
    pub fn set_time(&self, now: Timestamp) {
        self.clock.set(now);
    }

    /// The control plane cannot be reached any more: the service goes on with what it knows, and
    /// [`Waygate::status`] says so. What is switched meanwhile arrives with [`ControlPlane::come_back`].
    pub fn go_away(&self) {
        let mut inner = self.inner();
        inner.is_away = true;
        let reason = "the test has taken the control plane away".to_owned();
        self.waygate.replica().lost(Outage::Unreachable { reason });
    }

    /// The control plane can be reached again.
    pub fn come_back(&self) {
        let mut inner = self.inner();
        inner.is_away = false;
        self.waygate.replica().in_touch(Phase::Live);
        self.deliver(&inner);
    }

    /// Lets requests pass what is bypassed for as long as the scope lives. Several add up.
    pub fn bypass(&self, what: Bypass) -> BypassScope {
        BypassScope::new(self.waygate.replica().clone(), what)
    }

    /// What limits have refused since the beginning, in sums, also what they would have refused were they not in shadow:
    /// what operators see by `waygate rl hits`.
    pub fn hits(&self) -> Vec<HitReport> {
        let seen = &mut self.inner().seen;
        seen.look(self.waygate.gate());
        seen.hits().to_vec()
    }

    /// What became of the requests to a route since the beginning: `GET:/api/payments`, or `/api/payments` for those of
    /// all its methods.
    ///
    /// # Panics
    ///
    /// When no route can have this name.
    #[track_caller]
    pub fn outcomes(&self, route: &str) -> Outcomes {
        let selector: RouteSelector = refused(route.parse());
        let seen = &mut self.inner().seen;
        seen.look(self.waygate.gate());
        seen.outcomes(&selector)
    }

    #[track_caller]
    pub(crate) fn must(&self, command: &Command) {
        refused(self.execute(command));
    }

    /// What is declared becomes known, as it does with a service that has just started.
    fn register(&self, inner: &mut Inner) -> Result<(), CommandError> {
        let batch = self.waygate.replica().batch();
        if batch.generation != inner.registered {
            let register = Command::Register { service: self.waygate.app_id().clone(), routes: batch.declarations };
            commit(&mut inner.state, &register, self.now())?;
            inner.registered = batch.generation;
        }
        Ok(())
    }

    fn deliver(&self, inner: &Inner) {
        if !inner.is_away {
            let view = inner.state.service_view(self.waygate.app_id());
            self.waygate.replica().replace_view(view, &inner.state.cursor, true);
            self.waygate.replica().confirmed();
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Plans a command and carries it out.
fn commit(state: &mut State, command: &Command, now: Timestamp) -> Result<Plan, CommandError> {
    let plan = plan(state, command, now)?;
    if !plan.records.is_empty() {
        let id = refused(format!("test-{:016}", state.cursor.revision.next().0).try_into());
        let cause = Cause { actor: refused("test".parse()), platform: Platform::System, at: now, undoes: None };
        let commit = Commit::after(&state.cursor, Draft { id, cause, records: plan.records.clone() });
        refused(state.apply(&commit));
    }
    Ok(plan)
}

impl fmt::Debug for ControlPlane {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ControlPlane").field("now", &self.now()).finish_non_exhaustive()
    }
}
