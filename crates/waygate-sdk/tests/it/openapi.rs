//! What a service's document of OpenAPI says of its routes.

use std::time::Duration;

use axum::Router;
use serde_json::{Value, json};
use utoipa::openapi::{HttpMethod, Info, OpenApi, OpenApiBuilder, PathItem, Paths, path::OperationBuilder};
use waygate_sdk::Waygate;
use waygate_sdk::axum::{GuardedRouter, get, post};
use waygate_sdk::testing::{Bypass, ControlPlane};

fn shop(waygate: &Waygate) -> Router {
    GuardedRouter::new()
        .route("/health", get(async || "").force_active())
        .route("/orders/{id}", get(async || "").delete(async || ""))
        .route("/orders", post(async || "").rate_limit("1/minute"))
        .route("/files/{*rest}", get(async || "").disabled("<b>gone</b>"))
        .route("/beta", get(async || "").env_only(["staging"]))
        .route("/v1", get(async || "").deprecated(Some("2031-01-01"), Some("/v2")))
        .guard(waygate)
}

/// As `ApiDoc::openapi()` gives it, with names of parameters of its own.
fn document() -> OpenApi {
    let operation = |text: &str| OperationBuilder::new().description(Some(text)).build();
    let paths = [
        ("/health", vec![HttpMethod::Get]),
        ("/orders/{order}", vec![HttpMethod::Get, HttpMethod::Delete]),
        ("/orders", vec![HttpMethod::Post]),
        ("/files/{rest}", vec![HttpMethod::Get]),
        ("/beta", vec![HttpMethod::Get]),
        ("/v1", vec![HttpMethod::Get]),
        ("/elsewhere", vec![HttpMethod::Put]),
    ];
    let mut all = Paths::new();
    for (path, methods) in paths {
        all.paths.insert(path.to_owned(), PathItem::from_http_methods(methods, operation("as generated")));
    }
    OpenApiBuilder::new().info(Info::new("shop", "1")).paths(all).build()
}

/// Each operation that is marked, with its marks.
fn marked(waygate: &Waygate) -> Value {
    let document = serde_json::to_value(waygate.openapi(document())).unwrap();
    let mut found = serde_json::Map::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let mut marks = operation.as_object().unwrap().clone();
            marks.remove("responses");
            if marks.len() > 1 || marks["description"] != "as generated" {
                found.insert(format!("{method} {path}"), Value::Object(marks));
            }
        }
    }
    Value::Object(found)
}

#[test]
fn a_document_says_what_the_code_has_shut_and_what_goes_away() {
    let plane = ControlPlane::new("shop");
    let _app = shop(&plane.waygate());
    let expected = json!({
        "get /files/{rest}": {
            "deprecated": true,
            "description": "> **Disabled**\n\nas generated",
            "x-waygate-status": "disabled",
            "x-waygate-reason": "<b>gone</b>",
        },
        "get /beta": {
            "description": "> **Not available in this environment**\n\nas generated",
            "x-waygate-status": "env_gated",
        },
        "get /v1": {
            "deprecated": true,
            "description": "> **Deprecated**, answers until 2031-01-01T00:00:00Z\n\nas generated",
            "x-waygate-status": "deprecated",
            "x-sunset": "2031-01-01T00:00:00Z",
            "x-waygate-successor": "/v2",
        },
    });
    assert_eq!(marked(&plane.waygate()), expected);
}

#[test]
fn a_document_follows_the_operator_for_as_long_as_it_lasts() {
    let plane = ControlPlane::new("shop");
    let _app = shop(&plane.waygate());
    let before = marked(&plane.waygate());
    plane.route("DELETE:/orders/{id}").lasting(Duration::from_mins(1)).maintenance("audit");
    plane.route("POST:/orders").in_shadow().disable("only counted");
    let now = marked(&plane.waygate());
    let expected = json!({
        "description": "> **In maintenance** until 2030-01-01T00:01:00Z\n\nas generated",
        "x-waygate-status": "maintenance",
        "x-waygate-reason": "audit",
        "x-waygate-until": "2030-01-01T00:01:00Z",
    });
    assert_eq!(now["delete /orders/{order}"], expected);
    assert_eq!(
        now.as_object().unwrap().len(),
        before.as_object().unwrap().len() + 1,
        "the method is meant, and no shadow"
    );
    plane.advance(Duration::from_mins(1));
    assert_eq!(marked(&plane.waygate()), before);
}

#[test]
fn maintenance_of_everything_marks_all_but_what_answers() {
    let plane = ControlPlane::new("shop");
    let _app = shop(&plane.waygate());
    plane.everything().exempting(["/orders"]).maintenance("move");
    let now = marked(&plane.waygate());
    let shut: Vec<&String> = now.as_object().unwrap().keys().collect();
    assert!(!shut.iter().any(|name| ["get /health", "post /orders"].contains(&name.as_str())), "{shut:?}");
    assert_eq!(now["put /elsewhere"]["x-waygate-status"], "maintenance", "also what nobody has declared");
    assert_eq!(now["get /v1"]["x-waygate-status"], "maintenance");
    assert_eq!(now["get /v1"]["x-sunset"], "2031-01-01T00:00:00Z", "it goes away nevertheless");
    assert_eq!(now["get /v1"]["description"], "> **In maintenance**\n\nas generated");
    let _bypass = plane.bypass(Bypass::all());
    assert_eq!(marked(&plane.waygate()).as_object().unwrap().len(), 1, "what is bypassed answers");
}
