//! The endpoints, as `GET /api/openapi.json` describes them.

use std::fmt::Write as _;

use serde_json::Value;
use waygate_server::{Access, endpoints};

use crate::helpers::TestServer;
use crate::reference::hold;

const HEAD: &str = "# HTTP

Made of `GET /api/openapi.json`, which every control plane answers with and which tools read better (OpenAPI 3.1).

- **Who calls.** `X-Waygate-Token: TOKEN` or `Authorization: Bearer TOKEN`; `POST /api/auth/login` gives a token. A control plane
  without authentication asks for none.
- **Bodies** are JSON objects. Unknown fields are ignored, times are in RFC 3339, and a route in a path is its key in
  base64url without padding.
- **A change** is carried out once: asking for what is so already changes nothing and says `X-Waygate-Changed: false`. Where a
  parameter is called `dry_run`, nothing is changed and the answer is what would come of it. `If-Match` (or
  `expected_revision`) refuses a change of something that has moved on. `wait` answers once it is in force; the answer then has
  the object `propagation`.
- **Answers** name the revision that they are of in `X-Waygate-Revision`. Lists that come in pages say in `X-Waygate-Next` where
  the next page begins.
- **Refusals** are all of one shape: [Errors](errors.md).
";

#[tokio::test]
async fn endpoints_are_those_of_the_description() {
    let server = TestServer::start().await;
    let document = server.admin().await.get("/api/openapi.json").await.body;
    let mut out = HEAD.to_owned();
    let mut area = "";
    for endpoint in endpoints() {
        let here = area_of(endpoint.path);
        if here != area {
            write!(out, "\n## {here}\n").unwrap();
            area = here;
        }
        let method = endpoint.method.as_str();
        let operation = &document["paths"][endpoint.path][method.to_lowercase()];
        let who = match endpoint.access {
            Access::Public => "Anybody",
            Access::Service => "Services and people",
            Access::Viewer => "People: viewers, operators, administrators",
            Access::Operator => "Operators and administrators",
            Access::Admin => "Administrators",
        };
        let summary = operation["summary"].as_str().unwrap();
        write!(out, "\n### `{method} {}`\n\n{summary}. {who}.\n", endpoint.path).unwrap();
        write_fields(&mut out, operation);
        writeln!(out, "\n{}", success(operation)).unwrap();
    }
    out.push_str("\n## Objects\n");
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        write!(out, "\n### {name}\n\n").unwrap();
        write_schema(&mut out, schema);
    }
    hold("http.md", &out);
}

fn area_of(path: &str) -> &'static str {
    let first = path.trim_start_matches("/api").split('/').find(|part| !part.is_empty()).unwrap();
    match first {
        "routes" | "batch" | "document" | "explain" | "schedules" => "Routes",
        "global" => "Maintenance of everything",
        "services" => "Services",
        "rate-limits" | "global-rate-limit" => "Rate limits",
        "audit" => "Audit log",
        "webhooks" => "Webhooks",
        "sdk" => "What services call",
        "instances" | "propagation" | "traffic" => "Instances and traffic",
        "auth" | "login" | "logout" | "tokens" => "Logins and tokens",
        _ => "The server itself",
    }
}

fn write_fields(out: &mut String, operation: &Value) {
    let mut rows = Vec::new();
    for parameter in operation["parameters"].as_array().unwrap() {
        rows.push((parameter["in"].as_str().unwrap().to_owned(), parameter, &parameter["schema"]));
    }
    let content = operation["requestBody"]["content"].as_object();
    let body = content.and_then(|content| content.values().next()).map(|media| &media["schema"]);
    let names: Vec<(&String, &Value)> =
        body.and_then(|body| body["properties"].as_object()).into_iter().flatten().collect();
    if rows.is_empty() && names.is_empty() {
        return;
    }
    out.push_str("\n| | in | is | |\n|---|---|---|---|\n");
    for (place, parameter, schema) in rows {
        let name = parameter["name"].as_str().unwrap();
        let needed = needed(parameter["required"] == true);
        writeln!(out, "| `{name}`{needed} | {place} | {} | {} |", kind(schema), text(parameter)).unwrap();
    }
    let required = |name: &str| is_required(body.unwrap_or(&Value::Null), name);
    for (name, schema) in names {
        writeln!(out, "| `{name}`{} | body | {} | {} |", needed(required(name)), kind(schema), text(schema)).unwrap();
    }
}

fn write_schema(out: &mut String, schema: &Value) {
    let Some(properties) = schema["properties"].as_object() else {
        writeln!(out, "{}", kind(schema)).unwrap();
        return;
    };
    out.push_str("| field | is | always |\n|---|---|---|\n");
    for (name, property) in properties {
        let always = if is_required(schema, name) { "yes" } else { "" };
        writeln!(out, "| `{name}` | {} | {always} |", kind(property)).unwrap();
    }
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name))
}

fn needed(required: bool) -> &'static str {
    if required { " (required)" } else { "" }
}

fn text(described: &Value) -> String {
    described["description"].as_str().unwrap_or_default().replace('|', "\\|")
}

fn success(operation: &Value) -> String {
    let responses = operation["responses"].as_object().unwrap();
    let (status, response) = responses.iter().find(|(status, _)| status.starts_with(['2', '3'])).unwrap();
    match response["content"].as_object().and_then(|content| content.iter().next()) {
        None => format!("Answers {status}: {}.", response["description"].as_str().unwrap().to_lowercase()),
        Some((media, content)) if media == "application/json" => {
            format!("Answers {status}: {}.", kind(&content["schema"]))
        }
        Some((media, _)) => format!("Answers {status}: `{media}`."),
    }
}

/// A schema in words.
fn kind(schema: &Value) -> String {
    let list =
        |schemas: &Value, between: &str| schemas.as_array().unwrap().iter().map(kind).collect::<Vec<_>>().join(between);
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if schema["anyOf"].is_array() {
        return list(&schema["anyOf"], " or ");
    }
    if schema["allOf"].is_array() {
        return list(&schema["allOf"], " with ");
    }
    if let Some(names) = schema["enum"].as_array() {
        let names = names.iter().map(|name| format!("`{}`", name.as_str().unwrap_or("null")));
        return names.collect::<Vec<_>>().join(", ");
    }
    let several = |names: &Vec<Value>| names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ");
    let name = schema["type"].as_array().map_or(schema["type"].as_str().unwrap_or("anything").to_owned(), several);
    match &*name {
        "array" => format!("list of {}", kind(&schema["items"])),
        "string" if schema["format"] == "date-time" => "time".to_owned(),
        "string" => "text".to_owned(),
        "integer" => match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
            (Some(least), Some(most)) if most < 1_000_000_000 => format!("{least} to {most}"),
            _ => "whole number".to_owned(),
        },
        "object" => match schema["properties"].as_object() {
            Some(properties) => {
                let each = properties.iter().map(|(name, schema)| format!("`{name}` ({})", kind(schema)));
                format!("object: {}", each.collect::<Vec<_>>().join(", "))
            }
            None => "object".to_owned(),
        },
        other => other.to_owned(),
    }
}
