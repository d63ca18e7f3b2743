//! The audit log, as it travels.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waygate_core::{LifecycleKind, Revision};

/// One entry: the reference's fields in their order, then the revision of the commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    pub id: String,
    #[serde(serialize_with = "crate::instant::serialize")]
    pub timestamp: Timestamp,
    pub path: String,
    pub service: Option<String>,
    pub action: String,
    pub actor: String,
    pub platform: String,
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub previous_status: Option<LifecycleKind>,
    #[serde(default)]
    pub new_status: Option<LifecycleKind>,
    #[serde(default)]
    pub revision: Revision,
    /// The revision of the change that this one takes back, where whoever made it has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<Revision>,
}
