//! Several changes as one: all of them, or none.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use waygate_api::batch::BatchAnswer;
use waygate_api::client::Answer;
use waygate_api::paths;

use crate::context::{Connection, Read};
use crate::error::CliResult;

/// Carries the commands out, in their order, as one commit.
pub(crate) async fn send(connection: &Connection, commands: &[Value]) -> CliResult<(Read<BatchAnswer>, Answer<()>)> {
    let body = json!({ "commands": commands });
    let answer: Answer<Box<RawValue>> =
        connection.changing()?.post(paths::BATCH, &body).await.map_err(|error| connection.failure(error))?;
    let head = Answer { value: (), revision: answer.revision, notices: answer.notices, changed: answer.changed };
    Ok((connection.read(answer.value)?, head))
}
