//! Shares of divided limits: what instances are given, at whichever node they ask.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use waygate_api::instances::SharesGranted;
use waygate_core::Part;

use crate::helpers::{Answer, Backend, Caller, TestServer, in_time};

const LIMIT: &str = "/api/services/pay/rate-limit";

/// An instance that asks for its share of the limits of `pay`, at the node that it is told.
struct Instance {
    token: String,
    id: String,
    serial: u64,
    part: Part,
}

impl Instance {
    async fn new(server: &TestServer, id: &str) -> Self {
        let token = server.sdk("pay").await.header("x-waygate-token").to_owned();
        Self { token, id: id.to_owned(), serial: 0, part: Part::default() }
    }

    fn caller(&self, at: &TestServer) -> Caller {
        let caller = at.anonymous().with("x-waygate-token", &self.token).with("x-waygate-instance", &self.id);
        caller.with("x-waygate-app-id", "pay").with("x-waygate-capabilities", "acknowledge,digest,shares")
    }

    async fn say(&self, at: &TestServer, more: Value) -> Answer {
        let cursor = at.control.current().cursor.to_string();
        let mut body = json!({"app_id": "pay", "instance": self.id, "cursor": cursor});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.caller(at).post("/api/sdk/acknowledge", body).await
    }

    /// Asks, takes what it is given, and whether that is all that is meant for it.
    async fn ask(&mut self, at: &TestServer) -> bool {
        let answer = self.say(at, json!({"shares": {"service": self.serial}})).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let granted: SharesGranted = serde_json::from_value(answer.body["shares"].clone()).unwrap();
        let granted = granted.service.unwrap();
        (self.serial, self.part) = (granted.serial, granted.part);
        !granted.partial
    }

    async fn follow(&self, at: &TestServer) -> Response {
        let mut stream = self.caller(at).open(Method::GET, "/api/sdk/stream?service=pay", None).await;
        assert!(stream.chunk().await.unwrap().is_some());
        stream
    }
}

async fn settle(instances: &mut [Instance], at: &[&TestServer]) {
    for _ in 0..4 {
        for (number, instance) in instances.iter_mut().enumerate() {
            instance.ask(at[number % at.len()]).await;
        }
    }
}

fn amounts(instances: &[Instance]) -> Vec<u64> {
    instances.iter().map(|instance| instance.part.of(100)).collect()
}

async fn divide(admin: &Caller) -> Answer {
    let answer = admin.post(LIMIT, json!({"limit": "100/minute", "share": "divided"})).await;
    assert_eq!((answer.status, &answer.body["share"]), (201, &json!("divided")), "{}", answer.body);
    answer
}

async fn until_said(mut stream: Response, event: &str) {
    let look = async {
        let mut text = String::new();
        while !text.contains(event) {
            text.push_str(&String::from_utf8_lossy(&stream.chunk().await.unwrap().unwrap()));
        }
    };
    in_time(look).await;
}

#[tokio::test]
async fn a_limit_is_divided_among_those_who_ask_and_shown_with_their_shares_on_every_backend() {
    for backend in Backend::all().await {
        let server = backend.serve().await;
        server.register("pay", &["GET:/a"]).await;
        let admin = server.admin().await;
        divide(&admin).await;
        let mut pods = Vec::new();
        for id in ["pod-1", "pod-2", "pod-3"] {
            pods.push(Instance::new(&server, id).await);
        }
        settle(&mut pods, &[&server]).await;
        assert_eq!(amounts(&pods), [34, 33, 33]);

        let shown = admin.get(LIMIT).await.body["policy"].clone();
        let of = |instance: &str, limit: &str| json!({"service": "pay", "instance": instance, "limit": limit});
        assert_eq!(
            shown["shares"],
            json!([of("pod-1", "34/minute"), of("pod-2", "33/minute"), of("pod-3", "33/minute")]),
            "{shown}"
        );

        let left = pods[2].say(&server, json!({"leaving": true, "shares": {}})).await;
        assert_eq!((left.status, left.body.get("shares")), (200, None), "{}", left.body);
        pods.pop();
        settle(&mut pods, &[&server]).await;
        assert_eq!(amounts(&pods), [50, 50]);

        let whole = admin.post(LIMIT, json!({"limit": "100/minute", "share": "per_replica"})).await;
        assert_eq!((whole.status, whole.body.get("share")), (201, None), "{}", whole.body);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_new_one_waits_until_the_others_have_made_room_and_they_are_told_on_their_streams() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    divide(&server.admin().await).await;
    let mut first = Instance::new(&server, "pod-1").await;
    let stream = first.follow(&server).await;
    assert!(first.ask(&server).await && first.ask(&server).await);
    assert_eq!(first.part.of(100), 100);

    let mut second = Instance::new(&server, "pod-2").await;
    assert!(!second.ask(&server).await, "it is to ask again soon");
    let soon = second.say(&server, json!({"shares": {"service": second.serial}})).await;
    assert_eq!((second.part.of(100), &soon.body["again_in_ms"]), (0, &json!(250)));
    until_said(stream, "event: shares\ndata: {}\n\n").await;
    assert!(first.ask(&server).await);
    assert_eq!((first.part.of(100), second.ask(&server).await), (50, false), "it has not said that it enforces less");
    first.ask(&server).await;
    assert!(second.ask(&server).await);
    assert_eq!(second.part.of(100), 50);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_give_from_one_whole_on_every_backend_that_is_shared() {
    for backend in Backend::shared().await {
        two_nodes_give_from_one_whole([backend.serve().await, backend.serve().await].map(Arc::new)).await;
    }
}

/// Everybody asks everywhere at once: what all were given never overlaps, and comes to the whole.
async fn two_nodes_give_from_one_whole(servers: [Arc<TestServer>; 2]) {
    servers[0].register("pay", &["GET:/a"]).await;
    let admin = servers[0].admin().await;
    divide(&admin).await;
    let mut asking = JoinSet::new();
    for number in 0..12 {
        let servers = servers.clone();
        asking.spawn(async move {
            let mut pod = Instance::new(&servers[number % 2], &format!("pod-{number:02}")).await;
            for round in 0..12 {
                pod.ask(&servers[(number + round) % 2]).await;
                tokio::task::yield_now().await;
            }
            pod
        });
    }
    let mut pods: Vec<Instance> = asking.join_all().await;
    pods.sort_by(|one, other| one.id.cmp(&other.id));
    let together: u64 = amounts(&pods).iter().sum();
    assert!(together <= 100, "{:?}", amounts(&pods));
    settle(&mut pods, &[&servers[0], &servers[1]]).await;
    let settled = amounts(&pods);
    assert_eq!(settled.iter().sum::<u64>(), 100, "{settled:?}");
    assert!(settled.iter().all(|amount| (8..=9).contains(amount)), "{settled:?}");
    let shown: Vec<Value> = [
        servers[0].admin().await.get(LIMIT).await.body["policy"]["shares"].clone(),
        servers[1].admin().await.get(LIMIT).await.body["policy"]["shares"].clone(),
    ]
    .into();
    assert_eq!(shown[0], shown[1], "every node says the same");
    assert_eq!(shown[0].as_array().unwrap().len(), 12);
}

#[tokio::test]
async fn clients_that_cannot_take_a_share_are_told_of_and_counted() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = server.admin().await;
    let old = server.sdk("pay").await.with("x-waygate-capabilities", "acknowledge,digest");
    let _old = old.with("x-waygate-instance", "old").open(Method::GET, "/api/sdk/stream?service=pay", None).await;
    let reference = server.sdk("pay").await;
    let _reference = reference.open(Method::GET, "/api/sdk/events", None).await;
    let mut new = Instance::new(&server, "new").await;
    let _new = new.follow(&server).await;
    let set = divide(&admin).await;
    let cannot = "2 of 3 connected instances of pay cannot take a share and count the whole limit each";
    assert!(set.body["unsupported_by"].as_array().unwrap().contains(&json!(cannot)), "{}", set.body);
    assert!(new.ask(&server).await);
    assert_eq!(new.part.of(99), 33, "the two count as if they had a share");
    server.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_names_the_field() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, pod) = (server.admin().await, Instance::new(&server, "pod").await);
    for bad in
        [json!(1), json!([]), json!("all"), json!({"service": -1}), json!({"global": "x"}), json!({"service": 1.5})]
    {
        let answer = pod.say(&server, json!({"shares": bad})).await;
        assert_eq!(answer.refusal(), (400, "invalid_field"), "{bad}: {}", answer.body);
        assert!(answer.body["field"].as_str().unwrap().starts_with("shares"), "{bad}: {}", answer.body);
    }
    let before = server.changes();
    let answer = admin.post(LIMIT, json!({"limit": "1/minute", "share": "evenly"})).await;
    assert_eq!((answer.refusal(), &answer.body["field"]), ((400, "invalid_field"), &json!("share")));
    assert!(answer.body["error"].as_str().unwrap().contains("`per_replica`, `divided`"), "{}", answer.body);
    assert_eq!(server.changes(), before);
    server.stop().await;
}

#[tokio::test]
async fn one_that_is_gone_is_forgotten_at_every_node_of_every_backend_that_is_shared() {
    for backend in Backend::shared().await {
        let quick = |server: waygate_server::ServerBuilder| server.instance_liveness(Duration::from_secs(1));
        one_that_is_gone_is_forgotten(backend.serve_with(quick).await, backend.serve_with(quick).await).await;
    }
}

async fn one_that_is_gone_is_forgotten(one: TestServer, other: TestServer) {
    one.register("pay", &["GET:/a"]).await;
    let admins = [one.admin().await, other.admin().await];
    divide(&admins[0]).await;
    let mut pods = vec![Instance::new(&one, "pod-1").await, Instance::new(&one, "pod-2").await];
    settle(&mut pods, &[&one]).await;

    let live = admins[0].delete("/api/instances/pod-2").await;
    assert_eq!(live.refusal(), (409, "instance_present"), "{}", live.body);
    let unknown = admins[0].delete("/api/instances/pod-9").await;
    assert_eq!(unknown.refusal(), (404, "unknown_instance"));
    assert_eq!(admins[0].delete("/api/instances/pod-2?service=orders").await.status, 404);
    assert_eq!(admins[0].delete("/api/instances/a%20b").await.refusal(), (400, "invalid_key"));

    // It is silent from now on; the other goes on, and gets what it gave up in the end.
    pods.pop();
    in_time(async {
        while pods[0].part.of(100) == 50 {
            pods[0].ask(&one).await;
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(pods[0].part.of(100), 75, "half is kept for the one that is lost");
    let forgotten = admins[1].delete("/api/instances/pod-2").await;
    assert_eq!(forgotten.body, json!({"ok": true, "id": "pod-2", "service": "pay"}));
    let shown = admins[0].get(LIMIT).await.body["policy"]["shares"].clone();
    assert_eq!(shown.as_array().unwrap().len(), 1, "{shown}");
    assert!(pods[0].ask(&one).await);
    assert_eq!(pods[0].part.of(100), 100);
    for admin in &admins {
        in_time(async {
            loop {
                let there = admin.get("/api/instances").await.body;
                let ids: Vec<&str> = there.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
                if ids == ["pod-1"] {
                    break;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    // Once it is back, it is there again.
    let again = Instance::new(&other, "pod-2").await;
    again.say(&other, json!({})).await;
    let there = admins[1].get("/api/instances").await.body;
    let states: BTreeMap<&str, &str> = there
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["id"].as_str().unwrap(), one["state"].as_str().unwrap()))
        .collect();
    assert!(states.contains_key("pod-2"), "{states:?}");
    one.stop().await;
    other.stop().await;
}
