//! The settings of a server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use waygate_core::Cidr;
use waygate_store::{Store, StoreError};

use crate::admission::{Admission, StreamOptions};
use crate::app::App;
use crate::auth::{Authenticator, Authority, Credentials, Lifetimes, Secret, Users, weakness};
use crate::control::ControlPlane;
use crate::control::presence::{self, Presence};
use crate::edge::{AllowedHosts, Edge};
use crate::serve::Connections;
use crate::server::Server;
use crate::tls;
use crate::webhooks::{WebhookOptions, Webhooks};

/// How long people's tokens are good for, unless set.
const TOKEN_EXPIRY: Duration = Duration::from_hours(24);
/// How long services' tokens are good for, unless set: a year.
const SDK_TOKEN_EXPIRY: Duration = Duration::from_hours(365 * 24);
/// How many connections are served at a time, unless set: enough for the most streams, and an eighth for other requests.
const MOST_CONNECTIONS: usize = 11_500;
/// Other requests need no more, however many streams there are: theirs end soon where few are left.
const MOST_OTHERS: usize = 1024;

/// The settings of a server; see each method for its default.
#[must_use = "settings are nothing before `build`"]
pub struct ServerBuilder {
    backend: Option<Arc<dyn Store>>,
    credentials: Credentials,
    authenticator: Option<Arc<dyn Authenticator>>,
    secret_key: Option<SecretString>,
    metrics_token: Option<SecretString>,
    lifetimes: Lifetimes,
    webhooks: WebhookOptions,
    trusted_proxies: Vec<Cidr>,
    allowed_hosts: Vec<String>,
    tls: Option<(Vec<u8>, SecretSlice<u8>)>,
    most_connections: usize,
    streams: StreamOptions,
    instance_liveness: Duration,
}

/// Why a server cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    #[error("no backend is set: `ServerBuilder::backend` takes the store to keep state in")]
    NoBackend,
    /// Users that cannot be used; which and why.
    #[error("{0}")]
    Credentials(String),
    #[error("both users and an authenticator are set; the authenticator decides about all users")]
    TwoAuthorities,
    /// A certificate or key that cannot be used; which and why.
    #[error("TLS: {0}")]
    Tls(String),
    /// A name that cannot be one of [`ServerBuilder::allowed_hosts`].
    #[error("allowed hosts: {0}")]
    AllowedHost(String),
    #[error("the secret key is empty")]
    EmptySecretKey,
    #[error("the token for metrics is empty")]
    EmptyMetricsToken,
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The store cannot be loaded.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Default for ServerBuilder {
    fn default() -> Self {
        Self {
            backend: None,
            credentials: Credentials::none(),
            authenticator: None,
            secret_key: None,
            metrics_token: None,
            lifetimes: Lifetimes { person: TOKEN_EXPIRY, service: SDK_TOKEN_EXPIRY },
            webhooks: WebhookOptions::default(),
            trusted_proxies: Vec::new(),
            allowed_hosts: Vec::new(),
            tls: None,
            most_connections: MOST_CONNECTIONS,
            streams: StreamOptions::default(),
            instance_liveness: presence::LIVENESS,
        }
    }
}

impl ServerBuilder {
    /// Where state is kept. Must be given.
    pub fn backend(mut self, store: Arc<dyn Store>) -> Self {
        self.backend = Some(store);
        self
    }

    /// Who may log in: a pair of user and password, an array of pairs, or [`Credentials`]. Without, everybody may
    /// do everything.
    pub fn auth(mut self, credentials: impl Into<Credentials>) -> Self {
        self.credentials = credentials.into();
        self
    }

    /// Decides about names and passwords instead of [`ServerBuilder::auth`].
    pub fn authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.authenticator = Some(authenticator);
        self
    }

    /// The secret that tokens are made with. With the same one, tokens outlive a restart and are good on every node.
    /// Without, a random one is made: tokens end with the process.
    pub fn secret_key(mut self, secret: impl Into<String>) -> Self {
        self.secret_key = Some(SecretString::from(secret.into()));
        self
    }

    /// A token with which `GET /metrics` can be read, and nothing else. Without, people who may see every service read
    /// it with their own; where nobody needs to log in, everybody does.
    pub fn metrics_token(mut self, token: impl Into<String>) -> Self {
        self.metrics_token = Some(SecretString::from(token.into()));
        self
    }

    /// How long people's tokens are good for: a day, unless set.
    pub fn token_expiry(mut self, lifetime: Duration) -> Self {
        self.lifetimes.person = lifetime;
        self
    }

    /// How long services' tokens are good for: a year, unless set.
    pub fn sdk_token_expiry(mut self, lifetime: Duration) -> Self {
        self.lifetimes.service = lifetime;
        self
    }

    /// How webhooks are delivered; see [`WebhookOptions`] for what holds unless set.
    pub fn webhooks(mut self, options: WebhookOptions) -> Self {
        self.webhooks = options;
        self
    }

    /// The proxies whose `X-Forwarded-For`, `-Proto` and `-Host` are believed: none, unless set.
    ///
    /// When the router is mounted, the address of a connection is known by
    /// [`ConnectInfo`](axum::extract::ConnectInfo) only; without it no proxy is trusted.
    pub fn trusted_proxies(mut self, proxies: impl IntoIterator<Item = Cidr>) -> Self {
        self.trusted_proxies = proxies.into_iter().collect();
        self
    }

    /// The names by which a server without authentication may be called, besides addresses, `localhost` and names
    /// without a dot: `waygate.example`, `*.example` for whatever ends so, `*` for every name. None, unless set: a page
    /// of another site could otherwise have its own name lead here and act in its visitor's place. With authentication
    /// there is nothing that such a page could use, and every name will do.
    pub fn allowed_hosts(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.allowed_hosts = names.into_iter().map(Into::into).collect();
        self
    }

    /// Serves by TLS, with a certificate chain and its key in PEM. Concerns [`Server::serve`] only.
    pub fn tls(mut self, certificates: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.tls = Some((certificates.into(), key.into().into()));
        self
    }

    /// How many connections [`Server::serve`] holds at a time: 11,500, unless set. Further ones wait to be
    /// accepted. Where few are left, each ends with its answer, so that clients that keep theirs hold nobody up.
    pub fn max_connections(mut self, most: usize) -> Self {
        self.most_connections = most;
        self
    }

    /// After how long without a sign of life an instance of a service counts as lost: 32 seconds, unless set. Instances
    /// are asked for one at least twice in that time. At least a second.
    pub fn instance_liveness(mut self, liveness: Duration) -> Self {
        self.instance_liveness = liveness.max(Duration::from_secs(1));
        self
    }

    /// How services follow the control plane; see [`StreamOptions`] for what holds unless set.
    pub fn streams(mut self, options: StreamOptions) -> Self {
        self.streams = options;
        self
    }

    /// Loads the store and starts the control plane.
    ///
    /// # Errors
    ///
    /// [`BuildError`]; nothing has been started then.
    pub async fn build(self) -> Result<Server, BuildError> {
        let store = self.backend.ok_or(BuildError::NoBackend)?;
        let secret = match &self.secret_key {
            Some(key) if key.expose_secret().is_empty() => return Err(BuildError::EmptySecretKey),
            Some(key) => {
                if let Some(weakness) = weakness(key.expose_secret()) {
                    tracing::warn!(
                        "the secret key {weakness}: whoever guesses it can make tokens and sign for webhooks. Take 32 \
                         random bytes, such as `head -c 32 /dev/urandom | base64` gives"
                    );
                }
                Secret::of(key.expose_secret())
            }
            None => Secret::random().map_err(|_| BuildError::NoRandomness)?,
        };
        let authenticator = match self.authenticator {
            Some(_) if !self.credentials.is_none() => return Err(BuildError::TwoAuthorities),
            None if !self.credentials.is_none() => {
                let users = Users::of(&self.credentials, &secret);
                let users = users.map_err(|problem| BuildError::Credentials(problem.to_string()))?;
                Some(Arc::new(users) as Arc<dyn Authenticator>)
            }
            given => given,
        };
        let tls = match &self.tls {
            Some((certificates, key)) => {
                Some(tls::acceptor(certificates, key.expose_secret()).map_err(BuildError::Tls)?)
            }
            None => None,
        };
        if authenticator.is_some() && self.secret_key.is_none() {
            tracing::warn!("no secret key is set: a random one is used, and every token ends with this process");
        }
        let allowed_hosts = AllowedHosts::of(&self.allowed_hosts).map_err(BuildError::AllowedHost)?;
        if self.metrics_token.as_ref().is_some_and(|token| token.expose_secret().is_empty()) {
            return Err(BuildError::EmptyMetricsToken);
        }
        let authority = Authority::new(authenticator, &secret, self.lifetimes).ok_or(BuildError::NoRandomness)?;
        let authority = authority.with_scraper_token(self.metrics_token);
        let control = ControlPlane::start(store).await?;
        let webhooks = Webhooks::start(&control, &secret, self.webhooks).ok_or(BuildError::NoRandomness)?;
        let presence = Presence::start(&control, self.instance_liveness).await;
        let edge = Edge { trusted_proxies: self.trusted_proxies, tls: tls.is_some(), allowed_hosts };
        let connections = Connections { tls, most: self.most_connections, write_timeout: self.streams.write_timeout };
        let room = self.most_connections - (self.most_connections / 8).min(MOST_OTHERS);
        let admission = Admission::new(StreamOptions { most: self.streams.most.min(room), ..self.streams });
        let app = App::new(control, authority, edge, webhooks, presence, admission);
        app.control.spawn(|ending| {
            let (control, stopping) = (app.control.clone(), app.stopping.clone());
            async move {
                tokio::select! {
                    biased;
                    () = stopping.cancelled() => {}
                    () = ending.cancelled() => {}
                }
                control.feed().end();
            }
        });
        Ok(Server::new(app, connections))
    }
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServerBuilder")
            .field("backend", &self.backend)
            .field("credentials", &self.credentials)
            .field("lifetimes", &self.lifetimes)
            .field("webhooks", &self.webhooks)
            .finish_non_exhaustive()
    }
}
