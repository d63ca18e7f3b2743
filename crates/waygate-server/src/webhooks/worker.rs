//! Delivers for one webhook, one record after another.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use waygate_api::webhooks::{GivenUp, Missed, Trouble};
use waygate_core::{Commit, Webhook, WebhookId};
use waygate_store::StoreError;

use crate::api::audit::Subject;
use crate::clock;
use crate::webhooks::outbox::{self, Next};
use crate::webhooks::payload::Delivery;
use crate::webhooks::progress::{self, Progress};
use crate::webhooks::{Inner, Webhooks};

/// How long to wait after a failure of the store.
const PAUSE: Duration = Duration::from_secs(1);

/// What to do after a step.
enum Then {
    /// The next one.
    GoOn,
    /// Wait for a commit.
    Rest,
    /// Try again after a time, or at once when the webhook changes.
    Retry(Duration),
}

/// Runs until the webhook is gone or off.
pub(super) async fn run(webhooks: Webhooks, id: WebhookId) {
    let control = webhooks.0.control.clone();
    let mut changed = control.changed();
    loop {
        changed.mark_unchanged();
        let Some(webhook) = present(&webhooks.0, &id) else { return };
        let then = step(&webhooks, &id, &webhook).await.unwrap_or_else(|error| {
            tracing::warn!(webhook.id = %id, %error, "what a webhook has to tell cannot be read; trying again");
            Then::Retry(PAUSE)
        });
        match then {
            Then::GoOn => {}
            Then::Rest => {
                // It fails only when the control plane is gone, and with it this task.
                let _ = changed.changed().await;
            }
            Then::Retry(pause) => {
                let other = async {
                    while present(&webhooks.0, &id).is_some_and(|now| now.changed_at == webhook.changed_at) {
                        if changed.changed().await.is_err() {
                            return;
                        }
                    }
                };
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = other => {}
                }
            }
        }
    }
}

fn present(inner: &Inner, id: &WebhookId) -> Option<Arc<Webhook>> {
    inner.control.current().webhooks.get(id).filter(|webhook| webhook.settings.enabled).cloned()
}

async fn step(webhooks: &Webhooks, id: &WebhookId, webhook: &Webhook) -> Result<Then, StoreError> {
    let inner = &*webhooks.0;
    let now = clock::now();
    let (text, progress) = progress::load(&*inner.side, id, now).await?;
    let mut place = Place { inner, id, text, progress, is_kept: true };
    let due_in = place.progress.due_in(now, inner.options.longest_retry);
    if !due_in.is_zero() && place.progress.tried_as == webhook.changed_at {
        return Ok(Then::Retry(due_in));
    }
    let settled = place.progress.settled(webhook);
    match outbox::after(&inner.control, settled, place.progress.cursor.as_ref()).await? {
        Next::Nothing => Ok(Then::Rest),
        Next::OtherHistory => {
            tracing::warn!(webhook.id = %id, "the log has another history; deliveries begin anew with what it holds");
            let missed =
                Missed { at: now, after: settled, next: webhook.since.next(), why: "another_history".to_owned() };
            place.progress.begin_anew(missed);
            place.keep().await;
            Ok(Then::GoOn)
        }
        Next::Commits(commits) => {
            let first = commits[0].revision();
            if first > settled.next() {
                tracing::warn!(webhook.id = %id, after = settled.0, next = first.0, "commits that were due are no longer kept");
                place.progress.missed =
                    Some(Missed { at: now, after: settled, next: first, why: "no_longer_kept".to_owned() });
            }
            Ok(deliver_all(webhooks, webhook, &mut place, &commits).await)
        }
    }
}

/// A webhook's place in the log, in the making.
struct Place<'p> {
    inner: &'p Inner,
    id: &'p WebhookId,
    /// The entry as it lies in the side table.
    text: Option<String>,
    progress: Progress,
    /// Whether nobody else has moved it meanwhile.
    is_kept: bool,
}

impl Place<'_> {
    /// Writes it down, however long that takes: what was forgotten would be told again, each time.
    async fn keep(&mut self) {
        let side = &*self.inner.side;
        loop {
            match progress::store(side, self.id, &mut self.text, &self.progress, clock::now()).await {
                Ok(is_kept) => {
                    self.is_kept = is_kept;
                    return;
                }
                Err(error) => {
                    tracing::warn!(webhook.id = %self.id, %error, "the place of a webhook cannot be written; trying again");
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Puts the delivery off, or gives it up when it has been tried for long enough.
    fn failed(&mut self, webhook: &Webhook, commit: &Commit, index: usize, delivery: &Delivery, error: String) {
        let (now, options) = (clock::now(), &self.inner.options);
        let progress = &mut self.progress;
        progress.stand_at(commit, index);
        progress.tried_as = webhook.changed_at;
        let trouble = Trouble { at: now, id: delivery.id.clone(), error: error.clone() };
        let tried_for = progress.failed_again(trouble, options.longest_retry.saturating_add(options.timeout));
        let pause = pause_after(progress.attempts, options.first_retry, options.longest_retry);
        if tried_for < options.give_up_after {
            progress.next_attempt = Some(now.checked_add(pause).unwrap_or(Timestamp::MAX));
            return;
        }
        let (record, attempts) = (&commit.draft.records[index], progress.attempts);
        self.inner.control.metrics().webhooks_given_up.count();
        tracing::warn!(webhook.id = %self.id, delivery.id, attempts, error, "a webhook's delivery is given up");
        progress.remember_given_up(GivenUp {
            id: delivery.id.clone(),
            event: record.action.as_str().to_owned(),
            path: Subject::of(&record.change).path(),
            revision: commit.revision(),
            at: now,
            attempts,
            error,
        });
        progress.settle(commit, index);
    }
}

/// Doubles with each attempt, up to a bound; somewhere in the upper half of that, so that many do not come at once.
fn pause_after(attempts: u32, first: Duration, longest: Duration) -> Duration {
    let doubled = first.saturating_mul(1_u32 << attempts.saturating_sub(1).min(20)).min(longest);
    let share = f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX);
    doubled.mul_f64(0.5 + share / 2.0)
}

/// Goes through commits until one delivery fails or the webhook changes.
async fn deliver_all(webhooks: &Webhooks, webhook: &Webhook, place: &mut Place<'_>, commits: &[Arc<Commit>]) -> Then {
    for commit in commits {
        if commit.draft.records.is_empty() {
            place.progress.settle(commit, 0);
        }
        for index in place.progress.settled_records(commit)..commit.draft.records.len() {
            if !webhook.settings.concerns(&commit.draft.records[index]) {
                place.progress.settle(commit, index);
                continue;
            }
            let Some(delivery) = Delivery::of(commit, index, webhook.settings.format) else {
                place.progress.settle(commit, index);
                continue;
            };
            match webhooks.attempt(place.id, webhook, &delivery).await {
                Ok(_) => {
                    place.progress.delivered += 1;
                    place.progress.last_success = Some(clock::now());
                    place.progress.settle(commit, index);
                }
                Err(error) => place.failed(webhook, commit, index, &delivery, error),
            }
            place.keep().await;
            if place.progress.next_attempt.is_some() {
                return Then::Retry(place.progress.due_in(clock::now(), place.inner.options.longest_retry));
            }
            if !place.is_kept || present(place.inner, place.id).is_none_or(|now| now.changed_at != webhook.changed_at) {
                return Then::GoOn;
            }
        }
    }
    place.keep().await;
    Then::GoOn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_vary() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_mins(5));
        for (attempts, whole) in [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (u32::MAX, 300)] {
            let pause = pause_after(attempts, first, longest);
            let whole = Duration::from_secs(whole);
            assert!(whole / 2 <= pause && pause <= whole, "{attempts}: {pause:?}");
        }
    }
}
