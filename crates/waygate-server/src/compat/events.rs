//! The guide's event stream: envelopes `state` and `rl_policy`.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use futures_util::stream;
use http::{HeaderValue, header};
use serde_json::{Value, json};
use waygate_core::{Change, LocalKey, MaintenanceScope, Record, Revision, Scope, ServiceId, State, Timestamp};

use crate::api::stream::{Ending, Protocol};
use crate::chunk::Chunk;
use crate::clock;
use crate::compat::absences::Attendance;
use crate::compat::{rate_limits, render};
use crate::control::ControlPlane;
use crate::control::feed::{Due, Subject, Subscription, TopicCommit};
use crate::control::presence::Present;

/// The protocol of `GET /api/sdk/events`. A connection begins with everything that is in force, so that nothing which
/// happened between the client's first request and its subscription is lost; so does one that has fallen behind.
pub(crate) struct Envelopes {
    pub(crate) control: ControlPlane,
    /// Where it is a service's.
    pub(crate) present: Option<Present>,
    pub(crate) attendance: Option<Attendance>,
}

impl Protocol for Envelopes {
    const NAME: &'static str = "envelopes";

    fn snapshot(&self, subscription: &Subscription, due: &Due) -> Chunk {
        let now = clock::now();
        let everything = subscription.envelopes(due, now, || everything(subscription.subject(), &due.state, now));
        let (Subject::Service(service), Some(attendance)) = (subscription.subject(), &self.attendance) else {
            return everything;
        };
        let gone = rate_limits::again(&due.state, service, &self.gone_limits(service, attendance.missed_since()), now);
        if gone.is_empty() {
            return everything;
        }
        let gone: String = gone.iter().map(event).collect();
        Chunk::of([&everything.words()[..], gone.as_bytes()].concat())
    }

    fn commit(&self, subject: &Subject, commit: &TopicCommit) -> Chunk {
        let now = clock::now();
        let written = || {
            let records = &commit.commit.draft.records;
            let concerned = records.iter().filter(|record| subject.hears(&record.change));
            Chunk::of(concerned.flat_map(|record| self.events_of(record, subject, now)).collect::<String>())
        };
        commit.envelopes.get_or_init(written).clone()
    }

    fn alive(&self, _: &Subscription, _: &Due) -> Chunk {
        Chunk::of(": keepalive\n\n")
    }

    fn delivered(&self, revision: Revision) {
        if let Some(present) = &self.present {
            present.delivered(revision);
        }
    }

    /// That client takes a proper end for an invitation to ask again at once, without catching up; a broken
    /// connection makes it wait and catch up.
    fn end(&self, _: &str, _: Duration) -> Ending {
        Ending::BrokenOff
    }
}

impl Envelopes {
    /// The routes whose limits were taken away, or were others, while a client may have been away.
    fn gone_limits(&self, service: &ServiceId, since: Timestamp) -> Vec<LocalKey> {
        let mut gone = Vec::new();
        self.control.feed().look_back(since, |commit| {
            for record in &commit.draft.records {
                gone.extend(rate_limits::limits_before(&record.before, service));
            }
        });
        gone
    }

    fn events_of(&self, record: &Record, subject: &Subject, now: Timestamp) -> Vec<String> {
        let mut events: Vec<String> = states_of(record, now).iter().map(state_event).collect();
        // The newest state: what a later commit has changed again is told again with it.
        let state = self.control.current();
        let (service, limits) = match &record.change {
            Change::RateLimitSet { scope, .. } | Change::RateLimitCleared { scope } => {
                (scope.service(), rate_limits::changes(&state, scope, now))
            }
            Change::RouteSet { key, .. } | Change::RouteRemoved { key } => {
                // A route that comes or goes takes or leaves the limit that is set for its path.
                let scope = Scope::Route(key.clone());
                let known = state.services.get(&key.service);
                let limited = known.is_some_and(|known| known.limit_of(&key.local).is_some())
                    || record.before.iter().any(|change| matches!(change, Change::RateLimitSet { .. }));
                let limits = if limited { rate_limits::changes(&state, &scope, now) } else { Vec::new() };
                (Some(&key.service), limits)
            }
            Change::ServiceRemoved { service } => {
                let limits = rate_limits::limits_before(&record.before, service).flat_map(|local| {
                    let key = waygate_core::RouteKey::new(service.clone(), local);
                    rate_limits::changes(&state, &Scope::Route(key), now)
                });
                (Some(service), limits.collect())
            }
            _ => (None, Vec::new()),
        };
        events.extend(limits.into_iter().map(|limit| match (subject, service) {
            (Subject::Everything, Some(service)) => event(&rate_limits::of_service(service, limit)),
            _ => event(&limit),
        }));
        events
    }
}

/// What is in force.
fn everything(subject: &Subject, state: &State, now: Timestamp) -> Chunk {
    let states: Vec<Value> = match subject {
        Subject::Service(service) => render::route_list(state, service, now),
        Subject::Everything => {
            let global = render::maintenance(&MaintenanceScope::Global, &state.global.maintenance, now);
            // The record of the global maintenance leads each list; once is enough.
            let own = |service| render::route_list(state, service, now).into_iter().skip(1);
            std::iter::once(global).chain(state.services.keys().flat_map(own)).collect()
        }
    };
    let mut events: String = states.iter().map(state_event).collect();
    match subject {
        Subject::Service(service) => {
            events.extend(rate_limits::announcements(state, service, now).iter().map(event));
        }
        Subject::Everything => {
            for service in state.services.keys() {
                let limits = rate_limits::announcements(state, service, now).into_iter();
                events.extend(limits.map(|limit| event(&rate_limits::of_service(service, limit))));
            }
        }
    }
    Chunk::of(events)
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
    event(&json!({"type": "state", "payload": state}))
}

fn event(value: &Value) -> String {
    format!("data: {}\n\n", ascii(&value.to_string()))
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
