//! How many requests routes have had, and what became of them: as services report it, and as the control plane tells it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Said of an instance that reports what it counts, among its capabilities.
pub const COUNTS_TRAFFIC: &str = "traffic";
/// The most counts of one report.
pub const MOST_COUNTS: usize = 1000;
/// The most requests of one route in one second that are believed.
pub const MOST_COUNTED: u64 = 10_000_000;
/// The age of the oldest count that is taken, in seconds.
pub const OLDEST: u32 = 120;

/// Requests by what became of them; each is in one of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcomes {
    /// Handed to the handler.
    pub allowed: u64,
    /// Answered 429: beyond a limit.
    pub limited: u64,
    /// Answered 503 and the like: maintenance, or disabled.
    pub blocked: u64,
    /// Answered 403: not in this environment.
    pub gated: u64,
    /// Handed to the handler, although a rule that only counts would have stopped them.
    pub shadow: u64,
}

/// The requests of one route in one second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficCount {
    /// How long ago that second was when the report was made. Clocks need not agree.
    #[serde(default)]
    pub seconds_ago: u32,
    pub method: String,
    /// The route's template; empty for requests to no known route.
    pub path: String,
    #[serde(flatten)]
    pub counts: Outcomes,
}

/// `POST /api/sdk/traffic`: what an instance has counted since its last report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficReport {
    pub app_id: String,
    #[serde(default)]
    pub instance: String,
    /// At most [`MOST_COUNTS`].
    pub counts: Vec<TrafficCount>,
}

/// `GET /api/traffic`: what was reported to the node that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficView {
    /// `1m`, `15m`, `1h`, `6h`, `24h`, or `custom` where it was asked for from one time to another.
    pub window: String,
    /// The length of a point, in seconds.
    pub step_seconds: u32,
    /// The oldest first.
    pub series: Vec<TrafficPoint>,
    /// The busiest first; only those that had requests.
    pub routes: Vec<RouteTraffic>,
    pub services: Vec<ServiceTraffic>,
    /// Whom limits have denied most, the most denied first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callers: Vec<CallerTraffic>,
}

/// How often limits have denied a caller, as services report it: to the minute in the last hour, to the hour before that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerTraffic {
    pub service: String,
    /// `global`, `service`, or the key of the route's limit.
    pub policy: String,
    /// As [`masked_caller`](waygate_core::masked_caller) names him: an address without its last part, or a part of a hash.
    pub caller: String,
    pub count: u64,
    /// How many of these may have been others'.
    #[serde(default)]
    pub over: u64,
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficPoint {
    /// When it begins.
    pub at: Timestamp,
    /// `null`: nobody counted then, which is not the same as no requests.
    pub counts: Option<Outcomes>,
}

/// A route's requests in the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTraffic {
    pub service: String,
    pub method: String,
    /// Empty for the requests to no known route.
    pub path: String,
    #[serde(flatten)]
    pub counts: Outcomes,
}

/// How much of the window is known of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTraffic {
    pub service: String,
    /// How many seconds of the window an instance of it was counting; 0: no data.
    pub measured_seconds: u64,
    #[serde(flatten)]
    pub counts: Outcomes,
}

impl Outcomes {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.allowed + self.limited + self.blocked + self.gated + self.shadow
    }

    /// These of one kind alone, by its name (`limited`); `None` where there is no such kind.
    #[must_use]
    pub fn only(self, kind: &str) -> Option<Self> {
        let nothing = Self::default();
        Some(match kind {
            "allowed" => Self { allowed: self.allowed, ..nothing },
            "limited" => Self { limited: self.limited, ..nothing },
            "blocked" => Self { blocked: self.blocked, ..nothing },
            "gated" => Self { gated: self.gated, ..nothing },
            "shadow" => Self { shadow: self.shadow, ..nothing },
            _ => return None,
        })
    }

    /// Those that were not let through.
    #[must_use]
    pub fn stopped(&self) -> u64 {
        self.limited + self.blocked + self.gated
    }
}

impl TrafficView {
    /// Requests of one kind alone, and only the routes that had some; `None` where there is no such kind.
    #[must_use]
    pub fn only(mut self, kind: &str) -> Option<Self> {
        Outcomes::default().only(kind)?;
        let of_kind = |counts: Outcomes| counts.only(kind).unwrap_or_default();
        for point in &mut self.series {
            point.counts = point.counts.map(of_kind);
        }
        self.services.iter_mut().for_each(|service| service.counts = of_kind(service.counts));
        self.routes.iter_mut().for_each(|route| route.counts = of_kind(route.counts));
        self.routes.retain(|route| route.counts.total() > 0);
        self.routes.sort_by_key(|route| std::cmp::Reverse(route.counts.total()));
        if kind != "limited" {
            self.callers.clear();
        }
        Some(self)
    }
}

impl std::ops::AddAssign for Outcomes {
    fn add_assign(&mut self, other: Self) {
        self.allowed = self.allowed.saturating_add(other.allowed);
        self.limited = self.limited.saturating_add(other.limited);
        self.blocked = self.blocked.saturating_add(other.blocked);
        self.gated = self.gated.saturating_add(other.gated);
        self.shadow = self.shadow.saturating_add(other.shadow);
    }
}
