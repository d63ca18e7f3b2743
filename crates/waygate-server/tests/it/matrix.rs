//! Role × endpoint, over the router's own list: an endpoint that is added without a thought about roles fails here.

use std::sync::Arc;

use reqwest::Method;
use serde_json::json;
use waygate_server::{Access, Credentials, Endpoint, Role, User, endpoints};
use waygate_store::MemoryStore;

use crate::helpers::{Caller, TestServer, path_key};

/// A server with a user of each role, and two more who are limited to `payments`.
async fn fleet() -> TestServer {
    let payments = || ["payments".parse().unwrap()];
    let users = Credentials::from(("admin", "secret"))
        .and_user(User::new("vera", "pw").role(Role::Viewer))
        .and_user(User::new("olga", "pw").role(Role::Operator))
        .and_user(User::new("viktor", "pw").role(Role::Viewer).services(payments()))
        .and_user(User::new("otto", "pw").role(Role::Operator).services(payments()));
    let server = TestServer::start_with(|server| server.auth(users)).await;
    server.register("payments", &["GET:/a", "GET:/shared"]).await;
    server.register("orders", &["GET:/b", "GET:/shared"]).await;
    server
}

/// A call of an endpoint that cannot succeed for want of sense in its body, but gets as far as its body.
async fn status(caller: &Caller, endpoint: &Endpoint, service: &str) -> u16 {
    let path = endpoint.path.replace("{path_key}", &path_key("GET:/nowhere")).replace("{service}", service);
    let path = path.replace("{webhook}", "none").replace("{token}", "none");
    caller.open(endpoint.method.clone(), &path, Some(b"[]".to_vec())).await.status().as_u16()
}

/// What each access means for each kind of caller, in the order of [`callers`].
fn expected(endpoint: &Endpoint) -> [bool; 5] {
    let reads = endpoint.method == Method::GET;
    match endpoint.access {
        Access::Public => [true; 5],
        Access::Service => [true, true, reads, true, true],
        Access::Viewer => [false, false, true, true, true],
        Access::Operator => [false, false, false, true, true],
        Access::Admin => [false, false, false, false, true],
    }
}

#[tokio::test]
async fn g41_each_role_may_call_what_its_role_is_for() {
    let server = fleet().await;
    let body = json!({"username": "admin", "password": "secret", "platform": "sdk"});
    let unbound = server.anonymous().post("/api/auth/login", body).await.body["token"].as_str().unwrap().to_owned();
    let callers = [
        ("a service", server.sdk("payments").await),
        ("a token without a service", server.anonymous().with("x-waygate-token", unbound)),
        ("a viewer", server.login("vera", "pw").await),
        ("an operator", server.login("olga", "pw").await),
        ("an administrator", server.admin().await),
    ];
    let mut seen = [[0; 2]; 5];
    for endpoint in endpoints().into_iter().filter(|endpoint| endpoint.access != Access::Public) {
        for (position, (name, caller)) in callers.iter().enumerate() {
            let status = status(caller, &endpoint, "payments").await;
            let allowed = expected(&endpoint)[position];
            assert_ne!(status, 401, "{name}: {endpoint:?}");
            // A token without a service may call, and is told that it speaks for none.
            if position != 1 || endpoint.method == Method::GET {
                assert_eq!(status != 403, allowed, "{name}: {endpoint:?} answered {status}");
            }
            seen[position][usize::from(allowed)] += 1;
        }
    }
    assert!(seen[..4].iter().all(|[refused, allowed]| *refused > 0 && *allowed > 0), "{seen:?}");
    assert_eq!(seen[4][0], 0, "an administrator may do everything");
}

/// A new endpoint must say who may call it, and what changes something is for operators unless it is listed here.
#[test]
fn g41_whatever_changes_something_takes_an_operator() {
    let exceptions = [
        "/api/auth/login",
        "/api/auth/logout",
        "/login",
        "/logout",
        "/api/sdk/register",
        "/api/sdk/audit",
        "/api/sdk/hits",
        "/api/sdk/traffic",
        "/api/sdk/acknowledge",
    ];
    for endpoint in endpoints().into_iter().filter(|endpoint| endpoint.method != Method::GET) {
        let narrow = exceptions.contains(&endpoint.path);
        assert_eq!(endpoint.access < Access::Operator, narrow, "{endpoint:?}");
    }
    for endpoint in endpoints().into_iter().filter(|endpoint| endpoint.path.starts_with("/api/tokens")) {
        assert_eq!(endpoint.access, Access::Admin, "{endpoint:?}");
    }
}

#[tokio::test]
async fn g41_a_role_for_some_services_reads_and_switches_those_alone() {
    let server = fleet().await;
    let (otto, viktor) = (server.login("otto", "pw").await, server.login("viktor", "pw").await);
    let route = crate::helpers::route;
    for person in [&otto, &viktor] {
        assert_eq!(person.get("/api/routes").await.paths(), ["payments:GET:/a", "payments:GET:/shared"]);
        assert_eq!(person.get("/api/services").await.body, json!(["payments"]));
        assert_eq!(person.get(&route("GET:/shared", "")).await.body["path"], "payments:GET:/shared");
        for foreign in [
            "/api/routes?service=orders".to_owned(),
            route("orders:GET:/b", ""),
            "/api/services/orders/maintenance".to_owned(),
            "/api/sdk/stream?service=orders".to_owned(),
        ] {
            assert_eq!(person.get(&foreign).await.refusal(), (403, "forbidden"), "{foreign}");
        }
        assert_eq!(person.get(&route("GET:/b", "")).await.refusal(), (404, "unknown_route"));
    }
    let before = server.changes();
    let global = json!({"reason": "x"});
    for foreign in [
        route("orders:GET:/b", "disable"),
        "/api/global/enable".to_owned(),
        "/api/global/disable".to_owned(),
        "/api/services/orders/maintenance/enable".to_owned(),
        "/api/services/orders/maintenance/disable".to_owned(),
    ] {
        let answer = otto.post(&foreign, global.clone()).await;
        assert_eq!(answer.refusal(), (403, "forbidden"), "{foreign}");
    }
    let answer = otto.post(&route("GET:/b", "disable"), json!({})).await;
    assert_eq!(answer.refusal(), (404, "unknown_route"), "names of others are not told: {}", answer.body);
    assert!(!answer.body.to_string().contains("orders"), "{}", answer.body);
    assert_eq!(viktor.post(&route("GET:/a", "disable"), json!({})).await.refusal(), (403, "forbidden"));
    assert_eq!(server.changes(), before);
    assert_eq!(otto.post(&route("GET:/shared", "disable"), json!({"reason": "mine"})).await.status, 200);
    assert_eq!(otto.post("/api/services/payments/maintenance/enable", global).await.status, 200);
    server.admin().await.post(&route("orders:GET:/b", "disable"), json!({"reason": "theirs"})).await;
    let log = viktor.get("/api/audit").await;
    assert_eq!(log.body.as_array().unwrap().len(), 2, "{}", log.body);
    assert!(!log.body.to_string().contains("orders"), "{}", log.body);
}

#[tokio::test]
async fn g41_a_login_for_a_service_gives_nobody_more_than_he_has() {
    let server = fleet().await;
    let login = async |user: &str, service: &str| {
        let caller = server.anonymous().with("x-waygate-app-id", service);
        caller.post("/api/auth/login", json!({"username": user, "password": "pw", "platform": "sdk"})).await
    };
    assert_eq!(login("vera", "payments").await.refusal(), (403, "forbidden"));
    assert_eq!(login("otto", "orders").await.refusal(), (403, "forbidden"));
    let answer = login("otto", "payments").await;
    let service = server.anonymous().with("x-waygate-token", answer.body["token"].as_str().unwrap());
    assert_eq!(service.post("/api/services/payments/maintenance/enable", json!({})).await.status, 403);
    assert_eq!(service.get("/api/routes").await.paths().len(), 2);
}

/// A token carries no rights: they are looked up each time.
#[tokio::test]
async fn g42_a_role_that_was_taken_away_ends_with_it() {
    let store = Arc::new(MemoryStore::new().unwrap());
    let with_role = |role| Credentials::from(("admin", "secret")).and_user(User::new("olga", "pw").role(role));
    let before = TestServer::start_on(store, |server| server.auth(with_role(Role::Operator))).await;
    let token = before.login("olga", "pw").await.header("x-waygate-token").to_owned();
    let after = TestServer::start_with(|server| server.auth(with_role(Role::Viewer))).await;
    let olga = after.anonymous().with("x-waygate-token", token);
    let me = olga.get("/api/auth/me").await.body;
    assert_eq!((&me["username"], &me["role"]), (&json!("olga"), &json!("viewer")));
    assert_eq!(olga.post("/api/global/enable", json!({})).await.refusal(), (403, "forbidden"));
}
