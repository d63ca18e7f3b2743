//! Rate limit policies: how many requests of one caller pass in a period, and whom that concerns.
//!
//! A policy is state. Counters are not: they live beside the snapshot of each replica, or in a shared store.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{InvalidName, quote};
use crate::lifecycle::{Enforcement, is_default};
use crate::revision::Revision;
use crate::route::LocalKey;

/// So many requests in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    pub amount: u64,
    pub period_seconds: u64,
}

/// What is accepted as a limit, for error messages.
pub const LIMIT_GRAMMAR: &str = "expected `N/period` or `N per period`, where period is an optional count and one of second, minute, hour, day, month, year (or s, sec, min, h, d), such as `100/minute` or `5/10 seconds`; several are joined by `;`; `unlimited` lifts the limit";

/// A limit as it is written, such as `100/minute` or `10/second;100/minute`: one or more quotas that must all be
/// kept, or none for `unlimited`. Kept verbatim for display.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LimitExpression {
    text: String,
    quotas: Vec<Quota>,
}

impl LimitExpression {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The quotas to keep; empty for `unlimited`.
    pub fn quotas(&self) -> &[Quota] {
        &self.quotas
    }
}

impl FromStr for LimitExpression {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let quotas = if text.trim().eq_ignore_ascii_case("unlimited") {
            Vec::new()
        } else {
            text.split([',', ';', '|'])
                .map(|term| {
                    parse_quota(term)
                        .ok_or_else(|| InvalidName(format!("{} is no limit: {LIMIT_GRAMMAR}", quote(text))))
                })
                .collect::<Result<_, _>>()?
        };
        Ok(Self { text: text.to_owned(), quotas })
    }
}

impl TryFrom<String> for LimitExpression {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<LimitExpression> for String {
    fn from(limit: LimitExpression) -> Self {
        limit.text
    }
}

impl fmt::Display for LimitExpression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for LimitExpression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, formatter)
    }
}

/// The largest amount and the longest period (ten years) of a quota.
const LARGEST_AMOUNT: u64 = 1_000_000_000;
const LONGEST_PERIOD: u64 = 3650 * 86_400;

fn parse_quota(term: &str) -> Option<Quota> {
    let (amount, rest) = leading_number(term.trim())?;
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('/').or_else(|| {
        let head = rest.get(..3)?;
        head.eq_ignore_ascii_case("per").then(|| &rest[3..])
    })?;
    let rest = rest.trim_start();
    let (count, unit) = leading_number(rest).unwrap_or((1, rest));
    let seconds = match unit.trim().to_ascii_lowercase().as_str() {
        "second" | "seconds" | "sec" | "secs" | "s" => 1,
        "minute" | "minutes" | "min" | "mins" => 60,
        "hour" | "hours" | "h" => 3600,
        "day" | "days" | "d" => 86_400,
        "month" | "months" => 30 * 86_400,
        "year" | "years" => 360 * 86_400,
        _ => return None,
    };
    let period_seconds = seconds * count.clamp(1, LONGEST_PERIOD + 1);
    (amount <= LARGEST_AMOUNT && period_seconds <= LONGEST_PERIOD).then_some(Quota { amount, period_seconds })
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// How requests are counted over time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    #[default]
    FixedWindow,
    SlidingWindow,
    MovingWindow,
    TokenBucket,
}

/// What counts as one caller.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStrategy {
    #[default]
    Ip,
    User,
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

/// What happens while the shared counter store cannot be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBackendFailure {
    /// Count in this replica.
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
    #[serde(default, skip_serializing_if = "is_default")]
    pub burst: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
    /// The request attribute that names the caller's tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier_resolver: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt_ips: Vec<String>,
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
    /// Declared by the service's code, not set by an operator.
    #[serde(default, skip_serializing_if = "is_default")]
    pub declared: bool,
    /// Counters belong to a generation: a reset is a new one.
    #[serde(default)]
    pub generation: u64,
    #[serde(default)]
    pub changed_at: Revision,
}

impl RateLimitPolicy {
    /// Whether it is in force at `now`. The clock is only asked where an end is set.
    pub fn is_on(&self, now: impl FnOnce() -> Timestamp) -> bool {
        self.enabled && self.until.is_none_or(|until| now() < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_read_what_people_write() {
        let read = |text: &str| -> Vec<(u64, u64)> {
            let limit: LimitExpression = text.parse().unwrap();
            limit.quotas().iter().map(|quota| (quota.amount, quota.period_seconds)).collect()
        };
        assert_eq!(read("100/minute"), [(100, 60)]);
        assert_eq!(read(" 5 per 2 Minutes "), [(5, 120)]);
        assert_eq!(read("5per2minute"), [(5, 120)]);
        assert_eq!(read("10/s;100/min"), [(10, 1), (100, 60)]);
        assert_eq!(read("0/minute"), [(0, 60)]);
        assert_eq!(read("1/0 minute"), [(1, 60)]);
        assert_eq!(read("Unlimited"), []);
    }

    #[test]
    fn bad_limits_are_refused_with_the_grammar() {
        for bad in [
            "",
            "100",
            "-1/minute",
            "1.5/minute",
            "5//minute",
            "1/minute;",
            "1/fortnight",
            "1/99999999999 years",
            "9999999999/s",
        ] {
            let error = bad.parse::<LimitExpression>().unwrap_err().to_string();
            assert!(error.contains("expected `N/period`"), "{bad:?}: {error}");
        }
    }
}
