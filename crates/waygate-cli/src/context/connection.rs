//! Calls, and what they come to in the words of the command line.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use waygate_api::client::{Answer, Client, ClientError};

use crate::commands::propagation::Propagations;
use crate::context::Server;
use crate::context::consent::Consent;
use crate::error::{CliError, CliResult};

/// An API's answer as it came, and read.
#[derive(Debug)]
pub(crate) struct Read<T> {
    pub(crate) raw: Box<RawValue>,
    pub(crate) value: T,
}

/// A server that can be called.
#[derive(Debug)]
pub(crate) struct Connection {
    /// For what only reads, and for sessions.
    pub(crate) client: Client,
    pub(crate) server: Server,
    pub(crate) propagations: Propagations,
    pub(super) consent: Consent,
}

impl Connection {
    /// # Errors
    ///
    /// The failure in the words of the command line.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> CliResult<Read<T>> {
        let answer: Answer<Box<RawValue>> = self.client.get(path, query).await.map_err(|error| self.failure(error))?;
        self.read(answer.value)
    }

    /// The client for calls that change something. A context that asks always is answered first.
    ///
    /// # Errors
    ///
    /// When the answer is no.
    pub(crate) fn changing(&self) -> CliResult<&Client> {
        self.consent.ask(&self.server)?;
        Ok(&self.client)
    }

    /// A call that changes something; its answer and what the caller should know.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> CliResult<(Read<T>, Vec<String>)> {
        let answer = self.changing()?.post(path, body).await.map_err(|error| self.failure(error))?;
        Ok((self.read(answer.value)?, answer.notices))
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, raw: Box<RawValue>) -> CliResult<Read<T>> {
        let value = serde_json::from_str(raw.get()).map_err(|error| {
            self.failure(ClientError::Malformed { url: self.server.url.to_string(), reason: error.to_string() })
        })?;
        self.propagations.note(&raw);
        Ok(Read { raw, value })
    }

    pub(crate) fn failure(&self, error: ClientError) -> CliError {
        let needs_login = matches!(&error, ClientError::Refused { status: 401, .. });
        let mut failure = CliError::of_call(error, &self.server);
        if needs_login {
            let url = &self.server.url;
            failure.message = if self.client.has_token() {
                format!("the token is not accepted by {url}: it has ended, or another server made it")
            } else {
                format!("not logged in to {url}")
            };
            failure.hints.push("log in with `waygate login`, or set WAYGATE_TOKEN".to_owned());
        }
        failure
    }
}
