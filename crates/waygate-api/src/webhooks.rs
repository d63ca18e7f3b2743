//! Webhooks, as operators see them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waygate_core::{Action, Cursor, Revision, ServiceId, WebhookFormat, WebhookId};

/// One webhook with how its deliveries go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookView {
    pub id: WebhookId,
    /// Scheme, host and port of the target; the rest is a secret. `null` when it was sealed under another secret key.
    pub url: Option<String>,
    #[serde(default)]
    pub format: WebhookFormat,
    /// Tells of these services, and of what concerns every service; empty: of everything.
    #[serde(default)]
    pub services: Vec<ServiceId>,
    /// Tells of these actions; empty: of everything but what services and sessions do by themselves.
    #[serde(default)]
    pub actions: Vec<Action>,
    pub enabled: bool,
    /// Counts the signing secrets.
    pub secret_generation: u32,
    /// The expected revision of an edit.
    pub changed_at: Revision,
    pub delivery: DeliveryView,
    /// The signing secret, `whsec_…`: only in the answer that makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// How the deliveries of a webhook go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryView {
    /// The place in the log up to which everything was looked at.
    pub cursor: Option<Cursor>,
    /// How many records wait to be delivered.
    pub pending: usize,
    /// How often the delivery that is due was tried.
    pub attempts: u32,
    /// When it is tried again.
    pub next_attempt: Option<Timestamp>,
    pub delivered: u64,
    /// How many deliveries were given up.
    pub failed: u64,
    pub last_success: Option<Timestamp>,
    pub last_error: Option<Trouble>,
    /// The newest of the deliveries that were given up, the newest last.
    #[serde(default)]
    pub given_up: Vec<GivenUp>,
    /// What was last skipped because the log no longer held it.
    #[serde(default)]
    pub missed: Option<Missed>,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub at: Timestamp,
    /// The delivery: the `webhook-id` of the request, and the id of the audit entry.
    pub id: String,
    pub error: String,
}

/// A delivery that is not tried any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// The `webhook-id` of the request, and the id of the audit entry.
    pub id: String,
    pub event: String,
    pub path: String,
    pub revision: Revision,
    pub at: Timestamp,
    pub attempts: u32,
    pub error: String,
}

/// Commits that nobody was told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    pub at: Timestamp,
    /// The last revision that was settled.
    pub after: Revision,
    /// The revision that deliveries went on with.
    pub next: Revision,
    /// `no_longer_kept`, or `another_history` after the store was restored or replaced.
    pub why: String,
}

/// The answer of `POST /api/webhooks/{webhook}/test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestResult {
    pub delivered: bool,
    /// The status of the receiver's answer, when it was delivered.
    pub status: Option<u16>,
    /// Why it was not delivered.
    pub error: Option<String>,
}
