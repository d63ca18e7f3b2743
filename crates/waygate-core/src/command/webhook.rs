//! Commands about who is told of changes.

use std::sync::Arc;

use crate::action::Action;
use crate::change::Change;
use crate::command::{CommandError, MOST_WEBHOOKS, Plan, Planner};
use crate::id::WebhookId;
use crate::revision::Revision;
use crate::webhook::{Webhook, WebhookSettings};

impl Planner<'_> {
    pub(super) fn set_webhook(
        &self,
        id: &WebhookId,
        to: &WebhookSettings,
        reason: &str,
        expected: Option<Revision>,
    ) -> Result<Plan, CommandError> {
        let before = self.state.webhooks.get(id);
        self.expect_webhook(id, expected)?;
        let webhook = match before {
            Some(before) if before.settings == *to => return Ok(Plan::default()),
            Some(before) => Webhook {
                settings: to.clone(),
                since: if to.enabled && !before.settings.enabled { self.changed_at } else { before.since },
                changed_at: self.changed_at,
                ..Webhook::clone(before)
            },
            None if self.state.webhooks.len() >= MOST_WEBHOOKS => {
                return Err(CommandError::invalid("url", format!("at most {MOST_WEBHOOKS} webhooks are kept")));
            }
            None => Webhook {
                settings: to.clone(),
                generation: 1,
                rotated: None,
                since: self.changed_at,
                changed_at: self.changed_at,
            },
        };
        Ok(self.webhook_set(Action::WebhookSet, id, reason, webhook))
    }

    pub(super) fn remove_webhook(
        &self,
        id: &WebhookId,
        reason: &str,
        expected: Option<Revision>,
    ) -> Result<Plan, CommandError> {
        self.known_webhook(id)?;
        self.expect_webhook(id, expected)?;
        Ok(self.single(Action::WebhookRemoved, reason, Change::WebhookRemoved { id: id.clone() }))
    }

    pub(super) fn rotate_webhook_secret(
        &self,
        id: &WebhookId,
        reason: &str,
        expected: Option<Revision>,
    ) -> Result<Plan, CommandError> {
        let before = self.known_webhook(id)?;
        self.expect_webhook(id, expected)?;
        let webhook = Webhook {
            generation: before.generation.saturating_add(1),
            rotated: Some(self.now),
            changed_at: self.changed_at,
            ..before.clone()
        };
        Ok(self.webhook_set(Action::WebhookSecretRotated, id, reason, webhook))
    }

    fn webhook_set(&self, action: Action, id: &WebhookId, reason: &str, webhook: Webhook) -> Plan {
        self.single(action, reason, Change::WebhookSet { id: id.clone(), webhook: Arc::new(webhook) })
    }

    fn expect_webhook(&self, id: &WebhookId, expected: Option<Revision>) -> Result<(), CommandError> {
        self.expect(&format!("webhook {id}"), expected, |seen| seen.webhooks.get(id).map(|webhook| webhook.changed_at))
    }

    fn known_webhook(&self, id: &WebhookId) -> Result<&Webhook, CommandError> {
        let known = self.state.webhooks.get(id).map(AsRef::as_ref);
        known.ok_or_else(|| CommandError::UnknownWebhook { id: id.clone() })
    }
}
