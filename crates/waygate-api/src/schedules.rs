//! What is planned, and what ends by itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waygate_core::LifecycleKind;

/// Something that time will do: an element of `GET /api/schedules`. Times are UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduled {
    pub kind: ScheduledKind,
    /// The id by which a window can be cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// The full key of the route; `null` for what is of a service or of everything.
    pub route: Option<String>,
    /// `null` for what is of everything.
    pub service: Option<String>,
    /// What it is set to meanwhile; `null` for a rate limit.
    pub status: Option<LifecycleKind>,
    /// The rate limit that ends, such as `100/minute`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Whether `DELETE /api/routes/{path_key}/schedule` takes it back. Whatever else there is ends early by the switch
    /// that it is the end of.
    #[serde(default)]
    pub cancelable: bool,
    /// When a window opens; what is in force already has no start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    pub end: Timestamp,
    /// Whether it is in force now.
    pub open: bool,
    /// Counts only, does not block.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    #[serde(default)]
    pub reason: String,
    /// Who planned it; `null` when the log does not reach back so far.
    pub planned_by: Option<String>,
    pub planned_at: Option<Timestamp>,
}

/// What kind of thing time will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduledKind {
    /// A maintenance window of a route.
    Window,
    /// A switch of a route that ends by itself.
    Switch,
    /// A maintenance of a service or of everything that ends by itself.
    Maintenance,
    /// A rate limit that ends by itself.
    RateLimit,
}
