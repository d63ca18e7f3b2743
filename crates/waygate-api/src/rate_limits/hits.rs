//! Denied requests, as services report them and as they are shown.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The most callers of one report.
pub const MOST_CALLERS: usize = 100;

/// Body of `POST /api/sdk/hits`: what an instance has denied since its last report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HitsReport {
    pub app_id: String,
    /// Names the instance among those of its service.
    #[serde(default)]
    pub instance: String,
    pub hits: Vec<HitReport>,
    /// How many denied requests are in none of these, for want of room.
    #[serde(default)]
    pub dropped: u64,
    /// Whom limits have denied most; at most [`MOST_CALLERS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callers: Vec<CallerReport>,
}

/// A caller whom a limit has denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerReport {
    /// `global`, `service`, or the key of the route's limit.
    pub policy: String,
    /// As [`masked_caller`](waygate_core::masked_caller) names him: never what he has sent.
    pub caller: String,
    pub count: u64,
    /// How many of these may have been others'.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub over: u64,
}

/// Requests that one limit has denied alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HitReport {
    /// The route's template; empty where no route is known.
    pub path: String,
    pub method: String,
    /// `global_limit`, `service_limit` or `route_limit`.
    pub layer: String,
    /// `global`, `service`, or the key of the route's limit.
    pub policy: String,
    /// By what callers were told apart, such as `ip`; never what they sent.
    pub key: String,
    pub limit: String,
    #[serde(default)]
    pub tier: Option<String>,
    /// They were let through, because the limit only counts.
    #[serde(default)]
    pub shadow: bool,
    pub count: u64,
    /// The latest of them.
    pub timestamp: Timestamp,
    /// When that one's caller would pass again.
    pub reset_at: Timestamp,
}

/// An element of `GET /api/rate-limits/hits`: the reference's fields, then ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HitView {
    pub id: String,
    #[serde(serialize_with = "crate::instant::serialize")]
    pub timestamp: Timestamp,
    pub path: String,
    pub method: String,
    pub key: String,
    pub limit: String,
    pub tier: Option<String>,
    #[serde(serialize_with = "crate::instant::serialize")]
    pub reset_at: Timestamp,
    #[serde(default)]
    pub service: Option<String>,
    #[serde(default)]
    pub instance: String,
    #[serde(default)]
    pub layer: String,
    #[serde(default)]
    pub policy: String,
    /// How many requests this stands for.
    #[serde(default = "one")]
    pub count: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn one() -> u64 {
    1
}
