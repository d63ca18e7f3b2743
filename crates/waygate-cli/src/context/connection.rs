//! Calls, and what they come to in the words of the command line.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use waygate_api::client::{Answer, Client, ClientError};
use waygate_api::error::ErrorCode;
use waygate_api::instances::Propagation;

use crate::commands::propagation::{self, Propagations};
use crate::context::Server;
use crate::context::consent::Consent;
use crate::error::{CliError, CliResult, ExitStatus};

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
    /// Nothing is changed, whatever is called.
    pub(super) is_rehearsal: bool,
    /// A call that changes something has been begun.
    pub(super) is_changing: AtomicBool,
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
        self.is_changing.store(!self.is_rehearsal, Ordering::Relaxed);
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
        let is_in_doubt = self.is_changing.load(Ordering::Relaxed) && is_in_doubt(&error);
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
        if is_in_doubt {
            let doubt = "the change may have been made all the same: `waygate history` and `waygate status ROUTE` tell";
            failure.hints.insert(0, doubt.to_owned());
        }
        failure
    }

    /// How far everything that is stored has come at the instances of these services, or of all, after at most `wait`.
    ///
    /// # Errors
    ///
    /// [`ExitStatus::NotInForce`] where the server is too old to say.
    pub(crate) async fn propagation(&self, services: &[&str], wait: Duration) -> CliResult<Propagation> {
        let answer = self.client.propagation(services, wait).await;
        answer.map(|answer| answer.value).map_err(|error| {
            let is_old = matches!(&error, ClientError::Refused { status: 404, body, .. } if body.code != ErrorCode::UnknownService);
            let failure = self.failure(error);
            if is_old { failure.with_status(ExitStatus::NotInForce).hint(propagation::TOO_OLD) } else { failure }
        })
    }
}

/// Whether a call that changes something may have done so although it was not answered as it should have been: no answer
/// came, one that cannot be read, or one of whoever is between.
fn is_in_doubt(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { is_in_doubt, .. } | ClientError::Timeout { is_in_doubt, .. } => *is_in_doubt,
        ClientError::Refused { status: 500.., body, .. } => body.foreign,
        ClientError::Malformed { .. } => true,
        _ => false,
    }
}
