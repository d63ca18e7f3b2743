//! What an entry is about, and what that was before and after.

use waygate_core::{
    Change, LifecycleKind, MaintenanceScope, Record, RouteKey, RouteSelector, Scope, ServiceId, WebhookId,
};

/// What a change is about.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'c> {
    Route(&'c RouteKey),
    Maintenance(&'c MaintenanceScope),
    RateLimit(&'c Scope),
    Service(&'c ServiceId),
    Webhook(&'c WebhookId),
    /// What the log of another system had, and whose.
    Imported(&'c str, Option<&'c ServiceId>),
    Other(&'c str),
}

impl<'c> Subject<'c> {
    pub(crate) fn of(change: &'c Change) -> Self {
        match change {
            Change::RouteSet { key, .. } | Change::RouteRemoved { key } => Self::Route(key),
            Change::MaintenanceSet { scope, .. } => Self::Maintenance(scope),
            Change::RateLimitSet { scope, .. } | Change::RateLimitCleared { scope } => Self::RateLimit(scope),
            Change::ServiceRemoved { service } => Self::Service(service),
            Change::TokenIssued { id, .. } | Change::TokenRevoked { id, .. } => Self::Other(id.as_str()),
            Change::WebhookSet { id, .. } | Change::WebhookRemoved { id } => Self::Webhook(id),
            Change::Noted { subject, imported: Some(entry) } => Self::Imported(subject, entry.service.as_ref()),
            Change::Noted { subject, imported: None } => Self::Other(subject),
        }
    }

    /// The name by which the reference's log calls it.
    pub(crate) fn path(self) -> String {
        match self {
            Self::Route(key) | Self::RateLimit(Scope::Route(key)) => key.to_string(),
            Self::Maintenance(MaintenanceScope::Global) => "__global__".to_owned(),
            Self::Maintenance(MaintenanceScope::Service(service)) => format!("__waygate:svc_global:{service}__"),
            Self::RateLimit(Scope::Global) => "__global_rl__".to_owned(),
            Self::RateLimit(Scope::Service(service)) => format!("__waygate:svc_rl:{service}__"),
            Self::Service(service) => service.to_string(),
            Self::Webhook(id) => format!("webhook:{id}"),
            Self::Imported(subject, _) | Self::Other(subject) => subject.to_owned(),
        }
    }

    pub(crate) fn service(self) -> Option<&'c ServiceId> {
        match self {
            Self::Route(key) => Some(&key.service),
            Self::Maintenance(MaintenanceScope::Service(service)) | Self::Service(service) => Some(service),
            Self::RateLimit(scope) => scope.service(),
            Self::Imported(_, service) => service,
            Self::Maintenance(MaintenanceScope::Global) | Self::Webhook(_) | Self::Other(_) => None,
        }
    }

    /// Whether `name` is its path, or names a route in any of the short forms.
    pub(crate) fn is_called(self, name: &str) -> bool {
        if self.path() == name {
            return true;
        }
        let imported = match self {
            Self::Imported(path, _) => path.parse::<RouteSelector>().ok(),
            _ => None,
        };
        match (self, name.parse::<RouteSelector>()) {
            (Self::Imported(..), Ok(selector)) => imported.is_some_and(|imported| {
                let has = |wanted: bool, same: bool| !wanted || same;
                selector.path == imported.path
                    && has(selector.method.is_some(), selector.method == imported.method)
                    && has(selector.service.is_some(), selector.service.as_ref() == self.service())
            }),
            (Self::Route(key) | Self::RateLimit(Scope::Route(key)), Ok(selector)) => {
                selector.path == key.local.path
                    && selector.method.is_none_or(|method| method == key.local.method)
                    && selector.service.is_none_or(|service| service == key.service)
            }
            _ => false,
        }
    }
}

/// What a route or a scope was and is, as the log has it.
pub(super) fn statuses(record: &Record) -> (Option<LifecycleKind>, Option<LifecycleKind>) {
    let before = record.before.first().and_then(status);
    match &record.change {
        Change::Noted { imported: Some(entry), .. } => (entry.previous_status, entry.new_status),
        Change::ServiceRemoved { .. } => (None, None),
        Change::MaintenanceSet { .. } => (before.or(Some(LifecycleKind::Active)), status(&record.change)),
        change => (before, status(change)),
    }
}

fn status(change: &Change) -> Option<LifecycleKind> {
    match change {
        Change::RouteSet { route, .. } => Some(route.recorded_status()),
        Change::MaintenanceSet { maintenance, .. } if maintenance.enabled => Some(LifecycleKind::Maintenance),
        Change::MaintenanceSet { .. } => Some(LifecycleKind::Active),
        _ => None,
    }
}
