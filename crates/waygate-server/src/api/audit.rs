//! The audit log, read off the history of commits.

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use waygate_api::audit::AuditEntry;
use waygate_core::{
    Action, Change, Commit, LifecycleKind, MaintenanceScope, Record, RouteKey, RouteSelector, Scope, ServiceId,
    WebhookId,
};
use waygate_store::HistoryQuery;

use crate::api::answer;
use crate::api::names::Parameters;
use crate::app::App;
use crate::error::ApiError;

const DEFAULT_LIMIT: usize = 50;
const LARGEST_LIMIT: usize = 100_000;
/// How many commits are read at a time.
const PAGE: usize = 1000;

/// Which entries are wanted.
struct Filter {
    route: Option<String>,
    service: Option<ServiceId>,
    actor: Option<String>,
    action: Option<Action>,
}

/// The latest entries first. Filters count before the limit does.
pub(super) async fn list(State(app): State<App>, parameters: Parameters) -> Result<Response, ApiError> {
    let limit = limit(&parameters)?;
    let filter = Filter {
        route: parameters.text("route").map(ToOwned::to_owned),
        service: parameters.service()?,
        actor: parameters.text("actor").filter(|actor| !actor.is_empty()).map(ToOwned::to_owned),
        action: action(&parameters)?,
    };
    let state = app.control.current();
    let mut entries = Vec::new();
    let mut before = None;
    while entries.len() < limit {
        let page = app.control.history(HistoryQuery { before, limit: PAGE }).await?;
        for commit in &page.commits {
            entries.extend(entries_of(commit, &filter));
        }
        before = page.commits.last().map(|commit| commit.revision());
        if !page.more || before.is_none() {
            break;
        }
    }
    entries.truncate(limit);
    Ok(answer::read(&state, entries))
}

fn limit(parameters: &Parameters) -> Result<usize, ApiError> {
    let Some(text) = parameters.text("limit") else {
        return Ok(DEFAULT_LIMIT);
    };
    text.parse()
        .ok()
        .filter(|limit| *limit <= LARGEST_LIMIT)
        .ok_or_else(|| ApiError::invalid_field("limit", format!("expected a whole number from 0 to {LARGEST_LIMIT}")))
}

fn action(parameters: &Parameters) -> Result<Option<Action>, ApiError> {
    let Some(text) = parameters.text("action").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    serde_json::from_value(text.into()).map(Some).map_err(|_| {
        ApiError::invalid_field("action", "expected the name of an action as the log shows it, such as `disable`")
    })
}

fn entries_of(commit: &Commit, filter: &Filter) -> Vec<AuditEntry> {
    commit
        .draft
        .records
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, record)| filter.takes(commit, record))
        .map(|(index, record)| entry(commit, index, record))
        .collect()
}

impl Filter {
    fn takes(&self, commit: &Commit, record: &Record) -> bool {
        let action = match self.action {
            Some(action) => record.action == action,
            None => !record.action.is_routine(),
        };
        let subject = Subject::of(&record.change);
        action
            && self.actor.as_deref().is_none_or(|actor| commit.draft.cause.actor.as_str() == actor)
            && self.service.as_ref().is_none_or(|service| subject.service() == Some(service))
            && self.route.as_deref().is_none_or(|route| subject.is_called(route))
    }
}

fn entry(commit: &Commit, index: usize, record: &Record) -> AuditEntry {
    let cause = &commit.draft.cause;
    let subject = Subject::of(&record.change);
    let (previous_status, new_status) = statuses(record, cause.at);
    AuditEntry {
        id: entry_id(commit, index),
        timestamp: cause.at,
        path: subject.path(),
        service: subject.service().map(ToString::to_string),
        action: record.action.as_str().to_owned(),
        actor: cause.actor.to_string(),
        platform: cause.platform.as_str().to_owned(),
        reason: record.reason.clone(),
        previous_status,
        new_status,
        revision: commit.revision(),
    }
}

/// The id of a commit's record, in the log and in deliveries.
pub(crate) fn entry_id(commit: &Commit, index: usize) -> String {
    format!("{}-{index}", commit.draft.id.as_str())
}

/// What a change is about.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'c> {
    Route(&'c RouteKey),
    Maintenance(&'c MaintenanceScope),
    RateLimit(&'c Scope),
    Service(&'c ServiceId),
    Webhook(&'c WebhookId),
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
            Change::Noted { subject } => Self::Other(subject),
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
            Self::Other(subject) => subject.to_owned(),
        }
    }

    pub(crate) fn service(self) -> Option<&'c ServiceId> {
        match self {
            Self::Route(key) => Some(&key.service),
            Self::Maintenance(MaintenanceScope::Service(service)) | Self::Service(service) => Some(service),
            Self::RateLimit(scope) => scope.service(),
            Self::Maintenance(MaintenanceScope::Global) | Self::Webhook(_) | Self::Other(_) => None,
        }
    }

    /// Whether `name` is its path, or names a route in any of the short forms.
    fn is_called(self, name: &str) -> bool {
        if self.path() == name {
            return true;
        }
        match (self, name.parse::<RouteSelector>()) {
            (Self::Route(key) | Self::RateLimit(Scope::Route(key)), Ok(selector)) => {
                selector.path == key.local.path
                    && selector.method.is_none_or(|method| method == key.local.method)
                    && selector.service.is_none_or(|service| service == key.service)
            }
            _ => false,
        }
    }
}

fn statuses(record: &Record, at: Timestamp) -> (Option<LifecycleKind>, Option<LifecycleKind>) {
    (record.before.first().and_then(|change| status(change, at)), status(&record.change, at))
}

fn status(change: &Change, at: Timestamp) -> Option<LifecycleKind> {
    match change {
        Change::RouteSet { route, .. } => Some(route.status(at)),
        Change::MaintenanceSet { maintenance, .. } if maintenance.is_on(|| at) => Some(LifecycleKind::Maintenance),
        Change::MaintenanceSet { .. } => Some(LifecycleKind::Active),
        _ => None,
    }
}
