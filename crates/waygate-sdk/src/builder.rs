//! The settings of a connection, and its start.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use waygate_core::{Environment, ServiceId};

use crate::error::BuildError;
use crate::replica::Replica;
use crate::session::{Credentials, Session};
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
}

impl WaygateBuilder {
    const RECONNECT_DELAY: Duration = Duration::from_secs(5);
    /// Three keep-alives of the control plane.
    const SILENCE: Duration = Duration::from_secs(45);
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
        let stop = CancellationToken::new();
        let reconnect_delay = self.reconnect_delay.min(Self::LONGEST);
        let syncer = Syncer::new(source, replica.clone(), reconnect_delay, self.silence.min(Self::LONGEST));
        let task = runtime.spawn(syncer.run(stop.clone()));
        Ok(Waygate::new(app_id, replica, session, stop, task))
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
