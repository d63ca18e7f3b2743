//! How far the deliveries of one webhook have come, as it lies in the side table.

use std::time::Duration;

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
    /// For how long it was, in milliseconds.
    tried_for: u64,
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
        self.tried_for = 0;
        self.next_attempt = None;
    }

    /// One more attempt has failed. For how long that has been going on: between two attempts at most `longest`, for
    /// nobody has tried in the time that a server was away or that a clock was set on by.
    pub(super) fn failed_again(&mut self, trouble: Trouble, longest: Duration) -> Duration {
        if let Some(last) = self.last_error.as_ref().filter(|_| self.attempts > 0) {
            let since = between(last.at, trouble.at).min(longest);
            self.tried_for = self.tried_for.saturating_add(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        }
        self.attempts = self.attempts.saturating_add(1);
        self.last_error = Some(trouble);
        Duration::from_millis(self.tried_for)
    }

    /// How long the next attempt is off: not at all where nobody puts it off by so much, as after a clock was set back.
    pub(super) fn due_in(&self, now: Timestamp, longest: Duration) -> Duration {
        let pause = self.next_attempt.map_or(Duration::ZERO, |next| between(now, next));
        if pause <= longest { pause } else { Duration::ZERO }
    }

    /// Nothing is settled of a history that takes the place of the one that was known.
    pub(super) fn begin_anew(&mut self, missed: Missed) {
        self.cursor = None;
        self.records = None;
        self.attempts = 0;
        self.tried_for = 0;
        self.next_attempt = None;
        self.missed = Some(missed);
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

fn between(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn trouble(second: i64) -> Trouble {
        Trouble { at: at(second), id: "id".to_owned(), error: "none answers".to_owned() }
    }

    #[test]
    fn g39_time_in_which_nobody_tried_gives_nothing_up() {
        let mut progress = Progress { last_error: Some(trouble(0)), ..Progress::default() };
        let tried = [1000, 1030, 1030 + 86_400, 5, 15].map(|second| progress.failed_again(trouble(second), MINUTE));
        // The error of another delivery, a day away and a clock that was set back do not count.
        assert_eq!(tried, [0, 30, 90, 90, 100].map(Duration::from_secs));
        assert_eq!((progress.attempts, progress.last_error.as_ref().map(|last| last.at)), (5, Some(at(15))));
    }

    #[test]
    fn g39_a_clock_that_was_set_back_puts_nothing_off() {
        let due_in = |now| Progress { next_attempt: Some(at(100)), ..Progress::default() }.due_in(at(now), MINUTE);
        assert_eq!([120, 100, 90, 40].map(due_in), [0, 0, 10, 60].map(Duration::from_secs));
        assert_eq!(due_in(-86_400), Duration::ZERO);
        assert_eq!(Progress::default().due_in(at(7), MINUTE), Duration::ZERO);
    }

    #[test]
    fn what_was_due_of_another_history_is_put_off_no_longer() {
        let cursor = Some("0123456789abcdef:7:0123456789abcdef".parse().unwrap());
        let failed =
            Progress { cursor, records: Some(2), next_attempt: Some(at(9)), delivered: 5, ..Progress::default() };
        let mut progress = Progress { last_error: Some(trouble(0)), attempts: 3, tried_for: 7, ..failed };
        let why = "another_history".to_owned();
        let missed = Missed { at: at(8), after: Revision(6), next: Revision(1), why };
        progress.begin_anew(missed.clone());
        let kept = Progress { delivered: 5, last_error: Some(trouble(0)), ..Progress::default() };
        assert_eq!(progress, Progress { missed: Some(missed), ..kept });
    }

    #[test]
    fn a_place_of_a_version_before_is_read() {
        let old = r#"{"cursor":null,"attempts":3,"first_attempt":"2026-01-01T00:00:00Z","delivered":7}"#;
        let read: Progress = serde_json::from_str(old).unwrap();
        assert_eq!(read, Progress { attempts: 3, delivered: 7, ..Progress::default() });
    }
}
