//! The settings of a connection.

mod launch;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use secrecy::SecretString;
use waygate_core::WhenUnknown;

use crate::answers::Answer;
use crate::bypass::Bypass;
use crate::caller::{ByAddress, Identity};
use crate::denied::Denied;
use crate::session::Credentials;

/// The settings of a connection; see [`Waygate::builder`](crate::Waygate::builder) and
/// [`Waygate::from_env`](crate::Waygate::from_env).
#[must_use = "nothing happens before `start`"]
pub struct WaygateBuilder {
    servers: Vec<String>,
    app_id: String,
    credentials: Credentials,
    environment: Option<String>,
    ca_file: Option<PathBuf>,
    instance: Option<String>,
    reconnect_delay: Duration,
    silence: Duration,
    poll_interval: Duration,
    cache_dir: Option<PathBuf>,
    bootstrap_file: Option<PathBuf>,
    when_unknown: WhenUnknown,
    identity: Box<dyn Identity>,
    trusted_proxies: Vec<String>,
    hops: usize,
    report_interval: Duration,
    rate_limit_backend: Option<String>,
    rate_limit_deadline: Duration,
    answer: Option<Answer>,
    bypass: Bypass,
}

impl WaygateBuilder {
    const RECONNECT_DELAY: Duration = Duration::from_secs(5);
    /// Three keep-alives of the control plane.
    const SILENCE: Duration = Duration::from_secs(45);
    const POLL_INTERVAL: Duration = Duration::from_secs(10);
    const REPORT_INTERVAL: Duration = Duration::from_secs(10);
    const RATE_LIMIT_DEADLINE: Duration = Duration::from_millis(50);

    pub(crate) fn new(server_url: &str, app_id: &str) -> Self {
        Self {
            servers: server_url.split(',').map(|server| server.trim().to_owned()).collect(),
            app_id: app_id.to_owned(),
            credentials: Credentials::None,
            environment: None,
            ca_file: None,
            instance: None,
            reconnect_delay: Self::RECONNECT_DELAY,
            silence: Self::SILENCE,
            poll_interval: Self::POLL_INTERVAL,
            cache_dir: None,
            bootstrap_file: None,
            when_unknown: WhenUnknown::Open,
            identity: Box::new(ByAddress),
            trusted_proxies: Vec::new(),
            hops: 1,
            report_interval: Self::REPORT_INTERVAL,
            rate_limit_backend: None,
            rate_limit_deadline: Self::RATE_LIMIT_DEADLINE,
            answer: None,
            bypass: Bypass::default(),
        }
    }

    /// The servers of one control plane, in place of the one that [`Waygate::builder`](crate::Waygate::builder) names. The
    /// first is tried first, and at whatever trouble the next one, which goes on where the one before has ended.
    pub fn servers<'a>(mut self, urls: impl IntoIterator<Item = &'a str>) -> Self {
        self.servers = urls.into_iter().map(|url| url.trim().to_owned()).collect();
        self
    }

    /// A directory in which the last known rules are kept, so that a service which starts while the control plane is away
    /// enforces what it enforced before, from its first request on. It is made if it is not there; services and processes
    /// may share it. A disk that is full or read-only is told in the log once, counted in
    /// [`Status::cache_failures`](crate::Status::cache_failures), and hinders nothing.
    ///
    /// A change is on the disk within a second. Where that disk lasts is yours to say: a container's own does not.
    ///
    /// What is left of this instance's shares of divided limits is kept there, too. Processes that share the directory have
    /// the same share then, when they start while the control plane is away: give each its own where limits are divided.
    pub fn cache_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.cache_dir = Some(directory.into());
        self
    }

    /// A file of rules that was baked into the service, for when there is nothing in the cache: what
    /// `GET /api/sdk/snapshot?service=…` answers, or a file of a cache.
    pub fn bootstrap_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.bootstrap_file = Some(file.into());
        self
    }

    /// What a route answers while nothing was ever heard of the control plane: no snapshot has come, and there is neither a
    /// cache nor a bootstrap file (default [`WhenUnknown::Open`]). A route's own `when_unknown` goes before; what is
    /// declared to be shut is shut, and what is `force_active` answers.
    pub fn when_unknown(mut self, choice: WhenUnknown) -> Self {
        self.when_unknown = choice;
        self
    }

    /// A token of this service; it is sent to each of the [servers](Self::servers). Replaces credentials.
    pub fn token(mut self, token: impl Into<SecretString>) -> Self {
        self.credentials = Credentials::Token(token.into());
        self
    }

    /// Credentials to log in with, now and whenever a token has ended, at each server for itself. Replaces a token.
    pub fn credentials(mut self, username: &str, password: impl Into<SecretString>) -> Self {
        self.credentials = Credentials::Password { username: username.to_owned(), password: password.into() };
        self
    }

    /// A file with the authorities, as certificates in PEM, that are trusted for an https server besides those of the
    /// system. Read at the start.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// The environment that gates compare with. Without one, every route that is gated is shut.
    pub fn environment(mut self, environment: &str) -> Self {
        self.environment = Some(environment.to_owned());
        self
    }

    /// What operators know this instance by, among those of the service: 1 to 128 letters, digits and `.`, `_`, `:`, `@`,
    /// `-`, such as the name of the pod. No two that run at the same time may have the same. Without one it is a random
    /// one, another for each start.
    pub fn instance(mut self, id: &str) -> Self {
        self.instance = Some(id.to_owned());
        self
    }

    /// The longest wait between two attempts to connect to a control plane that is away (default 5 s), so that it is found
    /// again within that time, however long it was away. Waits are shortened at random by up to a half, so that services
    /// do not come back all at once, and are never below 250 ms. With several servers, the others are tried after a
    /// quarter to half a second.
    ///
    /// A control plane that is there but refuses is asked at the same pace for a minute, and then at waits that double up to
    /// 30 s; so it is at once where it refuses the credentials. What it asks for itself (`Retry-After`, the pace of
    /// a shutdown) is followed up to 5 minutes.
    pub fn reconnect_delay(mut self, delay: Duration) -> Self {
        self.reconnect_delay = delay;
        self
    }

    /// How long without a sign of life until a connection counts as broken (default 45 s: three keep-alives).
    pub fn silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// How often the control plane is asked for changes where its streams do not get through (default 10 s, shortened at
    /// random by up to a half; at least 1 s). The stream is tried again now and then.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
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

    /// How often denied requests are reported at the most (default 10 s). Counts of requests are reported as often, and
    /// every 5 s where this is longer.
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

    /// Lets every request pass what would stop it, for a service on somebody's desk or a load test: it goes on following the
    /// control plane and enforces nothing of it. The log says so at the start, [`Status::bypass`](crate::Status::bypass) does,
    /// and operators are told: the instance counts as one that does not enforce, so that nobody waits for it in vain.
    pub fn bypass(mut self, what: Bypass) -> Self {
        self.bypass = self.bypass.and(what);
        self
    }

    /// What denied requests are answered, in place of the standard answer in JSON: a page, a redirect, any response. A
    /// route's own goes before. Made in the place of the handler, so it must not wait.
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), waygate_sdk::BuildError> {
    /// use waygate_sdk::{Waygate, escape_html};
    ///
    /// let waygate = Waygate::builder("http://localhost:9000", "shop")
    ///     .denied_with(|denied| match denied.accepts_html() {
    ///         true => denied.html(format!("<h1>Back soon</h1><p>{}</p>", escape_html(denied.reason()))),
    ///         false => denied.standard(),
    ///     })
    ///     .start()?;
    /// # Ok(()) }
    /// ```
    ///
    /// Whatever it is, `Retry-After` is added where the end is known and it has none, and so are the headers of a limit;
    /// `Cache-Control: no-store` and a content type of plain text where it says nothing else. `HEAD` gets the head of it. A
    /// function that panics, or answers 1xx, gives the standard answer. Requests of gRPC are answered by a status always.
    pub fn denied_with<B: Into<Bytes>>(
        mut self,
        answer: impl Fn(&Denied<'_>) -> Response<B> + Send + Sync + 'static,
    ) -> Self {
        self.answer = Some(Answer::new(answer));
        self
    }
}

impl fmt::Debug for WaygateBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WaygateBuilder")
            .field("servers", &self.servers)
            .field("app_id", &self.app_id)
            .field("environment", &self.environment)
            .field("reconnect_delay", &self.reconnect_delay)
            .field("bypass", &self.bypass)
            .finish_non_exhaustive()
    }
}
