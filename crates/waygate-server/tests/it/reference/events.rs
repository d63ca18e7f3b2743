//! What streams bring, written by what writes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use waygate_api::stream::encode;
use waygate_core::{Audience, Change, Cursor, Revision, ServiceView, Timestamp};

use crate::helpers::{TestServer, path_key, route};
use crate::reference::hold;

const HEAD: &str = "# Events

## `GET /api/sdk/stream`

What services with the Rust SDK follow: server-sent events, each with its kind as `event`, its place as `id`, and JSON on
one line. [How a change reaches every service](../delivery.md#the-frames) says what is promised. Frames, changes and fields
that a client does not know are to be skipped: newer servers have more of them.
";

const ENVELOPES: &str = "
## `GET /api/sdk/events`

What the Python client follows: an object in `data` of each event, without ids. A stream begins with everything that is in force;
comments are signs of life.
";

#[tokio::test]
async fn events_are_those_that_are_sent() {
    let mut out = HEAD.to_owned();
    let cursor: Cursor = "0123456789abcdef:7:00000000000000a1".parse().unwrap();
    let view: ServiceView = serde_json::from_value(json!({"global": {}, "service": {"routes": {
        "GET:/api/payments": {"declared": {"lifecycle": "active"}, "base": {"lifecycle": "active"}, "changed_at": 6}
    }}}))
    .unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../waygate-core/tests/golden/changes.json");
    let changes: Vec<Change> = serde_json::from_str(&std::fs::read_to_string(golden).unwrap()).unwrap();
    let shortest = shortest_of_each_kind(&changes);
    let digest = Some(waygate_core::Digest::of(&view).to_string());
    let removed = changes.iter().find(|change| matches!(change, Change::RouteRemoved { .. }));
    for (title, about, event) in [
        ("snapshot", "Replaces everything that the client has.", encode::snapshot(&cursor, &view).unwrap()),
        (
            "commit",
            "What one request has changed: to be applied as a whole. `after` is the last revision before it that concerned the \
             service; a client that stands before it has missed something.",
            encode::commit(&cursor, Revision(6), removed).unwrap(),
        ),
        (
            "bookmark",
            "Everything up to here was sent; the first one says that the client is up to date. `digest` is what its own should be.",
            encode::bookmark(&cursor, digest).unwrap(),
        ),
        (
            "shares",
            "The instance's share of divided limits is another one; it asks for it with an acknowledgement.",
            encode::SHARES.to_owned(),
        ),
        ("goodbye", "The last frame: come back after so long.", encode::goodbye("stopping", 850).unwrap()),
    ] {
        write!(out, "\n### {title}\n\n{about}\n\n```text\n{}\n```\n", event.trim_end()).unwrap();
    }
    out.push_str("\n### Changes\n\nWhat a commit may hold, by its `kind`.\n");
    for (kind, change) in &shortest {
        write!(out, "\n#### {kind}\n\n```json\n{}\n```\n", serde_json::to_string_pretty(change).unwrap()).unwrap();
    }
    out.push_str(ENVELOPES);
    for (title, envelope) in envelopes().await {
        write!(out, "\n### {title}\n\n```json\n{}\n```\n", serde_json::to_string_pretty(&envelope).unwrap()).unwrap();
    }
    hold("events.md", &out);
}

/// The shortest example of each kind that services are told.
fn shortest_of_each_kind(changes: &[Change]) -> BTreeMap<String, Value> {
    let mut shortest: BTreeMap<String, Value> = BTreeMap::new();
    for change in changes.iter().filter(|change| !matches!(change.audience(), Audience::Servers)) {
        let change = serde_json::to_value(change).unwrap();
        let kind = change["kind"].as_str().unwrap().to_owned();
        let is_shorter = |known: &Value| change.to_string().len() < known.to_string().len();
        if shortest.get(&kind).is_none_or(is_shorter) {
            shortest.insert(kind, change);
        }
    }
    shortest
}

/// What a client of the reference is told of a switch, of a limit, and of its end.
async fn envelopes() -> Vec<(&'static str, Value)> {
    let server = TestServer::start().await;
    server.register("payments-service", &["GET:/api/payments"]).await;
    let admin = server.admin().await;
    let key = "payments-service:GET:/api/payments";
    let limit = format!("/api/rate-limits/{}", path_key(key));
    let mut stream = server.sdk("payments-service").await.open(Method::GET, "/api/sdk/events", None).await;
    assert_eq!(admin.post(&route(key, "disable"), json!({"reason": "hotfix"})).await.status, 200);
    assert_eq!(admin.post("/api/rate-limits", json!({"path": key, "limit": "100/minute"})).await.status, 201);
    assert_eq!(admin.delete(&limit).await.status, 200);
    let (mut text, mut state, mut set) = (String::new(), Value::Null, Value::Null);
    loop {
        text.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
        let told = text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok());
        for envelope in told.map(without_time) {
            match (envelope["type"].as_str(), envelope["action"].as_str()) {
                (Some("state"), _) if envelope["payload"]["status"] == "disabled" => state = envelope,
                (Some("rl_policy"), Some("set")) => set = envelope,
                (Some("rl_policy"), Some("delete")) if !set.is_null() => {
                    return vec![
                        ("The state of a route", state),
                        ("A limit that was set", set),
                        ("A limit that was deleted", envelope),
                    ];
                }
                _ => {}
            }
        }
    }
}

fn without_time(value: Value) -> Value {
    match value {
        Value::String(text) if text.parse::<Timestamp>().is_ok() => "2027-01-15T08:00:00+00:00".into(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, without_time(value))).collect(),
        Value::Array(values) => values.into_iter().map(without_time).collect(),
        other => other,
    }
}
