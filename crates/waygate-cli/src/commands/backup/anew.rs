//! From a backup to the drafts that make a new history of it.

use std::sync::Arc;

use jiff::Timestamp;
use waygate_core::{
    Action, Cause, Change, Draft, DraftId, ImportedEntry, Maintenance, MaintenanceScope, Platform, RateLimitPolicy,
    Record, Revision, Route, RouteKey, Scope, ServiceState, State, Webhook,
};
use waygate_server::audit_entries;

use crate::commands::backup::document::Document;
use crate::error::{CliError, CliResult};

/// How many records one commit holds at the most.
const BATCH: usize = 500;
/// Who has restored, where no server knows who calls.
const ACTOR: &str = "restore";

/// Everything as drafts for an empty store: the log of before in its own words, then the state, and a note of the
/// restore itself as the newest entry.
pub(super) fn drafts(document: &Document, now: Timestamp) -> CliResult<Vec<Draft>> {
    let log: Vec<Record> = document.commits.iter().flat_map(|commit| noted(commit)).collect();
    let first_of_state = log.len().div_ceil(BATCH) as u64 + 1;
    let changed_at = |index: usize| Revision(first_of_state + (index / BATCH) as u64);
    let mut state = Vec::new();
    for change in changes(&document.state) {
        let change = moved(change, changed_at(state.len()));
        state.push(Record { action: Action::Register, reason: String::new(), change, before: Vec::new() });
    }
    let reason = format!("a backup of {} at revision {}", document.source, document.state.cursor.revision);
    let change = Change::Noted { subject: document.source.clone(), imported: None };
    state.push(Record { action: Action::Import, reason, change, before: Vec::new() });
    let mut drafts = Vec::new();
    for records in log.chunks(BATCH).chain(state.chunks(BATCH)) {
        let actor = ACTOR.parse().map_err(|problem| CliError::failed(format!("{problem}")))?;
        let cause = Cause { actor, platform: Platform::Cli, at: now, undoes: None };
        drafts.push(Draft { id: draft_id()?, cause, records: records.to_vec() });
    }
    Ok(drafts)
}

/// The entries of the audit log that a commit is.
fn noted(commit: &waygate_core::Commit) -> Vec<Record> {
    let entries = audit_entries(commit).into_iter();
    let records = entries.zip(&commit.draft.records).map(|(entry, record)| {
        let imported = ImportedEntry {
            id: entry.id,
            at: entry.timestamp,
            service: entry.service.and_then(|service| service.parse().ok()),
            action: entry.action,
            actor: entry.actor,
            platform: entry.platform,
            previous_status: entry.previous_status,
            new_status: entry.new_status,
        };
        let change = Change::Noted { subject: entry.path, imported: Some(Arc::new(imported)) };
        Record { action: record.action, reason: entry.reason, change, before: Vec::new() }
    });
    records.collect()
}

/// What makes an empty state this one.
fn changes(state: &State) -> Vec<Change> {
    // Named one by one, so that what is added to a state is not forgotten here.
    let State { cursor: _, global, services, revoked_tokens, tokens, webhooks } = state;
    let mut changes = Vec::new();
    changes.push(Change::MaintenanceSet { scope: MaintenanceScope::Global, maintenance: global.maintenance.clone() });
    changes.extend(global.rate_limit.iter().map(|policy| limit(Scope::Global, policy)));
    for (service, rules) in services {
        let ServiceState { maintenance, rate_limit, routes, route_limits } = &**rules;
        let scope = MaintenanceScope::Service(service.clone());
        changes.push(Change::MaintenanceSet { scope, maintenance: maintenance.clone() });
        changes.extend(rate_limit.iter().map(|policy| limit(Scope::Service(service.clone()), policy)));
        let key = |local: &waygate_core::LocalKey| RouteKey::new(service.clone(), local.clone());
        changes.extend(routes.iter().map(|(local, route)| Change::RouteSet { key: key(local), route: route.clone() }));
        changes.extend(route_limits.iter().map(|(local, policy)| limit(Scope::Route(key(local)), policy)));
    }
    let issued = tokens.iter().map(|(id, token)| Change::TokenIssued { id: id.clone(), token: token.clone() });
    changes.extend(issued);
    let revoked = revoked_tokens.iter();
    changes.extend(revoked.map(|(id, expires)| Change::TokenRevoked { id: id.clone(), expires: *expires }));
    let told = webhooks.iter().map(|(id, webhook)| Change::WebhookSet { id: id.clone(), webhook: webhook.clone() });
    changes.extend(told);
    changes
}

fn limit(scope: Scope, policy: &Arc<RateLimitPolicy>) -> Change {
    Change::RateLimitSet { scope, policy: policy.clone() }
}

/// The same change, as of a revision of the new history.
fn moved(change: Change, at: Revision) -> Change {
    match change {
        Change::RouteSet { key, route } => {
            let mut route = Route { changed_at: at, ..Route::clone(&route) };
            for window in &mut route.windows {
                window.planned_at = at;
            }
            Change::RouteSet { key, route: Arc::new(route) }
        }
        Change::MaintenanceSet { scope, maintenance } => {
            Change::MaintenanceSet { scope, maintenance: Maintenance { changed_at: at, ..maintenance } }
        }
        Change::RateLimitSet { scope, policy } => {
            let policy = RateLimitPolicy { changed_at: at, ..RateLimitPolicy::clone(&policy) };
            Change::RateLimitSet { scope, policy: Arc::new(policy) }
        }
        // What was told before the backup is not told again.
        Change::WebhookSet { id, webhook } => {
            let webhook = Webhook { since: at, changed_at: at, ..Webhook::clone(&webhook) };
            Change::WebhookSet { id, webhook: Arc::new(webhook) }
        }
        other => other,
    }
}

fn draft_id() -> CliResult<DraftId> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| CliError::failed(format!("the system gives no random bytes: {error}")))?;
    let text = format!("{:032x}", u128::from_be_bytes(bytes));
    DraftId::try_from(text).map_err(|problem| CliError::failed(problem.to_string()))
}
