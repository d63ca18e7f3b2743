//! Whatever comes in: a refusal that says what is wrong, and nothing has happened.

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{Caller, TestServer, route};

/// A field and the kinds of values that it takes.
type Field = (&'static str, &'static [&'static str]);

/// Every mutation with a body that is good, and its fields.
fn mutations() -> Vec<(String, Value, Vec<Field>)> {
    let switch: Vec<Field> = vec![
        ("reason", &["text"]),
        ("until", &[]),
        ("shadow", &["boolean"]),
        ("expected_revision", &["number"]),
        ("dry_run", &["boolean"]),
    ];
    let with = |more: &[Field]| switch.iter().copied().chain(more.iter().copied()).collect::<Vec<_>>();
    let maintenance =
        with(&[("exempt_paths", &["list"]), ("include_force_active", &["boolean"]), ("allow_unknown", &["boolean"])]);
    let off: Vec<Field> =
        vec![("reason", &["text"]), ("expected_revision", &["number"]), ("allow_unknown", &["boolean"])];
    let exemptions: Vec<Field> =
        vec![("add", &["list"]), ("remove", &["list"]), ("reason", &["text"]), ("dry_run", &["boolean"])];
    let deprecation: Vec<Field> =
        vec![("sunset_date", &["null"]), ("successor_path", &["null", "text"]), ("reason", &["text"])];
    let batch: Vec<Field> = vec![("commands", &[]), ("expected_revision", &[]), ("dry_run", &["boolean"])];
    let planned: Vec<Field> =
        vec![("start", &[]), ("end", &[]), ("reason", &["text"]), ("expected_revision", &["number"])];
    let limit: Vec<Field> = vec![
        ("limit", &[]),
        ("algorithm", &["null"]),
        ("key_strategy", &["null"]),
        ("on_missing_key", &["null"]),
        ("burst", &["number"]),
        ("tiers", &["list"]),
        ("tier_resolver", &["null", "text"]),
        ("exempt_ips", &["list"]),
        ("exempt_roles", &["list"]),
        ("exempt_routes", &["list"]),
        ("shadow", &["boolean"]),
        ("until", &["null"]),
        ("on_backend_failure", &["null"]),
        ("share", &["null"]),
        ("reason", &["text"]),
        ("expected_revision", &["number"]),
        ("dry_run", &["boolean"]),
        ("allow_unknown", &["boolean"]),
    ];
    let of_route = [&limit[..], &[("path", &[]), ("method", &[]), ("service", &["null", "text"])]].concat();
    let webhook: Vec<Field> = vec![
        ("url", &[]),
        ("format", &[]),
        ("services", &["list"]),
        ("actions", &["list"]),
        ("enabled", &["boolean", "null"]),
        ("reason", &["text"]),
        ("expected_revision", &["number"]),
        ("dry_run", &["boolean"]),
    ];
    let login: Vec<Field> = vec![
        ("username", &["text", "long text"]),
        ("password", &["text", "long text"]),
        ("platform", &["text", "long text"]),
    ];
    vec![
        ("/api/rate-limits".to_owned(), json!({"path": "/a", "method": "GET", "limit": "5/minute"}), of_route),
        ("/api/global-rate-limit".to_owned(), json!({"limit": "5/minute"}), limit.clone()),
        ("/api/services/pay/rate-limit".to_owned(), json!({"limit": "5/minute"}), limit),
        ("/api/webhooks".to_owned(), json!({"url": "https://hooks.example/x"}), webhook),
        ("/api/tokens".to_owned(), json!({"service": "pay"}), vec![("service", &["text"]), ("expires_in", &[])]),
        ("/api/auth/login".to_owned(), json!({"username": "admin", "password": "secret"}), login),
        (route("GET:/a", "enable"), json!({}), switch.clone()),
        (route("GET:/a", "disable"), json!({}), switch.clone()),
        (route("GET:/a", "maintenance"), json!({}), with(&[("start", &[]), ("end", &[])])),
        (route("GET:/a", "env"), json!({"envs": ["dev"]}), with(&[("envs", &["list"])])),
        (route("GET:/a", "schedule"), json!({"start": "2999-01-01", "end": "2999-01-02"}), planned),
        ("/api/global/enable".to_owned(), json!({}), maintenance.clone()),
        ("/api/global/disable".to_owned(), json!({}), off.clone()),
        ("/api/global/exemptions".to_owned(), json!({"add": []}), exemptions.clone()),
        ("/api/services/pay/maintenance/exemptions".to_owned(), json!({"add": []}), exemptions),
        (route("GET:/a", "deprecate"), json!({}), deprecation),
        ("/api/batch".to_owned(), json!({"commands": [{"action": "disable", "route": "/a"}]}), batch),
        ("/api/services/pay/maintenance/enable".to_owned(), json!({}), maintenance),
        ("/api/services/pay/maintenance/disable".to_owned(), json!({}), off),
        ("/api/sdk/register".to_owned(), json!({"app_id": "pay"}), vec![("app_id", &[]), ("states", &["list"])]),
    ]
}

async fn assert_unchanged(server: &TestServer, admin: &Caller, before: &(u64, Value, Value)) {
    let now = (server.revision(), admin.get("/api/routes").await.body, admin.get("/api/audit").await.body);
    assert_eq!(&now, before);
}

async fn prepared() -> (TestServer, Caller, (u64, Value, Value)) {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = server.admin().await;
    let before = (server.revision(), admin.get("/api/routes").await.body, admin.get("/api/audit").await.body);
    (server, admin, before)
}

/// B01, B47.
#[tokio::test]
async fn g28_any_type_in_any_field_is_refused_by_name() {
    let (server, admin, before) = prepared().await;
    let values = [
        ("null", json!(null)),
        ("number", json!(1)),
        ("number", json!(1.5)),
        ("boolean", json!(true)),
        ("text", json!("x")),
        ("list", json!([])),
        ("list of null", json!([null])),
        ("list of numbers", json!([1])),
        ("nested list", json!([["/a"]])),
        ("list of nonsense", json!(["a\u{0}b"])),
        ("object", json!({"x": 1})),
        ("long text", json!("x".repeat(3000))),
    ];
    let mut refused = 0;
    for (path, good, fields) in mutations() {
        for (field, accepted) in fields {
            for (kind, value) in &values {
                // A fraction is a number that no field takes; a list of nothing but nonsense is one that `states` names.
                let is_fraction = value.is_f64();
                if (accepted.contains(kind) && !is_fraction) || (field == "states" && kind.contains("list")) {
                    continue;
                }
                let mut body = good.clone();
                body[field] = value.clone();
                let answer = admin.post(&path, body).await;
                if field == "app_id" && *kind == "text" {
                    continue;
                }
                assert_eq!(answer.refusal().0, 400, "{path} {field} {kind}: {}", answer.body);
                let named = answer.body["field"].as_str().unwrap_or_default();
                assert!(
                    named == field || named.starts_with(&format!("{field}[")),
                    "{path} {field} {kind}: {}",
                    answer.body
                );
                refused += 1;
            }
        }
    }
    assert!(refused > 400, "{refused}");
    assert_eq!(server.revision(), before.0);
    assert_unchanged(&server, &admin, &before).await;
}

#[tokio::test]
async fn g28_a_body_that_is_no_json_object_is_refused_not_ignored() {
    let (server, admin, before) = prepared().await;
    let deep = format!("{{\"reason\":{}", "[".repeat(100_000));
    let broken: [&[u8]; 12] = [
        b"{\"reason\":\"cut o",
        b"[]",
        b"null",
        b"\"text\"",
        b"1",
        b"reason=form",
        b"{\"reason\":NaN}",
        b" ",
        b"{\"reason\":\"\\ud83d\"}",
        b"{\"reason\":\"\xff\"}",
        b"{'reason':'x'}",
        deep.as_bytes(),
    ];
    for (path, ..) in mutations() {
        for body in broken {
            let answer = admin.send(Method::POST, &path, Some(body.to_vec())).await;
            // Strangers may send a login no more than a few kilobytes.
            let is_large = path == "/api/auth/login" && body.len() > 8 << 10;
            assert_eq!(
                answer.refusal(),
                if is_large { (413, "payload_too_large") } else { (400, "invalid_body") },
                "{path} {:?}",
                String::from_utf8_lossy(&body[..20.min(body.len())])
            );
        }
    }
    assert_unchanged(&server, &admin, &before).await;
}

#[tokio::test]
async fn g28_oversized_bodies_are_refused() {
    let (server, admin, before) = prepared().await;
    let padded = |size: usize| format!("{{\"pad\":\"{}\"}}", "x".repeat(size)).into_bytes();
    for (path, limit) in [("/api/global/enable", 256 << 10), ("/api/sdk/register", 8 << 20)] {
        let answer = admin.send(Method::POST, path, Some(padded(limit))).await;
        assert_eq!(answer.refusal(), (413, "payload_too_large"), "{path}");
    }
    assert_unchanged(&server, &admin, &before).await;
    let answer = admin.send(Method::POST, "/api/global/enable", Some(padded((256 << 10) - 100))).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn required_fields_and_impossible_times_are_named() {
    let (server, admin, before) = prepared().await;
    for (action, body, field) in [
        ("env", json!({}), "envs"),
        ("env", json!({"envs": [""]}), "envs[0]"),
        ("schedule", json!({"end": "2999-01-01"}), "start"),
        ("schedule", json!({"start": "2999-01-01"}), "end"),
        ("schedule", json!({"start": "2999-01-02", "end": "2999-01-01"}), "end"),
        ("schedule", json!({"start": "2020-01-02", "end": "2020-01-03"}), "end"),
        ("maintenance", json!({"start": "2999-01-02"}), "end"),
        ("maintenance", json!({"end": "2999-01-02", "until": "2999-01-02"}), "until"),
        ("maintenance", json!({"end": "2999-01-02", "until": null}), "until"),
        ("disable", json!({"until": "2020-01-01"}), "until"),
        ("disable", json!({"until": "soon"}), "until"),
        ("disable", json!({"reason": "x".repeat(2001)}), "reason"),
    ] {
        let answer = admin.post(&route("GET:/a", action), body).await;
        assert_eq!((answer.refusal().0, &answer.body["field"]), (400, &json!(field)), "{action}");
    }
    let answer = admin.post("/api/sdk/register", json!({"states": []})).await;
    assert_eq!(answer.body["field"], "app_id");
    for bad in ["/api/routes/!!!!", "/api/routes/L", "/api/routes/_w", "/api/routes/YQ", "/api/routes/%ff"] {
        assert_eq!(admin.get(bad).await.refusal(), (400, "invalid_key"), "{bad}");
    }
    for bad in ["a%3Ab", "%C3%A9", "GET", "%00", "%ff"] {
        let answer = admin.get(&format!("/api/services/{bad}/maintenance")).await;
        assert_eq!(answer.refusal(), (400, "invalid_key"), "{bad}");
    }
    assert_unchanged(&server, &admin, &before).await;
}

/// B02.
#[tokio::test]
async fn odd_texts_come_back_as_they_went_in() {
    let (_server, admin, _) = prepared().await;
    for odd in ["é😀", "\u{2028}\u{0}\u{1b}[2J", "<b>&amp;</b>", "[bold]", "\u{202e}", &"ü".repeat(2000)] {
        let answer = admin.post(&route("GET:/a", "disable"), json!({"reason": odd})).await;
        assert_eq!((answer.status, answer.body["reason"].as_str()), (200, Some(odd)));
        assert_eq!(admin.get("/api/routes").await.body[0]["reason"], odd);
        assert_eq!(admin.get("/api/audit?limit=1").await.body[0]["reason"], odd);
    }
}

#[tokio::test]
async fn a_report_is_checked_and_not_kept() {
    let (server, admin, before) = prepared().await;
    let good = json!({"id": "1", "timestamp": "2026-01-01T00:00:00Z", "path": "pay:GET:/a", "action": "enable", "actor": "mallory",
        "service": "pay", "platform": "dashboard", "reason": "", "previous_status": null, "new_status": "active"});
    assert_eq!(admin.post("/api/sdk/audit", good.clone()).await.body, json!({"ok": true}));
    for (field, value) in [
        ("id", json!(null)),
        ("timestamp", json!("x")),
        ("path", json!(1)),
        ("action", json!([])),
        ("actor", json!({})),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let answer = admin.post("/api/sdk/audit", body).await;
        assert_eq!((answer.refusal().0, &answer.body["field"]), (400, &json!(field)));
    }
    assert_unchanged(&server, &admin, &before).await;
}
