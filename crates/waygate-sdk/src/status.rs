//! How a service's following of the control plane stands.

use std::time::Duration;

use jiff::Timestamp;
use waygate_core::{Cursor, Environment, Holding};

use crate::bypass::Bypass;
use crate::clock;

/// A moment of the SDK's life, from [`Waygate::status`](crate::Waygate::status).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    pub phase: Phase,
    /// Since when the phase is of this kind.
    pub since: Timestamp,
    /// Where the rules in force come from.
    pub rules: Rules,
    /// When the rules in force were last known to be those of the control plane. While in touch it follows the signs of
    /// life; from a cache it is exact to five minutes. `None` where nobody knows.
    pub as_of: Option<Timestamp>,
    /// Where in the control plane's history the rules in force stand; `None` while only declared states are known.
    pub cursor: Option<Cursor>,
    /// The control plane that is followed, or tried, among those that were given; `None` for a source that is no server.
    pub server: Option<String>,
    /// The environment that gates compare with.
    pub environment: Option<Environment>,
    /// What this instance does not enforce, because its settings say so.
    pub bypass: Bypass,
    /// How many routes the service has declared, those included that were observed in use.
    pub declared: usize,
    /// Whether the control plane knows all of them.
    pub registered: bool,
    /// How many of them the control plane has refused in the last registration.
    pub rejected: usize,
    /// How many elements of frames could not be read since the start; each kept its last known value.
    pub skipped: u64,
    /// How often since the start the rules turned out to differ from the control plane's, and were fetched anew.
    pub drifted: u64,
    /// How often since the start the cache on disk could not be written.
    pub cache_failures: u64,
    /// Routes that no concrete path can be matched to, since their templates are malformed or contradict others. With axum
    /// they are guarded all the same; where the framework does not tell the template they are not.
    pub unmatched: Vec<String>,
    /// The counters that the replicas of this service share; `None` without
    /// [`rate_limit_backend`](crate::WaygateBuilder::rate_limit_backend).
    pub shared_counters: Option<SharedCounters>,
    /// What this instance holds of divided limits.
    pub shares: Shares,
    /// How often the control plane has wanted to be asked for them.
    pub(crate) nudges: u64,
}

/// What an instance holds of divided limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shares {
    /// Of the limits of its service and of the routes of that; `None` where none is divided.
    pub service: Option<ShareStatus>,
    /// Of the limit of everything; `None` where it is not divided.
    pub global: Option<ShareStatus>,
}

/// What an instance holds of one whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShareStatus {
    pub holding: Holding,
    /// Among how many it was divided when it was given; 0 before.
    pub of: usize,
}

impl ShareStatus {
    /// What the instance admits of an amount.
    pub fn amount(&self, amount: u64) -> u64 {
        self.holding.of(amount)
    }

    /// The control plane has given it nothing yet: a service is not ready that would refuse everything.
    fn is_awaited(&self) -> bool {
        self.holding.part().is_none_or(waygate_core::Part::is_empty)
    }
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

/// Where the rules in force come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rules {
    /// From the code: nothing was ever heard of the control plane, and the choices of
    /// [`WhenUnknown`](waygate_core::WhenUnknown) apply.
    Declared,
    /// From the file that was baked into the service.
    Bootstrap,
    /// From the disk: what the control plane said before this process began.
    Cache,
    /// From the control plane, to this process.
    ControlPlane,
}

/// Whether the rules in force are those of the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// The first attempt is under way; what was kept from before is in force, or else what is declared.
    Starting,
    /// Every change of the control plane arrives as it happens.
    Live,
    /// No stream gets through, although the control plane can be reached: it is asked for changes from time to time.
    Polling,
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
    /// What was known is not what the control plane says that it should be. It is fetched anew.
    #[error("what was known differs from the control plane's {kinds}")]
    Drifted { kinds: String },
    #[error("the stream has ended")]
    Ended,
    #[error("the control plane ends the stream: {reason}")]
    Goodbye { reason: String, retry_after: Duration },
    /// [`Waygate::shutdown`](crate::Waygate::shutdown) was called.
    #[error("the SDK was shut down")]
    Stopped,
}

impl Outage {
    /// Whether the control plane has answered, and not as it should.
    pub(crate) fn is_of_one_who_is_there(&self) -> bool {
        matches!(
            self,
            Self::Unauthorized { .. }
                | Self::Refused { .. }
                | Self::Malformed { .. }
                | Self::Gap { .. }
                | Self::Drifted { .. }
        )
    }

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
            since: clock::now(),
            rules: Rules::Declared,
            as_of: None,
            cursor: None,
            server: None,
            environment,
            bypass: Bypass::default(),
            declared: 0,
            registered: true,
            rejected: 0,
            skipped: 0,
            drifted: 0,
            cache_failures: 0,
            unmatched: Vec::new(),
            shared_counters: None,
            shares: Shares::default(),
            nudges: 0,
        }
    }

    /// In touch with the control plane, with every declared route registered, and with a share of each divided limit.
    pub fn is_ready(&self) -> bool {
        let shares = [&self.shares.service, &self.shares.global];
        let awaits_share = shares.into_iter().flatten().any(ShareStatus::is_awaited);
        matches!(self.phase, Phase::Live | Phase::Polling) && self.registered && !awaits_share
    }

    /// How long ago the rules in force were last known to be those of the control plane; `None` where nobody knows.
    pub fn age(&self) -> Option<Duration> {
        let as_of = self.as_of?;
        Some(Duration::try_from(clock::now().duration_since(as_of)).unwrap_or_default())
    }

    /// Whether the rules in force are the control plane's, and not older than that.
    pub fn is_current(&self, max_age: Duration) -> bool {
        self.age().is_some_and(|age| age <= max_age)
    }
}
