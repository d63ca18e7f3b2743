//! Services, as they travel.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use waygate_core::Revision;

/// What is known of one service: an element of `GET /api/services?details=true`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSummary {
    pub service: String,
    /// How many routes it has.
    pub routes: usize,
    /// How many of them callers find in each status; statuses of none are left out.
    #[serde(default)]
    pub effective: BTreeMap<String, usize>,
    /// Whether the service's own maintenance is on.
    pub maintenance: bool,
    /// How many windows are planned or open.
    pub planned: usize,
    /// The newest revision that changed anything of it: the expected revision of its removal.
    #[serde(default)]
    pub changed_at: Revision,
}
