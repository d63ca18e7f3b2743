//! Where spans go: the variables by which OpenTelemetry names a collector, and the way there.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use waygate_api::client::{Client, ClientOptions, Method, ServerUrl};
use waygate_api::paths::percent_decoded;

use crate::context::text_variable;
use crate::error::{CliError, CliResult};

/// Of all signals, with the path of traces after it; and of traces, as it is.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PATH: &str = "/v1/traces";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const TRACES_HEADERS: &str = "OTEL_EXPORTER_OTLP_TRACES_HEADERS";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
const DISABLED: &str = "OTEL_SDK_DISABLED";
/// How many spans go in one message, and the pause between two messages.
const MOST: usize = 512;
const PAUSE: Duration = Duration::from_secs(1);
/// How long the end of the server waits for the last message.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who takes spans.
pub(super) struct Collector {
    client: Client,
    /// Which of the variables named it.
    variable: &'static str,
    path: &'static str,
    service: String,
}

/// The task that sends spans on.
pub(in crate::commands::serve) struct Sending {
    end: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Collector {
    /// The collector that the environment names, if it does.
    pub(super) fn from_env() -> CliResult<Option<Self>> {
        if text_variable(DISABLED)?.is_some_and(|disabled| disabled.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let (variable, path, endpoint) = match (text_variable(TRACES_ENDPOINT)?, text_variable(ENDPOINT)?) {
            (Some(endpoint), _) => (TRACES_ENDPOINT, "", endpoint),
            (None, Some(endpoint)) => (ENDPOINT, PATH, endpoint),
            (None, None) => return Ok(None),
        };
        let refused = |why: String| CliError::usage(format!("{variable} is no collector's URL: {why}"));
        let url: ServerUrl = endpoint.parse().map_err(|error| refused(format!("{error}")))?;
        let options = ClientOptions { headers: headers()?, ..ClientOptions::default() };
        let client = Client::new(url, &options).map_err(|error| refused(error.to_string()))?;
        let service = text_variable(SERVICE_NAME)?.unwrap_or_else(|| "waygate".to_owned());
        Ok(Some(Self { client, variable, path, service }))
    }

    /// Sends what comes, until it is told to end.
    pub(super) fn begin(self, waiting: mpsc::Receiver<Value>) -> Sending {
        let (end, ended) = watch::channel(false);
        Sending { end, task: tokio::spawn(self.export(waiting, ended)) }
    }

    async fn export(self, mut waiting: mpsc::Receiver<Value>, mut end: watch::Receiver<bool>) {
        let resource = json!({"attributes": [
            {"key": "service.name", "value": {"stringValue": self.service}},
            {"key": "service.version", "value": {"stringValue": env!("CARGO_PKG_VERSION")}},
        ]});
        let mut is_failing = false;
        loop {
            let mut spans = Vec::new();
            let has_ended = tokio::select! {
                count = waiting.recv_many(&mut spans, MOST) => count == 0,
                _ = end.wait_for(|ended| *ended) => true,
            };
            if has_ended {
                spans.extend(std::iter::from_fn(|| waiting.try_recv().ok()));
            }
            if !spans.is_empty() {
                let message = json!({"resourceSpans": [
                    {"resource": resource, "scopeSpans": [{"scope": {"name": "waygate"}, "spans": spans}]},
                ]});
                match self.client.call_raw(Method::POST, self.path, &[], Some(&message), &[]).await {
                    Ok(_) => is_failing = false,
                    Err(error) if !is_failing => {
                        is_failing = true;
                        tracing::warn!(%error, "traces are lost: the collector of {} does not take them", self.variable);
                    }
                    Err(_) => {}
                }
            }
            if has_ended {
                return;
            }
            let _ = timeout(PAUSE, end.wait_for(|ended| *ended)).await;
        }
    }
}

impl Sending {
    /// Sends what is left, for a moment.
    pub(in crate::commands::serve) async fn finish(self) {
        let _ = self.end.send(true);
        let _ = timeout(PATIENCE, self.task).await;
    }
}

/// `NAME=VALUE` with commas between, values percent-encoded, as a collector wants them for a key.
fn headers() -> CliResult<Vec<(String, String)>> {
    let (variable, given) = match text_variable(TRACES_HEADERS)? {
        Some(given) => (TRACES_HEADERS, given),
        None => (HEADERS, text_variable(HEADERS)?.unwrap_or_default()),
    };
    let pairs = given.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let read = |pair: &str| {
        // Values are keys: of what is wrong only the name is told.
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (name.trim(), percent_decoded(value.trim()));
        let is_sound = pair.contains('=') && is_name(name) && value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let wrong = || {
            let told = if pair.contains('=') { format!("`{name}`") } else { "a part without `=`".to_owned() };
            CliError::usage(format!(
                "{variable} has {told}: expected `NAME=VALUE` with commas between, values of visible ASCII, percent-encoded"
            ))
        };
        is_sound.then(|| (name.to_ascii_lowercase(), value)).ok_or_else(wrong)
    };
    pairs.map(read).collect()
}

/// Whether it can be the name of a header.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}
