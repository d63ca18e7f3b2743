//! How far the deliveries of one webhook have come, as it lies in the side table.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waygate_api::webhooks::{GivenUp, Missed, Trouble};
use waygate_core::{Commit, Cursor, Revision, Webhook, WebhookId};
use waygate_store::{SideStore, SideValue, StoreError};

/// How many of the deliveries that were given up are remembered.
const MOST_GIVEN_UP: usize = 20;
/// What the names of these entries begin with.
pub(super) const PREFIX: &str = "webhook/";

/// Everything that is known of a webhook's deliveries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Progress {
    /// The newest commit that was looked at.
    pub(crate) cursor: Option<Cursor>,
    /// How many of its records are settled; `None` when all of them are.
    pub(super) records: Option<usize>,
    /// How often the delivery that is due was tried.
    pub(crate) attempts: u32,
    pub(super) first_attempt: Option<Timestamp>,
    pub(crate) next_attempt: Option<Timestamp>,
    /// The webhook's `changed_at` at the last attempt: with other settings it is tried at once.
    pub(super) tried_as: Revision,
    pub(crate) delivered: u64,
    pub(crate) failed: u64,
    pub(crate) last_success: Option<Timestamp>,
    pub(crate) last_error: Option<Trouble>,
    /// The newest last.
    pub(crate) given_up: Vec<GivenUp>,
    pub(crate) missed: Option<Missed>,
}

impl Progress {
    /// The last revision that is settled.
    pub(super) fn settled(&self, webhook: &Webhook) -> Revision {
        let settled = match (&self.cursor, self.records) {
            (None, _) => Revision::ZERO,
            (Some(cursor), None) => cursor.revision,
            (Some(cursor), Some(_)) => Revision(cursor.revision.0.saturating_sub(1)),
        };
        settled.max(webhook.since)
    }

    /// How many records of a commit are settled.
    pub(super) fn settled_records(&self, commit: &Commit) -> usize {
        match (&self.cursor, self.records) {
            (Some(cursor), Some(records)) if *cursor == commit.cursor => records,
            _ => 0,
        }
    }

    /// Nothing of a commit up to this record is to be looked at again.
    pub(super) fn settle(&mut self, commit: &Commit, index: usize) {
        let records = index + 1;
        self.cursor = Some(commit.cursor.clone());
        self.records = (records < commit.draft.records.len()).then_some(records);
        self.attempts = 0;
        self.first_attempt = None;
        self.next_attempt = None;
    }

    /// A commit up to this record is settled, and this one is next.
    pub(super) fn stand_at(&mut self, commit: &Commit, index: usize) {
        self.cursor = Some(commit.cursor.clone());
        self.records = Some(index);
    }

    pub(super) fn remember_given_up(&mut self, given_up: GivenUp) {
        self.failed += 1;
        self.given_up.push(given_up);
        let excess = self.given_up.len().saturating_sub(MOST_GIVEN_UP);
        self.given_up.drain(..excess);
    }
}

pub(super) fn key(id: &WebhookId) -> String {
    format!("{PREFIX}{id}")
}

/// The entry of a webhook, as it lies there and as it reads. One that cannot be read is none: it begins anew.
pub(super) async fn load(
    side: &dyn SideStore,
    id: &WebhookId,
    now: Timestamp,
) -> Result<(Option<String>, Progress), StoreError> {
    let text = side.value(&key(id), now).await?;
    let progress = text.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    Ok((text, progress))
}

/// Writes an entry over the one that was read. Whether it was still there.
pub(super) async fn store(
    side: &dyn SideStore,
    id: &WebhookId,
    before: &mut Option<String>,
    progress: &Progress,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let text = serde_json::to_string(progress)
        .map_err(|error| StoreError::Unavailable(format!("a place in the log cannot be encoded: {error}")))?;
    let stored = side.swap(&key(id), before.as_deref(), Some(SideValue::lasting(text.clone())), now).await?;
    if stored {
        *before = Some(text);
    }
    Ok(stored)
}
