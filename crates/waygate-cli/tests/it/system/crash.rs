//! Servers, and the Redis behind them, that are killed right after an answer, under many writers.
//!
//! `scripts/crash --rounds 500` does it often; a few rounds run with every test.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use waygate_api::paths;

use super::process::{Process, waygate};
use super::redis::Redis;
use super::world::{PATIENCE, get, http};

const WRITERS: u64 = 8;
/// After how many rounds a new store is begun, so that no log is trimmed while it is looked at.
const ROUNDS_OF_A_STORE: u64 = 20;
/// How many entries of the log are looked at after each round.
const LOOKED_AT: usize = 5000;

/// How many rounds to go; few, unless more are asked for.
fn rounds() -> u64 {
    std::env::var("WAYGATE_CRASH_ROUNDS").ok().map_or(4, |text| text.parse().expect("a number of rounds"))
}

/// What one writer has been promised: its reasons, in order.
type Promised = BTreeMap<u64, Vec<String>>;

/// A store, and whom to kill.
struct Scene {
    backend: String,
    /// The ids of the entries of its log, oldest first, as they were after the round before.
    log: Vec<String>,
    _folder: Option<TempDir>,
    redis: Option<Redis>,
}

impl Scene {
    fn on_file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let backend = format!("file:{}", folder.path().join("state.json").display());
        Self { backend, log: Vec::new(), _folder: Some(folder), redis: None }
    }

    fn on_redis() -> Self {
        let redis = Redis::start();
        Self { backend: redis.url(), log: Vec::new(), _folder: None, redis: Some(redis) }
    }

    fn serve(&self) -> Process {
        let mut command = Command::new(waygate());
        command.args(["serve", "--port", "0", "--backend", &self.backend, "--secret-key", "a key"]);
        command.env_remove("WAYGATE_AUTH").env("WAYGATE_LOG", "off");
        Process::start("waygate serve", &mut command)
    }

    /// Kills the server and, where there is one, in turn the Redis behind it or both.
    fn kill(&mut self, server: &mut Process, round: u64) {
        match &mut self.redis {
            Some(redis) if !round.is_multiple_of(3) => {
                redis.kill();
                if round % 3 == 1 {
                    server.kill();
                }
                redis.bring_back();
            }
            _ => server.kill(),
        }
    }
}

fn route(writer: u64) -> String {
    format!("service-{writer}:GET:/route")
}

async fn register(server: &Process) {
    for writer in 0..WRITERS {
        let states = [json!({"path": route(writer), "service": format!("service-{writer}"), "status": "active"})];
        let body = json!({"app_id": format!("service-{writer}"), "states": states});
        let answer = http().post(format!("{}{}", server.url, paths::REGISTER)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }
}

/// Switches a route there and back until a change is refused, or the killing is over. What it was promised, in order.
async fn write(url: String, writer: u64, round: u64, promises: Arc<AtomicU64>, over: Arc<AtomicBool>) -> Vec<String> {
    let client = http();
    let mut promised = Vec::new();
    for number in 0.. {
        // A Redis that is back at once may have cost nobody an answer.
        if over.load(Ordering::SeqCst) {
            break;
        }
        let reason = format!("r{round}-w{writer}-n{number:05}");
        let action = if number % 2 == 0 { "disable" } else { "enable" };
        let path = paths::route(&route(writer), Some(action));
        let request = client.post(format!("{url}{path}")).json(&json!({"reason": reason}));
        match request.timeout(PATIENCE).send().await {
            Ok(answer) if answer.status().is_success() => promised.push(reason),
            _ => break,
        }
        promises.fetch_add(1, Ordering::SeqCst);
    }
    promised
}

/// Writes until so many promises have been made, and kills at that moment.
async fn round(scene: &mut Scene, number: u64) -> Promised {
    let mut server = scene.serve();
    register(&server).await;
    let promises = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| (writer, tokio::spawn(write(server.url.clone(), writer, number, promises.clone(), over.clone()))))
        .collect();
    // Another number each time, from the first promise on.
    let wanted = 1 + number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 97;
    let begun = Instant::now();
    while promises.load(Ordering::SeqCst) < wanted {
        assert!(begun.elapsed() < PATIENCE, "only {promises:?} of {wanted} promises in round {number}");
        tokio::task::yield_now().await;
    }
    scene.kill(&mut server, number);
    over.store(true, Ordering::SeqCst);
    let mut promised = Promised::new();
    for (writer, writing) in writers {
        promised.insert(writer, writing.await.unwrap());
    }
    promised
}

/// Nothing that was promised is lost, nothing happened twice or out of order, the state is what the log says, and what
/// earlier rounds have left is untouched.
async fn check(scene: &mut Scene, number: u64, promised: &Promised) {
    let server = scene.serve();
    let audit = get(&server, &format!("{}?limit={LOOKED_AT}", paths::AUDIT)).await.body;
    let routes = get(&server, paths::ROUTES).await.body;
    let log: Vec<String> =
        audit.as_array().unwrap().iter().rev().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect();
    assert!(log.starts_with(&scene.log), "round {number} has changed what was there: {:?}, now {log:?}", scene.log);
    scene.log = log;
    let prefix = format!("r{number}-");
    let mut logged: BTreeMap<String, Vec<(&str, &str)>> = BTreeMap::new();
    for entry in audit.as_array().unwrap().iter().rev() {
        let (path, reason) = (entry["path"].as_str().unwrap(), entry["reason"].as_str().unwrap());
        if reason.starts_with(&prefix) {
            logged.entry(path.to_owned()).or_default().push((reason, entry["new_status"].as_str().unwrap()));
        }
    }
    for (writer, promised) in promised {
        let logged = logged.remove(&route(*writer)).unwrap_or_default();
        let reasons: Vec<&str> = logged.iter().map(|(reason, _)| *reason).collect();
        let kept = &reasons[..promised.len().min(reasons.len())];
        let whole = || {
            format!(
                "all of {prefix}, newest first: {:?}",
                audit
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|entry| entry["reason"].as_str().unwrap().starts_with(&prefix))
                    .map(|entry| (&entry["id"], &entry["path"], &entry["reason"]))
                    .collect::<Vec<_>>()
            )
        };
        assert_eq!(kept, promised, "what was promised is lost or has happened twice; {}", whole());
        // One more may have been made whose answer did not arrive.
        assert!(reasons.len() <= promised.len() + 1, "round {number}: {reasons:?} for {promised:?}");
        if let Some((reason, status)) = logged.last() {
            let state = routes.as_array().unwrap().iter().find(|state| state["path"] == json!(route(*writer))).unwrap();
            assert_eq!((&state["reason"], &state["status"]), (&json!(reason), &json!(status)), "round {number}");
        }
    }
}

#[expect(clippy::print_stdout, reason = "who asks for many rounds wants to see them go")]
async fn crash(make: impl Fn() -> Scene) {
    let rounds = rounds();
    let mut scene = make();
    let mut count = 0;
    for number in 0..rounds {
        if number > 0 && number.is_multiple_of(ROUNDS_OF_A_STORE) {
            scene = make();
        }
        let promised = round(&mut scene, number).await;
        count += promised.values().map(Vec::len).sum::<usize>();
        check(&mut scene, number, &promised).await;
        if number % 50 == 49 {
            println!("{} rounds, {count} changes acknowledged, none lost and none made twice", number + 1);
        }
    }
    println!("{rounds} rounds, {count} changes acknowledged, none lost and none made twice");
    assert!(count as u64 >= rounds, "{count} in {rounds} rounds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g22_a_server_killed_right_after_its_answer_has_lost_nothing_on_a_file() {
    crash(Scene::on_file).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g22_a_server_or_its_redis_killed_right_after_an_answer_has_lost_nothing() {
    crash(Scene::on_redis).await;
}

#[tokio::test]
async fn a_server_started_while_redis_is_away_waits_for_it_and_gives_up_in_time() {
    let mut scene = Scene::on_redis();
    let redis = scene.redis.as_mut().unwrap();
    redis.kill();
    let port = redis.port();
    let url = redis.url();
    let begun = Instant::now();
    let mut refused = Command::new(waygate());
    refused.args(["serve", "--port", "0", "--secret-key", "a key"]).env_remove("WAYGATE_AUTH");
    let refused = refused.args(["--backend", &format!("{url}?connect_timeout=1s")]).output().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains("is not reached; trying for 1s") && told.contains("gave up after 1s"), "{told}");
    assert!(begun.elapsed() < PATIENCE);

    let backend = scene.backend.clone();
    let serving = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(waygate());
        command.args(["serve", "--port", "0", "--backend", &backend, "--secret-key", "a key"]);
        Process::start("waygate serve", command.env_remove("WAYGATE_AUTH"))
    });
    // It has tried in vain before there is somebody to reach.
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let (asked, _) = tokio::time::timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    drop((asked, listener));
    scene.redis.as_mut().unwrap().bring_back();
    let server = tokio::time::timeout(PATIENCE, serving).await.unwrap().unwrap();
    assert_eq!(get(&server, paths::ROUTES).await.body, Value::Array(Vec::new()));
}

#[tokio::test]
async fn what_replicas_have_not_confirmed_is_answered_503_and_is_there() {
    let mut scene = Scene::on_redis();
    scene.backend.push_str("?wait_replicas=1&wait_timeout=50ms");
    let server = scene.serve();
    let answer = |path: String| {
        let url = format!("{}{path}", server.url);
        async move {
            let answer = http().post(url).json(&json!({"reason": "r"})).timeout(Duration::from_secs(10)).send().await;
            let answer = answer.unwrap();
            (
                answer.status().as_u16(),
                answer.headers().contains_key("retry-after"),
                answer.json::<Value>().await.unwrap(),
            )
        }
    };
    let path = format!("{}/enable", paths::GLOBAL);
    // The second changes nothing any more, and is no way around the replicas.
    for _ in 0..2 {
        let (status, retry, body) = answer(path.clone()).await;
        assert_eq!((status, retry, &body["code"]), (503, true, &json!("store_unacknowledged")), "{body}");
        assert!(body["error"].as_str().unwrap().contains("0 of 1 replicas"), "{body}");
    }
    assert_eq!(get(&server, paths::GLOBAL).await.body["enabled"], true);
    let log = get(&server, paths::AUDIT).await.body;
    assert_eq!(log.as_array().unwrap().len(), 1, "{log}");
}
