//! The audit log, read off the history of commits.

use axum::extract::State;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use waygate_api::audit::AuditEntry;
use waygate_core::{
    Action, Change, Commit, LifecycleKind, MaintenanceScope, Record, Revision, RouteKey, RouteSelector, Scope,
    ServiceId, WebhookId,
};
use waygate_store::HistoryQuery;

use crate::api::answer;
use crate::api::names::Parameters;
use crate::app::App;
use crate::auth::Principal;
use crate::error::ApiError;

/// How many entries there are without a limit.
const DEFAULT_LIMIT: usize = 50;
const LARGEST_LIMIT: usize = 100_000;
/// How many commits are read at a time.
const PAGE: usize = 1000;
/// Clocks of nodes differ, so commits are not quite in the order of their times. Beyond this nothing is looked for.
const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// An entry's place in history: its commit, and its record there.
type Place = (Revision, usize);

/// Which entries are wanted.
struct Filter {
    route: Option<String>,
    service: Option<ServiceId>,
    actor: Option<String>,
    action: Option<Action>,
    /// Not before.
    since: Option<Timestamp>,
    /// Before.
    until: Option<Timestamp>,
}

/// The latest entries first. Filters count before the limit does.
pub(super) async fn list(
    State(app): State<App>,
    principal: Principal,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let filter = Filter::of(&parameters)?;
    // The reference's command line asks for a page by asking for everything before it too.
    let (limit, total) = (limit(&parameters)?, parameters.flag("total")?);
    let after = parameters.page(LARGEST_LIMIT, place).map(|page| page.after);
    let after = if limit == 0 { None } else { after? };
    let state = app.control.current();
    let mut entries = Vec::new();
    let mut count = 0;
    let mut before = after.filter(|_| !total).map(|(revision, _)| revision.next());
    loop {
        let page = app.control.history(HistoryQuery { before, limit: PAGE }).await?;
        for commit in page.commits.iter().filter(|commit| filter.is_in_time(commit)) {
            for (index, record) in commit.draft.records.iter().enumerate().rev() {
                if !filter.takes(commit, record) || !may_see(&principal, record) {
                    continue;
                }
                count += 1;
                let place = (commit.revision(), index);
                // One more than is given tells whether there is another page.
                if entries.len() <= limit && after.is_none_or(|after| place < after) {
                    entries.push((place, entry(commit, index, record)));
                }
            }
        }
        before = page.commits.last().map(|commit| commit.revision());
        let oldest = page.commits.last().map(|commit| commit.draft.cause.at);
        let is_past = oldest.is_none_or(|oldest| filter.since.is_some_and(|since| oldest < since - SKEW));
        if !page.more || is_past || (entries.len() > limit && !total) {
            break;
        }
    }
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|((revision, index), _)| format!("{revision}-{index}"));
    let entries: Vec<AuditEntry> = entries.into_iter().map(|(_, entry)| entry).collect();
    Ok(answer::list(&state, entries, total.then_some(count), next.as_deref()))
}

fn place(cursor: &str) -> Option<Place> {
    let (revision, index) = cursor.split_once('-')?;
    Some((Revision(revision.parse().ok()?), index.parse().ok()?))
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

/// Whoever is limited to some services sees what was done to those.
fn may_see(principal: &Principal, record: &Record) -> bool {
    match Subject::of(&record.change).service() {
        Some(service) => principal.may_read(service),
        None => principal.sees_everything(),
    }
}

impl Filter {
    fn of(parameters: &Parameters) -> Result<Self, ApiError> {
        Ok(Self {
            route: parameters.text("route").map(ToOwned::to_owned),
            service: parameters.service()?,
            actor: parameters.filter("actor").map(ToOwned::to_owned),
            action: action(parameters)?,
            since: parameters.time("since")?,
            until: parameters.time("until")?,
        })
    }

    fn is_in_time(&self, commit: &Commit) -> bool {
        let at = commit.draft.cause.at;
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at < until)
    }

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
    let (previous_status, new_status) = statuses(record);
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

/// What a route or a scope was and is, as the log has it.
fn statuses(record: &Record) -> (Option<LifecycleKind>, Option<LifecycleKind>) {
    let before = record.before.first().and_then(status);
    match &record.change {
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
