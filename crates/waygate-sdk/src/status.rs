//! How a service's following of the control plane stands.

use std::time::Duration;

use jiff::Timestamp;
use waygate_core::{Cursor, Environment};

/// A moment of the SDK's life, from [`Waygate::status`](crate::Waygate::status).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    pub phase: Phase,
    /// Where in the control plane's history the rules in force stand; `None` while only declared states are known.
    pub cursor: Option<Cursor>,
    /// The environment that gates compare with.
    pub environment: Option<Environment>,
    /// How many routes the service has declared, those included that were observed in use.
    pub declared: usize,
    /// Whether the control plane knows all of them.
    pub registered: bool,
    /// How many of them the control plane has refused in the last registration.
    pub rejected: usize,
    /// How many elements of frames could not be read since the start; each kept its last known value.
    pub skipped: u64,
    /// The counters that the replicas of this service share; `None` without
    /// [`rate_limit_backend`](crate::WaygateBuilder::rate_limit_backend).
    pub shared_counters: Option<SharedCounters>,
}

/// How counters fare that the replicas of a service share; the sums are since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedCounters {
    /// Whether they are asked; `false` from some failures in a row on until one attempt succeeds.
    pub reachable: bool,
    /// How often that has begun.
    pub outages: u64,
    /// How many requests had no answer in time and were counted in this process.
    pub counted_locally: u64,
    /// How many had none and were let through uncounted.
    pub let_through: u64,
    /// How many had none and were refused.
    pub refused: u64,
    /// How many callers are known to be denied, so that their requests cost no round trip.
    pub blocked: usize,
}

/// Whether the rules in force are those of the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// The first attempt is under way; declared states are in force.
    Starting,
    /// Every change of the control plane arrives.
    Live,
    /// Changes do not arrive at the moment; what was known last stays in force, and attempts go on.
    Stale { since: Timestamp, why: Outage },
}

/// Why changes do not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Outage {
    #[error("the connection failed: {reason}")]
    Unreachable { reason: String },
    /// The token or the credentials are refused. Attempts go on, slowly.
    #[error("the control plane refuses the credentials: {message}")]
    Unauthorized { message: String },
    #[error("the control plane answers {status}: {message}")]
    Refused { status: u16, message: String, retry_after: Option<Duration> },
    #[error("nothing was heard of the control plane for {} seconds", after.as_secs())]
    Silent { after: Duration },
    #[error("the control plane sent something unreadable: {reason}")]
    Malformed { reason: String },
    /// Something between what was known and what came is missing.
    #[error("the stream is not continuous: {reason}")]
    Gap { reason: String },
    #[error("the stream has ended")]
    Ended,
    #[error("the control plane ends the stream: {reason}")]
    Goodbye { reason: String, retry_after: Duration },
    /// [`Waygate::shutdown`](crate::Waygate::shutdown) was called.
    #[error("the SDK was shut down")]
    Stopped,
}

impl Outage {
    /// The wait that the server asked for.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Goodbye { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }
}

impl Status {
    pub(crate) fn starting(environment: Option<Environment>) -> Self {
        Self {
            phase: Phase::Starting,
            cursor: None,
            environment,
            declared: 0,
            registered: true,
            rejected: 0,
            skipped: 0,
            shared_counters: None,
        }
    }

    /// Live, with every declared route registered.
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Live && self.registered
    }
}
