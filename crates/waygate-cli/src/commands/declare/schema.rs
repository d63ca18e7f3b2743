//! The JSON Schema of documents, for editors and CI.

use serde_json::{Value, json};

/// JSON Schema 2020-12. What it admits can still be refused: names and limits have grammars of their own.
pub(super) fn of_documents() -> Value {
    let time = json!({ "type": "string", "format": "date-time" });
    let text = json!({ "type": "string" });
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let flag = json!({ "type": "boolean" });
    let revision =
        json!({ "type": "integer", "minimum": 0, "description": "When it was last changed; not wanted, only told" });
    let statuses = json!({ "enum": ["active", "maintenance", "disabled", "env_gated"] });
    let named = |of: &str| json!({ "type": "object", "additionalProperties": { "$ref": format!("#/$defs/{of}") } });
    let of = |name: &str| json!({ "$ref": format!("#/$defs/{name}") });
    let object = |properties: Value, required: &[&str]| json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What operators of Waygate want",
        "type": "object",
        "properties": {
            "waygate": { "const": 1 },
            "revision": revision,
            "global": of("global"),
            "services": named("service"),
        },
        "required": ["waygate"],
        "additionalProperties": false,
        "$defs": {
            "global": object(json!({ "maintenance": of("maintenance"), "rate_limit": of("limit") }), &[]),
            "service": object(json!({
                "maintenance": of("maintenance"),
                "rate_limit": of("limit"),
                "routes": named("route"),
                "route_limits": named("limit"),
            }), &[]),
            "maintenance": object(json!({
                "enabled": flag, "reason": text, "exempt": texts, "include_force_active": flag, "until": time,
                "shadow": flag, "changed_at": revision,
            }), &[]),
            "route": object(json!({
                "status": statuses, "reason": text, "environments": texts, "shadow": flag,
                "temporary": of("temporary"),
                "windows": { "type": "array", "items": of("window") },
                "deprecation": of("deprecation"),
                "force_active": flag, "declared": flag, "changed_at": revision,
            }), &[]),
            "temporary": object(json!({
                "status": statuses, "reason": text, "environments": texts, "shadow": flag, "until": time,
            }), &["until"]),
            "window": object(json!({ "start": time, "end": time, "reason": text, "shadow": flag }), &["start", "end"]),
            "deprecation": object(json!({ "sunset": text, "successor": text }), &[]),
            "limit": object(json!({
                "limit": { "type": "string", "examples": ["100/minute", "10/second;100/minute", "unlimited"] },
                "algorithm": { "enum": ["fixed_window", "sliding_window", "moving_window", "token_bucket"] },
                "key_strategy": { "type": "string", "examples": ["ip", "user", "api_key", "global", "header:X-Team"] },
                "on_missing_key": { "enum": ["exempt", "fallback_ip", "block"] },
                "burst": { "type": "integer", "minimum": 0 },
                "tiers": { "type": "array", "items": of("tier") },
                "tier_resolver": text, "exempt_ips": texts, "exempt_roles": texts, "exempt_routes": texts,
                "shadow": flag, "until": time,
                "on_backend_failure": { "enum": ["local", "open", "closed"] },
                "share": { "enum": ["per_replica", "divided"] },
                "paused": flag, "changed_at": revision,
            }), &["limit"]),
            "tier": object(json!({ "name": text, "limit": text }), &["name", "limit"]),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A document with every field of every object.
    const FULL: &str = include_str!("full.yaml");

    #[test]
    fn the_schema_has_the_fields_of_documents_and_no_others() {
        let document = crate::commands::declare::read::parse(FULL).unwrap();
        let value = serde_json::to_value(&document).unwrap();
        assert_eq!(
            value,
            serde_json::to_value(crate::commands::declare::read::parse(&value.to_string()).unwrap()).unwrap()
        );
        let schema = of_documents();
        let mut seen = std::collections::BTreeSet::new();
        covered(&schema, &schema, &value, &mut seen);
        for (name, definition) in schema["$defs"].as_object().unwrap() {
            for field in definition["properties"].as_object().unwrap().keys() {
                assert!(
                    seen.contains(&format!("{name}.{field}")),
                    "{name}.{field} is in the schema, not in a document"
                );
            }
        }
    }

    #[test]
    fn the_published_schema_is_this_one() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/document.schema.json");
        let expected = crate::render::json::laid_out(&of_documents().to_string()) + "\n";
        if std::env::var_os("UPDATE_DOCS").is_some() {
            let mut file = std::fs::File::create(&path).unwrap();
            std::io::Write::write_all(&mut file, expected.as_bytes()).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == expected, "docs/reference/document.schema.json is out of date: run this with UPDATE_DOCS=1");
    }

    /// Every field of `value` is in the schema; notes which.
    fn covered(schema: &Value, part: &Value, value: &Value, seen: &mut std::collections::BTreeSet<String>) {
        let name = part["$ref"].as_str().and_then(|at| at.strip_prefix("#/$defs/"));
        let part = name.map_or(part, |name| &schema["$defs"][name]);
        match value {
            Value::Object(fields) if part.get("properties").is_some() => {
                for (field, value) in fields {
                    let inner = &part["properties"][field];
                    assert!(!inner.is_null(), "{name:?} has no `{field}`");
                    seen.insert(format!("{}.{field}", name.unwrap_or_default()));
                    covered(schema, inner, value, seen);
                }
            }
            Value::Object(fields) => {
                fields.values().for_each(|value| covered(schema, &part["additionalProperties"], value, seen));
            }
            Value::Array(elements) => elements.iter().for_each(|value| covered(schema, &part["items"], value, seen)),
            _ => {}
        }
    }
}
