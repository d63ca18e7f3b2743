//! What receivers get to read.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use waygate_api::maintenance::MaintenanceView;
use waygate_api::routes::RouteState;
use waygate_core::{Action, Change, Commit, Maintenance, RateLimitPolicy, ServiceId, WebhookFormat, WebhookId};

use crate::api::audit::{Subject, entry_id};

/// One message, the same at each attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// That of the audit entry, in every repetition and for every webhook.
    pub(crate) id: String,
    pub(crate) body: Vec<u8>,
}

/// The generic format: the reference's fields first, in its order.
#[derive(Serialize)]
struct Message<'c> {
    event: &'c str,
    path: &'c str,
    reason: &'c str,
    timestamp: Timestamp,
    /// What is there now; `null` when it is gone.
    state: After<'c>,
    actor: &'c str,
    platform: &'c str,
    service: Option<&'c str>,
    revision: u64,
    id: &'c str,
}

impl Delivery {
    /// A commit's record. `None` when there is no such record, or it cannot be written, which never is.
    pub(super) fn of(commit: &Commit, index: usize, format: WebhookFormat) -> Option<Self> {
        let record = commit.draft.records.get(index)?;
        let cause = &commit.draft.cause;
        let subject = Subject::of(&record.change);
        let message = Message {
            event: record.action.as_str(),
            path: &subject.path(),
            reason: &record.reason,
            timestamp: cause.at,
            state: After::of(&record.change, cause.at),
            actor: cause.actor.as_str(),
            platform: cause.platform.as_str(),
            service: subject.service().map(ServiceId::as_str),
            revision: commit.revision().0,
            id: &entry_id(commit, index),
        };
        message.written(format, colour(record.action))
    }

    /// Something that is like a record but of no commit.
    pub(super) fn test(id: &WebhookId, entry: &str, actor: &str, format: WebhookFormat, now: Timestamp) -> Self {
        let message = Message {
            event: "test",
            path: &Subject::Webhook(id).path(),
            reason: "a test: nothing has changed",
            timestamp: now,
            state: After::Nothing,
            actor,
            platform: "api",
            service: None,
            revision: 0,
            id: entry,
        };
        message.written(format, GREY).unwrap_or_else(|| Self { id: entry.to_owned(), body: Vec::new() })
    }
}

impl Message<'_> {
    fn written(&self, format: WebhookFormat, colour: &str) -> Option<Delivery> {
        let body = match format {
            WebhookFormat::Generic => serde_json::to_vec(self),
            WebhookFormat::Slack => serde_json::to_vec(&self.for_slack(colour)),
        };
        Some(Delivery { id: self.id.to_owned(), body: body.ok()? })
    }

    fn for_slack(&self, colour: &str) -> Value {
        let mut text = format!("*{}*: `{}`", self.event.to_uppercase(), literal(self.path));
        if !self.reason.is_empty() {
            text.push_str("\n> ");
            text.push_str(&literal(self.reason).replace('\n', "\n> "));
        }
        json!({"attachments": [{
            "color": colour,
            "text": text,
            "author_name": format!("{} ({})", self.actor, self.platform),
            "footer": "waygate",
            "ts": self.timestamp.as_second(),
        }]})
    }
}

/// A text that Slack shows as it is: no mention, link or channel in it takes effect.
fn literal(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const RED: &str = "#FF0000";
const ORANGE: &str = "#FFA500";
const GREEN: &str = "#36A64F";
const BLUE: &str = "#439FE0";
const GREY: &str = "#888888";

fn colour(action: Action) -> &'static str {
    match action {
        Action::Disable | Action::RouteRemove | Action::ServiceRemove => RED,
        Action::MaintenanceOn
        | Action::Schedule
        | Action::Deprecate
        | Action::GlobalMaintenanceOn
        | Action::ServiceMaintenanceOn
        | Action::RlPolicyDisabled
        | Action::RlPolicyDeleted
        | Action::GlobalRlDisabled
        | Action::GlobalRlDeleted
        | Action::SvcRlDisabled
        | Action::SvcRlDeleted => ORANGE,
        Action::Enable
        | Action::ScheduleCancel
        | Action::Undeprecate
        | Action::GlobalMaintenanceOff
        | Action::ServiceMaintenanceOff => GREEN,
        Action::EnvGate
        | Action::GlobalMaintenanceEdit
        | Action::ServiceMaintenanceEdit
        | Action::RlPolicySet
        | Action::RlPolicyUpdated
        | Action::RlPolicyEnabled
        | Action::RlReset
        | Action::GlobalRlSet
        | Action::GlobalRlUpdated
        | Action::GlobalRlEnabled
        | Action::GlobalRlReset
        | Action::SvcRlSet
        | Action::SvcRlUpdated
        | Action::SvcRlEnabled
        | Action::SvcRlReset => BLUE,
        _ => GREY,
    }
}

/// What there is after a change.
#[derive(Serialize)]
#[serde(untagged)]
enum After<'c> {
    Route(Box<RouteState>),
    Maintenance(MaintenanceView),
    RateLimit(&'c RateLimitPolicy),
    Webhook(WebhookAfter<'c>),
    Nothing,
}

#[derive(Serialize)]
struct WebhookAfter<'c> {
    format: WebhookFormat,
    services: &'c BTreeSet<ServiceId>,
    actions: &'c BTreeSet<Action>,
    enabled: bool,
    secret_generation: u32,
}

impl<'c> After<'c> {
    fn of(change: &'c Change, at: Timestamp) -> Self {
        match change {
            Change::RouteSet { key, route } => {
                let none = Maintenance::default();
                let state = RouteState::of(key, route, &none, &none, at);
                // The maintenance around a route is not looked at here.
                Self::Route(Box::new(RouteState { effective: state.status, cause: None, ..state }))
            }
            Change::MaintenanceSet { maintenance, .. } => Self::Maintenance(MaintenanceView::of(maintenance, at)),
            Change::RateLimitSet { policy, .. } => Self::RateLimit(policy),
            Change::WebhookSet { webhook, .. } => Self::Webhook(WebhookAfter {
                format: webhook.settings.format,
                services: &webhook.settings.services,
                actions: &webhook.settings.actions,
                enabled: webhook.settings.enabled,
                secret_generation: webhook.generation,
            }),
            Change::RouteRemoved { .. }
            | Change::RateLimitCleared { .. }
            | Change::ServiceRemoved { .. }
            | Change::TokenIssued { .. }
            | Change::TokenRevoked { .. }
            | Change::WebhookRemoved { .. }
            | Change::Noted { .. } => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waygate_core::{Cause, Cursor, Draft, MaintenanceScope, Platform, Record};

    fn commit() -> Commit {
        let maintenance = Maintenance { enabled: true, reason: "why".to_owned(), ..Maintenance::default() };
        let record = Record {
            action: Action::GlobalMaintenanceOn,
            reason: "<!channel> & co\nsecond".to_owned(),
            change: Change::MaintenanceSet { scope: MaintenanceScope::Global, maintenance },
            before: Vec::new(),
        };
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let cause = Cause { actor: "ada".parse().unwrap(), platform: Platform::Cli, at, undoes: None };
        let draft = Draft { id: "0123456789abcdef".to_owned().try_into().unwrap(), cause, records: vec![record] };
        Commit::after(&Cursor::start_of("0123456789abcdef".parse().unwrap()), draft)
    }

    fn body(format: WebhookFormat) -> String {
        String::from_utf8(Delivery::of(&commit(), 0, format).unwrap().body).unwrap()
    }

    #[test]
    fn the_generic_format_begins_with_the_fields_of_the_reference() {
        assert_eq!(
            body(WebhookFormat::Generic),
            concat!(
                r#"{"event":"global_maintenance_on","path":"__global__","reason":"<!channel> & co\nsecond","#,
                r#""timestamp":"2027-01-15T08:00:00Z","#,
                r#""state":{"enabled":true,"reason":"why","exempt_paths":[],"include_force_active":false,"changed_at":0},"#,
                r#""actor":"ada","platform":"cli","service":null,"revision":1,"id":"0123456789abcdef-0"}"#
            )
        );
    }

    #[test]
    fn the_slack_format_is_that_of_the_reference_and_literal() {
        let read: Value = serde_json::from_str(&body(WebhookFormat::Slack)).unwrap();
        let expected = json!({"attachments": [{
            "color": "#FFA500",
            "text": "*GLOBAL_MAINTENANCE_ON*: `__global__`\n> &lt;!channel&gt; &amp; co\n> second",
            "author_name": "ada (cli)",
            "footer": "waygate",
            "ts": 1_800_000_000,
        }]});
        assert_eq!(read, expected);
    }
}
