//! Somebody who uses the services.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use waygate_api::client::{Client, ClientError, ClientOptions};

use crate::clock;
use crate::commands::demo::services::Service;
use crate::context::Context;
use crate::error::{CliError, CliResult};

/// Each path is asked for so often.
const PACE: Duration = Duration::from_millis(250);

/// Asks for everything, again and again, and tells what has changed. Ends only where stdout does.
pub(super) async fn run(context: &Context, services: &[Service]) -> CliResult {
    let mut clients = Vec::new();
    for service in services {
        let url = service.url().parse().map_err(|error| CliError::failed(format!("{error}")))?;
        let client = Client::new(url, &ClientOptions::default());
        clients.push((service, client.map_err(|error| CliError::failed(error.to_string()))?));
    }
    let mut known: BTreeMap<(&str, &str), String> = BTreeMap::new();
    loop {
        for (service, client) in &clients {
            for path in service.paths {
                let answer = match client.get::<Value>(path, &[]).await {
                    Ok(_) => "200".to_owned(),
                    Err(ClientError::Refused { status, .. }) => status.to_string(),
                    Err(_) => "no answer".to_owned(),
                };
                let before = known.insert((service.name, path), answer.clone());
                if before.as_ref() != Some(&answer) {
                    let time = clock::now().strftime("%H:%M:%S");
                    let was = before.map(|before| format!(", was {before}")).unwrap_or_default();
                    context.printer.data(None, &format!("{time}  {} GET {path}  {answer}{was}", service.name));
                }
            }
        }
        tokio::time::sleep(PACE).await;
    }
}
