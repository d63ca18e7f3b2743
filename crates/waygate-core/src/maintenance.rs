//! Maintenance of everything, or of one service.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::ServiceId;
use crate::lifecycle::{Enforcement, is_default};
use crate::revision::Revision;
use crate::route::{LocalKey, RouteMethod};

/// What a maintenance covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaintenanceScope {
    Global,
    Service(ServiceId),
}

impl fmt::Display for MaintenanceScope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => formatter.write_str("all services"),
            Self::Service(service) => write!(formatter, "service {service}"),
        }
    }
}

/// The maintenance switch of one scope, with what it lets through. Off, it still remembers its exemptions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    pub enabled: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Routes that go on answering: `METHOD:/path`, or `/path` for every method of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt: Vec<LocalKey>,
    /// Blocks the routes that are otherwise always on.
    #[serde(default, skip_serializing_if = "is_default")]
    pub include_force_active: bool,
    /// When it ends by itself: in force before, not at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub enforcement: Enforcement,
    /// The revision that last changed this switch.
    #[serde(default)]
    pub changed_at: Revision,
}

impl Maintenance {
    /// Whether it is in force at `now`. The clock is only asked where an end is set.
    pub fn is_on(&self, now: impl FnOnce() -> Timestamp) -> bool {
        self.enabled && self.until.is_none_or(|until| now() < until)
    }

    /// Whether a request is let through, see [`LocalKey::covers`]. `path` is the template, or the concrete path where
    /// no route matched.
    pub fn exempts(&self, method: Option<RouteMethod>, path: &str) -> bool {
        self.exempt.iter().any(|exempt| exempt.covers(method, path))
    }

    /// Equal in everything that an operator can see; `changed_at` aside.
    pub fn same_as(&self, other: &Self) -> bool {
        Self { changed_at: other.changed_at, ..self.clone() } == *other
    }
}
