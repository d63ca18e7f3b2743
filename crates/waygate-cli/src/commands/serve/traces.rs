//! A span of each request for a collector: OTLP over HTTP in JSON, where `OTEL_EXPORTER_OTLP_ENDPOINT` names one.
//!
//! Made of what the log is made of: the span that the server opens for a request, and the lines within it. Nothing waits for
//! a collector: what it does not take in time is lost.

mod collector;
mod fields;
mod sampler;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::clock;
use crate::commands::serve::traces::collector::Collector;
pub(super) use crate::commands::serve::traces::collector::Sending;
use crate::commands::serve::traces::fields::Fields;
use crate::commands::serve::traces::sampler::Sampler;
use crate::error::CliResult;

/// What the server calls the span of a request, and its last line.
const REQUEST: &str = "request";
const ANSWERED: &str = "waygate_server::request";
/// How many may wait.
const WAITING: usize = 4096;

/// Makes spans of requests.
pub(super) struct Traces {
    sampler: Sampler,
    finished: mpsc::Sender<Value>,
}

/// What is known of a request so far.
struct Growing {
    began: String,
    trace: String,
    fields: Fields,
    /// Its last line, once it is there.
    answered: Fields,
    events: Vec<Value>,
}

impl Traces {
    /// What requests of `waygate serve` are told to, where there is a collector, and what sends it on.
    pub(super) fn from_env() -> CliResult<Option<(Self, Sending)>> {
        let Some(collector) = Collector::from_env()? else { return Ok(None) };
        let sampler = Sampler::from_env()?;
        let (finished, waiting) = mpsc::channel(WAITING);
        Ok(Some((Self { sampler, finished }, collector.begin(waiting))))
    }

    /// What it has to see, whatever is logged.
    pub(super) fn seen() -> Targets {
        Targets::new().with_target("waygate_server", Level::INFO).with_target(ANSWERED, Level::DEBUG)
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Traces {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() != REQUEST {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let given = fields.take("trace.id");
        // The server says so only where the caller does not tell its part.
        let parent_is_told = given.as_str().map(|_| fields.take("trace.sampled").as_bool().unwrap_or(true));
        let trace = given.as_str().map_or_else(|| random_id() + &random_id(), ToOwned::to_owned);
        if !self.sampler.takes(&trace, parent_is_told) {
            return;
        }
        let growing = Growing { began: nanoseconds(), trace, fields, answered: Fields::default(), events: Vec::new() };
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
            let _ = self.finished.try_send(growing.into_span());
        }
    }
}

impl Growing {
    fn into_span(mut self) -> Value {
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
            "traceId": self.trace,
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
