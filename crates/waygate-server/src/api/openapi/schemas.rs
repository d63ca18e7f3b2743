//! Schemas of answers. Tests hold them to the types that are sent.

mod events;
mod instances;
mod limits;
mod sessions;
mod traffic;
mod webhooks;

use serde_json::{Map, Value, json};

/// Every schema, by its name.
pub(super) fn all() -> Value {
    let parts =
        [routes(), limits::all(), sessions::all(), webhooks::all(), events::all(), instances::all(), traffic::all()];
    parts.into_iter().flatten().collect::<Map<_, _>>().into()
}

type Schemas = Vec<(String, Value)>;

fn routes() -> Schemas {
    vec![
        named(
            "Status",
            json!({ "type": "string", "enum": ["active", "maintenance", "disabled", "env_gated", "deprecated"] }),
        ),
        named(
            "Window",
            object(
                &["start", "end", "reason"],
                json!({
                    "start": time(), "end": time(), "reason": text(), "shadow": flag(),
                }),
            ),
        ),
        named(
            "RouteState",
            object(
                &[
                    "path",
                    "service",
                    "status",
                    "reason",
                    "allowed_envs",
                    "allowed_roles",
                    "allowed_ips",
                    "window",
                    "sunset_date",
                    "successor_path",
                    "rollout_percentage",
                    "force_active",
                    "effective",
                    "changed_at",
                ],
                json!({
                    "path": text(), "service": or_null(text()), "status": schema("Status"), "reason": text(),
                    "allowed_envs": texts(), "allowed_roles": texts(), "allowed_ips": texts(),
                    "window": or_null(schema("Window")), "sunset_date": or_null(text()), "successor_path": or_null(text()),
                    "rollout_percentage": whole(), "force_active": flag(), "effective": schema("Status"),
                    "cause": one_of(&["route", "window", "temporary", "service_maintenance", "global_maintenance"]),
                    "until": time(), "shadow": flag(), "changed_at": whole(),
                }),
            ),
        ),
        named(
            "Maintenance",
            object(
                &["enabled", "reason", "exempt_paths", "include_force_active", "changed_at"],
                json!({
                    "enabled": flag(), "reason": text(), "exempt_paths": texts(), "include_force_active": flag(),
                    "until": time(), "shadow": flag(), "changed_at": whole(), "warnings": texts(), "changed": flag(),
                }),
            ),
        ),
        named(
            "ServiceSummary",
            object(
                &["service", "routes", "effective", "maintenance", "planned", "changed_at"],
                json!({
                    "service": text(), "routes": whole(),
                    "effective": { "type": "object", "additionalProperties": whole() },
                    "maintenance": flag(), "planned": whole(), "changed_at": whole(),
                }),
            ),
        ),
        named(
            "Batch",
            object(
                &["revision", "changed", "routes", "removed", "services", "ended", "warnings"],
                json!({
                    "revision": whole(), "changed": flag(), "dry_run": flag(), "routes": list(schema("RouteState")),
                    "removed": texts(), "global": schema("Maintenance"),
                    "services": { "type": "object", "additionalProperties": schema("Maintenance") },
                    "ended": texts(), "warnings": texts(),
                }),
            ),
        ),
        named(
            "Registered",
            object(
                &["states"],
                json!({
                    "states": list(schema("RouteState")),
                    "rejected": list(object(&["index", "path", "error"], json!({
                        "index": whole(), "path": or_null(text()), "error": text(),
                    }))),
                }),
            ),
        ),
        named("RouteRemoved", object(&["ok", "path"], json!({ "ok": flag(), "path": text() }))),
        named("ServiceRemoved", object(&["ok", "service"], json!({ "ok": flag(), "service": text() }))),
    ]
}

fn named(name: &str, schema: Value) -> (String, Value) {
    (name.to_owned(), schema)
}

fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn whole() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn texts() -> Value {
    list(text())
}

fn one_of(names: &[&str]) -> Value {
    json!({ "type": "string", "enum": names })
}

#[expect(clippy::needless_pass_by_value, reason = "called with what was just made")]
fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

#[expect(clippy::needless_pass_by_value, reason = "called with what was just made")]
fn or_null(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

#[expect(clippy::needless_pass_by_value, reason = "called with literals")]
fn object(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties })
}

#[cfg(test)]
mod tests;
