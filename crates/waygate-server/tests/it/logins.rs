//! Guessing passwords, hashed passwords, and what the audit log says of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::json;
use waygate_core::Actor;
use waygate_server::{Authenticator, AuthenticatorError, Credentials, Identity, Role, User, hash_password};

use crate::helpers::{Answer, Caller, TestServer};

async fn try_login(caller: &Caller, name: &str, password: &str) -> Answer {
    caller.post("/api/auth/login", json!({"username": name, "password": password})).await
}

/// B17. The proxy tells which address each attempt is from.
#[tokio::test]
async fn g43_guessing_is_slowed_down_and_locks_nobody_out() {
    let server = TestServer::start_with(|server| server.trusted_proxies(["127.0.0.1".parse().unwrap()])).await;
    let admin = server.admin().await;
    let stranger = server.anonymous().with("x-forwarded-for", "203.0.113.9");
    let begun = Instant::now();
    let (mut checked, mut refused) = (0_u64, 0);
    for _ in 0..60 {
        let answer = try_login(&stranger, "admin", "guess").await;
        match answer.refusal() {
            (401, "invalid_credentials") => checked += 1,
            (429, "too_many_attempts") => {
                let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=60).contains(&wait), "{wait}");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(admin.get("/api/routes").await.status, 200, "the user's session goes on");
    }
    assert!(refused > 0 && checked <= 8 * (begun.elapsed().as_secs() + 1), "{checked} checked, {refused} refused");
    // Even the right password has to wait at the stranger's address, and nowhere else.
    assert_eq!(try_login(&stranger, "admin", "secret").await.status, 429);
    let elsewhere = server.anonymous().with("x-forwarded-for", "198.51.100.7");
    assert_eq!(try_login(&elsewhere, "admin", "secret").await.status, 200);
    assert_eq!(try_login(&stranger, "alice", "wonder").await.status, 429);
}

/// G46: an address that nobody vouches for is not believed.
#[tokio::test]
async fn g46_a_stranger_cannot_pretend_to_come_from_elsewhere() {
    let server = TestServer::start().await;
    let mut statuses = Vec::new();
    for number in 0..8 {
        let caller = server.anonymous().with("x-forwarded-for", format!("203.0.113.{number}"));
        statuses.push(try_login(&caller, &format!("user-{number}"), "guess").await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
}

/// One entry at once, then one a minute, however many there are.
#[tokio::test]
async fn g43_failed_logins_are_audited_without_flooding_the_log() {
    let server = TestServer::start_with(|server| server.trusted_proxies(["127.0.0.1".parse().unwrap()])).await;
    let before = server.revision();
    for number in 0..50 {
        let caller = server.anonymous().with("x-forwarded-for", format!("203.0.113.{number}"));
        let answer = try_login(&caller, &format!("p4ssw0rd-{number}"), "guess").await;
        assert_eq!(answer.status, 401);
    }
    assert_eq!(server.revision(), before + 1);
    let admin = server.admin().await;
    let log = admin.get("/api/audit?action=login_failed").await.body;
    assert_eq!(log.as_array().unwrap().len(), 1, "{log}");
    assert_eq!(log[0]["path"], "an unknown user");
    assert_eq!(log[0]["reason"], "1 failed login from 203.0.113.0: other names (1)");
    let logins = admin.get("/api/audit?action=login").await.body;
    assert_eq!((&logins[0]["actor"], &logins[0]["platform"]), (&json!("admin"), &json!("cli")));
}

#[tokio::test]
async fn a_login_is_at_most_eight_kibibytes() {
    let server = TestServer::start().await;
    let body = |length: usize| json!({"username": "admin", "password": "x".repeat(length)});
    assert_eq!(server.anonymous().post("/api/auth/login", body(8100)).await.status, 401);
    assert_eq!(server.anonymous().post("/api/auth/login", body(8200)).await.refusal(), (413, "payload_too_large"));
    let form = server.anonymous().with("content-type", "application/x-www-form-urlencoded");
    let long = format!("username=admin&password={}", "x".repeat(9000)).into_bytes();
    assert_eq!(form.send(reqwest::Method::POST, "/login", Some(long)).await.refusal(), (413, "payload_too_large"));
}

#[tokio::test]
async fn a_hashed_password_is_as_good_as_a_plain_one() {
    let hash = hash_password("correct horse").unwrap();
    let users = || Credentials::none().and_user(User::hashed("ada", &hash).role(Role::Operator));
    let server = TestServer::start_with(|server| server.auth(users())).await;
    assert_eq!(try_login(&server.anonymous(), "ada", "battery staple").await.refusal().0, 401);
    let ada = server.login("ada", "correct horse").await;
    assert_eq!(ada.get("/api/auth/me").await.body["role"], "operator");
    let token = ada.header("x-waygate-token");
    // Tokens hang on the hash: another salt is as good as another password.
    let same = TestServer::start_with(|server| server.auth(users())).await;
    assert_eq!(same.anonymous().with("x-waygate-token", token).get("/api/auth/me").await.status, 200);
    let other = Credentials::from(User::hashed("ada", hash_password("correct horse").unwrap()));
    let other = TestServer::start_with(|server| server.auth(other)).await;
    assert_eq!(other.anonymous().with("x-waygate-token", token).get("/api/auth/me").await.status, 401);
}

/// Forty logins at once, each some hundredths of a second of hashing, and the server answers others meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g43_hashing_does_not_exhaust_the_server() {
    let user = User::hashed("ada", hash_password("correct horse").unwrap());
    let server = TestServer::start_with(|server| server.auth(user)).await;
    let mut logins = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let caller = server.anonymous();
        logins.spawn(async move { try_login(&caller, "ada", "correct horse").await.status });
    }
    let begun = Instant::now();
    assert_eq!(server.anonymous().get("/healthz").await.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    while let Some(status) = logins.join_next().await {
        assert!(matches!(status.unwrap(), 200 | 429));
    }
}

/// An embedding program's own users.
#[derive(Debug, Default)]
struct Directory(std::sync::Mutex<BTreeMap<String, (String, Identity)>>);

impl Directory {
    fn set(&self, name: &str, password: &str, role: Role) {
        let fingerprint = format!("{name}-{password}");
        let identity = Identity { name: name.parse().unwrap(), role, services: None, fingerprint };
        self.0.lock().unwrap().insert(name.to_owned(), (password.to_owned(), identity));
    }
}

#[async_trait]
impl Authenticator for Directory {
    async fn authenticate(&self, name: &str, password: &str) -> Result<Option<Identity>, AuthenticatorError> {
        if name == "outage" {
            return Err(AuthenticatorError("the directory is down".to_owned()));
        }
        let users = self.0.lock().unwrap();
        Ok(users.get(name).filter(|(known, _)| known == password).map(|(_, identity)| identity.clone()))
    }

    async fn identity(&self, name: &Actor) -> Result<Option<Identity>, AuthenticatorError> {
        Ok(self.0.lock().unwrap().get(name.as_str()).map(|(_, identity)| identity.clone()))
    }
}

/// B26: a changed password ends that user's tokens, also with an authenticator of one's own.
#[tokio::test]
async fn g42_an_authenticator_of_one_s_own_decides_at_every_request() {
    let directory = Arc::new(Directory::default());
    directory.set("ada", "one", Role::Operator);
    directory.set("bob", "two", Role::Viewer);
    let users = directory.clone();
    let server = TestServer::start_with(|server| server.auth(Credentials::none()).authenticator(users)).await;
    let (ada, bob) = (server.login("ada", "one").await, server.login("bob", "two").await);
    assert_eq!(ada.post("/api/global/enable", json!({})).await.status, 200);
    assert_eq!(bob.post("/api/global/disable", json!({})).await.status, 403);
    directory.set("bob", "two", Role::Operator);
    assert_eq!(bob.post("/api/global/disable", json!({})).await.status, 200, "a role holds at once");
    directory.set("ada", "changed", Role::Operator);
    assert_eq!(ada.get("/api/routes").await.refusal(), (401, "unauthorized"));
    assert_eq!(bob.get("/api/routes").await.status, 200);
    directory.0.lock().unwrap().remove("bob");
    assert_eq!(bob.get("/api/routes").await.status, 401);
    assert_eq!(try_login(&server.anonymous(), "outage", "x").await.refusal().0, 503);
}
