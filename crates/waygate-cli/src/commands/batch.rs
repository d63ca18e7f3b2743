//! Several changes as one call.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use waygate_api::batch::{BatchAnswer, LARGEST_BODY, MOST_COMMANDS};
use waygate_api::client::Answer;
use waygate_api::paths;

use crate::context::{Connection, Read};
use crate::error::{CliError, CliResult};

/// Commands that are carried out as one commit, in their order.
pub(crate) struct Batch(Value);

impl Batch {
    /// `undoes` is the revision that they take back.
    ///
    /// # Errors
    ///
    /// When they are more than the server takes at once.
    pub(crate) fn of(commands: &[Value], undoes: Option<u64>) -> CliResult<Self> {
        let parts = "a part of it, such as one service at a time, may fit";
        if commands.len() > MOST_COMMANDS {
            let error = format!("this takes {} commands; the server takes {MOST_COMMANDS} at once", commands.len());
            return Err(CliError::usage(error).hint(parts));
        }
        let mut body = json!({ "commands": commands });
        if let Some(undoes) = undoes {
            body["undoes"] = json!(undoes);
        }
        let length = body.to_string().len();
        if length > LARGEST_BODY {
            let error = format!("this takes {length} bytes; the server takes {} MiB at once", LARGEST_BODY >> 20);
            return Err(CliError::usage(error).hint(parts));
        }
        Ok(Self(body))
    }

    pub(crate) async fn send(&self, connection: &Connection) -> CliResult<(Read<BatchAnswer>, Answer<()>)> {
        let answer: Answer<Box<RawValue>> =
            connection.changing()?.post(paths::BATCH, &self.0).await.map_err(|error| connection.failure(error))?;
        let head = Answer { value: (), revision: answer.revision, notices: answer.notices, changed: answer.changed };
        Ok((connection.read(answer.value)?, head))
    }
}
