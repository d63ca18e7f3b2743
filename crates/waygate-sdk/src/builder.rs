//! The settings of a connection, and its start.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use secrecy::SecretString;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use waygate_core::{Environment, LocalCounters, ServiceId};

use crate::caller::{ByAddress, Callers, Identity};
use crate::error::BuildError;
use crate::gate::Gate;
use crate::replica::Replica;
use crate::report::{self, Hits};
use crate::session::{Credentials, Session};
use crate::shared::Shared;
use crate::sync::Syncer;
use crate::sync::remote::RemoteSource;
use crate::sync::source::Source;
use crate::waygate::Waygate;

/// The settings of a connection; see [`Waygate::builder`] and [`Waygate::from_env`].
#[must_use = "nothing happens before `start`"]
pub struct WaygateBuilder {
    server_url: String,
    app_id: String,
    credentials: Credentials,
    environment: Option<String>,
    reconnect_delay: Duration,
    silence: Duration,
    identity: Box<dyn Identity>,
    trusted_proxies: Vec<String>,
    hops: usize,
    report_interval: Duration,
    rate_limit_backend: Option<String>,
    rate_limit_deadline: Duration,
}

impl WaygateBuilder {
    const RECONNECT_DELAY: Duration = Duration::from_secs(5);
    /// Three keep-alives of the control plane.
    const SILENCE: Duration = Duration::from_secs(45);
    const REPORT_INTERVAL: Duration = Duration::from_secs(10);
    const RATE_LIMIT_DEADLINE: Duration = Duration::from_millis(50);
    /// What is longer than a day is a day.
    const LONGEST: Duration = Duration::from_hours(24);

    pub(crate) fn new(server_url: &str, app_id: &str) -> Self {
        Self {
            server_url: server_url.to_owned(),
            app_id: app_id.to_owned(),
            credentials: Credentials::None,
            environment: None,
            reconnect_delay: Self::RECONNECT_DELAY,
            silence: Self::SILENCE,
            identity: Box::new(ByAddress),
            trusted_proxies: Vec::new(),
            hops: 1,
            report_interval: Self::REPORT_INTERVAL,
            rate_limit_backend: None,
            rate_limit_deadline: Self::RATE_LIMIT_DEADLINE,
        }
    }

    /// A token of this service. Replaces credentials.
    pub fn token(mut self, token: impl Into<SecretString>) -> Self {
        self.credentials = Credentials::Token(token.into());
        self
    }

    /// Credentials to log in with, now and whenever a token has ended. Replaces a token.
    pub fn credentials(mut self, username: &str, password: impl Into<SecretString>) -> Self {
        self.credentials = Credentials::Password { username: username.to_owned(), password: password.into() };
        self
    }

    /// The environment that gates compare with. Without one, every route that is gated is shut.
    pub fn environment(mut self, environment: &str) -> Self {
        self.environment = Some(environment.to_owned());
        self
    }

    /// The longest wait between two attempts to connect while trouble is young (default 5 s; after a minute of
    /// trouble waits grow to 30 s). Waits are shortened at random by up to a half, and are never below 250 ms.
    pub fn reconnect_delay(mut self, delay: Duration) -> Self {
        self.reconnect_delay = delay;
        self
    }

    /// How long without a sign of life until a connection counts as broken (default 45 s: three keep-alives).
    pub fn silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// How limits tell callers apart: users, tiers, roles, and keys of your own.
    pub fn identity(mut self, identity: impl Identity) -> Self {
        self.identity = Box::new(identity);
        self
    }

    /// The proxies, as addresses or ranges such as `10.0.0.0/8`, whose `X-Forwarded-For` is believed. From anybody
    /// else, and without this, the caller's address is that of the direct peer.
    pub fn trusted_proxies<'a>(mut self, ranges: impl IntoIterator<Item = &'a str>) -> Self {
        self.trusted_proxies = ranges.into_iter().map(ToOwned::to_owned).collect();
        self
    }

    /// How many entries of `X-Forwarded-For` are believed, from the right (default 1): as many as there are trusted
    /// proxies one behind the other.
    pub fn trusted_hops(mut self, hops: usize) -> Self {
        self.hops = hops;
        self
    }

    /// How often denied requests are reported at the most (default 10 s).
    pub fn report_interval(mut self, interval: Duration) -> Self {
        self.report_interval = interval;
        self
    }

    /// A Redis (6.2 or newer) in which all replicas of this service count together, so that `100/minute` is 100 for all
    /// of them: `redis://[user:password@]host[:port][/database]`, or `rediss://…` for TLS. Limits of all services count
    /// together over those services that share the Redis. Without one, each replica counts for itself.
    ///
    /// Take another database, or another Redis, than the control plane's own. Needs the feature `redis-limits`.
    ///
    /// A request takes one round trip for all of its limits; a caller who is known to be denied takes none. While Redis is
    /// away, each limit's `on_backend_failure` decides: `local` counts in the replica, `open` lets through, `closed`
    /// refuses. That is logged once when it begins and once when it ends, and counted in
    /// [`Status::shared_counters`](crate::Status::shared_counters).
    pub fn rate_limit_backend(mut self, url: &str) -> Self {
        self.rate_limit_backend = Some(url.to_owned());
        self
    }

    /// How long a request waits for the rate limit backend at most (default 50 ms).
    pub fn rate_limit_deadline(mut self, deadline: Duration) -> Self {
        self.rate_limit_deadline = deadline;
        self
    }

    /// Starts to follow the control plane, and returns at once, whether or not it is there.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when a setting is not usable, or outside of a tokio runtime. Anything that happens later is in
    /// [`Waygate::status`] and in the log.
    pub fn start(self) -> Result<Waygate, BuildError> {
        let app_id = self.app_id()?;
        let server = self.server_url.parse().map_err(BuildError::ServerUrl)?;
        let session = Session::new(server, &app_id, self.credentials.clone()).map_err(BuildError::Client)?;
        let source = RemoteSource::new(session.clone(), app_id);
        self.launch(Some(session), source)
    }

    /// Starts to follow another source than a server over the network. [`Waygate::control`] is not available then.
    ///
    /// # Errors
    ///
    /// As for [`WaygateBuilder::start`].
    pub fn start_with(self, source: impl Source) -> Result<Waygate, BuildError> {
        self.launch(None, source)
    }

    fn launch(self, session: Option<Session>, source: impl Source) -> Result<Waygate, BuildError> {
        let app_id = self.app_id()?;
        let environment: Option<Environment> =
            self.environment.as_deref().map(str::parse).transpose().map_err(BuildError::Environment)?;
        let runtime = Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let replica = Arc::new(Replica::new(environment));
        let trusted = self.trusted_proxies.iter().map(|range| range.parse());
        let callers = Callers {
            trusted_proxies: trusted.collect::<Result<_, _>>().map_err(BuildError::TrustedProxy)?,
            identity: self.identity,
            hops: self.hops,
            warned: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
        };
        let hits = Hits::new(session.is_some());
        let backend = self.rate_limit_backend.as_deref();
        let shared = backend.map(|url| Shared::open(url, self.rate_limit_deadline, &app_id)).transpose()?;
        let gate = Arc::new(Gate { counters: LocalCounters::new(), shared, callers, hits });
        let stop = CancellationToken::new();
        let reconnect_delay = self.reconnect_delay.min(Self::LONGEST);
        let syncer = Syncer::new(source, replica.clone(), reconnect_delay, self.silence.min(Self::LONGEST));
        let mut tasks = vec![runtime.spawn(syncer.run(stop.clone()))];
        if let Some(session) = session.clone() {
            let every = self.report_interval;
            tasks.push(runtime.spawn(report::run(gate.clone(), session, app_id.clone(), every, stop.clone())));
        }
        if gate.is_shared() {
            let (gate, stop) = (gate.clone(), stop.clone());
            tasks.push(runtime.spawn(async move { stop.run_until_cancelled(gate.reach()).await.unwrap_or_default() }));
        }
        Ok(Waygate::new(app_id, replica, gate, session, stop, tasks))
    }

    fn app_id(&self) -> Result<ServiceId, BuildError> {
        self.app_id.parse().map_err(BuildError::AppId)
    }
}

impl fmt::Debug for WaygateBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WaygateBuilder")
            .field("server_url", &self.server_url)
            .field("app_id", &self.app_id)
            .field("environment", &self.environment)
            .field("reconnect_delay", &self.reconnect_delay)
            .finish_non_exhaustive()
    }
}
