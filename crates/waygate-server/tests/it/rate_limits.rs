//! Rate limits of all scopes, as operators set them and as the reference's SDK gets them.

use reqwest::Method;
use serde_json::{Value, json};
use waygate_api::paths::path_key;
use waygate_server::{Credentials, Role, User};

use crate::helpers::{Answer, Caller, TestServer};

const SCOPES: [&str; 3] = ["/api/rate-limits", "/api/global-rate-limit", "/api/services/pay/rate-limit"];

async fn served() -> (TestServer, Caller) {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a", "POST:/a", "GET:/ab", "GET:/items/{id}"]).await;
    server.register("orders", &["GET:/a"]).await;
    let admin = server.admin().await;
    (server, admin)
}

async fn delete(caller: &Caller, path: &str) -> Answer {
    caller.send(Method::DELETE, path, None).await
}

fn body(path: &str, mut more: Value) -> Value {
    let mut body = json!({"path": "pay:GET:/a", "limit": "5/minute"});
    if !path.starts_with("/api/rate-limits") {
        body.as_object_mut().unwrap().remove("path");
    }
    body.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
    body
}

/// What an SDK of the reference is told about limits within a quiet moment.
async fn events(sdk: &Caller, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let mut response = sdk.open(Method::GET, "/api/sdk/events", None).await;
    let (mut text, mut seen) = (String::new(), Vec::new());
    while !wanted(&seen) {
        let chunk = tokio::time::timeout(std::time::Duration::from_secs(10), response.chunk()).await;
        let chunk = chunk.unwrap_or_else(|_| panic!("still not told; only {seen:?}")).unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        seen = text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    }
    seen
}

fn limits_told(seen: &[Value]) -> Vec<String> {
    let of_limits = seen.iter().filter(|event| event["type"] == "rl_policy");
    of_limits
        .map(|event| {
            let limit = event["policy"]["limit"].as_str().unwrap_or_default();
            format!("{} {} {limit}", event["action"].as_str().unwrap(), event["key"].as_str().unwrap())
                .trim_end()
                .to_owned()
        })
        .collect()
}

#[tokio::test]
async fn b11_a_route_is_named_by_path_and_method_or_by_its_key_within_its_service() {
    let (_server, admin) = served().await;
    for body in [
        json!({"path": "/ab", "limit": "5/minute"}),
        json!({"path": "/ab", "method": "get", "limit": "5/minute"}),
        json!({"path": "GET:/ab", "service": "pay", "limit": "5/minute"}),
        json!({"path": "pay:GET:/ab", "method": "GET", "limit": "5/minute"}),
    ] {
        let answer = admin.post("/api/rate-limits", body.clone()).await;
        assert_eq!(answer.status, 201, "{body}: {:?}", answer.body);
        let told = |field: &str| answer.body[field].as_str().unwrap();
        assert_eq!((told("path"), told("method"), told("service"), told("key")), ("/ab", "GET", "pay", "pay:GET:/ab"));
    }
    let both = admin.post("/api/rate-limits", json!({"path": "/a", "method": "GET", "limit": "5/minute"})).await;
    assert_eq!(both.refusal(), (409, "ambiguous_route"));
    let get = admin.post("/api/rate-limits", json!({"path": "/a", "service": "pay", "limit": "5/minute"})).await;
    assert_eq!((get.status, &get.body["method"]), (201, &json!("GET")));
    let unknown = admin.post("/api/rate-limits", json!({"path": "/abc", "limit": "5/minute"})).await;
    assert_eq!(unknown.refusal(), (404, "unknown_route"));
    assert_eq!(unknown.body["near"], json!(["pay:GET:/ab", "orders:GET:/a", "pay:GET:/a"]));
}

#[tokio::test]
async fn a_policy_has_the_fields_of_the_wire_in_each_scope() {
    let (_server, admin) = served().await;
    let set = admin.post("/api/rate-limits", body("/api/rate-limits", json!({"burst": 3}))).await;
    for (field, expected) in [
        ("path", json!("/a")),
        ("method", json!("GET")),
        ("limit", json!("5/minute")),
        ("algorithm", json!("fixed_window")),
        ("key_strategy", json!("ip")),
        ("on_missing_key", json!(null)),
        ("burst", json!(3)),
        ("tiers", json!([])),
        ("tier_resolver", json!("plan")),
        ("exempt_ips", json!([])),
        ("exempt_roles", json!([])),
        ("origin", json!("operator")),
    ] {
        assert_eq!(set.body[field], expected, "{field}");
    }
    for path in &SCOPES[1..] {
        assert_eq!(admin.get(path).await.body, json!({"enabled": false, "policy": null}));
        let settings =
            json!({"exempt_routes": ["/health"], "on_missing_key": "block", "key_strategy": "header:X-Tenant"});
        assert_eq!(admin.post(path, body(path, settings)).await.status, 201);
        let shown = admin.get(path).await.body;
        assert_eq!((&shown["enabled"], &shown["policy"]["exempt_routes"]), (&json!(true), &json!(["/health"])));
        assert_eq!(shown["policy"]["key_strategy"], "header:X-Tenant");
    }
}

#[tokio::test]
async fn b44_what_makes_no_sense_is_refused_alike_in_every_scope() {
    let (server, admin) = served().await;
    let revision = server.revision();
    let long = "9".repeat(400);
    for path in SCOPES {
        for limit in [
            json!(""),
            json!(null),
            json!(5),
            json!("100"),
            json!("-1/minute"),
            json!("1.5/minute"),
            json!("1/week"),
            json!("1/minute;"),
            json!(format!("{long}/minute")),
            json!("1/1000000000000000000000000000000 minutes"),
        ] {
            let answer = admin.post(path, body(path, json!({"limit": limit}))).await;
            assert_eq!(answer.refusal(), (400, "invalid_field"), "{limit}");
            assert_eq!(answer.body["field"], "limit");
            assert!(answer.body["error"].as_str().unwrap().contains("`N/period`"), "{:?}", answer.body);
        }
        for (field, value) in [
            ("burst", json!(-5)),
            ("burst", json!(1.9)),
            ("burst", json!(true)),
            ("burst", json!(1e30)),
            ("burst", json!("5")),
            ("burst", json!(null)),
            ("algorithm", json!([])),
            ("algorithm", json!({})),
            ("algorithm", json!("leaky")),
            ("key_strategy", json!([])),
            ("key_strategy", json!("cookie")),
            ("on_missing_key", json!("drop")),
            ("exempt_routes", json!(null)),
            ("exempt_ips", json!(["10.0.0.0/99"])),
            ("tiers", json!([{"name": "pro"}])),
            ("until", json!("2001-01-01")),
            ("shadow", json!(1)),
        ] {
            let answer = admin.post(path, body(path, json!({field: value}))).await;
            assert_eq!(answer.refusal().0, 400, "{field} {value}");
            assert!(answer.body["field"].as_str().unwrap().starts_with(field), "{:?}", answer.body);
        }
    }
    for method in [json!("BREW"), json!(""), json!(null), json!("PUT")] {
        let answer = admin.post("/api/rate-limits", json!({"path": "pay:/ab", "method": method, "limit": "1/s"})).await;
        assert_eq!((answer.refusal().0, &answer.body["field"]), (400, &json!("method")), "{method}");
    }
    for typo in ["/api/services/pya/rate-limit", "/api/services/pya/rate-limit/enable"] {
        assert_eq!(admin.post(typo, json!({"limit": "1/s"})).await.refusal(), (404, "unknown_service"));
    }
    assert_eq!(server.revision(), revision, "nothing was stored");
}

#[tokio::test]
async fn b44_what_is_not_there_cannot_be_switched_and_repetitions_change_nothing() {
    let (server, admin) = served().await;
    let route = format!("/api/rate-limits/{}", path_key("pay:GET:/a"));
    for base in [&*route, SCOPES[1], SCOPES[2]] {
        let revision = server.revision();
        for action in ["enable", "disable"] {
            let answer = admin.post(&format!("{base}/{action}"), json!({})).await;
            assert_eq!(answer.refusal(), (404, "unknown_rate_limit"));
        }
        assert_eq!(delete(&admin, base).await.refusal(), (404, "unknown_rate_limit"));
        assert_eq!(delete(&admin, &format!("{base}/reset")).await.refusal(), (404, "unknown_rate_limit"));
        assert_eq!(server.revision(), revision);

        let path = if base == route { "/api/rate-limits" } else { base };
        for _ in 0..2 {
            assert_eq!(admin.post(path, body(path, json!({}))).await.status, 201);
            assert_eq!(server.revision(), revision + 1);
        }
        for _ in 0..2 {
            assert_eq!(admin.post(&format!("{base}/disable"), json!({})).await.body["ok"], true);
            assert_eq!(server.revision(), revision + 2);
        }
        assert_eq!(delete(&admin, &format!("{base}/reset")).await.body["count"], 1);
        assert_eq!(delete(&admin, base).await.body["ok"], true);
        assert_eq!(server.revision(), revision + 4);
    }
}

#[tokio::test]
async fn limits_are_audited_with_their_actor_platform_and_service() {
    let (server, _) = served().await;
    let alice = server.login("alice", "wonder").await.with("x-waygate-platform", "cli");
    for (position, path) in SCOPES.into_iter().enumerate() {
        alice.post(path, body(path, json!({}))).await;
        alice.post(path, body(path, json!({"limit": "6/minute"}))).await;
        let base = if position == 0 { format!("{path}/{}", path_key("pay:GET:/a")) } else { path.to_owned() };
        delete(&alice, &format!("{base}/reset")).await;
        delete(&alice, &base).await;
    }
    let log = alice.get("/api/audit").await.body;
    let told: Vec<String> = log
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|entry| {
            assert_eq!((&entry["actor"], &entry["platform"]), (&json!("alice"), &json!("cli")), "{entry}");
            let text = |field: &str| entry[field].as_str().unwrap_or("-").to_owned();
            format!("{} {} {}", text("action"), text("path"), text("service"))
        })
        .collect();
    assert_eq!(
        told,
        [
            "rl_policy_set pay:GET:/a pay",
            "rl_policy_updated pay:GET:/a pay",
            "rl_reset pay:GET:/a pay",
            "rl_policy_deleted pay:GET:/a pay",
            "global_rl_set __global_rl__ -",
            "global_rl_updated __global_rl__ -",
            "global_rl_reset __global_rl__ -",
            "global_rl_deleted __global_rl__ -",
            "svc_rl_set __waygate:svc_rl:pay__ pay",
            "svc_rl_updated __waygate:svc_rl:pay__ pay",
            "svc_rl_reset __waygate:svc_rl:pay__ pay",
            "svc_rl_deleted __waygate:svc_rl:pay__ pay",
        ]
    );
}

#[tokio::test]
async fn the_list_names_service_method_path_and_origin_and_can_be_filtered() {
    let (server, admin) = served().await;
    let declared = json!({"path": "pay:GET:/ab", "rate_limit": {"limit": "7/minute"}});
    server.sdk("pay").await.post("/api/sdk/register", json!({"app_id": "pay", "states": [declared]})).await;
    for path in ["pay:ALL:/a", "orders:GET:/a"] {
        assert_eq!(admin.post("/api/rate-limits", json!({"path": path, "limit": "5/minute"})).await.status, 201);
    }
    let listed = async |query: &str| -> Vec<String> {
        let answer = admin.get(&format!("/api/rate-limits{query}")).await.body;
        let rows = answer.as_array().unwrap_or_else(|| panic!("{query}: {answer}")).iter();
        rows.map(|row| {
            let text = |field: &str| row[field].as_str().unwrap().to_owned();
            format!("{} {} {} {}", text("service"), text("method"), text("path"), text("origin"))
        })
        .collect()
    };
    assert_eq!(listed("").await, ["orders GET /a operator", "pay ALL /a operator", "pay GET /ab declared"]);
    assert_eq!(listed("?service=pay&method=ALL").await, ["pay ALL /a operator"]);
    assert_eq!(listed("?origin=declared").await, ["pay GET /ab declared"]);
    assert_eq!(listed("?route=GET:/a").await, ["orders GET /a operator"]);

    admin.post("/api/rate-limits", json!({"path": "pay:GET:/ab", "limit": "1/minute"})).await;
    let shown = admin.get(&format!("/api/rate-limits/{}", path_key("pay:GET:/ab"))).await.body;
    assert_eq!((&shown["limit"], &shown["overrides"]), (&json!("1/minute"), &json!("7/minute")));
    // A service sees its own, and sets none.
    let sdk = server.sdk("pay").await;
    let own = sdk.get("/api/rate-limits").await.body;
    let paths: Vec<&str> = own.as_array().unwrap().iter().map(|row| row["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/a", "/a", "/ab"], "for each method, as that client asks");
    assert_eq!(sdk.post("/api/rate-limits", body("/api/rate-limits", json!({}))).await.refusal().0, 403);
}

#[tokio::test]
async fn the_references_sdk_is_told_of_limits_in_its_own_words() {
    let (server, admin) = served().await;
    let sdk = server.sdk("pay").await;
    let set = async |path: &str, limit: &str| {
        let answer = admin.post("/api/rate-limits", json!({"path": path, "limit": limit})).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
    };
    set("pay:GET:/a", "10/s;100/min").await;
    set("orders:GET:/a", "1/minute").await;
    let seen = events(&sdk, |seen| !limits_told(seen).is_empty()).await;
    assert_eq!(limits_told(&seen), ["set GET:/a 100/minute"]);
    let policy = seen.iter().find(|event| event["type"] == "rl_policy").unwrap()["policy"].clone();
    assert_eq!((&policy["path"], &policy["method"]), (&json!("/a"), &json!("GET")));
    assert_eq!(sdk.get("/api/rate-limits").await.body, json!([policy]));

    // One who was away hears of what is gone, and of nothing that never had a limit.
    delete(&admin, &format!("/api/rate-limits/{}", path_key("pay:GET:/a"))).await;
    let seen = events(&sdk, |seen| !limits_told(seen).is_empty()).await;
    assert_eq!(limits_told(&seen), ["delete GET:/a"]);
    assert_eq!(sdk.get("/api/rate-limits").await.body, json!([]));
}

#[tokio::test]
async fn g50_every_change_of_a_limit_is_announced_to_who_follows() {
    let (server, admin) = served().await;
    let sdk = server.sdk("pay").await;
    let following = tokio::spawn(async move {
        events(&sdk, |seen| {
            let limits = seen.iter().filter(|event| {
                event["type"] == "rl_policy"
                    || event["payload"]["path"].as_str().is_some_and(|path| path.contains("_rl"))
            });
            limits.count() >= 12
        })
        .await
    });
    // Only what comes after the subscription is announced one by one.
    while !admin.post(SCOPES[1], body(SCOPES[1], json!({"limit": "99/hour"}))).await.body["unsupported_by"].is_array() {
        tokio::task::yield_now().await;
    }
    delete(&admin, SCOPES[1]).await;
    let route = format!("/api/rate-limits/{}", path_key("pay:GET:/a"));
    for (path, base) in [(SCOPES[0], &*route), (SCOPES[1], SCOPES[1]), (SCOPES[2], SCOPES[2])] {
        admin.post(path, body(path, json!({}))).await;
        admin.post(&format!("{base}/disable"), json!({})).await;
        admin.post(&format!("{base}/enable"), json!({})).await;
        delete(&admin, base).await;
    }
    let seen = following.await.unwrap();
    assert_eq!(limits_told(&seen), ["set GET:/a 5/minute", "delete GET:/a", "set GET:/a 5/minute", "delete GET:/a"]);
    let sentinels = |name: &str| {
        let own = seen.iter().filter(|event| event["payload"]["path"] == name);
        let enabled = own.map(|event| {
            let config: Value = serde_json::from_str(event["payload"]["reason"].as_str().unwrap()).unwrap();
            config["enabled"].as_bool().unwrap()
        });
        enabled.collect::<Vec<_>>()
    };
    assert!(sentinels("__waygate:global_rl__").ends_with(&[true, false, true, false]), "{seen:?}");
}

#[tokio::test]
async fn who_follows_everything_is_told_of_limits_by_their_whole_keys() {
    let (_server, admin) = served().await;
    admin.post(SCOPES[0], body(SCOPES[0], json!({"limit": "7/minute"}))).await;
    let follower = admin.clone();
    let gone = |seen: &[Value]| limits_told(seen).contains(&"delete pay:GET:/a".to_owned());
    let following = tokio::spawn(async move { events(&follower, gone).await });
    let route = format!("/api/rate-limits/{}", path_key("pay:GET:/a"));
    // Until the one who follows is told, whenever it came.
    while !following.is_finished() {
        admin.post(SCOPES[0], body(SCOPES[0], json!({"limit": "9/minute"}))).await;
        delete(&admin, &route).await;
    }
    let seen = following.await.unwrap();
    assert!(limits_told(&seen)[0].contains(" pay:GET:/a"), "{seen:?}");
    assert!(seen.iter().all(|event| event["type"] != "rl_policy" || event["service"] == "pay"), "{seen:?}");
}

#[tokio::test]
async fn what_connected_clients_cannot_do_is_said_by_name() {
    let (server, admin) = served().await;
    let sdk = server.sdk("pay").await;
    let before = admin.post(SCOPES[2], body(SCOPES[2], json!({}))).await;
    assert_eq!(before.body.get("unsupported_by"), None);
    let stream = sdk.open(Method::GET, "/api/sdk/events", None).await;
    let ours = sdk.open(Method::GET, "/api/sdk/stream?service=pay", None).await;
    let answer = admin.post(SCOPES[2], body(SCOPES[2], json!({"limit": "6/minute"}))).await;
    let told = json!(["1 of 2 connected instances of pay cannot enforce service limits"]);
    assert_eq!(answer.body["unsupported_by"], told);
    assert_eq!(admin.get(SCOPES[2]).await.body["policy"]["unsupported_by"], told);
    assert!(answer.header("x-waygate-notice").unwrap().starts_with("stored%3B%201%20of%202"));
    let bucket = json!({"path": "pay:GET:/a", "limit": "6/minute", "algorithm": "token_bucket"});
    let answer = admin.post("/api/rate-limits", bucket).await.body["unsupported_by"][0].as_str().unwrap().to_owned();
    assert!(answer.contains("has no `token_bucket`"), "{answer}");
    drop((stream, ours));
}

#[tokio::test]
async fn a40_reported_hits_are_shown_the_latest_first() {
    let (server, admin) = served().await;
    assert_eq!(admin.get("/api/rate-limits/hits").await.body, json!([]));
    let sdk = server.sdk("pay").await;
    let hit = |path: &str, count: u64, at: &str| {
        json!({
            "path": path, "method": "GET", "layer": "route_limit", "policy": format!("GET:{path}"), "key": "ip",
            "limit": "5/minute", "count": count, "timestamp": at, "reset_at": "2026-01-01T00:00:30Z",
        })
    };
    let [before, at] = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:05Z"];
    let report = json!({"app_id": "pay", "instance": "i-1", "hits": [hit("/a", 4, at), hit("/ab", 2, at)]});
    assert_eq!(sdk.post("/api/sdk/hits", report.clone()).await.status, 200);
    let late = json!({"app_id": "pay", "instance": "i-2", "hits": [hit("/late", 1, before)]});
    assert_eq!(sdk.post("/api/sdk/hits", late).await.status, 200);
    let shown = admin.get("/api/rate-limits/hits").await;
    assert_eq!(shown.paths(), ["/ab", "/a", "/late"]);
    assert_eq!((&shown.body[1]["count"], &shown.body[1]["service"]), (&json!(4), &json!("pay")));
    assert_eq!(admin.get("/api/rate-limits/hits?route=GET:/a&limit=1").await.paths(), ["/a"]);
    assert_eq!(admin.get("/api/rate-limits/hits?service=orders").await.body, json!([]));
    assert_eq!(server.sdk("orders").await.post("/api/sdk/hits", report).await.refusal().0, 403);
    assert_eq!(sdk.post("/api/sdk/hits", json!({"app_id": "pay", "hits": 1})).await.refusal().0, 400);
}

#[tokio::test]
async fn who_is_limited_to_services_limits_only_these() {
    let otto = User::new("otto", "pw").role(Role::Operator).services(["pay".parse().unwrap()]);
    let users = Credentials::from(("admin", "secret")).and_user(otto);
    let server = TestServer::start_with(|server| server.auth(users)).await;
    server.register("pay", &["GET:/shared"]).await;
    server.register("orders", &["GET:/shared"]).await;
    let otto = server.login("otto", "pw").await;
    let set = async |path: &str| otto.post("/api/rate-limits", json!({"path": path, "limit": "5/minute"})).await;
    assert_eq!(set("/shared").await.body["key"], "pay:GET:/shared");
    assert_eq!(set("orders:GET:/shared").await.refusal().0, 403);
    for path in ["/api/global-rate-limit", "/api/services/orders/rate-limit"] {
        assert_eq!(otto.post(path, json!({"limit": "5/minute"})).await.refusal().0, 403);
        assert_eq!(delete(&otto, path).await.refusal().0, 403);
    }
    assert_eq!(delete(&otto, &format!("/api/rate-limits/{}", path_key("/shared"))).await.status, 200);
}
