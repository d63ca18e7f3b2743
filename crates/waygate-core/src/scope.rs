//! What a rate limit covers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::ServiceId;
use crate::route::RouteKey;

/// The subject of a rate limit policy, from the outermost layer to the innermost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Global,
    Service(ServiceId),
    Route(RouteKey),
}

impl Scope {
    /// The service that the scope lies in; `None` for the whole fleet.
    pub fn service(&self) -> Option<&ServiceId> {
        match self {
            Self::Global => None,
            Self::Service(service) => Some(service),
            Self::Route(key) => Some(&key.service),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => formatter.write_str("all services"),
            Self::Service(service) => write!(formatter, "service {service}"),
            Self::Route(key) => key.fmt(formatter),
        }
    }
}
