//! Who is told of changes, and of which. Telling them is the control plane's, not the rules' business.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::change::Audience;
use crate::commit::Record;
use crate::id::ServiceId;
use crate::lifecycle::is_default;
use crate::revision::Revision;

/// How a delivery is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookFormat {
    /// One JSON object with everything that is known of the change.
    #[default]
    Generic,
    /// A Slack message with one attachment.
    Slack,
}

impl WebhookFormat {
    /// The text of the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Slack => "slack",
        }
    }
}

/// What operators choose about a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookSettings {
    /// The target URL, sealed by the control plane: nobody reads it out of a state file.
    pub sealed_url: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub format: WebhookFormat,
    /// Tells of these services, and of what concerns every service; empty: of everything.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub services: BTreeSet<ServiceId>,
    /// Tells of these actions; empty: of everything but [routine](Action::is_routine).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub actions: BTreeSet<Action>,
    pub enabled: bool,
}

/// One receiver of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    #[serde(flatten)]
    pub settings: WebhookSettings,
    /// Counts the signing secrets, from 1. The secret itself is derived, never stored.
    pub generation: u32,
    /// When the present secret took over from the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated: Option<Timestamp>,
    /// The revision that made or last enabled it: it is told what comes after.
    pub since: Revision,
    /// The revision that last changed it.
    pub changed_at: Revision,
}

impl WebhookSettings {
    /// Whether a record is told.
    pub fn concerns(&self, record: &Record) -> bool {
        let action =
            if self.actions.is_empty() { !record.action.is_routine() } else { self.actions.contains(&record.action) };
        let service = || match record.change.audience() {
            Audience::Everyone => true,
            Audience::Service(service) => self.services.contains(service),
            Audience::Servers => false,
        };
        action && (self.services.is_empty() || service())
    }
}
