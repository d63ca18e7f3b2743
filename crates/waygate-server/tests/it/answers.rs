//! What all answers have in common.

use reqwest::Method;
use serde_json::json;

use crate::helpers::TestServer;

/// B49.
#[tokio::test]
async fn unknown_paths_and_methods_are_json_with_a_complete_allow() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for path in ["/nothing", "/api", "/api/flags", "/api/flags/login", "/api/segments", "/api/routes/", "/api/nothing"]
    {
        assert_eq!(admin.get(path).await.refusal(), (404, "unknown_path"), "{path}");
    }
    for (method, path, allowed) in [
        (Method::PUT, "/api/rate-limits", "GET,HEAD,POST"),
        (Method::DELETE, "/api/global", "GET,HEAD"),
        (Method::GET, "/api/global/enable", "POST"),
        (Method::OPTIONS, "/api/global-rate-limit", "DELETE,GET,HEAD,POST"),
    ] {
        let answer = admin.send(method, path, None).await;
        assert_eq!(answer.refusal(), (405, "method_not_allowed"), "{path}");
        let mut methods: Vec<&str> = answer.header("allow").unwrap().split(',').map(str::trim).collect();
        methods.sort_unstable();
        assert_eq!(methods.join(","), allowed);
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_protective_headers() {
    let server = TestServer::start().await;
    let caller = server.admin().await.with("x-request-id", "my-id.7");
    for path in ["/healthz", "/api/routes", "/api/nothing", "/api/routes/!"] {
        let answer = caller.get(path).await;
        assert_eq!(answer.header("x-request-id"), Some("my-id.7"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
    }
    for odd in ["", "a b", &"x".repeat(200)] {
        let answer = server.anonymous().with("x-request-id", odd).get("/healthz").await;
        assert_eq!(answer.header("x-request-id").unwrap().len(), 16, "{odd}");
    }
}

#[tokio::test]
async fn head_answers_where_get_does_and_ends_at_once() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = server.admin().await;
    for path in ["/healthz", "/api/routes", "/api/sdk/events", "/api/sdk/stream?service=pay"] {
        let response = admin.open(Method::HEAD, path, None).await;
        assert_eq!(response.status(), 200, "{path}");
        assert!(response.bytes().await.unwrap().is_empty(), "{path}");
    }
    let response = server.anonymous().open(Method::HEAD, "/api/routes", None).await;
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn the_server_counts_requests_and_says_what_it_is() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let first = admin.get("/api/server").await.body;
    assert_eq!((&first["backend"], &first["auth"], &first["revision"]), (&json!("memory"), &json!(true), &json!(1)));
    admin.get("/api/routes").await;
    admin.get("/api/nothing").await;
    let second = admin.get("/api/server").await.body;
    assert_eq!(second["requests"].as_u64().unwrap(), first["requests"].as_u64().unwrap() + 3);
    assert_eq!(second["epoch"], first["epoch"]);
}
