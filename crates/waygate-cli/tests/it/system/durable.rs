//! Everything that operators set, over a `kill -9` of the server, and of the Redis behind it.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use waygate_api::paths;

use super::process::{Process, waygate};
use super::redis::Redis;
use super::world::http;

fn serve(backend: &str) -> Process {
    let mut command = Command::new(waygate());
    command.args(["serve", "--port", "0", "--auth", "admin:secret", "--backend", backend]);
    command.args(["--secret-key", "the same over all restarts of this test"]).env("WAYGATE_LOG", "error");
    Process::start("waygate serve", &mut command)
}

async fn call(server: &Process, token: &str, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
    let mut request = http().request(method, format!("{}{path}", server.url)).header("X-Waygate-Token", token);
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn login(server: &Process) -> String {
    let body = json!({"username": "admin", "password": "secret"});
    let (status, answer) = call(server, "", Method::POST, paths::LOGIN, Some(&body)).await;
    assert_eq!(status, 200, "{answer}");
    answer["token"].as_str().unwrap().to_owned()
}

/// Something of every kind.
async fn set_everything(server: &Process, token: &str) {
    let route = |name: &str, action| paths::route(&format!("pay:GET:/{name}"), Some(action));
    let states: Vec<Value> = ["a", "b", "c", "d"]
        .iter()
        .map(|name| json!({"path": format!("pay:GET:/{name}"), "service": "pay", "status": "active"}))
        .collect();
    let window = json!({"start": "2999-01-01T00:00:00Z", "end": "2999-01-02T00:00:00Z", "reason": "planned"});
    let pay = |rest| paths::service("pay", rest);
    for (path, body) in [
        (paths::REGISTER.to_owned(), json!({"app_id": "pay", "states": states})),
        (route("a", "disable"), json!({"reason": "« off »"})),
        (route("b", "maintenance"), json!({"reason": "later", "until": "2999-01-01T00:00:00Z"})),
        (route("c", "schedule"), window),
        (route("d", "env"), json!({"envs": ["prod"]})),
        (format!("{}/enable", paths::GLOBAL), json!({"reason": "deploy", "exempt_paths": ["/health"]})),
        (pay("maintenance/enable"), json!({"reason": "moving", "exempt_paths": ["GET:/a"]})),
        (
            paths::RATE_LIMITS.to_owned(),
            json!({"path": "pay:GET:/a", "method": "GET", "limit": "5/minute", "burst": 2}),
        ),
        (paths::GLOBAL_RATE_LIMIT.to_owned(), json!({"limit": "1000/minute", "exempt_routes": ["/health"]})),
        (pay("rate-limit"), json!({"limit": "10/second;100/minute", "algorithm": "sliding_window"})),
        (pay("rate-limit/disable"), json!({})),
        (paths::WEBHOOKS.to_owned(), json!({"url": "https://hooks.example/x", "services": ["pay"]})),
        (paths::TOKENS.to_owned(), json!({"service": "pay"})),
    ] {
        let (status, answer) = call(server, token, Method::POST, &path, Some(&body)).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
    }
}

/// Everything as it is read, by where.
async fn everything(server: &Process, token: &str) -> Vec<(String, Value)> {
    let mut read = Vec::new();
    for path in [
        paths::ROUTES.to_owned(),
        paths::SCHEDULES.to_owned(),
        paths::GLOBAL.to_owned(),
        paths::service("pay", "maintenance"),
        paths::RATE_LIMITS.to_owned(),
        paths::GLOBAL_RATE_LIMIT.to_owned(),
        paths::service("pay", "rate-limit"),
        format!("{}/", paths::WEBHOOKS).trim_end_matches('/').to_owned(),
        format!("{}?limit=1000", paths::AUDIT),
    ] {
        let (status, answer) = call(server, token, Method::GET, &path, None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        read.push((path, answer));
    }
    read
}

async fn survives(backend: &str, mut break_down: impl FnMut()) {
    let mut server = serve(backend);
    let token = login(&server).await;
    set_everything(&server, &token).await;
    let gone = login(&server).await;
    assert_eq!(call(&server, &gone, Method::POST, paths::LOGOUT, Some(&json!({}))).await.0, 200);
    let before = everything(&server, &token).await;
    for (path, answer) in &before {
        assert!(answer.as_array().is_none_or(|list| !list.is_empty()), "{path} holds nothing");
    }
    let audit = before.last().unwrap().1.as_array().unwrap();
    assert!(audit.len() > 10, "{audit:?}");
    for _ in 0..2 {
        server.kill();
        break_down();
        server = serve(backend);
        assert_eq!(call(&server, &gone, Method::GET, paths::ROUTES, None).await.0, 401, "revoked is revoked");
        for ((path, before), (_, after)) in before.iter().zip(everything(&server, &token).await) {
            assert_eq!(*before, after, "{path}");
        }
    }
}

#[tokio::test]
async fn g25_everything_that_was_set_survives_on_a_file() {
    let folder = tempfile::tempdir().unwrap();
    survives(&format!("file:{}", folder.path().join("state.json").display()), || {}).await;
}

#[tokio::test]
async fn g25_everything_that_was_set_survives_on_redis() {
    let mut redis = Redis::start();
    survives(&redis.url(), || {
        redis.kill();
        redis.bring_back();
    })
    .await;
}

/// A batch of changes is written as lines that say how many of it follow, and is flushed once, with its last line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_that_come_at_once_share_a_flush() {
    const CHANGES: usize = 100;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let mut server = serve(&format!("file:{}", path.display()));
    let token = login(&server).await;
    let states: Vec<Value> = (0..CHANGES)
        .map(|number| json!({"path": format!("pay:GET:/{number}"), "service": "pay", "status": "active"}))
        .collect();
    let body = json!({"app_id": "pay", "states": states});
    assert_eq!(call(&server, &token, Method::POST, paths::REGISTER, Some(&body)).await.0, 200);
    let client = http();
    let calls: Vec<_> = (0..CHANGES)
        .map(|number| {
            let path = paths::route(&format!("pay:GET:/{number}"), Some("disable"));
            let request = client.post(format!("{}{path}", server.url)).header("X-Waygate-Token", &token);
            tokio::spawn(request.json(&json!({"reason": "at once"})).send())
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap().unwrap().status().is_success());
    }
    server.kill();
    let log = std::fs::read_to_string(folder.path().join("state.json.log/00000000000000000001.jsonl")).unwrap();
    let changes: Vec<&str> = log.lines().filter(|line| line.contains("at once")).collect();
    let flushes = changes.iter().filter(|line| !line.contains("\"left\":")).count();
    assert_eq!(changes.len(), CHANGES);
    assert!(flushes < CHANGES, "{flushes} flushes for {CHANGES} changes that came at once");
}
