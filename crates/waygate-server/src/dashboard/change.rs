//! One change: who, why, and what it was before and after.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;
use waygate_api::error::ErrorCode;
use waygate_core::{Change, Commit, Record, Revision};
use waygate_store::HistoryQuery;

use crate::api::audit::may_see;
use crate::dashboard::audit::Entry;
use crate::dashboard::fleet::{Arrival, Fleet};
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::undo::way_back;
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::sentence;
use crate::error::ApiError;

#[derive(Template)]
#[template(path = "change.html")]
struct ChangePage {
    frame: Frame,
    entry: Entry,
    parts: Vec<Part>,
    propagation: String,
    late: bool,
    instances: Vec<Arrival>,
    /// Why it cannot be taken back, where it cannot.
    stays: Option<String>,
    previous: Option<u64>,
    next: Option<u64>,
}

/// What one record changed.
pub(super) struct Part {
    pub(super) sentence: String,
    reason: String,
    pub(super) rows: Vec<Difference>,
}

pub(super) struct Difference {
    pub(super) field: String,
    pub(super) before: String,
    pub(super) after: String,
}

/// The change of that number, where the visitor may see any of it.
pub(super) async fn commit_of(visit: &Visit, revision: &str) -> Result<Arc<Commit>, ApiError> {
    let not_found = || {
        let error = format!("there is no change `{revision}` in the history that is kept");
        ApiError::new(StatusCode::NOT_FOUND, ErrorCode::UnknownPath, error)
    };
    let number: u64 = revision.trim_start_matches('r').parse().map_err(|_| not_found())?;
    let before = Some(Revision(number.checked_add(1).ok_or_else(not_found)?));
    let history = visit.app.control.history(HistoryQuery { before, limit: 1 }).await?;
    let commit = history.commits.into_iter().next().filter(|commit| commit.revision().0 == number);
    let seen = |commit: &Arc<Commit>| commit.draft.records.iter().any(|record| may_see(&visit.principal, record));
    commit.filter(seen).ok_or_else(not_found)
}

pub(super) async fn show(visit: Visit, Path(revision): Path<String>) -> Result<Response, ApiError> {
    let (state, fleet) = (visit.state(), Fleet::of(&visit).await);
    let commit = commit_of(&visit, &revision).await?;
    let number = commit.revision().0;
    let visible = |record: &Record| may_see(&visit.principal, record);
    let entry = Entry::of_those(&commit, visit.now, visible).ok_or_else(ApiError::internal)?;
    let records = commit.draft.records.iter().filter(|record| visible(record));
    let (propagation, complete) = fleet.propagation(&commit);
    page(&ChangePage {
        frame: Frame::with(&visit, &state, Section::Audit, &fleet).await,
        entry,
        parts: records.map(part).collect(),
        propagation,
        late: !complete,
        instances: fleet.arrivals(&visit, &commit),
        stays: way_back(&state, &commit, "").err(),
        previous: (number > 1).then(|| number - 1),
        next: (number < state.cursor.revision.0).then(|| number + 1),
    })
}

pub(super) fn part(record: &Record) -> Part {
    let before = record.before.first().map(content).unwrap_or_default();
    let after = content(&record.change);
    let mut rows = Vec::new();
    compare("", &before, &after, &mut rows);
    Part { sentence: sentence(record), reason: record.reason.clone(), rows }
}

/// What a change makes of its subject.
fn content(change: &Change) -> Value {
    let content = match change {
        Change::RouteSet { route, .. } => serde_json::to_value(&**route),
        Change::MaintenanceSet { maintenance, .. } => serde_json::to_value(maintenance),
        Change::RateLimitSet { policy, .. } => serde_json::to_value(&**policy),
        Change::TokenIssued { token, .. } => serde_json::to_value(&**token),
        Change::RouteRemoved { .. }
        | Change::RateLimitCleared { .. }
        | Change::ServiceRemoved { .. }
        | Change::TokenRevoked { .. }
        | Change::WebhookSet { .. }
        | Change::WebhookRemoved { .. }
        | Change::Noted { .. } => Ok(Value::Null),
    };
    content.unwrap_or_default()
}

/// Lists the fields that differ, at whatever depth. What a change counts by itself is left out.
fn compare(name: &str, before: &Value, after: &Value, rows: &mut Vec<Difference>) {
    if before == after || matches!(name, "changed_at" | "generation" | "last_window" | "switched") {
        return;
    }
    if before.is_object() || after.is_object() {
        let fields = |value: &Value| {
            value.as_object().into_iter().flat_map(|fields| fields.keys().cloned()).collect::<BTreeSet<_>>()
        };
        let names: BTreeSet<String> = fields(before).union(&fields(after)).cloned().collect();
        for field in names {
            let inner = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
            compare(
                &inner,
                before.get(&field).unwrap_or(&Value::Null),
                after.get(&field).unwrap_or(&Value::Null),
                rows,
            );
        }
        return;
    }
    rows.push(Difference { field: name.to_owned(), before: shown(before), after: shown(after) });
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_names_the_fields_that_differ() {
        let mut rows = Vec::new();
        let before = json!({"base": {"lifecycle": "active"}, "changed_at": 1, "same": 1});
        let after = json!({"base": {"lifecycle": "disabled", "reason": "x"}, "changed_at": 2, "same": 1});
        compare("", &before, &after, &mut rows);
        let rows: Vec<_> = rows.iter().map(|row| (&*row.field, &*row.before, &*row.after)).collect();
        assert_eq!(rows, [("base.lifecycle", "active", "disabled"), ("base.reason", "", "x")]);
    }
}
