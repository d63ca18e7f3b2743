//! How pages say things: statuses, times, changes.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use waygate_api::paths::percent_encoded;
use waygate_core::{Action, Change, LifecycleKind, MaintenanceScope, Record, RouteKey, Scope};

/// A status, with its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind(pub(super) LifecycleKind);

impl Kind {
    pub(super) const ALL: [Self; 5] = [
        Self(LifecycleKind::Active),
        Self(LifecycleKind::Maintenance),
        Self(LifecycleKind::Disabled),
        Self(LifecycleKind::EnvGated),
        Self(LifecycleKind::Deprecated),
    ];

    pub(super) fn as_str(self) -> &'static str {
        self.0.as_str()
    }

    pub(super) fn word(self) -> &'static str {
        match self.0 {
            LifecycleKind::Active => "Active",
            LifecycleKind::Maintenance => "Maintenance",
            LifecycleKind::Disabled => "Disabled",
            LifecycleKind::EnvGated => "Env-gated",
            LifecycleKind::Deprecated => "Deprecated",
        }
    }
}

/// A time: for programs as RFC 3339, for people in UTC. The module shows it in the zone of the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(pub(super) Timestamp);

impl Moment {
    pub(super) fn words(self) -> String {
        self.0.strftime("%-d %b %Y %H:%M:%S UTC").to_string()
    }

    pub(super) fn day(self) -> String {
        self.0.strftime("%A, %-d %B %Y").to_string()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.strftime("%Y-%m-%dT%H:%M:%SZ").fmt(formatter)
    }
}

/// How long ago, or in how long, roughly.
pub(super) fn distance(from: Timestamp, to: Timestamp) -> String {
    let length = to.duration_since(from);
    let text = span(length.abs());
    if length.as_secs() < 0 { format!("in {text}") } else { format!("{text} ago") }
}

/// A length of time in its largest unit.
pub(super) fn span(length: SignedDuration) -> String {
    let seconds = length.as_secs();
    let (count, unit) = match seconds {
        0..60 => (seconds, "s"),
        60..3600 => (seconds / 60, "min"),
        3600..86_400 => (seconds / 3600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    format!("{count} {unit}")
}

/// `1 route`, `2 routes`.
pub(super) fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// The list of a service's routes, below the base.
pub(super) fn routes_of(service: &str) -> String {
    format!("/routes?service={}", percent_encoded(service))
}

pub(super) fn route_name(key: &RouteKey) -> String {
    format!("{} {}", key.local.method, key.local.path)
}

/// What a record did, to be read after the name of who did it: `disabled GET /x of pay`.
pub(super) fn sentence(record: &Record) -> String {
    let subject = subject(&record.change);
    let verb = match record.action {
        Action::Enable => "enabled",
        Action::Disable => "disabled",
        Action::MaintenanceOn => "put into maintenance:",
        Action::EnvGate => "limited to environments:",
        Action::Schedule => "planned maintenance of",
        Action::ScheduleCancel => "took back what was planned for",
        Action::Deprecate => "deprecated",
        Action::Undeprecate => "took back the deprecation of",
        Action::RouteRemove | Action::ServiceRemove => "removed",
        Action::GlobalMaintenanceOn | Action::ServiceMaintenanceOn => "began maintenance of",
        Action::GlobalMaintenanceOff | Action::ServiceMaintenanceOff => "ended maintenance of",
        Action::GlobalMaintenanceEdit | Action::ServiceMaintenanceEdit => "edited the maintenance of",
        Action::Register => "registered",
        Action::Import => "took over",
        Action::TokenIssue => "issued the token",
        Action::TokenRevoke => "ended the token",
        Action::Login => "signed in:",
        Action::LoginFailed => "failed to sign in:",
        Action::Logout => "signed out:",
        Action::WebhookSet => "set the webhook",
        Action::WebhookRemoved => "removed the webhook",
        Action::WebhookSecretRotated => "gave a new secret to the webhook",
        Action::RlPolicySet | Action::GlobalRlSet | Action::SvcRlSet => "set the rate limit of",
        Action::RlPolicyUpdated | Action::GlobalRlUpdated | Action::SvcRlUpdated => "changed the rate limit of",
        Action::RlPolicyDeleted | Action::GlobalRlDeleted | Action::SvcRlDeleted => "removed the rate limit of",
        Action::RlPolicyEnabled | Action::GlobalRlEnabled | Action::SvcRlEnabled => "resumed the rate limit of",
        Action::RlPolicyDisabled | Action::GlobalRlDisabled | Action::SvcRlDisabled => "paused the rate limit of",
        Action::RlReset | Action::GlobalRlReset | Action::SvcRlReset => "reset the counts of",
    };
    format!("{verb} {subject}")
}

fn subject(change: &Change) -> String {
    let named = |key: &RouteKey| format!("{} of {}", route_name(key), key.service);
    match change {
        Change::RouteSet { key, .. } | Change::RouteRemoved { key } => named(key),
        Change::MaintenanceSet { scope: MaintenanceScope::Global, .. } => "all services".to_owned(),
        Change::MaintenanceSet { scope: MaintenanceScope::Service(service), .. }
        | Change::ServiceRemoved { service } => service.to_string(),
        Change::RateLimitSet { scope, .. } | Change::RateLimitCleared { scope } => match scope {
            Scope::Global => "all services".to_owned(),
            Scope::Service(service) => service.to_string(),
            Scope::Route(key) => named(key),
        },
        Change::TokenIssued { id, .. } | Change::TokenRevoked { id, .. } => id.as_str().to_owned(),
        Change::WebhookSet { id, .. } | Change::WebhookRemoved { id } => id.to_string(),
        Change::Noted { subject, .. } => subject.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_told_in_the_largest_unit() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(distance(at(0), at(59)), "59 s ago");
        assert_eq!(distance(at(0), at(7200)), "2 h ago");
        assert_eq!(distance(at(90_000), at(0)), "in 1 d");
        let soon = at(0).checked_add(SignedDuration::from_millis(200)).unwrap();
        assert_eq!(distance(soon, at(0)), "0 s ago");
    }
}
