//! What a service has noted down: every revision that it has put in force, and what it decided at which.
//!
//! It is the service's own log in JSON, a line for each event. The SDK says what it applies, the service adds its start
//! and its decisions.

use std::collections::BTreeMap;

use serde::Deserialize;
use waygate_core::{Cursor, Revision};

/// The target of what the service itself notes.
pub const TARGET: &str = "faults::service";
pub const STARTED: &str = "started";
pub const DECIDED: &str = "decided";
/// The sentences of the SDK's log that are evidence.
pub const COMMIT: &str = "a commit of the control plane is in force";
pub const SNAPSHOT: &str = "a snapshot of the control plane is in force";
pub const LIVE: &str = "waygate follows the control plane";

/// What each route answers, by `GET:/path`: `forward`, or the kind and the reason of a denial.
pub type Decisions = BTreeMap<String, String>;

/// One thing that was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noted {
    /// The process began, with what it had kept.
    Started {
        known: Option<Cursor>,
    },
    Snapshot {
        cursor: Cursor,
    },
    Commit {
        cursor: Cursor,
        after: Revision,
    },
    /// It has opened a stream and caught up.
    Live,
    /// What it decided while it stood there.
    Decided {
        cursor: Cursor,
        decisions: Decisions,
    },
}

#[derive(Deserialize)]
struct Line {
    target: String,
    fields: Fields,
}

#[derive(Deserialize)]
struct Fields {
    message: String,
    cursor: Option<String>,
    after: Option<u64>,
    decisions: Option<String>,
}

/// Reads a journal. A process that was killed may have left half a line, at its end or before another's start.
pub fn read(text: &str) -> Vec<Noted> {
    text.lines().filter_map(|line| noted(serde_json::from_str(line).ok()?)).collect()
}

fn noted(Line { target, fields }: Line) -> Option<Noted> {
    let cursor = fields.cursor.and_then(|text| text.parse().ok());
    if target == TARGET {
        return match fields.message.as_str() {
            STARTED => Some(Noted::Started { known: cursor }),
            DECIDED => {
                Some(Noted::Decided { cursor: cursor?, decisions: serde_json::from_str(&fields.decisions?).ok()? })
            }
            _ => None,
        };
    }
    match fields.message.as_str() {
        COMMIT => Some(Noted::Commit { cursor: cursor?, after: Revision(fields.after?) }),
        SNAPSHOT => Some(Noted::Snapshot { cursor: cursor? }),
        LIVE => Some(Noted::Live),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_costs_nothing_but_itself() {
        let text = concat!(
            r#"{"target":"faults::service","fields":{"message":"started"}}"#,
            "\n",
            r#"{"target":"waygate_sdk::sync::frames","fields":{"message":"a commit of the control plane is in force","cursor":"0123456789abcdef:7:0000000000000001","after":5}}"#,
            "\n",
            r#"{"target":"waygate_sdk::sy"#,
        );
        let cursor = "0123456789abcdef:7:0000000000000001".parse().unwrap();
        assert_eq!(read(text), [Noted::Started { known: None }, Noted::Commit { cursor, after: Revision(5) }]);
    }
}
