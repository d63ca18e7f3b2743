//! Counters of rate limits that several processes share.

mod blocked;
mod breaker;
mod clock;
mod redis;
mod script;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use waygate_core::{Meter, OnBackendFailure, Step};

pub use self::redis::RedisCounters;

/// Counters that several processes share. Charging never fails: what cannot be counted is left to the policies.
#[async_trait]
pub trait CounterStore: std::fmt::Debug + Send + Sync + 'static {
    /// Charges a request to all of its limits in one step: all are asked first, and it is counted only if all admit it.
    /// Limits in shadow are asked and counted likewise, and deny nothing.
    async fn charge(&self, request: &ChargeRequest) -> ChargeOutcome;
}

/// The limits that one request has to pass, outermost first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChargeRequest {
    pub limits: Vec<LimitCharge>,
}

/// One limit, and whom it charges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitCharge {
    pub key: CounterKey,
    /// One for each quota of the limit, in its order: [`Meter::of`]. All of the same algorithm.
    pub meters: Vec<Meter>,
    pub shadow: bool,
    pub on_failure: OnBackendFailure,
}

/// Names the counters of one caller with one limit: 128 bits of a SHA-256. All processes have to make it of the same
/// parts, such as the scope, the generation of the policy, the tier, the kind of key, and the caller's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CounterKey([u8; 16]);

/// What came of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeOutcome {
    Charged(ChargeAnswer),
    /// The counters cannot be reached in time. The request may have been counted nevertheless.
    Unavailable(Fallback),
}

/// What the shared counters say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeAnswer {
    /// False where a limit that is not in shadow denies; nothing has been counted then.
    pub admitted: bool,
    /// The time of the counters.
    pub at: Timestamp,
    /// For each limit of the request a step for each of its meters; after the request, where it was counted. Empty for
    /// limits that were not asked, because another was known to deny.
    pub limits: Vec<Vec<Step>>,
}

/// What the policies want while the shared counters cannot be reached: the strictest of their choices. Limits in shadow
/// have no say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fallback {
    /// Deny the request: the limit at this position says so.
    Closed { limit: usize },
    /// Count in this process for the limits at these positions, and leave the others out.
    Local { limits: Vec<usize> },
    /// Let it pass uncounted.
    Open,
}

/// How shared counters behave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterOptions {
    /// What all keys begin with, in braces: `{waygate}:` by default. Processes with the same one share counters.
    pub prefix: String,
    /// How long a request waits for an answer; 50 ms by default.
    pub deadline: Duration,
    /// After how many failures in a row nobody is asked any more for a while; 5 by default.
    pub failures: u32,
    /// How long that while is; 1 s by default. After it, one request at a time tries again.
    pub pause: Duration,
    /// How many callers who are known to be denied are remembered at most; 65,536 by default.
    pub most_blocked: usize,
}

/// How the counters fare, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CounterHealth {
    /// Whether nobody is asked at present.
    pub is_open: bool,
    /// How often that has begun.
    pub outages: u64,
    /// How many charges had no answer, since the beginning.
    pub unavailable: u64,
    /// How many callers are remembered to be denied.
    pub blocked: usize,
}

impl Default for CounterOptions {
    fn default() -> Self {
        Self {
            prefix: "waygate".to_owned(),
            deadline: Duration::from_millis(50),
            failures: 5,
            pause: Duration::from_secs(1),
            most_blocked: 65_536,
        }
    }
}

impl CounterKey {
    /// Hashes the parts; where they begin and end makes a difference.
    pub fn new<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let mut head = [0; 16];
        head.copy_from_slice(&digest.finalize()[..16]);
        Self(head)
    }
}

impl Fallback {
    /// The strictest choice of a request's policies.
    pub fn of(request: &ChargeRequest) -> Self {
        let choosing = |choice| {
            let limits = request.limits.iter().enumerate();
            limits.filter(move |(_, limit)| limit.on_failure == choice).map(|(index, limit)| (index, limit.shadow))
        };
        if let Some((limit, _)) = choosing(OnBackendFailure::Closed).find(|(_, shadow)| !shadow) {
            return Self::Closed { limit };
        }
        let limits: Vec<usize> = choosing(OnBackendFailure::Local).map(|(index, _)| index).collect();
        if limits.is_empty() { Self::Open } else { Self::Local { limits } }
    }
}
