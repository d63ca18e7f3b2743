//! What the SDK says that it enforces, to a real control plane and to one that does what a test says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use waygate_sdk::{BuildError, Bypass, Routes, Waygate};

use crate::end_to_end::{ControlPlane, payments, settings, status};
use crate::script::eventually;

const PATIENCE: Duration = Duration::from_secs(20);

impl ControlPlane {
    async fn call(&self, method: reqwest::Method, path: &str) -> Value {
        let url = format!("http://{}{path}", self.address);
        let response = reqwest::Client::new().request(method, url).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    async fn instances(&self) -> Vec<Value> {
        self.call(reqwest::Method::GET, "/api/instances").await.as_array().unwrap().clone()
    }

    async fn eventually_instances(&self, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let look = async {
            loop {
                let there = self.instances().await;
                if wanted(&there) {
                    return there;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.unwrap()
    }

    async fn switch(&self, action: &str) -> Value {
        let path = waygate_sdk::api::paths::route("pay:GET:/api/payments", Some(action));
        self.call(reqwest::Method::POST, &format!("{path}?wait=20s")).await["propagation"].clone()
    }
}

#[tokio::test]
async fn g57_a_change_that_was_waited_for_is_in_force_at_every_instance() {
    let server = ControlPlane::start().await;
    let services: Vec<Waygate> = (0..3).map(|_| server.service("pay").start().unwrap()).collect();
    let apps: Vec<Router> = services.iter().map(payments).collect();
    let other = server.service("orders").instance("orders-1").environment("staging").start().unwrap();
    for service in services.iter().chain([&other]) {
        assert!(service.ready(PATIENCE).await);
    }
    server.eventually_instances(|there| there.len() == 4).await;
    for (action, answer) in [("disable", 503), ("enable", 200), ("maintenance", 503), ("enable", 200)] {
        let propagation = server.switch(action).await;
        assert_eq!((&propagation["confirmed"], &propagation["total"]), (&json!(3), &json!(3)), "{propagation}");
        for app in &apps {
            assert_eq!(status(app, "/api/payments").await, answer, "in force when the answer has come");
        }
    }
    let there = server.eventually_instances(|there| there.iter().all(|one| one["state"] == "in_sync")).await;
    let one = &there[0];
    assert_eq!((&one["id"], &one["service"]), (&json!("orders-1"), &json!("orders")));
    assert_eq!((&one["sdk"], &one["version"]), (&json!("waygate-rust"), &json!(env!("CARGO_PKG_VERSION"))));
    assert_eq!((&one["environment"], &one["protocol"]), (&json!("staging"), &json!(1)));
    assert_eq!(one["capabilities"], json!(["acknowledge", "digest", "traffic", "shares"]));
    assert!(one["digest"].is_string(), "{one}");
    let ids: std::collections::BTreeSet<&str> = there.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 4, "each start has an id of its own");
    drop(services);
    other.shutdown().await;
    server.stop().await;
}

#[tokio::test]
async fn one_that_ends_in_order_says_so() {
    let server = ControlPlane::start().await;
    let service = server.service("pay").instance("pod-1").start().unwrap();
    let app = payments(&service);
    server.eventually_instances(|there| there.first().is_some_and(|one| one["state"] == "in_sync")).await;
    service.shutdown().await;
    let one = server.instances().await.remove(0);
    assert_eq!(one["state"], "left", "it is told before the shutdown has ended: {one}");
    let disable = waygate_sdk::api::paths::route("pay:GET:/api/payments", Some("disable"));
    let answer = server.call(reqwest::Method::POST, &format!("{disable}?wait=100ms")).await;
    let propagation = &answer["propagation"];
    assert_eq!((&propagation["total"], &propagation["lost"]), (&json!(0), &json!(0)), "{propagation}");
    assert_eq!(propagation["absent"], json!(["pay"]), "nobody is there to enforce it");
    drop((app, service));

    let again = server.service("pay").instance("pod-1").start().unwrap();
    server.eventually_instances(|there| there.len() == 1 && there[0]["state"] == "in_sync").await;
    drop(again);
    server.eventually_instances(|there| there[0]["state"] == "left").await;
}

/// A control plane that starts again knows nobody; whoever comes back says at once what it enforces.
#[tokio::test]
async fn a_control_plane_that_starts_again_is_told_anew() {
    let server = ControlPlane::start().await;
    let service = server.service("pay").instance("pod-1").start().unwrap();
    assert!(service.ready(PATIENCE).await);
    server.eventually_instances(|there| there[0]["state"] == "in_sync").await;
    let port = server.stop().await;
    let server = ControlPlane::start_at(port, settings()).await;
    let begun = tokio::time::Instant::now();
    server.eventually_instances(|there| there.first().is_some_and(|one| one["state"] == "in_sync")).await;
    assert!(begun.elapsed() < Duration::from_secs(14), "it has not waited for its next sign of life");
}

#[tokio::test]
async fn a43_an_instance_that_bypasses_lets_everything_through_and_never_counts_as_enforcing() {
    let server = ControlPlane::start().await;
    let service = server.service("pay").instance("desk").bypass(Bypass::lifecycle()).start().unwrap();
    let app = payments(&service);
    assert!(service.ready(PATIENCE).await);
    assert_eq!(service.status().bypass, Bypass::lifecycle());
    let disable = waygate_sdk::api::paths::route("pay:GET:/api/payments", Some("disable"));
    server.call(reqwest::Method::POST, &disable).await;
    let there =
        server.eventually_instances(|there| there[0]["rejected"].as_array().is_some_and(|all| all.len() == 1)).await;
    assert_eq!(there[0]["rejected"][0]["what"], "lifecycle", "{there:?}");
    let propagation = server.switch("maintenance").await;
    assert_eq!((&propagation["confirmed"], &propagation["total"]), (&json!(0), &json!(1)), "{propagation}");
    assert_eq!(status(&app, "/api/payments").await, 200);
    assert_ne!(server.instances().await[0]["state"], "in_sync");
    service.shutdown().await;
}

#[test]
fn an_id_that_cannot_be_one_is_refused() {
    let error = Waygate::builder("http://localhost:9000", "pay").instance("pod 1").start().unwrap_err();
    assert!(matches!(error, BuildError::Instance(_)) && error.to_string().contains("`pod 1`"), "{error}");
}

/// A control plane by hand: what its stream says the test sends, and it writes down what it is told.
struct Stub {
    url: String,
    frames: mpsc::UnboundedSender<String>,
    told: Arc<Told>,
}

struct Told {
    stream: Mutex<Option<mpsc::UnboundedReceiver<String>>>,
    heads: Mutex<Vec<HeaderMap>>,
    acknowledgements: Mutex<Vec<Value>>,
    count: watch::Sender<usize>,
    /// Each answer to an acknowledgement takes one.
    permits: Semaphore,
    /// What acknowledgements are answered, before 200.
    answers: Mutex<VecDeque<u16>>,
    again_in_ms: u64,
}

const EPOCH: &str = "0123456789abcdef";

fn cursor(revision: u64) -> String {
    format!("{EPOCH}:{revision}:{revision:016x}")
}

impl Stub {
    async fn start(permits: usize, again_in_ms: u64) -> Self {
        let (frames, stream) = mpsc::unbounded_channel();
        let told = Arc::new(Told {
            stream: Mutex::new(Some(stream)),
            heads: Mutex::default(),
            acknowledgements: Mutex::default(),
            count: watch::Sender::new(0),
            permits: Semaphore::new(permits),
            answers: Mutex::default(),
            again_in_ms,
        });
        let app = Router::new()
            .route("/api/sdk/stream", get(follow))
            .route("/api/sdk/register", post(async || Json(json!({"states": []}))))
            .route("/api/sdk/acknowledge", post(acknowledge))
            .with_state(told.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, frames, told }
    }

    fn snapshot(&self, revision: u64, routes: &Value) {
        let data = json!({"cursor": cursor(revision), "view": {"service": {"routes": routes}}});
        self.send("snapshot", &data);
        self.send("bookmark", &json!({"cursor": cursor(revision)}));
    }

    fn commit(&self, revision: u64, changes: &Value) {
        self.send("commit", &json!({"cursor": cursor(revision), "after": revision - 1, "changes": changes}));
    }

    fn send(&self, event: &str, data: &Value) {
        self.frames.send(format!("event: {event}\ndata: {data}\n\n")).unwrap();
    }

    /// The first acknowledgement of a revision.
    async fn acknowledged(&self, revision: u64) -> Value {
        let mut count = 1;
        loop {
            let all = self.acknowledgements(count).await;
            if let Some(found) = all.iter().find(|one| one["cursor"] == cursor(revision)) {
                return found.clone();
            }
            count = all.len() + 1;
        }
    }

    /// The acknowledgements, once there are so many.
    async fn acknowledgements(&self, count: usize) -> Vec<Value> {
        let mut counted = self.told.count.subscribe();
        tokio::time::timeout(PATIENCE, counted.wait_for(|there| *there >= count)).await.unwrap().unwrap();
        self.told.acknowledgements.lock().unwrap().clone()
    }
}

async fn follow(
    State(told): State<Arc<Told>>,
    Query(query): Query<std::collections::HashMap<String, String>>,
    head: HeaderMap,
) -> (StatusCode, Body) {
    assert_eq!(query["service"], "pay");
    told.heads.lock().unwrap().push(head);
    let Some(frames) = told.stream.lock().unwrap().take() else {
        return (StatusCode::SERVICE_UNAVAILABLE, Body::empty());
    };
    let chunks = stream::unfold(frames, async |mut frames| {
        let frame = frames.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(frame)), frames))
    });
    (StatusCode::OK, Body::from_stream(chunks))
}

async fn acknowledge(State(told): State<Arc<Told>>, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    told.acknowledgements.lock().unwrap().push(body);
    told.count.send_modify(|count| *count += 1);
    told.permits.acquire().await.unwrap().forget();
    let answer = told.answers.lock().unwrap().pop_front().unwrap_or(200);
    (StatusCode::from_u16(answer).unwrap(), Json(json!({"again_in_ms": told.again_in_ms})))
}

#[tokio::test]
async fn one_acknowledgement_is_under_way_at_a_time_and_the_newest_replaces_the_others() {
    let stub = Stub::start(0, 60_000).await;
    let service = Waygate::builder(&stub.url, "pay").instance("one").start().unwrap();
    stub.snapshot(1, &json!({}));
    let first = stub.acknowledgements(1).await;
    assert_eq!((&first[0]["app_id"], &first[0]["instance"]), (&json!("pay"), &json!("one")));
    assert_eq!((&first[0]["cursor"], first[0].get("rejected")), (&json!(cursor(1)), None));
    // Nobody answers it; the rules move on all the same.
    for revision in 2..=50 {
        stub.commit(revision, &json!([]));
    }
    let newest = || service.status().cursor.is_some_and(|at| at.revision.0 == 50);
    eventually("applied", newest).await;
    assert_eq!(stub.told.acknowledgements.lock().unwrap().len(), 1);
    stub.told.permits.add_permits(1000);
    let both = stub.acknowledgements(2).await;
    assert_eq!((both.len(), &both[1]["cursor"]), (2, &json!(cursor(50))));
    service.shutdown().await;
    let all = stub.acknowledgements(3).await;
    assert_eq!((all.len(), &all[2]["leaving"]), (3, &json!(true)));
    let head = stub.told.heads.lock().unwrap()[0].clone();
    assert_eq!(head["x-waygate-instance"], "one");
    assert_eq!(head["x-waygate-sdk"], format!("waygate-rust/{}", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn signs_of_life_come_at_the_pace_that_was_asked_for() {
    let stub = Stub::start(1000, 250).await;
    let service = Waygate::builder(&stub.url, "pay").start().unwrap();
    stub.snapshot(1, &json!({}));
    let all = stub.acknowledgements(4).await;
    assert!(all.iter().all(|one| one["cursor"] == cursor(1) && one["instance"] == all[0]["instance"]), "{all:?}");
    drop(service);
}

#[tokio::test]
async fn what_cannot_be_applied_is_told_until_it_can() {
    let stub = Stub::start(1000, 60_000).await;
    let service = Waygate::builder(&stub.url, "pay").start().unwrap();
    let good = json!({"base": {"lifecycle": "disabled"}, "changed_at": 1});
    let odd = json!({"base": {"lifecycle": "exploded"}, "changed_at": 1});
    stub.snapshot(1, &json!({"GET:/good": good, "GET:/odd": odd}));
    let all = stub.acknowledgements(1).await;
    let rejected = all[0]["rejected"].as_array().unwrap();
    assert_eq!((rejected.len(), &rejected[0]["what"]), (1, &json!("routes GET:/odd")));
    assert!(rejected[0]["why"].as_str().unwrap().contains("exploded"), "{rejected:?}");
    stub.commit(2, &json!([{"kind": "route_set", "key": "pay:GET:/odd", "route": good}]));
    let last = stub.acknowledged(2).await;
    assert_eq!(last.get("rejected"), None, "{last}");
    drop(service);
}

/// Whatever becomes of acknowledgements, changes arrive and are enforced.
#[tokio::test]
async fn a_failure_to_acknowledge_hurts_nothing() {
    let stub = Stub::start(1000, 60_000).await;
    stub.told.answers.lock().unwrap().extend([500, 404, 403]);
    let service = Waygate::builder(&stub.url, "pay").start().unwrap();
    let app = payments(&service);
    let route = json!({"base": {"lifecycle": "disabled"}, "changed_at": 1});
    stub.snapshot(1, &json!({"GET:/api/payments": route}));
    stub.acknowledgements(1).await;
    crate::end_to_end::eventually_answers(&app, "/api/payments", 503).await;
    let open = json!({"base": {"lifecycle": "active"}, "changed_at": 2});
    stub.commit(2, &json!([{"kind": "route_set", "key": "pay:GET:/api/payments", "route": open}]));
    crate::end_to_end::eventually_answers(&app, "/api/payments", 200).await;
    assert_eq!(service.status().phase, waygate_sdk::Phase::Live);
    stub.acknowledged(2).await;
}

/// What was kept does not say what of it could not be read: of that nothing is said before it has come anew.
#[tokio::test]
async fn what_could_not_be_read_is_not_forgotten_over_a_restart() {
    let stub = Stub::start(1000, 60_000).await;
    let odd = json!({"GET:/odd": {"base": {"lifecycle": "exploded"}, "changed_at": 1}});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("baked.json");
    let baked = json!({"cursor": cursor(1), "view": {"service": {"routes": odd}}});
    crate::kept::write(&file, baked.to_string().as_bytes());
    let service = Waygate::builder(&stub.url, "pay").bootstrap_file(&file).start().unwrap();
    assert!(service.status().cursor.is_some(), "it enforces what it has");
    eventually("followed", || !stub.told.heads.lock().unwrap().is_empty()).await;
    stub.snapshot(2, &odd);
    let all = stub.acknowledgements(1).await;
    assert_eq!((&all[0]["cursor"], all[0]["rejected"].as_array().map(Vec::len)), (&json!(cursor(2)), Some(1)));
    assert_eq!(all[0]["sequence"], 1);
    let head = stub.told.heads.lock().unwrap()[0].clone();
    assert_eq!(all[0]["process"], head["x-waygate-process"].to_str().unwrap(), "both say which start it is");
    assert_ne!(all[0]["process"], all[0]["instance"]);
    drop(service);
}

/// Once the one held what the other waited for, and services stood still as they started.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn declarations_and_acknowledgements_do_not_wait_for_each_other() {
    let server = ControlPlane::start().await;
    let waygate = server.service("pay").start().unwrap();
    eventually("it is heard of", || waygate.status().cursor.is_some()).await;
    let (done, ended) = std::sync::mpsc::channel();
    let declared = waygate.clone();
    std::thread::spawn(move || {
        for _ in 0..3000 {
            declared.declare(Routes::new().get("/a"));
        }
        done.send(()).unwrap();
    });
    let ended = tokio::task::block_in_place(|| ended.recv_timeout(Duration::from_secs(20)));
    assert!(ended.is_ok(), "declarations stand still");
    server.stop().await;
}
