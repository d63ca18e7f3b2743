use waygate_api::audit::AuditEntry;
use waygate_api::auth::{LoginAnswer, Me, NewToken, TokenView};
use waygate_api::batch::BatchAnswer;
use waygate_api::maintenance::MaintenanceView;
use waygate_api::rate_limits::{HitView, LimitState, LimitSwitched, LimitView};
use waygate_api::schedules::{Scheduled, ScheduledKind};
use waygate_api::sdk::{RegisterAnswer, Rejected};
use waygate_api::services::ServiceSummary;
use waygate_api::webhooks::{DeliveryView, GivenUp, Missed, TestResult, Trouble, WebhookView};
use waygate_core::{
    Cursor, LifecycleKind, Maintenance, RateLimitPolicy, Revision, Route, RouteKey, Scope, Timestamp, WebhookFormat,
};

use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// What is sent is described, and what is said to be always there is.
fn assert_describes(name: &str, sent: &impl serde::Serialize) {
    let schemas = all();
    assert_fits(&schemas, &schema(name), &json!(sent), name);
}

/// Of the words of JSON Schema, those that are used here.
fn assert_fits(schemas: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(reference) = schema.get("$ref") {
        let name = reference.as_str().unwrap().rsplit('/').next().unwrap();
        return assert_fits(schemas, &schemas[name], value, place);
    }
    if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
        let chosen = choices.iter().find(|choice| (choice["type"] == "null") == value.is_null());
        return assert_fits(schemas, chosen.unwrap(), value, place);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert_eq!(schema["type"], kind, "{place}");
    if let Some(names) = schema.get("enum").and_then(Value::as_array) {
        assert!(names.contains(value), "{place}: {value}");
    }
    for (position, item) in value.as_array().into_iter().flatten().enumerate() {
        assert_fits(schemas, &schema["items"], item, &format!("{place}[{position}]"));
    }
    let Some(fields) = value.as_object() else { return };
    for (field, value) in fields {
        let described = schema["properties"].get(field).or(schema.get("additionalProperties"));
        let described = described.unwrap_or_else(|| panic!("{place} does not describe {field}"));
        assert_fits(schemas, described, value, &format!("{place}.{field}"));
    }
    for field in schema["required"].as_array().into_iter().flatten() {
        assert!(fields.contains_key(field.as_str().unwrap()), "{place} is sent without {field}");
    }
}

fn maintenance() -> MaintenanceView {
    MaintenanceView {
        until: Some(NOW),
        shadow: true,
        warnings: vec![String::new()],
        changed: Some(true),
        ..MaintenanceView::of(&Maintenance::default(), NOW)
    }
}

fn route() -> waygate_api::routes::RouteState {
    let window = json!({ "id": 1, "start": NOW, "end": "2999-01-01T00:00:00Z" });
    let route: Route = serde_json::from_value(json!({ "changed_at": 1, "windows": [window] })).unwrap();
    let key: RouteKey = "pay:GET:/a".parse().unwrap();
    let off = Maintenance::default();
    waygate_api::routes::RouteState::of(&key, &route, &off, &off, NOW)
}

#[test]
fn schemas_of_routes_are_those_of_what_is_sent() {
    assert_describes("Maintenance", &maintenance());
    assert_describes("RouteState", &route());
    assert_describes("ServiceSummary", &ServiceSummary::default());
    let batch = BatchAnswer {
        revision: Revision(1),
        dry_run: true,
        routes: vec![route()],
        global: Some(maintenance()),
        services: [("pay".to_owned(), maintenance())].into(),
        ..BatchAnswer::default()
    };
    assert_describes("Batch", &batch);
    let rejected = Rejected { index: 0, path: None, error: String::new() };
    assert_describes("Registered", &RegisterAnswer { states: vec![route()], rejected: vec![rejected] });
}

#[test]
fn schemas_of_events_are_those_of_what_is_sent() {
    for kind in [ScheduledKind::Window, ScheduledKind::Switch, ScheduledKind::Maintenance, ScheduledKind::RateLimit] {
        let scheduled = Scheduled {
            kind,
            id: Some(1),
            route: None,
            service: None,
            status: Some(LifecycleKind::Disabled),
            limit: Some(String::new()),
            cancelable: true,
            start: Some(NOW),
            end: NOW,
            open: true,
            shadow: true,
            reason: String::new(),
            planned_by: None,
            planned_at: Some(NOW),
        };
        assert_describes("Scheduled", &scheduled);
    }
    let entry = AuditEntry {
        id: String::new(),
        timestamp: NOW,
        path: String::new(),
        service: None,
        action: "disable".to_owned(),
        actor: String::new(),
        platform: "cli".to_owned(),
        reason: String::new(),
        previous_status: None,
        new_status: Some(LifecycleKind::EnvGated),
        revision: Revision(2),
        undoes: Some(Revision(1)),
    };
    assert_describes("AuditEntry", &entry);
}

#[test]
fn schemas_of_limits_are_those_of_what_is_sent() {
    let policy: RateLimitPolicy = serde_json::from_value(json!({ "limit": "5/minute", "enabled": true })).unwrap();
    let view = LimitView {
        overrides: Some(String::new()),
        on_missing_key: Some("block".to_owned()),
        shadow: true,
        until: Some(NOW),
        unsupported_by: vec![String::new()],
        changed: Some(true),
        ..LimitView::of(&Scope::Route("pay:GET:/a".parse().unwrap()), &policy, NOW)
    };
    assert_describes("RateLimit", &view);
    assert_describes("RateLimitState", &LimitState::default());
    assert_describes("RateLimitState", &LimitState { enabled: true, policy: Some(view) });
    let switched = LimitSwitched {
        ok: true,
        path: Some(String::new()),
        method: Some(String::new()),
        count: 1,
        changed: true,
        unsupported_by: vec![String::new()],
    };
    assert_describes("RateLimitSwitched", &switched);
    let hit = json!({
        "id": "", "timestamp": NOW, "path": "", "method": "", "key": "", "limit": "", "tier": null, "reset_at": NOW,
        "shadow": true,
    });
    assert_describes("Hit", &serde_json::from_value::<HitView>(hit).unwrap());
}

#[test]
fn schemas_of_webhooks_are_those_of_what_is_sent() {
    let delivery = DeliveryView {
        cursor: Some(Cursor::start_of("0123456789abcdef".parse().unwrap())),
        next_attempt: Some(NOW),
        last_error: Some(Trouble { at: NOW, id: String::new(), error: String::new() }),
        given_up: vec![GivenUp {
            id: String::new(),
            event: String::new(),
            path: String::new(),
            revision: Revision(1),
            at: NOW,
            attempts: 1,
            error: String::new(),
        }],
        missed: Some(Missed { at: NOW, after: Revision(1), next: Revision(2), why: "no_longer_kept".to_owned() }),
        ..DeliveryView::default()
    };
    let webhook = WebhookView {
        id: "0123456789abcdef".parse().unwrap(),
        url: None,
        format: WebhookFormat::Slack,
        services: vec!["pay".parse().unwrap()],
        actions: vec![waygate_core::Action::Disable],
        enabled: true,
        secret_generation: 1,
        changed_at: Revision(1),
        delivery,
        secret: Some(String::new()),
    };
    assert_describes("Webhook", &webhook);
    assert_describes("Delivery", &DeliveryView::default());
    assert_describes("TestResult", &TestResult { delivered: true, status: Some(204), error: None });
}

#[test]
fn schemas_of_sessions_are_those_of_what_is_sent() {
    let me = json!({ "username": "", "platform": "cli", "expires_at": NOW, "role": "viewer", "services": [""] });
    assert_describes("Me", &serde_json::from_value::<Me>(me).unwrap());
    let view = TokenView {
        id: String::new(),
        holder: String::new(),
        kind: "service".to_owned(),
        platform: "sdk".to_owned(),
        service: Some(String::new()),
        issued: NOW,
        expires: NOW,
        last_used: Some(NOW),
    };
    assert_describes("Token", &view);
    assert_describes("NewToken", &NewToken { token: String::new(), view });
    let login = LoginAnswer { token: String::new(), username: String::new(), expires_at: String::new() };
    assert_describes("Login", &login);
}
