//! Schemas of answers. Tests hold them to the types that are sent.

use serde_json::{Value, json};

pub(super) fn all() -> Value {
    let text = || json!({ "type": "string" });
    let text_or_null = || json!({ "type": ["string", "null"] });
    let time = || json!({ "type": "string", "format": "date-time" });
    let time_or_null = || json!({ "type": ["string", "null"], "format": "date-time" });
    let flag = || json!({ "type": "boolean" });
    let whole = || json!({ "type": "integer", "minimum": 0 });
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    let status = || json!({ "$ref": "#/components/schemas/Status" });
    let status_or_null = || json!({ "anyOf": [status(), { "type": "null" }] });
    json!({
        "Status": { "type": "string", "enum": ["active", "maintenance", "disabled", "env_gated", "deprecated"] },
        "Error": object(&["error", "code"], json!({
            "error": text(), "code": text(), "field": text(), "ambiguous_matches": texts(), "near": texts(),
            "request_id": text(),
        })),
        "Window": object(&["start", "end", "reason"], json!({
            "start": time(), "end": time(), "reason": text(), "shadow": flag(),
        })),
        "RouteState": object(
            &["path", "service", "status", "reason", "effective", "changed_at"],
            json!({
                "path": text(), "service": text_or_null(), "status": status(), "reason": text(),
                "allowed_envs": texts(), "allowed_roles": texts(), "allowed_ips": texts(),
                "window": { "anyOf": [{ "$ref": "#/components/schemas/Window" }, { "type": "null" }] },
                "sunset_date": text_or_null(), "successor_path": text_or_null(), "rollout_percentage": whole(),
                "force_active": flag(), "effective": status(), "cause": text(), "until": time(), "shadow": flag(),
                "changed_at": whole(),
            }),
        ),
        "Maintenance": object(&["enabled", "reason", "exempt_paths", "include_force_active", "changed_at"], json!({
            "enabled": flag(), "reason": text(), "exempt_paths": texts(), "include_force_active": flag(),
            "until": time(), "shadow": flag(), "changed_at": whole(), "warnings": texts(), "changed": flag(),
        })),
        "AuditEntry": object(&["id", "timestamp", "path", "service", "action", "actor", "platform", "revision"], json!({
            "id": text(), "timestamp": time(), "path": text(), "service": text_or_null(), "action": text(),
            "actor": text(), "platform": text(), "reason": text(), "previous_status": status_or_null(),
            "new_status": status_or_null(), "revision": whole(),
        })),
        "Scheduled": object(&["kind", "route", "service", "status", "end", "open", "reason"], json!({
            "kind": { "type": "string", "enum": ["window", "switch", "maintenance"] }, "id": whole(),
            "route": text_or_null(), "service": text_or_null(), "status": status(), "start": time(), "end": time(),
            "open": flag(), "shadow": flag(), "reason": text(), "planned_by": text_or_null(),
            "planned_at": time_or_null(),
        })),
        "Batch": object(&["revision", "changed", "routes"], json!({
            "revision": whole(), "changed": flag(), "dry_run": flag(),
            "routes": { "type": "array", "items": { "$ref": "#/components/schemas/RouteState" } },
            "removed": texts(), "global": { "$ref": "#/components/schemas/Maintenance" },
            "services": { "type": "object", "additionalProperties": { "$ref": "#/components/schemas/Maintenance" } },
            "ended": texts(), "warnings": texts(),
        })),
        "Login": object(&["token", "username", "expires_at"], json!({
            "token": text(), "username": text(), "expires_at": text(),
        })),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "called with literals")]
fn object(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties })
}

#[cfg(test)]
mod tests {
    use waygate_api::batch::BatchAnswer;
    use waygate_api::maintenance::MaintenanceView;
    use waygate_core::{Maintenance, Revision, Route, RouteKey, Timestamp};

    use super::*;

    /// What is sent is described, and what is said to be always there is.
    fn assert_describes(name: &str, sent: &Value) {
        let schemas = all();
        let schema = &schemas[name];
        for field in sent.as_object().unwrap().keys() {
            assert!(schema["properties"].get(field).is_some(), "{name} does not describe {field}");
        }
        for field in schema["required"].as_array().unwrap() {
            assert!(sent.get(field.as_str().unwrap()).is_some(), "{name} is sent without {field}");
        }
    }

    #[test]
    fn schemas_are_those_of_what_is_sent() {
        let now = Timestamp::UNIX_EPOCH;
        let off = Maintenance::default();
        let maintenance = MaintenanceView {
            until: Some(now),
            shadow: true,
            warnings: vec![String::new()],
            changed: Some(true),
            ..MaintenanceView::of(&off, now)
        };
        assert_describes("Maintenance", &json!(maintenance));
        let route: Route = serde_json::from_value(json!({ "changed_at": 1 })).unwrap();
        let key: RouteKey = "pay:GET:/a".parse().unwrap();
        let route = waygate_api::routes::RouteState::of(&key, &route, &off, &off, now);
        assert_describes("RouteState", &json!(route));
        let batch =
            BatchAnswer { revision: Revision(1), dry_run: true, global: Some(maintenance), ..BatchAnswer::default() };
        assert_describes("Batch", &json!(batch));
    }
}
