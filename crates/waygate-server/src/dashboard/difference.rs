//! What differs between versions of something, field by field.

use std::collections::BTreeSet;

use serde_json::Value;
use waygate_core::{Change, MaintenanceScope, RouteKey, Scope, State};

/// A field that differs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) field: String,
    pub(super) before: String,
    pub(super) after: String,
    /// What it is by now, where that is asked for.
    pub(super) now: Option<String>,
}

impl Difference {
    /// Whether it is the change that made the difference, and not one since.
    pub(super) fn is_of_the_change(&self) -> bool {
        self.before != self.after
    }
}

/// What a change makes of its subject.
pub(super) fn content(change: &Change) -> Value {
    match change {
        Change::RouteSet { route, .. } => written(Some(&**route)),
        Change::MaintenanceSet { maintenance, .. } => written(Some(maintenance)),
        Change::RateLimitSet { policy, .. } => written(Some(&**policy)),
        Change::TokenIssued { token, .. } => written(Some(&**token)),
        Change::RouteRemoved { .. }
        | Change::RateLimitCleared { .. }
        | Change::ServiceRemoved { .. }
        | Change::TokenRevoked { .. }
        | Change::WebhookSet { .. }
        | Change::WebhookRemoved { .. }
        | Change::Noted { .. } => Value::Null,
    }
}

/// What the subject of a change is in a state; `None` where that is not told by states.
pub(super) fn current(state: &State, change: &Change) -> Option<Value> {
    match change {
        Change::RouteSet { key, .. } | Change::RouteRemoved { key } => Some(route(state, key)),
        Change::MaintenanceSet { scope, .. } => Some(maintenance(state, scope)),
        Change::RateLimitSet { scope, .. } | Change::RateLimitCleared { scope } => Some(limit(state, scope)),
        _ => None,
    }
}

pub(super) fn route(state: &State, key: &RouteKey) -> Value {
    written(state.route(key).map(|route| &**route))
}

pub(super) fn maintenance(state: &State, scope: &MaintenanceScope) -> Value {
    written(state.maintenance(scope))
}

pub(super) fn limit(state: &State, scope: &Scope) -> Value {
    written(state.rate_limit(scope).map(|policy| &**policy))
}

/// The fields that differ, at whatever depth; with a third version also those that differ in it alone.
pub(super) fn differences(before: &Value, after: &Value, now: Option<&Value>) -> Vec<Difference> {
    let mut rows = Vec::new();
    compare("", before, after, now, &mut rows);
    rows
}

/// What a change counts by itself is left out.
fn compare(name: &str, before: &Value, after: &Value, now: Option<&Value>, rows: &mut Vec<Difference>) {
    let is_same = before == after && now.is_none_or(|now| now == after);
    if is_same || matches!(name, "changed_at" | "generation" | "last_window" | "switched") {
        return;
    }
    let all = || [Some(before), Some(after), now].into_iter().flatten();
    if all().any(Value::is_object) {
        let names: BTreeSet<&String> = all().filter_map(Value::as_object).flat_map(|fields| fields.keys()).collect();
        for field in names {
            let inner = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
            let of = |value: &'_ Value| value.get(field).cloned().unwrap_or_default();
            compare(&inner, &of(before), &of(after), now.map(of).as_ref(), rows);
        }
        return;
    }
    rows.push(Difference { field: name.to_owned(), before: shown(before), after: shown(after), now: now.map(shown) });
}

fn written(subject: Option<&impl serde::Serialize>) -> Value {
    subject.and_then(|subject| serde_json::to_value(subject).ok()).unwrap_or_default()
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
        let before = json!({"base": {"lifecycle": "active"}, "changed_at": 1, "same": 1});
        let after = json!({"base": {"lifecycle": "disabled", "reason": "x"}, "changed_at": 2, "same": 1});
        let told = |rows: Vec<Difference>| {
            rows.into_iter().map(|row| format!("{}: {} {} {:?}", row.field, row.before, row.after, row.now)).collect()
        };
        let rows: Vec<String> = told(differences(&before, &after, None));
        assert_eq!(rows, ["base.lifecycle: active disabled None", "base.reason:  x None"]);
        let now = json!({"base": {"lifecycle": "disabled"}, "changed_at": 3, "same": 2});
        let rows: Vec<String> = told(differences(&before, &after, Some(&now)));
        assert_eq!(
            rows,
            [
                "base.lifecycle: active disabled Some(\"disabled\")",
                "base.reason:  x Some(\"\")",
                "same: 1 1 Some(\"2\")"
            ]
        );
    }
}
