//! Several changes at once, as they travel.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use waygate_core::Revision;

use crate::maintenance::MaintenanceView;
use crate::rate_limits::LimitView;
use crate::routes::RouteState;

/// The most commands that are taken at once.
pub const MOST_COMMANDS: usize = 1000;
/// The largest body that is taken, in bytes.
pub const LARGEST_BODY: usize = 1 << 20;

/// The answer of `POST /api/batch`: what there is now of everything that was named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchAnswer {
    /// The one revision of all of it.
    pub revision: Revision,
    pub changed: bool,
    /// Nothing was committed; the rest says what would be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    pub routes: Vec<RouteState>,
    /// The routes that are gone.
    #[serde(default)]
    pub removed: Vec<String>,
    /// The maintenance of everything, where it was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global: Option<MaintenanceView>,
    /// The maintenance of each service that was named and is there.
    #[serde(default)]
    pub services: BTreeMap<String, MaintenanceView>,
    /// The rate limits that were named and are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitView>,
    /// What pending or open windows and timed switches ended with it, in words.
    #[serde(default)]
    pub ended: Vec<String>,
    /// What the caller should know although it was carried out.
    #[serde(default)]
    pub warnings: Vec<String>,
}
