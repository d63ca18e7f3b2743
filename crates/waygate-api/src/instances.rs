//! Instances of services: who they are, what they enforce, and how far a change has come.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waygate_core::{Cursor, Part, Revision};

use crate::stream::Skipped;

/// The version of the protocol of `GET /api/sdk/stream` and of acknowledgements.
pub const PROTOCOL: u32 = 1;
/// The longest id of an instance.
const LONGEST_ID: usize = 128;
/// The capability of taking shares of divided limits, or of having no need to: [`headers::CAPABILITIES`].
///
/// [`headers::CAPABILITIES`]: crate::headers::CAPABILITIES
pub const TAKES_SHARES: &str = "shares";

/// What names an instance among those of its service: 1 to 128 of `A-Z a-z 0-9 . _ : @ -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceId(Arc<str>);

/// A text is no id of an instance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an instance is named by 1 to {LONGEST_ID} letters, digits and `.`, `_`, `:`, `@`, `-`; got `{0}`")]
pub struct InvalidInstanceId(String);

/// Body of `POST /api/sdk/acknowledge`: what an instance enforces. The newest replaces all before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub app_id: String,
    pub instance: InstanceId,
    /// Which of its starts it is: as in [`headers::PROCESS`](crate::headers::PROCESS).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<InstanceId>,
    /// Counts the acknowledgements of that start, so that the newest is known whichever way each has taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Where in history it stands; left out where it leaves before it has got anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// The digest of what it enforces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What it could not apply, as it stands; each keeps its last known value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<NotApplied>,
    /// It ends, in order.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaving: bool,
    /// It asks for its parts of divided limits; one that leaves has given them up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<SharesHeld>,
}

/// The grants by which an instance enforces divided limits, by their serial numbers: 0 where it holds none yet, left out
/// where it has no use for one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharesHeld {
    /// For limits of its service and of the routes of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<u64>,
    /// For the limit of everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global: Option<u64>,
}

/// What an instance is given of divided limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharesGranted {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ShareGranted>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global: Option<ShareGranted>,
}

/// A part of divided limits, which takes the place of the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareGranted {
    /// What the instance says from now on, to confirm it.
    pub serial: u64,
    /// Pieces of the range from 0 to 281474976710656, which is all of a limit.
    pub part: Part,
    /// How long it may be enforced, from when the instance has asked.
    pub lease_ms: u64,
    /// Among how many it is divided.
    pub of: usize,
    /// Others have to make room before there is more: it is to ask again soon.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

/// Answer of an acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Whether nothing is new or not, the next is expected after so many milliseconds.
    pub again_in_ms: u64,
    /// What it was given of divided limits, where it has asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<SharesGranted>,
}

/// How [`NotApplied::what`] names what the settings of an instance bypass.
pub const BYPASSES_LIFECYCLE: &str = "lifecycle";
pub const BYPASSES_RATE_LIMITS: &str = "rate limits";

/// An element of the rules that an instance could not apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotApplied {
    /// Which, such as `routes GET:/a`; [`BYPASSES_LIFECYCLE`] or [`BYPASSES_RATE_LIMITS`] where it is no element but a setting.
    pub what: String,
    pub why: String,
}

/// How an instance stands to what is in force at the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// It has acknowledged the newest revision that concerns its service, and could apply all of it.
    InSync,
    /// The newest revision is on its way: not acknowledged yet, and not for long.
    Applying,
    /// It enforces an older revision, or could not apply a part of the newest.
    Behind,
    /// It cannot acknowledge, as the reference's SDK cannot; the newest was sent.
    Unconfirmed,
    /// Nothing was heard of it for too long; it may still enforce what it acknowledged last.
    Lost,
    /// It ended in order.
    Left,
}

/// An element of `GET /api/instances` and of `GET /api/services/{service}/instances`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceView {
    pub id: String,
    pub service: String,
    pub state: InstanceState,
    /// What it runs, such as `waygate-rust`; `null` where it does not say.
    pub sdk: Option<String>,
    pub version: Option<String>,
    pub environment: Option<String>,
    /// The version of the protocol that it speaks.
    pub protocol: Option<u32>,
    pub capabilities: Vec<String>,
    /// Whether a stream to it is open at a node of the control plane.
    pub connected: bool,
    pub connected_since: Option<Timestamp>,
    pub last_heard: Timestamp,
    /// The newest revision that was sent to it.
    pub delivered: Option<Revision>,
    /// The revision that it enforces, as it says.
    pub applied: Option<Revision>,
    /// Where in history that is.
    pub cursor: Option<Cursor>,
    pub digest: Option<String>,
    /// How many revisions that concern its service it does not enforce yet; `null` where it cannot say what it enforces,
    /// and where what it says is no place in the history that is known.
    pub lag: Option<u64>,
    /// For how long it has not enforced the first of them.
    pub lag_ms: Option<u64>,
    /// What it could not apply; `digest` where it enforces something else than it should at the revision that it names.
    pub rejected: Vec<NotApplied>,
}

/// Answer of `DELETE /api/instances/{instance}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceForgotten {
    pub ok: bool,
    pub id: String,
    pub service: String,
}

/// How far a change has come: in the answer to a mutation with `?wait=…`, and of the newest one the answer of
/// `GET /api/propagation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Propagation {
    pub revision: Revision,
    /// How many instances of the services that it concerns enforce it.
    pub confirmed: usize,
    /// How many there are that can say so and are not lost.
    pub total: usize,
    /// How many cannot say, as the reference's SDK cannot.
    pub unconfirmed: usize,
    /// How many were not heard of for too long.
    pub lost: usize,
    pub waited_ms: u64,
    /// Why the numbers prove nothing, where they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unproven: Option<Unproven>,
    /// Who does not enforce it yet; the first hundred.
    pub laggards: Vec<Laggard>,
    /// The services that it concerns and none of whose instances is there; the first hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<String>,
    /// Who is lost: not waited for, and perhaps still enforcing what was before; the first hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost_instances: Vec<Laggard>,
    /// For how much longer the node that was asked, which has started lately, takes it that there are instances that it has
    /// not heard of: they may not have come back yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_in_ms: Option<u64>,
}

/// Why it is not known whether a change is in force everywhere, whatever instances say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unproven {
    /// The change is gone: the store has lost it, as in a failover, and history has gone on without it.
    Vanished,
    /// The node that was asked has not seen the change come back from the store.
    Unseen,
    /// The node that was asked could not learn which instances other nodes have, there are more than it keeps, or it has
    /// just started and some may not have come back yet.
    Incomplete,
    /// No instance of some of the services that it concerns is there: nobody of them has confirmed it.
    Absent,
    /// The same, and none of these services has ever registered a route.
    Unheard,
    /// A reason that a newer server gives.
    #[serde(other)]
    Unknown,
}

/// An instance that does not enforce a change yet, or of which that is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Laggard {
    pub service: String,
    pub instance: String,
    /// The revision that it enforces; `null` where it has not said.
    pub applied: Option<Revision>,
    pub state: InstanceState,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<NotApplied>,
}

impl InstanceId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl InstanceState {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "in_sync",
            Self::Applying => "applying",
            Self::Behind => "behind",
            Self::Unconfirmed => "unconfirmed",
            Self::Lost => "lost",
            Self::Left => "left",
        }
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for InstanceId {
    type Err = InvalidInstanceId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '@' | '-');
        if (1..=LONGEST_ID).contains(&text.len()) && text.chars().all(fits) {
            return Ok(Self(text.into()));
        }
        Err(InvalidInstanceId(text.chars().take(LONGEST_ID).collect()))
    }
}

impl TryFrom<String> for InstanceId {
    type Error = InvalidInstanceId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<InstanceId> for String {
    fn from(id: InstanceId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl From<Skipped> for NotApplied {
    fn from(Skipped { what, why }: Skipped) -> Self {
        Self { what, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_and_plain() {
        let longest = "a".repeat(LONGEST_ID);
        for id in ["a", "payments-7d9f_2", "10.0.0.1:8000", "pod@node", &longest] {
            assert_eq!(id.parse::<InstanceId>().unwrap().as_str(), id);
        }
        for bad in ["", "a b", "é", "a/b", "a\n", &format!("{longest}a")] {
            assert!(bad.parse::<InstanceId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn states_are_written_as_they_are_named() {
        use InstanceState::{Applying, Behind, InSync, Left, Lost, Unconfirmed};
        for state in [InSync, Applying, Behind, Unconfirmed, Lost, Left] {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }
}
