//! Telling others of changes.
//!
//! The log of commits is the outbox: each webhook has a place in it, kept in the store's side table, and moves on when
//! a record was delivered or given up. So deliveries are in order, survive restarts, and happen at least once; a
//! receiver tells repetitions by `webhook-id`. Nothing here is on the way of a change.

mod address;
mod dispatcher;
mod keys;
mod outbox;
mod payload;
mod progress;
mod send;
mod worker;

use std::sync::Arc;
use std::time::{Duration, Instant};

use waygate_core::{Webhook, WebhookFormat, WebhookId};
use waygate_store::{SideStore, StoreError};

use crate::auth::Secret;
use crate::clock;
use crate::control::ControlPlane;
use crate::webhooks::keys::Keys;
pub(crate) use crate::webhooks::payload::Delivery;
pub(crate) use crate::webhooks::progress::Progress;
use crate::webhooks::send::Sender;

/// How webhooks are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookOptions {
    /// Whether targets may have private, loopback and link-local addresses; they may not, unless set.
    pub allow_private: bool,
    /// How long a receiver may take to answer: 10 seconds, unless set.
    pub timeout: Duration,
    /// How long to wait after a first failure: a second, unless set. The time doubles with each further failure.
    pub first_retry: Duration,
    /// How long to wait at most: five minutes, unless set.
    pub longest_retry: Duration,
    /// For how long one delivery is tried before it is marked as failed and the next one has its turn: a day, unless
    /// set.
    pub give_up_after: Duration,
    /// After how long another node takes over from one that has gone silent: 15 seconds, unless set.
    pub lease: Duration,
}

impl Default for WebhookOptions {
    fn default() -> Self {
        Self {
            allow_private: false,
            timeout: Duration::from_secs(10),
            first_retry: Duration::from_secs(1),
            longest_retry: Duration::from_mins(5),
            give_up_after: Duration::from_hours(24),
            lease: Duration::from_secs(15),
        }
    }
}

/// What is needed to make, show and deliver webhooks. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Webhooks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    control: ControlPlane,
    side: Arc<dyn SideStore>,
    keys: Keys,
    sender: Sender,
    options: WebhookOptions,
}

impl Webhooks {
    /// Begins to deliver, until the control plane ends. `None` only without a key of the right length, which never is.
    pub(crate) fn start(control: &ControlPlane, secret: &Secret, options: WebhookOptions) -> Option<Self> {
        let webhooks = Self(Arc::new(Inner {
            control: control.clone(),
            side: control.side(),
            keys: Keys::new(secret)?,
            sender: Sender::new(options),
            options,
        }));
        let dispatching = webhooks.clone();
        control.spawn(|ending| dispatcher::run(dispatching, ending));
        Some(webhooks)
    }

    /// A target as it is kept, or what is wrong with it.
    pub(crate) fn seal_url(&self, id: &WebhookId, url: &str) -> Result<String, String> {
        send::checked_url(url, self.0.options.allow_private)?;
        self.0.keys.seal(id, url).ok_or_else(|| "the system gives no random bytes".to_owned())
    }

    /// The target itself; `None` when it was sealed under another secret key.
    pub(crate) fn url(&self, id: &WebhookId, webhook: &Webhook) -> Option<String> {
        self.0.keys.open(id, &webhook.settings.sealed_url)
    }

    /// The signing secret of a webhook, in the form that receivers are given.
    pub(crate) fn signing_secret(&self, id: &WebhookId, webhook: &Webhook) -> String {
        self.0.keys.signing_secret(id, webhook.generation)
    }

    /// How far the deliveries have come.
    pub(crate) async fn progress(&self, id: &WebhookId) -> Result<Progress, StoreError> {
        Ok(progress::load(&*self.0.side, id, clock::now()).await?.1)
    }

    /// How many deliveries are due, of the commits that are kept.
    pub(crate) async fn pending(&self, webhook: &Webhook, progress: &Progress) -> Result<usize, StoreError> {
        outbox::pending(&self.0.control, webhook, progress).await
    }

    /// Sends something out of turn, once. The status of the answer, or why it was not delivered.
    pub(crate) async fn test(&self, id: &WebhookId, webhook: &Webhook, actor: &str) -> Result<u16, String> {
        let now = clock::now();
        let nonce = getrandom::u64().map_err(|_| "the system gives no random bytes".to_owned())?;
        let delivery = Delivery::test(id, &format!("test-{nonce:016x}"), actor, webhook.settings.format, now);
        self.attempt(id, webhook, &delivery).await
    }

    async fn attempt(&self, id: &WebhookId, webhook: &Webhook, delivery: &Delivery) -> Result<u16, String> {
        let url = self
            .url(id, webhook)
            .ok_or_else(|| "the URL was sealed under another secret key and cannot be read; set it again".to_owned())?;
        let now = clock::now();
        let signatures = self.0.keys.signatures(id, webhook, delivery, now);
        let began = Instant::now();
        let outcome = self.0.sender.post(&url, delivery, now, &signatures).await;
        let metrics = self.0.control.metrics();
        metrics.webhook_durations.take(began.elapsed().as_secs_f64());
        metrics.webhook_attempts.at([if outcome.is_ok() { "delivered" } else { "failed" }]).inc();
        outcome
    }
}

/// The name of a format on the wire.
pub(crate) fn format_named(name: &str) -> Result<WebhookFormat, String> {
    [WebhookFormat::Generic, WebhookFormat::Slack]
        .into_iter()
        .find(|format| format.as_str() == name)
        .ok_or_else(|| "expected `generic` or `slack`".to_owned())
}

/// A URL as people may see it: without what makes it a secret.
pub(crate) fn masked(url: &str) -> Option<String> {
    let url = reqwest::Url::parse(url).ok()?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{}{port}/…", url.scheme(), url.host_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_url_keeps_scheme_host_and_port_only() {
        for (url, shown) in [
            ("https://hooks.slack.com/services/T0/B0/secret", "https://hooks.slack.com/…"),
            ("http://user:password@[::1]:8080/x?token=secret#y", "http://[::1]:8080/…"),
        ] {
            assert_eq!(masked(url).as_deref(), Some(shown));
        }
    }
}
