//! Logging in, tokens, and how they end.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use waygate_store::FileStore;

use crate::helpers::{Answer, Backend, TestServer};

async fn login(server: &TestServer, body: Value) -> Answer {
    server.anonymous().post("/api/auth/login", body).await
}

#[tokio::test]
async fn a_login_gives_a_token_in_the_reference_s_form() {
    let server = TestServer::start().await;
    let answer = login(&server, json!({"username": "admin", "password": "secret"})).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["username"], "admin");
    let expires = answer.body["expires_at"].as_str().unwrap();
    assert!(expires.ends_with("+00:00") && expires.len() == "2026-11-24T23:17:03.003865+00:00".len(), "{expires}");
    let me = server.admin().await.get("/api/auth/me").await.body;
    assert_eq!((&me["username"], &me["platform"]), (&json!("admin"), &json!("cli")));
    let me = server.sdk("payments").await.get("/api/auth/me").await.body;
    assert_eq!((&me["username"], &me["platform"]), (&json!("admin"), &json!("sdk")));
}

#[tokio::test]
async fn people_and_services_have_lifetimes_of_their_own() {
    let server = TestServer::start_with(|server| {
        server.token_expiry(Duration::from_mins(1)).sdk_token_expiry(Duration::from_hours(2))
    })
    .await;
    let until = async |platform: &str| {
        let answer = login(&server, json!({"username": "admin", "password": "secret", "platform": platform})).await;
        let expires: jiff::Timestamp = answer.body["expires_at"].as_str().unwrap().parse().unwrap();
        expires.as_second()
    };
    let (person, service) = (until("cli").await, until("sdk").await);
    assert!((7100..7200).contains(&(service - person)), "{}", service - person);
}

#[tokio::test]
async fn wrong_credentials_and_wrong_bodies_are_told_apart() {
    let server = TestServer::start().await;
    for wrong in [("admin", "wrong"), ("nobody", "secret"), ("alice", "secret"), ("ADMIN", "secret")] {
        let answer = login(&server, json!({"username": wrong.0, "password": wrong.1})).await;
        assert_eq!(answer.refusal(), (401, "invalid_credentials"), "{wrong:?}");
    }
    for (body, field) in [
        (json!({}), "username"),
        (json!({"username": "", "password": "x"}), "username"),
        (json!({"username": "admin"}), "password"),
        (json!({"username": "admin", "password": 1}), "password"),
        (json!({"username": "admin", "password": "secret", "platform": null}), "platform"),
    ] {
        let answer = login(&server, body).await;
        assert_eq!((answer.refusal().0, &answer.body["field"]), (400, &json!(field)));
    }
    let long = json!({"username": "admin", "password": "x".repeat(9000)});
    assert_eq!(login(&server, long).await.refusal(), (413, "payload_too_large"));
}

#[tokio::test]
async fn without_authentication_a_login_is_not_implemented() {
    let server = TestServer::open().await;
    assert_eq!(login(&server, json!({})).await.refusal(), (501, "auth_not_configured"));
    let me = server.anonymous().get("/api/auth/me").await.body;
    assert_eq!(me, json!({"username": "anonymous", "platform": "cli"}));
    let me = server.anonymous().with("x-waygate-actor", "zoë").with("x-waygate-platform", "dashboard");
    assert_eq!(me.get("/api/auth/me").await.body, json!({"username": "zoë", "platform": "dashboard"}));
}

/// B24.
#[tokio::test]
async fn both_headers_carry_a_token_and_two_that_differ_are_refused() {
    let server = TestServer::start().await;
    let (admin, alice) = (server.admin().await, server.login("alice", "wonder").await);
    let (token, other) = (admin.header("x-waygate-token"), alice.header("x-waygate-token"));
    let stranger = server.anonymous();
    let bearer = stranger.with("authorization", format!("Bearer {token}"));
    let cases = [
        (bearer.clone(), 200),
        (stranger.with("authorization", format!("bearer   {token}")), 200),
        (bearer.with("x-waygate-token", format!("  {token} ")), 200),
        (bearer.with("x-waygate-token", other), 401),
        (bearer.with("x-waygate-token", "nonsense"), 401),
        (admin.with("authorization", "Bearer nonsense"), 401),
        (stranger.with("authorization", format!("Basic {token}")), 401),
        (stranger.with("x-waygate-token", ""), 401),
        (stranger.with("x-waygate-token", format!("{token}x")), 401),
        (stranger.with("cookie", format!("waygate_session={token}")), 401),
    ];
    for (position, (caller, status)) in cases.into_iter().enumerate() {
        assert_eq!(caller.get("/api/routes").await.status, status, "case {position}");
    }
}

#[tokio::test]
async fn a_restart_with_the_same_secret_keeps_tokens_and_another_secret_ends_them() {
    let first = TestServer::start().await;
    let token = first.admin().await.header("x-waygate-token").to_owned();
    first.stop().await;
    let same = TestServer::start().await;
    assert_eq!(same.anonymous().with("x-waygate-token", &token).get("/api/routes").await.status, 200);
    let other = TestServer::start_with(|server| server.secret_key("another key")).await;
    assert_eq!(other.anonymous().with("x-waygate-token", &token).get("/api/routes").await.status, 401);
}

/// B26.
#[tokio::test]
async fn a_changed_password_ends_the_tokens_of_that_user_and_of_nobody_else() {
    let before = TestServer::start().await;
    let tokens = [before.admin().await, before.login("alice", "wonder").await, before.sdk("payments").await]
        .map(|caller| caller.header("x-waygate-token").to_owned());
    let after =
        TestServer::start_with(|server| server.auth([("admin", "secret"), ("alice", "changed"), ("bob", "new")])).await;
    let mut statuses = Vec::new();
    for token in tokens {
        statuses.push(after.anonymous().with("x-waygate-token", token).get("/api/auth/me").await.status);
    }
    assert_eq!(statuses, [200, 401, 200]);
    let removed = TestServer::start_with(|server| server.auth(("alice", "wonder"))).await;
    let token = before.admin().await.header("x-waygate-token").to_owned();
    assert_eq!(removed.anonymous().with("x-waygate-token", token).get("/api/auth/me").await.status, 401);
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let server = TestServer::start_with(|server| server.token_expiry(Duration::ZERO)).await;
    assert_eq!(server.admin().await.get("/api/routes").await.refusal(), (401, "unauthorized"));
}

/// B25, G42.
#[tokio::test]
async fn g42_logging_out_ends_the_token_on_every_node_of_every_backend_that_is_shared() {
    for backend in Backend::shared().await {
        logging_out_ends_the_token(backend.serve().await, backend.serve().await).await;
    }
}

async fn logging_out_ends_the_token(one: TestServer, two: TestServer) {
    let (admin, other) = (one.admin().await, one.admin().await);
    let elsewhere = two.anonymous().with("x-waygate-token", admin.header("x-waygate-token"));
    assert_eq!(elsewhere.get("/api/auth/me").await.status, 200);
    assert_eq!(admin.post("/api/auth/logout", json!({})).await.body, json!({"ok": true}));
    assert_eq!(admin.get("/api/auth/me").await.status, 401);
    let mut changed = two.control.changed();
    changed.wait_for(|revision| *revision >= one.control.current().cursor.revision).await.unwrap();
    assert_eq!(elsewhere.get("/api/auth/me").await.status, 401);
    assert_eq!(other.get("/api/auth/me").await.status, 200);
}

#[tokio::test]
async fn g42_a_logout_survives_a_restart_on_every_backend_that_does() {
    for backend in Backend::lasting().await {
        a_logout_survives(&backend).await;
    }
}

async fn a_logout_survives(backend: &Backend) {
    let first = backend.serve().await;
    let (gone, kept) = (first.admin().await, first.admin().await);
    gone.post("/api/auth/logout", json!({})).await;
    first.stop().await;
    let second = backend.serve().await;
    let status = async |token: &str| second.anonymous().with("x-waygate-token", token).get("/api/auth/me").await.status;
    assert_eq!(status(gone.header("x-waygate-token")).await, 401);
    assert_eq!(status(kept.header("x-waygate-token")).await, 200);
}

#[tokio::test]
async fn logging_out_with_what_is_no_token_leaves_no_trace() {
    let server = TestServer::start().await;
    let before = server.changes();
    for token in ["nonsense", "v4.local.AAAA", ""] {
        let answer = server.anonymous().with("x-waygate-token", token).post("/api/auth/logout", json!({})).await;
        assert_eq!((answer.status, answer.body), (200, json!({"ok": true})));
    }
    let admin = server.admin().await;
    admin.post("/api/auth/logout", json!({})).await;
    admin.post("/api/auth/logout", json!({})).await;
    assert_eq!(server.changes(), before + 1);
}

/// What a person did about its own session is told apart from what was done to it.
#[tokio::test]
async fn g38_a_logout_and_a_revocation_are_told_apart_in_the_log() {
    let server = TestServer::start().await;
    let (admin, gone, shut_out) = (server.admin().await, server.admin().await, server.login("alice", "wonder").await);
    gone.post("/api/auth/logout", json!({})).await;
    let tokens = admin.get("/api/tokens?holder=alice").await.body;
    let path = format!("/api/tokens/{}", tokens[0]["id"].as_str().unwrap());
    assert_eq!(admin.send(reqwest::Method::DELETE, &path, None).await.status, 200);
    assert_eq!(shut_out.get("/api/auth/me").await.status, 401);
    for (action, actor) in [("logout", "admin"), ("token_revoke", "admin")] {
        let log = admin.get(&format!("/api/audit?action={action}")).await.body;
        assert_eq!((log.as_array().unwrap().len(), &log[0]["actor"]), (1, &json!(actor)), "{action}: {log}");
    }
}

/// To the minute, and with no write for a request.
#[tokio::test]
async fn tokens_tell_when_they_were_last_used_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let open = async || Arc::new(FileStore::open(&path).await.unwrap());
    let first = TestServer::start_on(open().await, |server| server).await;
    let (admin, alice) = (first.admin().await, first.login("alice", "wonder").await);
    let last_used = async |caller: &crate::helpers::Caller| {
        let listed = caller.get("/api/tokens?holder=alice").await.body;
        listed[0]["last_used"].as_str().map(|text| text.parse::<jiff::Timestamp>().unwrap())
    };
    assert_eq!(last_used(&admin).await, None, "it was issued, and never used");
    #[expect(clippy::disallowed_methods, reason = "uses of real time")]
    let now = jiff::Timestamp::now;
    let before = (first.revision(), now());
    for _ in 0..20 {
        assert_eq!(alice.get("/api/auth/me").await.status, 200);
    }
    let used = last_used(&admin).await.unwrap();
    assert!(before.1 <= used && used <= now(), "{used}");
    assert_eq!(first.revision(), before.0, "no commit tells of it");
    first.stop().await;
    let second = TestServer::start_on(open().await, |server| server).await;
    let admin = second.anonymous().with("x-waygate-token", admin.header("x-waygate-token"));
    assert_eq!(last_used(&admin).await, Some(used));
}
