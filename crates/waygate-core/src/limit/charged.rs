//! What a charge comes to, and what callers are told about it.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use super::{LimitExpression, Quota, RateLimitPolicy};
use crate::decide::Layer;
use crate::route::LocalKey;

/// How many bytes the values of the headers seldom exceed.
const TYPICAL_HEADERS: usize = 128;

/// What the limits of a request say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Charged<'s> {
    /// All limits admit the request, and it has been counted by each.
    Admitted {
        /// The limit with the least left, which is the one that bites first; `None` where no limit applies.
        tightest: Option<Standing<'s>>,
        /// What would have denied it, were it enforced and not in shadow. It has not been counted there.
        shadow: Option<Exceeded<'s>>,
    },
    /// A limit denies the request, and nothing has been counted anywhere.
    Exceeded(Exceeded<'s>),
}

/// A limit that denies a request. Of several, the one with the longest wait, and of equals the outermost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exceeded<'s> {
    /// Nothing is left; its reset is when a request passes again.
    pub standing: Standing<'s>,
    /// The caller came without the key that the policy insists on. No wait is enough then; the period is told.
    pub missing_key: bool,
}

/// Where a caller stands with one quota of one limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing<'s> {
    /// [`Layer::GlobalLimit`], [`Layer::ServiceLimit`] or [`Layer::RouteLimit`].
    pub layer: Layer,
    /// The route, where the limit is one of a route.
    pub route: Option<&'s LocalKey>,
    pub policy: &'s RateLimitPolicy,
    /// The caller's tier, where the policy has tiers.
    pub tier: Option<&'s str>,
    /// The limit as it was written, that of the tier where there is one.
    pub limit: &'s LimitExpression,
    /// The term of the limit that this is about.
    pub quota: Quota,
    /// How many requests pass at once where nothing is used: the quota's amount and the burst.
    pub capacity: u64,
    /// How many requests would pass at once now.
    pub remaining: u64,
    /// The time of the request.
    pub at: Timestamp,
    /// How long until more remain if nothing passes meanwhile. For `0/period`, where no wait is enough, the period.
    pub reset_after: Duration,
}

impl Standing<'_> {
    /// Whole seconds until more remain, rounded up, at least 1: waiting so long is enough.
    pub fn reset_after_seconds(&self) -> u64 {
        (self.reset_after.as_secs() + u64::from(self.reset_after.subsec_nanos() > 0)).max(1)
    }

    /// When more remain.
    pub fn reset_at(&self) -> Timestamp {
        self.at.checked_add(self.reset_after).unwrap_or(Timestamp::MAX)
    }

    /// The policy by name: `global`, `service`, or the route.
    pub fn policy_name(&self) -> String {
        match (self.layer, self.route) {
            (_, Some(route)) => route.to_string(),
            (Layer::GlobalLimit, None) => "global".to_owned(),
            (_, None) => "service".to_owned(),
        }
    }

    /// The headers of a governed answer, admitted or denied: the `X-RateLimit-*` as integers (the reset in seconds since
    /// 1970, rounded up), and beside them `RateLimit-Policy` and `RateLimit` as
    /// draft-ietf-httpapi-ratelimit-headers-11 has them. `Retry-After` belongs to denied answers only and is part of
    /// the [denial](crate::DenialResponse).
    pub const HEADERS: [&'static str; 5] =
        ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit-policy", "ratelimit"];

    /// The values of [`Standing::HEADERS`], one after the other in one text, and where each ends.
    pub fn header_values(&self) -> (String, [usize; 5]) {
        let name = match self.layer {
            Layer::GlobalLimit => "global",
            Layer::ServiceLimit => "service",
            _ => "route",
        };
        let Self { capacity, remaining, quota, .. } = self;
        let reset_at = self.reset_at();
        let reset = reset_at.as_second() + i64::from(reset_at.subsec_nanosecond() > 0);
        let mut text = String::with_capacity(TYPICAL_HEADERS);
        let ends = [
            format_args!("{capacity}"),
            format_args!("{remaining}"),
            format_args!("{reset}"),
            format_args!(r#""{name}";q={capacity};w={}"#, quota.period_seconds),
            format_args!(r#""{name}";r={remaining};t={}"#, self.reset_after_seconds()),
        ]
        .map(|value| {
            // A `String` takes whatever is written.
            let _ = text.write_fmt(value);
            text.len()
        });
        (text, ends)
    }
}

/// Of two denials the one with the longer wait, of equals the first.
pub(super) fn longer<'s>(one: Option<Exceeded<'s>>, other: Option<Exceeded<'s>>) -> Option<Exceeded<'s>> {
    match (one, other) {
        (Some(one), Some(other)) if other.standing.reset_after > one.standing.reset_after => Some(other),
        (None, other) => other,
        (one, _) => one,
    }
}

/// Of two standings the one with less left, then with the longer wait, then the first.
pub(super) fn tighter<'s>(one: Option<Standing<'s>>, other: Standing<'s>) -> Standing<'s> {
    match one {
        Some(one) if (other.remaining, one.reset_after) >= (one.remaining, other.reset_after) => one,
        _ => other,
    }
}
