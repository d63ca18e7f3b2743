//! A span of each request for a collector: OTLP over HTTP in JSON, where `OTEL_EXPORTER_OTLP_ENDPOINT` names one.
//!
//! Made of what the log is made of: the span that the server opens for a request, and the lines within it. Nothing waits for
//! a collector: what it does not take in time is lost.

mod fields;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;
use waygate_api::client::{Client, ClientOptions, ServerUrl};

use crate::clock;
use crate::commands::serve::traces::fields::Fields;
use crate::context::text_variable;
use crate::error::{CliError, CliResult};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
/// What the server calls the span of a request, and its last line.
const REQUEST: &str = "request";
const ANSWERED: &str = "waygate_server::request";
/// How many may wait, and how many go in one message.
const WAITING: usize = 4096;
const MOST: usize = 512;
/// Between two messages.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// Makes spans of requests.
pub(super) struct Traces(mpsc::Sender<Value>);

/// What is known of a request so far.
struct Growing {
    began: String,
    fields: Fields,
    /// Its last line, once it is there.
    answered: Fields,
    events: Vec<Value>,
}

impl Traces {
    /// What requests of `waygate serve` are told to, where there is a collector.
    pub(super) fn from_env() -> CliResult<Option<Self>> {
        let Some(endpoint) = text_variable(ENDPOINT)? else { return Ok(None) };
        let refused = |why: String| CliError::usage(format!("{ENDPOINT} is no collector's URL: {why}"));
        let url: ServerUrl = endpoint.parse().map_err(|error| refused(format!("{error}")))?;
        let client = Client::new(url, &ClientOptions::default()).map_err(|error| refused(error.to_string()))?;
        let name = text_variable(SERVICE_NAME)?.unwrap_or_else(|| "waygate".to_owned());
        let (sender, waiting) = mpsc::channel(WAITING);
        tokio::spawn(export(client, name, waiting));
        Ok(Some(Self(sender)))
    }

    /// What it has to see, whatever is logged.
    pub(super) fn seen() -> Targets {
        Targets::new().with_target("waygate_server", Level::INFO).with_target(ANSWERED, Level::DEBUG)
    }
}

/// Sends what comes, for as long as something may come.
async fn export(client: Client, name: String, mut waiting: mpsc::Receiver<Value>) {
    let resource = json!({"attributes": [
        {"key": "service.name", "value": {"stringValue": name}},
        {"key": "service.version", "value": {"stringValue": env!("CARGO_PKG_VERSION")}},
    ]});
    let mut spans = Vec::new();
    let mut is_failing = false;
    while waiting.recv_many(&mut spans, MOST).await > 0 {
        let spans = std::mem::take(&mut spans);
        let scope = json!({"scope": {"name": "waygate"}, "spans": spans});
        let message = json!({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]});
        match client.post::<Value>("/v1/traces", &message).await {
            Ok(_) => is_failing = false,
            Err(error) if !is_failing => {
                is_failing = true;
                tracing::warn!(%error, "traces are lost: the collector of {ENDPOINT} does not take them");
            }
            Err(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Traces {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() != REQUEST {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let growing = Growing { began: nanoseconds(), fields, answered: Fields::default(), events: Vec::new() };
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(growing);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        for span in context.event_scope(event).into_iter().flatten() {
            let mut extensions = span.extensions_mut();
            let Some(growing) = extensions.get_mut::<Growing>() else { continue };
            let mut fields = Fields::default();
            event.record(&mut fields);
            if event.metadata().target() == ANSWERED {
                growing.answered = fields;
            } else {
                let name = fields.take("message");
                growing.events.push(json!({
                    "timeUnixNano": nanoseconds(), "name": name, "attributes": fields.attributes(),
                }));
            }
            return;
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        if let Some(growing) = span.extensions_mut().remove::<Growing>() {
            // Where the collector is too slow, it is the newest that is lost.
            let _ = self.0.try_send(growing.into_span());
        }
    }
}

impl Growing {
    fn into_span(mut self) -> Value {
        let trace = self.fields.take("trace.id");
        let parent = self.fields.take("span.parent");
        let (method, route) = (self.answered.take("method"), self.answered.take("route"));
        let status = self.answered.take("status");
        let failed = status.as_u64().is_some_and(|status| status >= 500);
        let name = [&method, &route].map(|part| part.as_str().unwrap_or_default()).join(" ");
        let mut attributes = Fields::from([
            ("http.request.method", method),
            ("http.route", route),
            ("http.response.status_code", status),
            ("waygate.request.id", self.fields.take("request.id")),
        ]);
        attributes.0.retain(|(_, value)| !value.is_null());
        let mut span = json!({
            "traceId": if trace.is_null() { (random_id() + &random_id()).into() } else { trace },
            "spanId": random_id(),
            "name": name.trim(),
            // A server's.
            "kind": 2,
            "startTimeUnixNano": self.began,
            "endTimeUnixNano": nanoseconds(),
            "attributes": attributes.attributes(),
            "events": self.events,
            // An error, or nothing said.
            "status": {"code": if failed { 2 } else { 0 }},
        });
        if !parent.is_null() {
            span["parentSpanId"] = parent;
        }
        span
    }
}

/// An id of a span, in hexadecimal; two of them are one of a trace. Without randomness it is zero, which collectors refuse.
fn random_id() -> String {
    format!("{:016x}", getrandom::u64().unwrap_or_default())
}

/// Since 1970, as text: numbers of JSON are not wide enough.
fn nanoseconds() -> String {
    clock::now().as_nanosecond().to_string()
}
