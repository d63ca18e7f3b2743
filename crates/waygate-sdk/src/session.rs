//! Calls to the control plane, with a token or with credentials that are turned into one, at one of its servers.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use waygate_api::auth::{LoginAnswer, LoginRequest};
use waygate_api::client::{Client, ClientError, ClientOptions, ServerUrl};
use waygate_api::error::ErrorCode;
use waygate_api::paths;
use waygate_core::ServiceId;

/// By what the service shows who it is.
#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    /// The control plane asks for nothing.
    None,
    Token(SecretString),
    Password {
        username: String,
        password: SecretString,
    },
}

/// One identity at one control plane, which may have several servers. Cheap to clone; clones share tokens and the choice
/// of the server.
#[derive(Debug, Clone)]
pub(crate) struct Session(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    credentials: Credentials,
    servers: Vec<Server>,
    /// Which of them is called.
    current: AtomicUsize,
}

/// One server. A token that it has issued goes to no other.
#[derive(Debug)]
struct Server {
    anonymous: Client,
    /// The token of the last login here.
    token: Mutex<Option<SecretString>>,
    /// Held while logging in, so that callers at the same time share one login.
    login: tokio::sync::Mutex<()>,
}

impl Session {
    /// How long an answer may take to begin.
    pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

    /// `servers` are at least one.
    pub(crate) fn new(
        servers: Vec<ServerUrl>,
        app_id: &ServiceId,
        credentials: Credentials,
        introduction: Vec<(&'static str, String)>,
        ca_certificates: Option<Vec<u8>>,
    ) -> Result<Self, ClientError> {
        let options = ClientOptions {
            user_agent: concat!("waygate-sdk/", env!("CARGO_PKG_VERSION")).to_owned(),
            platform: Some("sdk"),
            app_id: Some(app_id.to_string()),
            timeout: Self::PATIENCE,
            headers: introduction.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            ca_certificates,
            ..ClientOptions::default()
        };
        let servers = servers.into_iter().map(|server| {
            let mut anonymous = Client::new(server, &options)?;
            if let Credentials::Token(token) = &credentials {
                // Found out here, where it can be reported, that it fits into a header.
                anonymous = anonymous.with_token(Some(token.expose_secret()))?;
            }
            Ok(Server { anonymous, token: Mutex::new(None), login: tokio::sync::Mutex::new(()) })
        });
        let servers = servers.collect::<Result<Vec<_>, ClientError>>()?;
        Ok(Self(Arc::new(Inner { credentials, servers, current: AtomicUsize::new(0) })))
    }

    /// How many servers there are.
    pub(crate) fn servers(&self) -> usize {
        self.0.servers.len()
    }

    /// The position of the server that is called.
    pub(crate) fn current(&self) -> usize {
        self.0.current.load(Ordering::Relaxed)
    }

    /// From now on, the next server is called.
    pub(crate) fn turn(&self) {
        self.0.current.store((self.current() + 1) % self.servers().max(1), Ordering::Relaxed);
    }

    /// The address of the server that is called.
    pub(crate) fn url(&self) -> &ServerUrl {
        self.server().anonymous.server()
    }

    fn server(&self) -> &Server {
        &self.0.servers[self.current()]
    }

    /// Makes a call; where the token is refused and there are credentials, logs in anew and makes it once more. A
    /// control plane without authentication is called without a token.
    pub(crate) async fn call<T, F>(&self, call: impl Fn(Client) -> F) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let server = self.server();
        let Credentials::Password { username, password } = &self.0.credentials else {
            return call(server.anonymous.clone()).await;
        };
        if let Some(token) = server.token() {
            match call(server.client_with(&token)?).await {
                Err(ClientError::Refused { status: 401, .. }) => server.forget(&token),
                answer => return answer,
            }
        }
        let token = match server.log_in(username, password).await {
            // The control plane asks nobody for credentials, for now: it may tomorrow.
            Err(ClientError::Refused { body, .. }) if body.code == ErrorCode::AuthNotConfigured => {
                return call(server.anonymous.clone()).await;
            }
            token => token?,
        };
        let answer = call(server.client_with(&token)?).await;
        if matches!(answer, Err(ClientError::Refused { status: 401, .. })) {
            server.forget(&token);
        }
        answer
    }
}

impl Server {
    async fn log_in(&self, username: &str, password: &SecretString) -> Result<SecretString, ClientError> {
        let _one_at_a_time = self.login.lock().await;
        if let Some(token) = self.token() {
            return Ok(token);
        }
        let request = LoginRequest {
            username: username.to_owned(),
            password: password.expose_secret().to_owned(),
            platform: Some("sdk".to_owned()),
        };
        let answer = self.anonymous.post::<LoginAnswer>(paths::LOGIN, &request).await?;
        let token = SecretString::from(answer.value.token);
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(token)
    }

    fn client_with(&self, token: &SecretString) -> Result<Client, ClientError> {
        self.anonymous.clone().with_token(Some(token.expose_secret()))
    }

    fn token(&self) -> Option<SecretString> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets a refused token, unless another login has replaced it.
    fn forget(&self, refused: &SecretString) {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if token.as_ref().is_some_and(|token| token.expose_secret() == refused.expose_secret()) {
            *token = None;
        }
    }
}
