//! Who is there, what they say that they enforce, and mutations that wait for it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use waygate_core::Lifecycle;
use waygate_server::{Access, Credentials, Role, User, endpoints};
use waygate_store::MemoryStore;

use crate::helpers::{Answer, Backend, Caller, TestServer, in_time, path_key, route};

/// An instance of `pay` as the SDK is one, by hand.
struct Instance {
    caller: Caller,
    id: &'static str,
    /// Open as long as this.
    _stream: Response,
}

impl Instance {
    async fn start(server: &TestServer, id: &'static str) -> Self {
        let caller = server
            .sdk("pay")
            .await
            .with("x-waygate-instance", id)
            .with("x-waygate-sdk", "waygate-rust/0.1.0")
            .with("x-waygate-environment", "production")
            .with("x-waygate-protocol", "1")
            .with("x-waygate-capabilities", "acknowledge,digest");
        let mut stream = caller.open(Method::GET, "/api/sdk/stream?service=pay", None).await;
        assert_eq!(stream.status(), 200);
        assert!(stream.chunk().await.unwrap().is_some());
        Self { caller, id, _stream: stream }
    }

    /// Says that it enforces what is in force at a node.
    async fn acknowledge(&self, at: &TestServer, more: Value) -> Answer {
        let mut body = json!({
            "app_id": "pay", "instance": self.id, "cursor": at.control.current().cursor.to_string(), "digest": "d1",
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.caller.post("/api/sdk/acknowledge", body).await
    }
}

async fn instances(caller: &Caller) -> Vec<Value> {
    let answer = caller.get("/api/services/pay/instances").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body.as_array().unwrap().clone()
}

/// The instances, as soon as they are so.
async fn eventually(caller: &Caller, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let look = async {
        loop {
            let there = instances(caller).await;
            if wanted(&there) {
                return there;
            }
            tokio::task::yield_now().await;
        }
    };
    in_time(look).await
}

async fn disable(caller: &Caller, wait: &str) -> Value {
    let answer = caller.post(&format!("{}?wait={wait}", route("pay:GET:/a", "disable")), json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("x-waygate-revision"), Some(&*answer.body["propagation"]["revision"].to_string()));
    assert_eq!(answer.body["status"], "disabled", "the answer is what it is without waiting: {}", answer.body);
    answer.body["propagation"].clone()
}

#[tokio::test]
async fn g57_what_is_stored_is_told_from_what_is_in_force_on_every_backend() {
    for backend in Backend::all().await {
        let server = backend.serve().await;
        server.register("pay", &["GET:/a"]).await;
        let admin = server.admin().await;
        let instance = Instance::start(&server, "one").await;
        let there = instances(&admin).await;
        assert_eq!(there.len(), 1);
        assert_eq!((&there[0]["state"], &there[0]["applied"]), (&json!("applying"), &Value::Null), "{}", there[0]);

        let answer = instance.acknowledge(&server, json!({})).await;
        assert_eq!((answer.status, &answer.body["again_in_ms"]), (200, &json!(15_000)));
        let one = instances(&admin).await.remove(0);
        let revision = json!(server.revision());
        for (field, value) in [
            ("id", json!("one")),
            ("service", json!("pay")),
            ("state", json!("in_sync")),
            ("sdk", json!("waygate-rust")),
            ("version", json!("0.1.0")),
            ("environment", json!("production")),
            ("protocol", json!(1)),
            ("capabilities", json!(["acknowledge", "digest"])),
            ("connected", json!(true)),
            ("applied", revision.clone()),
            ("delivered", revision.clone()),
            ("digest", json!("d1")),
            ("lag", json!(0)),
            ("lag_ms", Value::Null),
            ("rejected", json!([])),
        ] {
            assert_eq!(one[field], value, "{field} of {one}");
        }

        let propagation = disable(&admin, "100ms").await;
        assert_eq!((&propagation["confirmed"], &propagation["total"]), (&json!(0), &json!(1)));
        assert!(propagation["waited_ms"].as_u64().unwrap() >= 100, "{propagation}");
        let laggard = json!({"service": "pay", "instance": "one", "applied": revision, "state": "applying"});
        assert_eq!(propagation["laggards"], json!([laggard]));
        let one = instances(&admin).await.remove(0);
        assert_eq!((&one["lag"], &one["state"]), (&json!(1), &json!("applying")), "{one}");

        let (propagation, answer) =
            tokio::join!(disable(&admin, "20s"), async { instance.acknowledge(&server, json!({})).await });
        assert_eq!(answer.status, 200);
        assert_eq!((&propagation["confirmed"], &propagation["total"]), (&json!(1), &json!(1)), "{propagation}");
        assert_eq!(propagation["laggards"], json!([]));
        assert!(propagation["waited_ms"].as_u64().unwrap() < 15_000, "an acknowledgement ends the wait: {propagation}");
        server.stop().await;
    }
}

#[tokio::test]
async fn g57_a_change_of_a_service_that_nobody_runs_is_proven_by_nobody() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let global = admin.post("/api/global/enable?wait=50s", json!({})).await;
    assert_eq!(global.body["propagation"]["unproven"], "unheard", "nobody is known: {}", global.body);
    admin.post("/api/global/disable", json!({})).await;
    server.register("pay", &["GET:/a"]).await;
    server.register("orders", &["GET:/b"]).await;
    let propagation = disable(&admin, "200ms").await;
    let nobody = json!({
        "revision": server.revision(), "confirmed": 0, "total": 0, "unconfirmed": 0, "lost": 0,
        "waited_ms": propagation["waited_ms"], "laggards": [], "unproven": "absent", "absent": ["pay"],
    });
    assert_eq!(propagation, nobody);
    assert!(propagation["waited_ms"].as_u64().unwrap() >= 200, "one may come: {propagation}");
    // Nobody has ever come: there is nothing to wait for.
    let path = "/api/services/batch/maintenance/enable?wait=50s";
    let batch = admin.post(path, json!({"allow_unknown": true})).await;
    let told = &batch.body["propagation"];
    assert_eq!((&told["unproven"], &told["absent"]), (&json!("unheard"), &json!(["batch"])), "{}", batch.body);

    // One that comes meanwhile is waited for.
    let (propagation, instance) = tokio::join!(disable(&admin, "50s"), async {
        let instance = Instance::start(&server, "one").await;
        instance.acknowledge(&server, json!({})).await;
        instance
    });
    assert_eq!((&propagation["confirmed"], propagation.get("unproven")), (&json!(1), None), "{propagation}");
    // It is of another service.
    let path = format!("{}?wait=100ms", route("orders:GET:/b", "disable"));
    let orders = admin.post(&path, json!({})).await;
    assert_eq!(orders.body["propagation"]["absent"], json!(["orders"]), "{}", orders.body);
    let global = admin.post("/api/global/enable?wait=100ms", json!({})).await;
    instance.acknowledge(&server, json!({})).await;
    let told = &global.body["propagation"];
    assert_eq!((&told["unproven"], &told["absent"]), (&json!("absent"), &json!(["orders"])), "{}", global.body);
    admin.post("/api/global/disable", json!({})).await;
    let global = admin.post("/api/global/enable?wait=0", json!({})).await;
    assert_eq!(global.body["propagation"]["laggards"][0]["instance"], "one", "{}", global.body);
    let batch = json!({"commands": [{"action": "global_maintenance_off"}]});
    let batch = admin.post("/api/batch?wait=0s", batch).await;
    assert_eq!(batch.body["propagation"]["total"], 1, "{}", batch.body);
    let without = admin.post("/api/global/disable", json!({})).await;
    assert_eq!(without.body.get("propagation"), None);
    let tried = admin.post("/api/global/enable?wait=50s&dry_run=true", json!({})).await;
    assert_eq!((tried.status, tried.body.get("propagation")), (200, None), "nothing is to be waited for");
}

/// What is already so may still not have come everywhere.
#[tokio::test]
async fn a_repeated_change_waits_for_the_revision_that_made_it() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    server.register("orders", &["GET:/b"]).await;
    let admin = server.admin().await;
    let instance = Instance::start(&server, "one").await;
    disable(&admin, "0").await;
    instance.acknowledge(&server, json!({})).await;
    // The history goes on, and nothing of it concerns the service.
    admin.post(&route("orders:GET:/b", "disable"), json!({})).await;
    let propagation = disable(&admin, "50s").await;
    assert_eq!((&propagation["confirmed"], &propagation["total"]), (&json!(1), &json!(1)));
    assert_eq!(propagation["revision"], server.revision());
    let one = instances(&admin).await.remove(0);
    assert_eq!((&one["state"], &one["lag"]), (&json!("in_sync"), &json!(0)), "{one}");
}

#[tokio::test]
async fn g57_clients_of_the_reference_are_unconfirmed_and_nobody_waits_for_them() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, reference) = (server.admin().await, server.sdk("pay").await.with("user-agent", "python-httpx/0.28.1"));
    let mut stream = reference.open(Method::GET, "/api/sdk/events", None).await;
    stream.chunk().await.unwrap().unwrap();
    let propagation = disable(&admin, "50s").await;
    assert_eq!((&propagation["total"], &propagation["unconfirmed"]), (&json!(0), &json!(1)), "{propagation}");
    assert!(propagation["waited_ms"].as_u64().unwrap() < 20_000, "{propagation}");
    while !String::from_utf8_lossy(&stream.chunk().await.unwrap().unwrap()).contains("disabled") {}
    let newest = json!(server.revision());
    let there = eventually(&admin, |there| there[0]["delivered"] == newest).await;
    let one = &there[0];
    assert_eq!((&one["state"], &one["applied"], &one["lag"]), (&json!("unconfirmed"), &Value::Null, &Value::Null));
    assert_eq!((&one["sdk"], &one["version"]), (&json!("python-httpx"), &json!("0.28.1")));
    assert!(one["id"].as_str().unwrap().starts_with("connection-"), "{one}");
    drop(stream);
    eventually(&admin, <[Value]>::is_empty).await;
}

#[tokio::test]
async fn what_an_instance_could_not_apply_is_shown_and_ends_the_wait() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = server.admin().await;
    let instance = Instance::start(&server, "one").await;
    let rejected = json!([{"what": "routes GET:/a", "why": "unknown variant `exploded`"}]);
    disable(&admin, "0").await;
    instance.acknowledge(&server, json!({"rejected": rejected})).await;
    let propagation = disable(&admin, "50s").await;
    assert_eq!((&propagation["confirmed"], &propagation["total"]), (&json!(0), &json!(1)), "{propagation}");
    assert_eq!(propagation["laggards"][0]["rejected"], rejected);
    let one = instances(&admin).await.remove(0);
    assert_eq!((&one["state"], &one["rejected"]), (&json!("behind"), &rejected));
    instance.acknowledge(&server, json!({})).await;
    assert_eq!(instances(&admin).await[0]["state"], "in_sync", "the newest word replaces those before it");
}

#[tokio::test]
async fn g11_an_instance_that_is_silent_is_lost_although_its_connection_is_open() {
    let server = TestServer::start_with(|server| server.instance_liveness(Duration::from_millis(1200))).await;
    server.register("pay", &["GET:/a"]).await;
    let admin = server.admin().await;
    let silent = Instance::start(&server, "silent").await;
    let answer = silent.acknowledge(&server, json!({})).await;
    assert_eq!(answer.body["again_in_ms"], 562, "more than two signs of life go into the time");
    let leaving = Instance::start(&server, "leaving").await;
    leaving.acknowledge(&server, json!({"leaving": true})).await;
    drop(leaving);
    let there = eventually(&admin, |there| there[1]["state"] == "lost").await;
    assert_eq!((&there[0]["state"], &there[0]["connected"]), (&json!("left"), &json!(false)));
    assert_eq!((&there[1]["id"], &there[1]["connected"]), (&json!("silent"), &json!(true)));
    assert!(there[1]["applied"].is_number(), "what it may still enforce is told: {}", there[1]);
    let propagation = disable(&admin, "1s").await;
    assert_eq!((&propagation["total"], &propagation["lost"]), (&json!(0), &json!(1)), "{propagation}");
    let lost = &propagation["lost_instances"][0];
    assert_eq!(
        (&lost["service"], &lost["instance"], &lost["state"]),
        (&json!("pay"), &json!("silent"), &json!("lost"))
    );
    assert_eq!(lost["applied"], there[1]["applied"], "what it may still enforce: {lost}");

    silent.acknowledge(&server, json!({})).await;
    assert_eq!(instances(&admin).await[1]["state"], "in_sync");
}

/// One that comes back begins anew: what one of its name has said before is no word of its own.
#[tokio::test]
async fn an_instance_that_starts_again_has_acknowledged_nothing() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = server.admin().await;
    let instance = Instance::start(&server, "pod-1").await;
    instance.acknowledge(&server, json!({})).await;
    drop(instance);
    let there = eventually(&admin, |there| there[0]["connected"] == false).await;
    assert_eq!(there[0]["state"], "in_sync", "it was cut off, and enforces what it did");
    let again = Instance::start(&server, "pod-1").await;
    let one = instances(&admin).await.remove(0);
    assert_eq!((&one["state"], &one["applied"]), (&json!("applying"), &Value::Null));

    let resuming = again.caller.with("last-event-id", server.control.current().cursor.to_string());
    again.acknowledge(&server, json!({})).await;
    drop(again);
    let _stream = resuming.open(Method::GET, "/api/sdk/stream?service=pay", None).await;
    let there = eventually(&admin, |there| there[0]["connected"] == true).await;
    assert_eq!(there[0]["state"], "in_sync", "one that resumes is where it was: {}", there[0]);
}

#[tokio::test]
async fn g9_every_node_shows_the_same_instances_and_waits_for_all_of_them() {
    let store = Arc::new(MemoryStore::new().unwrap());
    let first = TestServer::start_on(store.clone(), |server| server).await;
    let second = TestServer::start_on(store, |server| server).await;
    nodes_agree(&first, &second).await;
}

#[tokio::test]
async fn g9_on_redis_every_node_shows_the_same_instances_and_waits_for_all_of_them() {
    #[expect(clippy::disallowed_methods, reason = "where the tests' Redis is, the environment says")]
    let Ok(url) = std::env::var("WAYGATE_TEST_REDIS_URL") else { return };
    let prefix = format!("instances-{}", std::process::id());
    let node = async || {
        let options = waygate_store::RedisOptions { prefix: prefix.clone(), ..Default::default() };
        let store = waygate_store::RedisStore::connect(&url, options).await.unwrap();
        TestServer::start_on(Arc::new(store), |server| server).await
    };
    nodes_agree(&node().await, &node().await).await;
}

async fn nodes_agree(first: &TestServer, second: &TestServer) {
    first.register("pay", &["GET:/a"]).await;
    let (one, other) = (Instance::start(first, "one").await, Instance::start(second, "other").await);
    let (at_first, at_second) = (first.admin().await, second.admin().await);
    // Acknowledgements reach whichever node a proxy chooses.
    let crossing = second.sdk("pay").await;
    let cursor = |server: &TestServer| server.control.current().cursor.to_string();
    let body = json!({"app_id": "pay", "instance": "one", "cursor": cursor(first)});
    assert_eq!(crossing.post("/api/sdk/acknowledge", body).await.status, 200);
    other.acknowledge(second, json!({})).await;
    for admin in [&at_first, &at_second] {
        let in_sync = |there: &[Value]| there.len() == 2 && there.iter().all(|one| one["state"] == "in_sync");
        let there = eventually(admin, in_sync).await;
        assert_eq!((&there[0]["id"], &there[1]["id"]), (&json!("one"), &json!("other")));
        assert!(there.iter().all(|one| one["sdk"] == "waygate-rust" && one["connected"] == true), "{there:?}");
    }

    // A change through the first node, of which its own instance knows already.
    let change = tokio::spawn({
        let admin = at_first.clone();
        async move { disable(&admin, "20s").await }
    });
    let key = "pay:GET:/a".parse().unwrap();
    let arrived = async {
        while second.control.current().route(&key).unwrap().base.lifecycle != Lifecycle::Disabled {
            tokio::task::yield_now().await;
        }
    };
    in_time(arrived).await;
    one.acknowledge(second, json!({})).await;
    other.acknowledge(second, json!({})).await;
    let propagation = in_time(change).await.unwrap();
    assert_eq!((&propagation["confirmed"], &propagation["total"]), (&json!(2), &json!(2)), "{propagation}");

    drop(other);
    let gone = |there: &[Value]| there.iter().any(|one| one["id"] == "other" && one["connected"] == false);
    eventually(&at_first, gone).await;
}

#[tokio::test]
async fn g41_an_acknowledgement_is_for_ones_own_service_and_makes_sense() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let (service, cursor) = (server.sdk("pay").await, server.control.current().cursor.to_string());
    let good = json!({"app_id": "pay", "instance": "one", "cursor": cursor});
    let mut foreign = good.clone();
    foreign["app_id"] = json!("orders");
    assert_eq!(service.post("/api/sdk/acknowledge", foreign).await.refusal(), (403, "forbidden"));
    for (field, value) in [
        ("app_id", json!(7)),
        ("instance", json!("a b")),
        ("instance", json!("x".repeat(129))),
        ("instance", Value::Null),
        ("cursor", json!("nonsense")),
        ("cursor", Value::Null),
        ("digest", json!(7)),
        ("rejected", json!({})),
        ("rejected", json!([1])),
        ("leaving", json!("yes")),
    ] {
        let mut body = good.clone();
        body[field] = value.clone();
        let answer = service.post("/api/sdk/acknowledge", body).await;
        assert_eq!((answer.status, answer.body["field"].as_str()), (400, Some(field)), "{field}: {value}");
    }
    let answer = service
        .post("/api/sdk/acknowledge", json!({"app_id": "pay", "instance": "one", "cursor": cursor, "rejected": [{}]}))
        .await;
    assert_eq!((answer.status, answer.body["field"].as_str()), (400, Some("rejected.what")));
    assert_eq!(instances(&server.admin().await).await.len(), 0);
    let farewell = json!({"app_id": "pay", "instance": "one", "leaving": true});
    assert_eq!(service.post("/api/sdk/acknowledge", farewell).await.status, 200);
    assert_eq!(server.changes(), 1, "none of it is a change");
}

/// A token that may only read cannot say what its service enforces; nobody waits for it.
#[tokio::test]
async fn one_that_may_not_speak_is_unconfirmed() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let body = json!({"username": "admin", "password": "secret", "platform": "sdk"});
    let unbound = server.anonymous().post("/api/auth/login", body).await.body["token"].as_str().unwrap().to_owned();
    let caller = server.anonymous().with("x-waygate-token", unbound).with("x-waygate-instance", "reader");
    let mut stream = caller.open(Method::GET, "/api/sdk/stream?service=pay", None).await;
    stream.chunk().await.unwrap().unwrap();
    let admin = server.admin().await;
    let there = instances(&admin).await;
    assert_eq!((&there[0]["id"], &there[0]["state"]), (&json!("reader"), &json!("unconfirmed")));
    assert_eq!(disable(&admin, "50s").await["total"], 0);
}

#[tokio::test]
async fn instances_are_listed_by_page_and_state_to_those_who_may_see_them() {
    let users = Credentials::from(("admin", "secret"))
        .and_user(User::new("vera", "pw").role(Role::Viewer))
        .and_user(User::new("otto", "pw").role(Role::Operator).services(["orders".parse().unwrap()]));
    let server = TestServer::start_with(|server| server.auth(users)).await;
    server.register("pay", &["GET:/a"]).await;
    server.register("orders", &["GET:/b"]).await;
    let (pay, orders) = (server.sdk("pay").await, server.sdk("orders").await);
    let cursor = server.control.current().cursor.to_string();
    for (caller, service, id) in [(&pay, "pay", "b"), (&pay, "pay", "a"), (&orders, "orders", "c")] {
        let body = json!({"app_id": service, "instance": id, "cursor": cursor});
        assert_eq!(caller.post("/api/sdk/acknowledge", body).await.status, 200);
    }
    let vera = server.login("vera", "pw").await;
    let ids = |answer: &Answer| -> Vec<String> {
        let all = answer.body.as_array().unwrap_or_else(|| panic!("{}", answer.body));
        all.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = vera.get("/api/instances").await;
    assert_eq!((ids(&all), all.header("x-waygate-total")), (vec!["c".into(), "a".into(), "b".into()], Some("3")));
    let page = vera.get("/api/instances?limit=2").await;
    assert_eq!(ids(&page), ["c", "a"]);
    let rest = vera.get(&format!("/api/instances?limit=2&cursor={}", page.header("x-waygate-next").unwrap())).await;
    assert_eq!((ids(&rest), rest.header("x-waygate-next")), (vec!["b".to_owned()], None));
    assert_eq!(ids(&vera.get("/api/instances?service=pay").await), ["a", "b"]);
    assert_eq!(ids(&vera.get("/api/instances?state=lost").await), [""; 0]);
    assert_eq!(ids(&vera.get("/api/instances?state=in_sync").await).len(), 3);
    assert_eq!(vera.get("/api/instances?state=fine").await.refusal().0, 400);
    assert_eq!(vera.get("/api/services/nowhere/instances").await.refusal(), (404, "unknown_service"));

    let otto = server.login("otto", "pw").await;
    assert_eq!(ids(&otto.get("/api/instances").await), ["c"]);
    assert_eq!(otto.get("/api/instances?service=pay").await.refusal(), (403, "forbidden"));
    assert_eq!(otto.get("/api/services/pay/instances").await.refusal(), (403, "forbidden"));
    assert_eq!(pay.get("/api/instances").await.refusal(), (403, "forbidden"));
}

#[tokio::test]
async fn every_change_by_an_operator_can_wait_and_refuses_nonsense() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = server.admin().await;
    let before = server.changes();
    let mut tried = 0;
    // What is forgotten of an instance is no change of what is enforced.
    let changes = |endpoint: &waygate_server::Endpoint| {
        let is_instance = endpoint.path.starts_with("/api/instances");
        endpoint.access == Access::Operator && endpoint.method != Method::GET && !is_instance
    };
    for endpoint in endpoints().into_iter().filter(changes) {
        let path = endpoint.path.replace("{path_key}", &path_key("pay:GET:/a")).replace("{service}", "pay");
        for wait in ["soon", "61s", "-1s"] {
            let answer = admin.send(endpoint.method.clone(), &format!("{path}?wait={wait}"), None).await;
            assert_eq!((answer.status, answer.body["field"].as_str()), (400, Some("wait")), "{endpoint:?}");
        }
        tried += 1;
    }
    assert!(tried > 20, "{tried}");
    assert_eq!(server.changes(), before);
}
