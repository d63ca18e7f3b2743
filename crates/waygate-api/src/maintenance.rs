//! Maintenance of everything or of one service, as it travels.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waygate_core::{Maintenance, Revision};

/// The answer of every maintenance call: the reference's four fields, then ours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceView {
    pub enabled: bool,
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub exempt_paths: Vec<String>,
    #[serde(default)]
    pub include_force_active: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// The expected revision of an edit.
    #[serde(default)]
    pub changed_at: Revision,
    /// What the caller should know although it was carried out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Whether this call changed anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<bool>,
}

impl MaintenanceView {
    /// What is in force at `now`: a maintenance whose end has passed reads as off.
    pub fn of(maintenance: &Maintenance, now: Timestamp) -> Self {
        Self {
            enabled: maintenance.is_on(|| now),
            reason: maintenance.reason.clone(),
            exempt_paths: maintenance.exempt.iter().map(ToString::to_string).collect(),
            include_force_active: maintenance.include_force_active,
            until: maintenance.until,
            shadow: maintenance.enforcement.is_shadow(),
            changed_at: maintenance.changed_at,
            warnings: Vec::new(),
            changed: None,
        }
    }
}

/// Body of `POST …/maintenance/enable` and `POST /api/global/enable`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceRequest {
    #[serde(default)]
    pub reason: String,
    /// Replaces the exemptions; left out, those of last time stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exempt_paths: Option<Vec<String>>,
    #[serde(default)]
    pub include_force_active: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// Accept a service that nothing is known of yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_unknown: bool,
}
