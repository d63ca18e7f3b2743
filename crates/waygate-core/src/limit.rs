//! Rate limit policies: how many requests of one caller pass in a period, and whom that concerns.
//!
//! A policy is state. Counters are not: they live beside the snapshot of each replica, or in a shared store.

mod address;
mod caller;
mod charged;
mod counters;
mod division;
mod expression;
mod line;
mod masked;
mod meter;
mod moving;
mod names;
mod share;
mod shared;
mod token;
mod windows;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::address::{Cidr, client_ip};
pub use self::caller::{API_KEY_HEADER, CallerFacts, DEFAULT_TIER_RESOLVER};
pub use self::charged::{Charged, Exceeded, Standing};
pub use self::counters::{CounterMemory, LocalCounters};
pub use self::division::{Division, Granted, Held, LeaseTerms};
pub use self::expression::{LIMIT_GRAMMAR, LimitExpression, Quota};
pub use self::masked::masked_caller;
pub use self::meter::{Meter, Step, Usage};
pub(crate) use self::names::is_header_name;
pub use self::share::{Holding, Part, Share};
pub use self::shared::{SharedCharge, SharedLimit};
use crate::lifecycle::{Enforcement, is_default};
use crate::revision::Revision;
use crate::route::LocalKey;

/// How requests are counted over time. A request that is denied is never counted; `0/period` admits nothing, whatever
/// the burst. Arithmetic is exact, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// A window begins with its first request and ends a period later. In each, `amount + burst` pass.
    #[default]
    FixedWindow,
    /// An estimate from two counts, of the current period as the clock has it (aligned to 1970) and of the one before:
    /// a request passes while the current count, and that share of the other which the last period still covers, rounded
    /// down, are together less than `amount + burst`.
    SlidingWindow,
    /// In any period, both ends included, `amount + burst` pass. Where these are more than 1,024, a request may count for
    /// up to a 1,024th part of the period longer.
    MovingWindow,
    /// A bucket holds `amount + burst` tokens and gains `amount` evenly over each period; a request takes one. The burst
    /// makes the bucket deeper and leaves the rate as it is.
    TokenBucket,
}

/// What counts as one caller. Keys of different kinds never share a counter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStrategy {
    /// The address: an IPv4 address, or the /64 of an IPv6 address.
    #[default]
    Ip,
    User,
    /// The value of the header [`API_KEY_HEADER`].
    ApiKey,
    /// All callers together.
    Global,
    /// The value of that request header.
    Header(String),
    /// A function given to the SDK.
    Custom,
}

/// What happens to a request without the key that the strategy asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMissingKey {
    Exempt,
    FallbackIp,
    Block,
}

/// What happens while the shared counter store cannot be reached, and with a divided limit, without a lease of a part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBackendFailure {
    /// Count in this replica. Of a divided limit, by half of the last part, and by nothing where there was none.
    #[default]
    Local,
    Open,
    Closed,
}

/// A named limit for a group of callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    pub name: String,
    pub limit: LimitExpression,
}

/// One rate limit, of any scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimitPolicy {
    pub limit: LimitExpression,
    #[serde(default, skip_serializing_if = "is_default")]
    pub algorithm: Algorithm,
    #[serde(default, skip_serializing_if = "is_default")]
    pub key_strategy: KeyStrategy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_missing_key: Option<OnMissingKey>,
    /// How many more than the amount pass at once, for each quota of the limit; see [`Algorithm`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub burst: u32,
    /// Where there are any, a caller has the limit of his tier, and of the first where he has none of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
    /// The request attribute that names the caller's tier; [`DEFAULT_TIER_RESOLVER`] where it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier_resolver: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt_ips: Vec<Cidr>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt_roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt_routes: Vec<LocalKey>,
    pub enabled: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub enforcement: Enforcement,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_backend_failure: OnBackendFailure,
    /// Means nothing where counters are shared.
    #[serde(default, skip_serializing_if = "is_default")]
    pub share: Share,
    /// Declared by the service's code, not set by an operator.
    #[serde(default, skip_serializing_if = "is_default")]
    pub declared: bool,
    /// The declared policy that this one of an operator stands in for. It comes back when this one is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrides: Option<Arc<Self>>,
    /// Counters belong to a generation: a reset is a new one.
    #[serde(default)]
    pub generation: u64,
    #[serde(default)]
    pub changed_at: Revision,
}

impl RateLimitPolicy {
    /// A policy with nothing but a limit: by address, in fixed windows, in force.
    pub fn new(limit: LimitExpression) -> Self {
        Self {
            limit,
            algorithm: Algorithm::default(),
            key_strategy: KeyStrategy::default(),
            on_missing_key: None,
            burst: 0,
            tiers: Vec::new(),
            tier_resolver: None,
            exempt_ips: Vec::new(),
            exempt_roles: Vec::new(),
            exempt_routes: Vec::new(),
            enabled: true,
            enforcement: Enforcement::default(),
            until: None,
            on_backend_failure: OnBackendFailure::default(),
            share: Share::default(),
            declared: false,
            overrides: None,
            generation: 0,
            changed_at: Revision::ZERO,
        }
    }

    /// Whether it is in force at `now`. The clock is only asked where an end is set.
    pub fn is_on(&self, now: impl FnOnce() -> Timestamp) -> bool {
        self.enabled && self.until.is_none_or(|until| now() < until)
    }
}
