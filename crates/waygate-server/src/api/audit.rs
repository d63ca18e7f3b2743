//! The audit log, read off the history of commits.

mod subject;

use axum::extract::State;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use waygate_api::audit::AuditEntry;
use waygate_core::{Action, Change, Commit, ImportedEntry, Record, Revision, ServiceId};
use waygate_store::HistoryQuery;

use crate::api::answer;
use crate::api::audit::subject::statuses;
use crate::api::names::Parameters;
use crate::app::App;
use crate::auth::Principal;
use crate::error::ApiError;

pub(crate) use subject::Subject;

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
        for commit in &page.commits {
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
        // Of all of them: one commit by a clock that was wrong says nothing of the others.
        let latest = page.commits.iter().map(|commit| commit.draft.cause.at).max();
        let is_past = latest.is_none_or(|latest| filter.since.is_some_and(|since| latest < since - SKEW));
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
pub(crate) fn may_see(principal: &Principal, record: &Record) -> bool {
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

    fn is_in_time(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at < until)
    }

    fn takes(&self, commit: &Commit, record: &Record) -> bool {
        let action = match self.action {
            Some(action) => record.action == action,
            None => !record.action.is_routine(),
        };
        let subject = Subject::of(&record.change);
        let (at, by) = match imported(record) {
            Some(entry) => (entry.at, entry.actor.as_str()),
            None => (commit.draft.cause.at, commit.draft.cause.actor.as_str()),
        };
        action
            && self.is_in_time(at)
            && self.actor.as_deref().is_none_or(|actor| by == actor)
            && self.service.as_ref().is_none_or(|service| subject.service() == Some(service))
            && self.route.as_deref().is_none_or(|route| subject.is_called(route))
    }
}

fn entry(commit: &Commit, index: usize, record: &Record) -> AuditEntry {
    let cause = &commit.draft.cause;
    let subject = Subject::of(&record.change);
    let (previous_status, new_status) = statuses(record);
    let known = AuditEntry {
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
        undoes: cause.undoes,
    };
    match imported(record) {
        Some(entry) => AuditEntry {
            id: entry.id.clone(),
            timestamp: entry.at,
            action: entry.action.clone(),
            actor: entry.actor.clone(),
            platform: entry.platform.clone(),
            ..known
        },
        None => known,
    }
}

/// The entries of the audit log that a commit is, one for each of its records.
pub fn audit_entries(commit: &Commit) -> Vec<AuditEntry> {
    let records = commit.draft.records.iter().enumerate();
    records.map(|(index, record)| entry(commit, index, record)).collect()
}

/// What the log of another system said, where the entry was taken over from one.
fn imported(record: &Record) -> Option<&ImportedEntry> {
    match &record.change {
        Change::Noted { imported, .. } => imported.as_deref(),
        _ => None,
    }
}

/// The id of a commit's record, in the log and in deliveries.
pub(crate) fn entry_id(commit: &Commit, index: usize) -> String {
    format!("{}-{index}", commit.draft.id.as_str())
}
