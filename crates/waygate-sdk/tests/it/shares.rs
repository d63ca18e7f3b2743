//! Divided limits, from a real control plane to the answers of services.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use waygate_sdk::core::Holding;
use waygate_sdk::{Waygate, WaygateBuilder};
use waygate_server::ServerBuilder;

use crate::end_to_end::{ControlPlane, payments, settings, status};

const PATIENCE: Duration = Duration::from_secs(20);
const LIMIT: &str = "/api/services/pay/rate-limit";

/// An instance, and what it serves.
struct Replica {
    waygate: Waygate,
    app: Router,
}

impl Replica {
    fn start(builder: WaygateBuilder, id: &str) -> Self {
        let waygate = builder.instance(id).start().unwrap();
        Self { app: payments(&waygate), waygate }
    }

    /// How many of so many requests of one caller pass.
    async fn passing(&self, requests: usize) -> usize {
        let mut passed = 0;
        for _ in 0..requests {
            let status = status(&self.app, "/api/payments").await;
            assert!(matches!(status, 200 | 429), "{status}");
            passed += usize::from(status == 200);
        }
        passed
    }

    fn amount(&self) -> Option<u64> {
        Some(self.waygate.status().shares.service?.amount(100))
    }

    /// The limit that an answer tells.
    async fn told(&self) -> Option<String> {
        let request = Request::builder().uri("/api/payments").body(Body::empty()).unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        response.headers().get("x-ratelimit-limit").map(|value| value.to_str().unwrap().to_owned())
    }
}

async fn set(server: &ControlPlane, body: Value) {
    let url = format!("http://{}{LIMIT}", server.address);
    let client = reqwest::Client::new();
    let request = client.post(url).header("content-type", "application/json").body(body.to_string());
    assert_eq!(request.send().await.unwrap().status(), 201);
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let look = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, look).await.is_ok(), "it never comes true that {what}");
}

fn amounts(replicas: &[Replica]) -> Vec<Option<u64>> {
    replicas.iter().map(Replica::amount).collect()
}

async fn until_amounts(replicas: &[Replica], wanted: &[u64]) {
    let wanted: Vec<Option<u64>> = wanted.iter().copied().map(Some).collect();
    eventually(&format!("they hold {wanted:?}"), || amounts(replicas) == wanted).await;
}

fn divided(more: &Value) -> Value {
    let mut body = json!({"limit": "100/hour", "share": "divided", "key_strategy": "global"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn quick() -> ServerBuilder {
    settings().instance_liveness(Duration::from_secs(1))
}

#[tokio::test]
async fn replicas_hold_one_limit_together_while_they_come_and_go() {
    let server = ControlPlane::start().await;
    let start = |id| Replica::start(server.service("pay"), id);
    let mut replicas = vec![start("a"), start("b"), start("c")];
    for replica in &replicas {
        assert!(replica.waygate.ready(PATIENCE).await);
        assert_eq!(replica.amount(), None, "nothing is divided");
    }
    set(&server, divided(&json!({}))).await;
    until_amounts(&replicas, &[34, 33, 33]).await;
    assert_eq!(replicas[0].told().await.as_deref(), Some("34"), "callers are told of the share");
    let mut passed = 1;
    for replica in &replicas {
        passed += replica.passing(50).await;
    }
    assert_eq!(passed, 100);

    // A fourth comes: it is not ready before it has its share, and what the others have counted stays counted.
    replicas.push(start("d"));
    assert!(replicas[3].waygate.ready(PATIENCE).await);
    assert!(replicas[3].amount().is_some_and(|amount| amount > 0));
    until_amounts(&replicas, &[25, 25, 25, 25]).await;
    let mut more = Vec::new();
    for replica in &replicas {
        more.push(replica.passing(50).await);
    }
    assert_eq!(more, [0, 0, 0, 25], "the error of a change is the part of the one that has come");

    let gone = replicas.remove(0);
    gone.waygate.shutdown().await;
    assert_eq!(gone.passing(5).await, 0, "one that has left admits nothing more");
    until_amounts(&replicas, &[34, 33, 33]).await;

    set(&server, json!({"limit": "100/hour", "key_strategy": "global"})).await;
    eventually("the limit is whole again", || amounts(&replicas) == [None; 3]).await;
    assert_eq!(replicas[0].passing(200).await, 67, "the 33 that were counted stay counted");
    server.stop().await;
}

#[tokio::test]
async fn a_replica_that_is_cut_off_goes_on_with_half_of_its_share() {
    let server = ControlPlane::start_at(0, quick()).await;
    let replica = Replica::start(server.service("pay"), "a");
    assert!(replica.waygate.ready(PATIENCE).await);
    set(&server, divided(&json!({}))).await;
    until_amounts(std::slice::from_ref(&replica), &[100]).await;
    let port = server.stop().await;
    let holding = || replica.waygate.status().shares.service.unwrap().holding;
    eventually("the lease has ended", || matches!(holding(), Holding::Lapsed(_))).await;
    assert_eq!((replica.amount(), replica.passing(100).await), (Some(50), 50));

    // The control plane comes back, without its memory: the history is another one, and the limit is gone.
    let server = ControlPlane::start_at(port, quick()).await;
    eventually("it is heard of again", || replica.amount().is_none()).await;
    set(&server, divided(&json!({}))).await;
    until_amounts(std::slice::from_ref(&replica), &[100]).await;
    server.stop().await;
}

#[tokio::test]
async fn without_a_lease_a_policy_may_refuse_or_let_everything_through() {
    for (choice, passing) in [("local", 50), ("closed", 0), ("open", 100)] {
        let server = ControlPlane::start_at(0, quick()).await;
        let replica = Replica::start(server.service("pay"), "a");
        assert!(replica.waygate.ready(PATIENCE).await);
        set(&server, divided(&json!({"on_backend_failure": choice}))).await;
        until_amounts(std::slice::from_ref(&replica), &[100]).await;
        server.stop().await;
        let holding = || replica.waygate.status().shares.service.unwrap().holding;
        eventually("the lease has ended", || matches!(holding(), Holding::Lapsed(_))).await;
        assert_eq!(replica.passing(100).await, passing, "{choice}");
    }
}

/// A service that starts with a control plane that is not there.
fn alone(address: std::net::SocketAddr) -> WaygateBuilder {
    Waygate::builder(&format!("http://{address}"), "pay").reconnect_delay(Duration::from_millis(300))
}

async fn settled(what: &str, replica: &Replica) -> Holding {
    let holding = || replica.waygate.status().shares.service.unwrap().holding;
    eventually(what, || holding() != Holding::Nothing).await;
    holding()
}

fn file_in(directory: &Path) -> PathBuf {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).next().unwrap()
}

#[tokio::test]
async fn one_that_starts_again_while_the_control_plane_is_away_goes_on_with_half_of_its_share() {
    for (choice, passing) in [("local", 50), ("closed", 0), ("open", 100)] {
        let folder = tempfile::tempdir().unwrap();
        let server = ControlPlane::start().await;
        let first = Replica::start(server.service("pay").cache_dir(folder.path()), "a");
        assert!(first.waygate.ready(PATIENCE).await);
        set(&server, divided(&json!({"on_backend_failure": choice}))).await;
        until_amounts(std::slice::from_ref(&first), &[100]).await;
        eventually("it is on the disk", || std::fs::read_to_string(file_in(folder.path())).unwrap().contains("shares"))
            .await;
        let address = server.address;
        server.stop().await;

        // Several times: it does not become less. The first is as killed, the others end in order.
        for round in 0..3 {
            let again = Replica::start(alone(address).cache_dir(folder.path()), "a");
            let holding = settled("it goes on", &again).await;
            assert!(matches!(holding, Holding::Lapsed(_)), "{holding:?}");
            assert_eq!((again.amount(), again.waygate.status().is_ready()), (Some(50), false), "{choice}, {round}");
            assert_eq!(again.passing(100).await, passing, "{choice}, {round}");
            again.waygate.shutdown().await;
        }

        // The control plane is there: nobody goes on with anything, and waits for his share.
        first.waygate.shutdown().await;
        let server = ControlPlane::start_at(address.port(), settings()).await;
        set(&server, divided(&json!({"on_backend_failure": choice, "allow_unknown": true}))).await;
        let again = Replica::start(server.service("pay").cache_dir(folder.path()), "a");
        assert!(!again.waygate.status().is_ready());
        assert!(matches!(settled("it has its share", &again).await, Holding::Leased(_)));
        assert!(again.waygate.ready(PATIENCE).await);
        assert_eq!(again.amount(), Some(100));
        server.stop().await;
    }
}

#[tokio::test]
async fn one_that_ended_in_order_keeps_what_is_left_too() {
    let folder = tempfile::tempdir().unwrap();
    let server = ControlPlane::start().await;
    let kept = |builder: WaygateBuilder| builder.cache_dir(folder.path());
    let first = Replica::start(kept(server.service("pay")), "a");
    let other = Replica::start(server.service("pay"), "b");
    assert!(first.waygate.ready(PATIENCE).await && other.waygate.ready(PATIENCE).await);
    set(&server, divided(&json!({}))).await;
    let both = [first, other];
    until_amounts(&both, &[50, 50]).await;
    let [first, _other] = both;
    first.waygate.shutdown().await;
    assert_eq!(first.passing(5).await, 0);
    let address = server.address;
    server.stop().await;
    let again = Replica::start(kept(alone(address)), "c");
    assert!(matches!(settled("it goes on", &again).await, Holding::Lapsed(_)));
    assert_eq!((again.amount(), again.passing(100).await), (Some(25), 25));
}

#[tokio::test]
async fn one_that_never_had_a_share_counts_the_whole_limit_while_the_control_plane_is_away() {
    for (choice, passing) in [("local", 100), ("closed", 0), ("open", 110)] {
        let folder = tempfile::tempdir().unwrap();
        let baked = folder.path().join("baked.json");
        let server = ControlPlane::start().await;
        let _client = server.service("other").start().unwrap();
        set(&server, divided(&json!({"on_backend_failure": choice, "allow_unknown": true}))).await;
        let url = format!("http://{}/api/sdk/snapshot?service=pay", server.address);
        let snapshot = reqwest::Client::new().get(url).send().await.unwrap().bytes().await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "the test bakes a file")]
        std::fs::write(&baked, &snapshot).unwrap();
        let address = server.address;
        server.stop().await;
        let service = Replica::start(alone(address).bootstrap_file(&baked), "a");
        assert_eq!(settled("it goes on", &service).await, Holding::Alone);
        assert_eq!((service.amount(), service.waygate.status().is_ready()), (Some(100), false));
        assert_eq!(service.passing(110).await, passing, "{choice}");
    }
}

#[tokio::test]
async fn one_whose_control_plane_answers_nothing_goes_on_after_a_moment() {
    let folder = tempfile::tempdir().unwrap();
    let server = ControlPlane::start().await;
    let first = Replica::start(server.service("pay").cache_dir(folder.path()), "a");
    assert!(first.waygate.ready(PATIENCE).await);
    set(&server, divided(&json!({}))).await;
    until_amounts(std::slice::from_ref(&first), &[100]).await;
    first.waygate.shutdown().await;
    let address = server.address;
    server.stop().await;
    // It accepts connections, and that is all.
    let _silent = std::net::TcpListener::bind(address).unwrap();
    let again = Replica::start(alone(address).cache_dir(folder.path()), "a");
    assert!(matches!(settled("it goes on", &again).await, Holding::Lapsed(_)));
    assert_eq!(again.passing(100).await, 50);
}

#[tokio::test]
async fn one_whose_token_may_only_read_has_the_whole_limit_and_is_told_of() {
    let server =
        ControlPlane::start_at(0, settings().auth([("admin", "secret")]).secret_key("a key for this test")).await;
    // The client's cryptography is what the SDK brings along.
    let _first = server.service("other").start().unwrap();
    let client = reqwest::Client::new();
    let call = async |path: &str, token: &str, body: Value| {
        let request = client.post(format!("http://{}{path}", server.address)).header("x-waygate-token", token);
        let response = request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        serde_json::from_slice::<Value>(&response.bytes().await.unwrap()).unwrap()
    };
    let login = async |platform: &str| {
        let body = json!({"username": "admin", "password": "secret", "platform": platform});
        call("/api/auth/login", "", body).await["token"].as_str().unwrap().to_owned()
    };
    // Without the name of a service at its login, a service's token reads and does nothing else.
    let (admin, reader) = (login("cli").await, login("sdk").await);
    let replica = Replica::start(server.service("pay").token(reader.as_str()), "a");
    eventually("it is heard of", || replica.waygate.status().cursor.is_some()).await;
    let mut body = divided(&json!({}));
    body["allow_unknown"] = json!(true);
    let set = call(LIMIT, &admin, body).await;
    let cannot = "1 of 1 connected instances of pay cannot take a share and count the whole limit each";
    assert!(set["unsupported_by"].as_array().unwrap().contains(&json!(cannot)), "{set}");
    let begun = tokio::time::Instant::now();
    while replica.told().await.as_deref() != Some("100") {
        assert!(begun.elapsed() < PATIENCE, "{:?}", replica.told().await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.stop().await;
}
