//! What nodes know of instances first hand, and tell each other.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waygate_api::instances::{InstanceId, NotApplied};
use waygate_api::paths;
use waygate_core::{Cursor, Revision, ServiceId};

use super::table::Which;
use crate::clients::{About, Client};

/// What the keys of all notes begin with.
const PREFIX: &str = "instances/";

/// Names one instance among all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Name {
    pub(crate) service: ServiceId,
    pub(crate) id: InstanceId,
}

/// The stream of an instance, as the node knows it that has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Connection {
    /// The node.
    pub(crate) node: Arc<str>,
    /// Tells this stream from others of the instance.
    pub(crate) number: u64,
    /// Which start of the instance has it, where that is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) process: Option<InstanceId>,
    pub(crate) client: Client,
    /// Whether it can say what it enforces.
    pub(crate) confirms: bool,
    pub(crate) about: About,
    pub(crate) since: Timestamp,
    /// When the node last said that the stream is open.
    pub(crate) seen: Timestamp,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) delivered: Delivered,
}

/// The newest revision that was handed to a stream. Clones are one.
#[derive(Clone, Default)]
pub(crate) struct Delivered(Arc<AtomicU64>);

/// What an instance has said last, to whichever node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heard {
    pub(crate) at: Timestamp,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) digest: Option<String>,
    pub(crate) rejected: Vec<NotApplied>,
    pub(crate) left: bool,
    /// Which start of the instance has said it, and which of its words it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) process: Option<InstanceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sequence: Option<u64>,
}

/// One of these, or that an operator has forgotten it at a time, on its way to other nodes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    Connection(Arc<Connection>),
    Heard(Arc<Heard>),
    Forgotten(Timestamp),
}

/// A part with its name: the text of a note.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    #[serde(flatten)]
    pub(crate) name: Name,
    pub(crate) part: Part,
}

/// Everything that is known of one instance. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Instance {
    pub(crate) connection: Option<Arc<Connection>>,
    pub(crate) heard: Option<Arc<Heard>>,
    pub(crate) forgotten: Option<Timestamp>,
    /// This node has its stream.
    pub(crate) here: bool,
}

impl Delivered {
    pub(crate) fn reach(&self, revision: Revision) {
        self.0.fetch_max(revision.0, Ordering::Relaxed);
    }

    pub(crate) fn revision(&self) -> Revision {
        Revision(self.0.load(Ordering::Relaxed))
    }
}

impl Instance {
    /// Takes a part in, where it is newer than what is known.
    pub(crate) fn take(&mut self, part: Part) {
        match part {
            Part::Connection(given) => {
                let is_newer = |known: &Arc<Connection>| (given.since, given.seen) >= (known.since, known.seen);
                if self.connection.as_ref().is_none_or(is_newer) {
                    self.connection = Some(given);
                }
            }
            Part::Heard(given) => {
                if self.heard.as_ref().is_none_or(|known| given.replaces(known, self.process())) {
                    self.heard = Some(given);
                }
            }
            Part::Forgotten(at) => self.forgotten = self.forgotten.max(Some(at)),
        }
    }

    /// Takes in what a node knows first hand. Its open stream counts, whatever others say: also where they have noted, by
    /// clocks of theirs, that the instance has left.
    pub(crate) fn take_own(&mut self, own: &Self) {
        if own.here {
            self.connection.clone_from(&own.connection);
            let process = self.process().cloned();
            self.heard.take_if(|heard| heard.left && (process.is_none() || heard.process != process));
        } else if let Some(connection) = &own.connection {
            self.take(Part::Connection(connection.clone()));
        }
        if let Some(heard) = &own.heard {
            self.take(Part::Heard(heard.clone()));
        }
        self.forgotten = self.forgotten.max(own.forgotten);
        self.here = own.here;
    }

    /// Which of its starts has the newest stream, where that is known.
    pub(super) fn process(&self) -> Option<&InstanceId> {
        self.connection.as_ref()?.process.as_ref()
    }

    /// What it has said. The words of another of its starts than the one that has the newest stream are not its own.
    pub(crate) fn said(&self) -> Option<&Heard> {
        let heard = self.heard.as_deref()?;
        let is_anothers = self.process().zip(heard.process.as_ref()).is_some_and(|(own, theirs)| own != theirs);
        (!is_anothers).then_some(heard)
    }

    /// When something was last known of it.
    pub(crate) fn last_known(&self) -> Option<Timestamp> {
        let stream = self.connection.as_ref().map(|connection| connection.ended.unwrap_or(connection.seen));
        stream.max(self.heard.as_ref().map(|heard| heard.at))
    }

    /// An operator has forgotten it, and nothing was known of it since.
    pub(crate) fn was_forgotten(&self) -> bool {
        self.forgotten.is_some_and(|forgotten| self.last_known().is_none_or(|known| known <= forgotten))
    }

    pub(crate) fn is_open(&self, now: Timestamp, stale: Duration) -> bool {
        self.connection.as_ref().is_some_and(|connection| {
            connection.ended.is_none() && (self.here || !super::is_past(connection.seen, now, stale))
        })
    }
}

impl Heard {
    /// Whether it is to be believed rather than what is known, of an instance whose newest stream is that of a process.
    /// Of one process the count decides, not the clocks of the nodes that have heard it.
    pub(crate) fn replaces(&self, known: &Self, process: Option<&InstanceId>) -> bool {
        if self.process.is_some()
            && self.process == known.process
            && let Some((given, known)) = self.sequence.zip(known.sequence)
        {
            return given >= known;
        }
        let is_own = |heard: &Self| process.is_some() && heard.process.as_ref() == process;
        match (is_own(self), is_own(known)) {
            (true, false) => true,
            (false, true) => false,
            _ => self.at >= known.at,
        }
    }
}

/// What the keys of the notes about one service, or about all, begin with.
pub(crate) fn prefix(service: Option<&ServiceId>) -> String {
    service
        .map_or_else(|| PREFIX.to_owned(), |service| format!("{PREFIX}{}/", paths::percent_encoded(service.as_str())))
}

pub(crate) fn key(name: &Name, which: Which) -> String {
    let part = match which {
        Which::Connection => "connection",
        Which::Heard => "heard",
        Which::Forgotten => "forgotten",
    };
    format!("{}{}/{part}", prefix(Some(&name.service)), name.id)
}

impl fmt::Debug for Delivered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.revision().fmt(formatter)
    }
}

impl Serialize for Delivered {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.revision().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Delivered {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let revision = Revision::deserialize(deserializer)?;
        Ok(Self(Arc::new(AtomicU64::new(revision.0))))
    }
}
