//! What a service counts arrives at the control plane, whatever became of the requests.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use waygate_sdk::RateLimit;
use waygate_sdk::axum::{GuardedRouter, get};
use waygate_sdk::core::KeyStrategy;
use waygate_server::Server;
use waygate_store::MemoryStore;

use crate::end_to_end::{ControlPlane, PATIENCE, status};

const SOON: Duration = Duration::from_millis(50);

#[tokio::test]
async fn every_outcome_is_counted_by_route_and_told_once() {
    let server = Server::builder().backend(Arc::new(MemoryStore::new().unwrap()));
    let control_plane = ControlPlane::start_at(0, server).await;
    let waygate = control_plane.service("payments-service").environment("dev").report_interval(SOON).start().unwrap();
    let app = GuardedRouter::new()
        .route("/open/{id}", get(async || "open"))
        .route("/shut", get(async || "shut").maintenance("Upgrade"))
        .route("/gated", get(async || "gated").env_only(["production"]))
        .route("/limited", get(async || "limited").rate_limit(RateLimit::new("1/hour").key(KeyStrategy::Global)))
        .guard(&waygate);
    assert!(waygate.ready(PATIENCE).await);
    for _ in 0..3 {
        for path in ["/open/1", "/shut", "/gated", "/limited", "/nowhere"] {
            status(&app, path).await;
        }
    }
    let client = reqwest::Client::new();
    let url = format!("http://{}/api/traffic?window=1m", control_plane.address);
    let routes = async || -> Vec<Value> {
        let body: Value = client.get(&url).send().await.unwrap().json().await.unwrap();
        body["routes"].as_array().unwrap().clone()
    };
    let told = tokio::time::timeout(PATIENCE, async {
        loop {
            let routes = routes().await;
            let sum = |name: &str| routes.iter().map(|route| route[name].as_u64().unwrap()).sum::<u64>();
            if ["allowed", "limited", "blocked", "gated"].map(sum).iter().sum::<u64>() >= 12 {
                break routes;
            }
            tokio::time::sleep(SOON).await;
        }
    });
    let told = told.await.unwrap();
    for (path, expected) in [
        ("/open/{id}", json!({"allowed": 3, "limited": 0, "blocked": 0, "gated": 0})),
        ("/shut", json!({"allowed": 0, "limited": 0, "blocked": 3, "gated": 0})),
        ("/gated", json!({"allowed": 0, "limited": 0, "blocked": 0, "gated": 3})),
        ("/limited", json!({"allowed": 1, "limited": 2, "blocked": 0, "gated": 0})),
    ] {
        let route = told.iter().find(|route| route["path"] == path).unwrap_or_else(|| panic!("{path}: {told:?}"));
        for (outcome, count) in expected.as_object().unwrap() {
            assert_eq!(&route[outcome], count, "{path}: {outcome}: {told:?}");
        }
    }
    waygate.shutdown().await;
    let after = routes().await;
    assert_eq!(after.iter().filter(|route| route["path"] != "").count(), 4, "nothing is told twice: {after:?}");
    assert_eq!(after.iter().find(|route| route["path"] == "/open/{id}").unwrap()["allowed"], 3);
}

/// The last counts of a service that stops are told before it is gone.
#[tokio::test]
async fn what_was_counted_last_is_told_at_the_end() {
    let control_plane = ControlPlane::start().await;
    let waygate = control_plane.service("payments-service").start().unwrap();
    let app = GuardedRouter::new().route("/open", get(async || "open")).guard(&waygate);
    assert!(waygate.ready(PATIENCE).await);
    let request = Request::builder().uri("/open").body(Body::empty()).unwrap();
    assert_eq!(app.clone().oneshot(request).await.unwrap().status(), 200);
    waygate.shutdown().await;
    let url = format!("http://{}/api/traffic", control_plane.address);
    let body: Value = reqwest::get(&url).await.unwrap().json().await.unwrap();
    assert_eq!((&body["routes"][0]["path"], &body["routes"][0]["allowed"]), (&json!("/open"), &json!(1)), "{body}");
}

/// Who is denied is told by a masked name, and never by what was sent.
#[tokio::test]
async fn callers_that_a_limit_denies_most_are_told_without_their_keys() {
    let server = Server::builder().backend(Arc::new(MemoryStore::new().unwrap()));
    let control_plane = ControlPlane::start_at(0, server).await;
    let waygate = control_plane.service("payments-service").report_interval(SOON).start().unwrap();
    let limit = RateLimit::new("1/hour").key(KeyStrategy::ApiKey);
    let app = GuardedRouter::new().route("/limited", get(async || "in").rate_limit(limit)).guard(&waygate);
    assert!(waygate.ready(PATIENCE).await);
    let call = async |key: &str| {
        let request = Request::builder().uri("/limited").header("x-api-key", key).body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    for (key, times) in [("sk-often", 5), ("sk-seldom", 2)] {
        for time in 0..times {
            assert_eq!(call(key).await, if time == 0 { 200 } else { 429 });
        }
    }
    let url = format!("http://{}/api/traffic", control_plane.address);
    let told = tokio::time::timeout(PATIENCE, async {
        loop {
            let text = reqwest::get(&url).await.unwrap().text().await.unwrap();
            let body: Value = serde_json::from_str(&text).unwrap();
            let callers = body["callers"].as_array().cloned().unwrap_or_default();
            if callers.iter().map(|caller| caller["count"].as_u64().unwrap()).sum::<u64>() == 5 {
                assert!(!text.contains("sk-"), "{text}");
                break callers;
            }
            tokio::time::sleep(SOON).await;
        }
    });
    let told = told.await.unwrap();
    let names: Vec<&str> = told.iter().map(|caller| caller["caller"].as_str().unwrap()).collect();
    assert_eq!((told[0]["count"].as_u64(), told[1]["count"].as_u64()), (Some(4), Some(1)), "{told:?}");
    assert!(names.iter().all(|name| name.starts_with("api_key ")) && names[0] != names[1], "{names:?}");
    assert_eq!(told[0]["policy"], "GET:/limited");
}
