//! Commits: changes with who made them and their place in history. The unit of persistence, replication, audit and
//! notification.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::change::Change;
use crate::id::{Actor, InvalidName, ServiceId};
use crate::revision::{Cursor, Revision};

/// A change with what was done and how to take it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub action: Action,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    pub change: Change,
    /// The changes that lead back to the state before. Stays on the servers: audit, undo and rollback live on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Change>,
}

/// Through what somebody acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    Cli,
    Sdk,
    Dashboard,
    Api,
    System,
}

impl Platform {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cli => "cli",
            Self::Sdk => "sdk",
            Self::Dashboard => "dashboard",
            Self::Api => "api",
            Self::System => "system",
        }
    }
}

/// Who, through what, when. Stays on the servers: frames carry changes only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    pub actor: Actor,
    pub platform: Platform,
    pub at: Timestamp,
    /// The commit that is taken back by this one, where somebody has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<Revision>,
}

/// Names a draft, so that after an unclear answer of the store it can be looked up whether it was committed.
/// 16 to 64 ASCII letters, digits or `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DraftId(Arc<str>);

impl DraftId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DraftId {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if !(16..=64).contains(&text.len()) || !text.chars().all(letters) {
            return Err(InvalidName("a draft id is 16 to 64 ASCII letters, digits or `-`".to_owned()));
        }
        Ok(Self(text.into()))
    }
}

impl From<DraftId> for String {
    fn from(id: DraftId) -> Self {
        id.0.as_ref().to_owned()
    }
}

/// What a store is asked to commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    pub id: DraftId,
    pub cause: Cause,
    pub records: Vec<Record>,
}

/// A draft that was accepted, with its place in history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    pub cursor: Cursor,
    #[serde(flatten)]
    pub draft: Draft,
}

impl Commit {
    /// Places a draft right after `previous`. Stores call this.
    pub fn after(previous: &Cursor, draft: Draft) -> Self {
        let revision = previous.revision.next();
        let lineage = previous.lineage.then(revision, &draft.id);
        Self { cursor: Cursor { epoch: previous.epoch.clone(), revision, lineage }, draft }
    }

    /// Whether it is the very next of the history that `previous` stands in, whatever this build cannot read of it.
    pub fn follows(&self, previous: &Cursor) -> bool {
        let revision = previous.revision.next();
        let lineage = previous.lineage.then(revision, &self.draft.id);
        self.cursor.epoch == previous.epoch && self.cursor.revision == revision && self.cursor.lineage == lineage
    }

    /// How many bytes it takes as JSON.
    pub fn size(&self) -> usize {
        let mut counted = Counted(0);
        // Counting does not fail; what cannot be encoded is counted as far as it goes.
        let _ = serde_json::to_writer(&mut counted, self);
        counted.0
    }

    pub fn revision(&self) -> Revision {
        self.cursor.revision
    }

    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.draft.records.iter().map(|record| &record.change)
    }

    /// Whether a service must hear of it.
    pub fn concerns(&self, service: &ServiceId) -> bool {
        self.changes().any(|change| change.concerns(service))
    }
}

/// Takes bytes and keeps their number.
struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
