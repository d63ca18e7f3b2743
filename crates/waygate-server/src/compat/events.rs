//! The guide's event stream: envelopes `state` and `rl_policy`.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use serde_json::{Value, json};
use waygate_core::{Change, Cursor, Record, State, Timestamp};

use crate::api::stream::{Ending, Protocol};
use crate::clock;
use crate::compat::render;
use crate::control::feed::{Subject, Subscription, TopicCommit};

/// The protocol of `GET /api/sdk/events`. A connection begins with everything that is in force, so that nothing which
/// happened between the client's first request and its subscription is lost; so does one that has fallen behind.
pub(crate) struct Envelopes;

impl Protocol for Envelopes {
    fn snapshot(&self, subscription: &Subscription, state: &State, _: &Cursor) -> Bytes {
        let now = clock::now();
        let states: Vec<Value> = match subscription.subject() {
            Subject::Service(service) => render::route_list(state, service, now),
            Subject::Everything => state
                .services
                .keys()
                .enumerate()
                .flat_map(|(position, service)| {
                    // The record of the global maintenance leads each list; once is enough.
                    render::route_list(state, service, now).into_iter().skip(usize::from(position > 0))
                })
                .collect(),
        };
        states.iter().map(state_event).collect::<String>().into()
    }

    fn commit(&self, subject: &Subject, commit: &TopicCommit) -> Bytes {
        let now = clock::now();
        let written = || {
            let records = &commit.commit.draft.records;
            let concerned = records.iter().filter(|record| subject.hears(&record.change));
            concerned
                .flat_map(|record| states_of(record, now))
                .map(|state| state_event(&state))
                .collect::<String>()
                .into()
        };
        commit.envelopes.get_or_init(written).clone()
    }

    fn alive(&self, _: &Cursor) -> Bytes {
        Bytes::from_static(b": keepalive\n\n")
    }

    /// That client takes a proper end for an invitation to ask again at once, without catching up; a broken
    /// connection makes it wait and catch up.
    fn end(&self, _: &str) -> Ending {
        Ending::BrokenOff
    }
}

fn states_of(record: &Record, now: Timestamp) -> Vec<Value> {
    match &record.change {
        Change::RouteSet { key, route } => vec![render::route(key, route, now)],
        Change::RouteRemoved { key } => vec![render::removed_route(key)],
        Change::MaintenanceSet { scope, maintenance } => vec![render::maintenance(scope, maintenance, now)],
        Change::ServiceRemoved { .. } => record.before.iter().filter_map(lifted).collect(),
        Change::RateLimitSet { .. }
        | Change::RateLimitCleared { .. }
        | Change::TokenIssued { .. }
        | Change::TokenRevoked { .. }
        | Change::WebhookSet { .. }
        | Change::WebhookRemoved { .. }
        | Change::Noted { .. } => Vec::new(),
    }
}

/// What lifts a setting of a service that is gone.
fn lifted(before: &Change) -> Option<Value> {
    match before {
        Change::RouteSet { key, .. } => Some(render::removed_route(key)),
        Change::MaintenanceSet { scope, .. } => {
            Some(render::maintenance(scope, &waygate_core::Maintenance::default(), Timestamp::UNIX_EPOCH))
        }
        _ => None,
    }
}

fn state_event(state: &Value) -> String {
    format!("data: {}\n\n", ascii(&json!({"type": "state", "payload": state}).to_string()))
}

/// JSON with everything beyond ASCII escaped: the client splits lines at U+2028 and its like.
fn ascii(json: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() && c != '\u{7f}' {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// Breaks a refusal of the event stream off before its announced end: the reference's client would repeat a refusal
/// that is complete at once and for ever, but waits after one that is not.
pub(crate) fn broken_off(refusal: Response) -> Response {
    let (mut parts, body) = refusal.into_parts();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("65536"));
    parts.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let cut = std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "a refused stream is broken off");
    let said = axum::body::to_bytes(body, 64 * 1024);
    let chunks = stream::once(async move { said.await.map_err(std::io::Error::other) });
    let broken = stream::once(async move {
        // Gives what has been said its turn on the wire: an error at once would take the answer's head back too.
        tokio::task::yield_now().await;
        Err(cut)
    });
    let chunks = futures_util::StreamExt::chain(chunks, broken);
    Response::from_parts(parts, Body::from_stream(chunks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_one_line_of_ascii() {
        let event = state_event(&json!({"reason": "é\u{2028}😀\n"}));
        assert!(event.is_ascii());
        assert_eq!(event.matches('\n').count(), 2);
        let read: Value = serde_json::from_str(event.strip_prefix("data: ").unwrap().trim_end()).unwrap();
        assert_eq!(read["payload"]["reason"], "é\u{2028}😀\n");
    }
}
