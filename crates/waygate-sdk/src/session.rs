//! Calls to the control plane, with a token or with credentials that are turned into one.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

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

/// One identity at one control plane. Cheap to clone; clones share the token.
#[derive(Debug, Clone)]
pub(crate) struct Session(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    anonymous: Client,
    credentials: Credentials,
    /// The token of the last login.
    token: Mutex<Option<SecretString>>,
    /// Held while logging in, so that callers at the same time share one login.
    login: tokio::sync::Mutex<()>,
}

impl Session {
    pub(crate) fn new(server: ServerUrl, app_id: &ServiceId, credentials: Credentials) -> Result<Self, ClientError> {
        let options = ClientOptions {
            user_agent: concat!("waygate-sdk/", env!("CARGO_PKG_VERSION")).to_owned(),
            platform: Some("sdk"),
            app_id: Some(app_id.to_string()),
            ..ClientOptions::default()
        };
        let mut anonymous = Client::new(server, &options)?;
        if let Credentials::Token(token) = &credentials {
            // Found out here, where it can be reported, that it fits into a header.
            anonymous = anonymous.with_token(Some(token.expose_secret()))?;
        }
        Ok(Self(Arc::new(Inner {
            anonymous,
            credentials,
            token: Mutex::new(None),
            login: tokio::sync::Mutex::new(()),
        })))
    }

    /// Makes a call; where the token is refused and there are credentials, logs in anew and makes it once more. A
    /// control plane without authentication is called without a token.
    pub(crate) async fn call<T, F>(&self, call: impl Fn(Client) -> F) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let Credentials::Password { username, password } = &self.0.credentials else {
            return call(self.0.anonymous.clone()).await;
        };
        if let Some(token) = self.token() {
            match call(self.client_with(&token)?).await {
                Err(ClientError::Refused { status: 401, .. }) => self.forget(&token),
                answer => return answer,
            }
        }
        let token = match self.log_in(username, password).await {
            // The control plane asks nobody for credentials, for now: it may tomorrow.
            Err(ClientError::Refused { body, .. }) if body.code == ErrorCode::AuthNotConfigured => {
                return call(self.0.anonymous.clone()).await;
            }
            token => token?,
        };
        let answer = call(self.client_with(&token)?).await;
        if matches!(answer, Err(ClientError::Refused { status: 401, .. })) {
            self.forget(&token);
        }
        answer
    }

    async fn log_in(&self, username: &str, password: &SecretString) -> Result<SecretString, ClientError> {
        let _one_at_a_time = self.0.login.lock().await;
        if let Some(token) = self.token() {
            return Ok(token);
        }
        let request = LoginRequest {
            username: username.to_owned(),
            password: password.expose_secret().to_owned(),
            platform: Some("sdk".to_owned()),
        };
        let answer = self.0.anonymous.post::<LoginAnswer>(paths::LOGIN, &request).await?;
        let token = SecretString::from(answer.value.token);
        *self.0.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(token)
    }

    fn client_with(&self, token: &SecretString) -> Result<Client, ClientError> {
        self.0.anonymous.clone().with_token(Some(token.expose_secret()))
    }

    fn token(&self) -> Option<SecretString> {
        self.0.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets a refused token, unless another login has replaced it.
    fn forget(&self, refused: &SecretString) {
        let mut token = self.0.token.lock().unwrap_or_else(PoisonError::into_inner);
        if token.as_ref().is_some_and(|token| token.expose_secret() == refused.expose_secret()) {
            *token = None;
        }
    }
}
