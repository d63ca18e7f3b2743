//! The description of the API (OpenAPI 3.1), made of the table of endpoints.

mod field;
pub(super) mod fields;
mod row;
mod schemas;

use std::sync::LazyLock;

use axum::Json;
use axum::http::Method;
use serde_json::{Map, Value, json};

use crate::api::table::table;

pub(crate) use row::Row;

/// The description, for whoever may call anything.
pub(super) async fn show() -> Json<&'static Value> {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document(&table()));
    Json(&DOCUMENT)
}

fn document(rows: &[Row]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for row in rows {
        let path = paths.entry(row.endpoint.path).or_insert_with(|| json!({}));
        let method = match row.endpoint.method {
            Method::GET => "get",
            Method::POST => "post",
            Method::PUT => "put",
            Method::PATCH => "patch",
            _ => "delete",
        };
        path[method] = row.operation();
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Waygate",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Controls the routes of services while they run.",
        },
        "security": [{ "token": [] }, { "bearer": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "apiKey", "in": "header", "name": "X-Waygate-Token" },
                "bearer": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": "waygate_session" },
            },
            "responses": { "Error": {
                "description": "Refused; nothing has changed",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
            } },
            "schemas": schemas::all(),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_description_is_what_it_was() {
        insta::assert_json_snapshot!("openapi", document(&table()));
    }

    #[test]
    fn every_row_says_what_it_does_and_has_a_name_of_its_own() {
        let rows = table();
        let mut ids = BTreeSet::new();
        for row in &rows {
            assert!(!row.about.summary.is_empty(), "{:?} has no summary", row.endpoint);
            assert!(ids.insert(row.operation_id()), "{:?} has the name of another", row.endpoint);
        }
    }

    #[test]
    fn every_schema_that_is_named_is_there() {
        let document = document(&table());
        let text = document.to_string();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }
}
