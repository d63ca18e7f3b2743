//! What a service says of itself.

use serde::{Deserialize, Serialize};

use crate::journal::Decisions;

/// Answer of `GET /known`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Where in history it stands; `None` while it has heard nothing.
    pub cursor: Option<String>,
    /// The digest of what it has heard.
    pub digest: Option<String>,
    pub decisions: Decisions,
    /// How often it has noticed that it differed from the control plane.
    pub drifted: u64,
    /// How its connection stands, for people.
    pub phase: String,
}
