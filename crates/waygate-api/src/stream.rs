//! The frames by which a service follows the control plane (`GET /api/sdk/stream?service=…`).
//!
//! Each frame is one server-sent event: `event:` names its kind, `id:` is the cursor after it, `data:` is JSON on one
//! line. A stream begins with a snapshot, or with the commits after the `Last-Event-ID` that it resumes from; then
//! comes a bookmark. Bookmarks are also the signs of life.
//!
//! Old clients live with new servers: unknown kinds of frames and changes are skipped before their content is looked
//! at, unknown fields are ignored, and an element of a snapshot that cannot be read is left out and reported.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use waygate_core::{Change, Cursor, GlobalState, LocalKey, Revision, ServiceState, ServiceView};

/// One message of the control plane to a service.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// Replaces everything.
    Snapshot { cursor: Cursor, view: Box<ServiceView>, skipped: Vec<Skipped> },
    /// Changes to apply, all or none, in order.
    Commit {
        cursor: Cursor,
        /// The last revision before this one that concerned the service: a client that stands before it has missed
        /// something.
        after: Revision,
        changes: Vec<Change>,
        skipped: Vec<Skipped>,
    },
    /// Everything up to here has been sent.
    Bookmark { cursor: Cursor, digest: Option<String> },
    /// The instance's share of divided limits is another one: it asks for it with its next acknowledgement, at once.
    Shares,
    /// The server ends the stream; come back after so many milliseconds.
    Goodbye { reason: String, retry_after_ms: u64 },
}

/// An element of a frame that this build cannot read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its name, as far as it has one: `routes GET:/x`, or the kind of a change.
    pub what: String,
    pub why: String,
}

/// A frame that makes no sense. The stream is to be given up and opened again.
#[derive(Debug, thiserror::Error)]
#[error("malformed `{event}` frame: {source}")]
pub struct MalformedFrame {
    event: String,
    source: serde_json::Error,
}

#[derive(Serialize)]
struct SnapshotData<'f> {
    cursor: &'f Cursor,
    view: &'f ServiceView,
}

#[derive(Serialize)]
struct CommitData<'f> {
    cursor: &'f Cursor,
    after: Revision,
    changes: Vec<&'f Change>,
}

#[derive(Serialize, Deserialize)]
struct BookmarkData {
    cursor: Cursor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct GoodbyeData {
    reason: String,
    retry_after_ms: u64,
}

/// Writes frames. The text is a whole server-sent event.
pub mod encode {
    use super::{
        BookmarkData, Change, CommitData, Cursor, GoodbyeData, Revision, Serialize, ServiceView, SnapshotData,
    };

    /// # Errors
    ///
    /// When the view cannot be written as JSON, which no view brings about.
    pub fn snapshot(cursor: &Cursor, view: &ServiceView) -> Result<String, serde_json::Error> {
        event("snapshot", Some(cursor), &SnapshotData { cursor, view })
    }

    /// # Errors
    ///
    /// When a change cannot be written as JSON, which no change brings about.
    pub fn commit<'c>(
        cursor: &Cursor,
        after: Revision,
        changes: impl IntoIterator<Item = &'c Change>,
    ) -> Result<String, serde_json::Error> {
        event("commit", Some(cursor), &CommitData { cursor, after, changes: changes.into_iter().collect() })
    }

    /// # Errors
    ///
    /// Never in practice; see the others.
    pub fn bookmark(cursor: &Cursor, digest: Option<String>) -> Result<String, serde_json::Error> {
        event("bookmark", Some(cursor), &BookmarkData { cursor: cursor.clone(), digest })
    }

    /// The event of [`Frame::Shares`](super::Frame::Shares).
    pub const SHARES: &str = "event: shares\ndata: {}\n\n";

    /// # Errors
    ///
    /// Never in practice; see the others.
    pub fn goodbye(reason: &str, retry_after_ms: u64) -> Result<String, serde_json::Error> {
        event("goodbye", None, &GoodbyeData { reason: reason.to_owned(), retry_after_ms })
    }

    fn event(name: &str, id: Option<&Cursor>, data: &impl Serialize) -> Result<String, serde_json::Error> {
        let data = serde_json::to_string(data)?;
        Ok(match id {
            Some(id) => format!("event: {name}\nid: {id}\ndata: {data}\n\n"),
            None => format!("event: {name}\ndata: {data}\n\n"),
        })
    }
}

impl Frame {
    /// Reads a frame from an event's name and data. `None` for a kind that this build does not know.
    ///
    /// # Errors
    ///
    /// [`MalformedFrame`] when a known kind cannot be read at all.
    pub fn decode(event: &str, data: &str) -> Result<Option<Self>, MalformedFrame> {
        let malformed = |source| MalformedFrame { event: event.to_owned(), source };
        let frame = match event {
            "snapshot" => decode_snapshot(data),
            "commit" => decode_commit(data),
            "bookmark" => {
                serde_json::from_str(data).map(|BookmarkData { cursor, digest }| Self::Bookmark { cursor, digest })
            }
            "shares" => Ok(Self::Shares),
            "goodbye" => serde_json::from_str(data)
                .map(|GoodbyeData { reason, retry_after_ms }| Self::Goodbye { reason, retry_after_ms }),
            _ => return Ok(None),
        };
        frame.map(Some).map_err(malformed)
    }
}

fn decode_commit(data: &str) -> Result<Frame, serde_json::Error> {
    #[derive(Deserialize)]
    struct Raw {
        cursor: Cursor,
        after: Revision,
        changes: Vec<Value>,
    }
    let raw: Raw = serde_json::from_str(data)?;
    let mut skipped = Vec::new();
    let changes = raw
        .changes
        .into_iter()
        .filter_map(|change| {
            let what = name_of_change(&change);
            keep(serde_json::from_value(change), what, &mut skipped)
        })
        .collect();
    Ok(Frame::Commit { cursor: raw.cursor, after: raw.after, changes, skipped })
}

fn name_of_change(change: &Value) -> String {
    let text = |name: &str| change.get(name).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}", text("kind"), text("key")).trim_end().to_owned()
}

fn decode_snapshot(data: &str) -> Result<Frame, serde_json::Error> {
    #[derive(Deserialize)]
    struct Raw {
        cursor: Cursor,
        view: RawView,
    }
    #[derive(Deserialize)]
    struct RawView {
        #[serde(default)]
        global: RawScope,
        #[serde(default)]
        service: RawScope,
    }
    #[derive(Default, Deserialize)]
    struct RawScope {
        #[serde(default)]
        maintenance: Option<Value>,
        #[serde(default)]
        rate_limit: Option<Value>,
        #[serde(default)]
        routes: BTreeMap<String, Value>,
        #[serde(default)]
        route_limits: BTreeMap<String, Value>,
    }
    let Raw { cursor, view } = serde_json::from_str(data)?;
    let mut skipped = Vec::new();
    let global = GlobalState {
        maintenance: entity(view.global.maintenance, "global maintenance", &mut skipped).unwrap_or_default(),
        rate_limit: entity(view.global.rate_limit, "global rate_limit", &mut skipped),
    };
    let service = ServiceState {
        maintenance: entity(view.service.maintenance, "service maintenance", &mut skipped).unwrap_or_default(),
        rate_limit: entity(view.service.rate_limit, "service rate_limit", &mut skipped),
        routes: entities(view.service.routes, "routes", &mut skipped),
        route_limits: entities(view.service.route_limits, "route_limits", &mut skipped),
    };
    let view = Box::new(ServiceView { global: Arc::new(global), service: Arc::new(service) });
    Ok(Frame::Snapshot { cursor, view, skipped })
}

fn entities<T: DeserializeOwned>(
    raw: BTreeMap<String, Value>,
    kind: &str,
    skipped: &mut Vec<Skipped>,
) -> BTreeMap<LocalKey, T> {
    raw.into_iter()
        .filter_map(|(key, value)| {
            let what = format!("{kind} {key}");
            let value = keep(serde_json::from_value(value), what.clone(), skipped)?;
            let key = match key.parse() {
                Ok(key) => key,
                Err(error) => {
                    skipped.push(Skipped { what, why: format!("{error}") });
                    return None;
                }
            };
            Some((key, value))
        })
        .collect()
}

fn entity<T: DeserializeOwned>(raw: Option<Value>, what: &str, skipped: &mut Vec<Skipped>) -> Option<T> {
    keep(serde_json::from_value(raw?), what.to_owned(), skipped)
}

fn keep<T>(read: Result<T, serde_json::Error>, what: String, skipped: &mut Vec<Skipped>) -> Option<T> {
    read.map_err(|error| skipped.push(Skipped { what, why: error.to_string() })).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURSOR: &str = "0123456789abcdef:7:0000000000000001";

    fn data_of(event: &str) -> (&str, &str) {
        let name = event.strip_prefix("event: ").unwrap().split('\n').next().unwrap();
        let data = event.split("\ndata: ").nth(1).unwrap().trim_end();
        (name, data)
    }

    #[test]
    fn frames_round_trip() {
        let cursor: Cursor = CURSOR.parse().unwrap();
        let view = ServiceView::default();
        let event = encode::snapshot(&cursor, &view).unwrap();
        assert!(event.contains(&format!("\nid: {CURSOR}\n")) && event.ends_with("\n\n"));
        let (name, data) = data_of(&event);
        let frame = Frame::decode(name, data).unwrap().unwrap();
        assert_eq!(frame, Frame::Snapshot { cursor: cursor.clone(), view: Box::new(view), skipped: vec![] });

        let changes = vec![Change::RouteRemoved { key: "pay:GET:/a".parse().unwrap() }];
        let event = encode::commit(&cursor, Revision(5), &changes).unwrap();
        let (name, data) = data_of(&event);
        let frame = Frame::decode(name, data).unwrap().unwrap();
        assert_eq!(frame, Frame::Commit { cursor: cursor.clone(), after: Revision(5), changes, skipped: vec![] });

        let event = encode::bookmark(&cursor, None).unwrap();
        let (name, data) = data_of(&event);
        assert_eq!(Frame::decode(name, data).unwrap().unwrap(), Frame::Bookmark { cursor, digest: None });
    }

    #[test]
    fn what_a_newer_server_says_is_skipped_and_reported() {
        assert!(Frame::decode("celebration", "not even json").unwrap().is_none());
        let data = format!(
            r#"{{"cursor":"{CURSOR}","after":3,"new_field":1,"changes":[{{"kind":"flag_set","key":"dark"}},{{"kind":"route_removed","key":"pay:GET:/a"}}]}}"#
        );
        let Some(Frame::Commit { changes, skipped, .. }) = Frame::decode("commit", &data).unwrap() else {
            panic!("no commit");
        };
        assert_eq!((changes.len(), skipped.len(), &*skipped[0].what), (1, 1, "flag_set dark"));
    }

    #[test]
    fn an_unreadable_route_does_not_cost_the_others() {
        let good = r#"{"changed_at":1,"base":{"lifecycle":"disabled"}}"#;
        for (first, second) in [("/bad", "/good"), ("/z", "/good")] {
            let data = format!(
                r#"{{"cursor":"{CURSOR}","view":{{"service":{{"routes":{{"GET:{first}":{{"base":{{"lifecycle":"exploded"}},"changed_at":1}},"GET:{second}":{good},"nonsense":{good}}}}}}}}}"#
            );
            let Some(Frame::Snapshot { view, skipped, .. }) = Frame::decode("snapshot", &data).unwrap() else {
                panic!("no snapshot");
            };
            assert_eq!(
                view.service.routes.keys().map(ToString::to_string).collect::<Vec<_>>(),
                [format!("GET:{second}")]
            );
            assert_eq!(skipped.len(), 2);
        }
    }

    #[test]
    fn a_known_frame_that_makes_no_sense_is_an_error() {
        assert!(Frame::decode("commit", "{}").is_err());
        assert!(Frame::decode("snapshot", "[").is_err());
    }
}
