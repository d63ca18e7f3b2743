//! What proves that a change is in force, and what does not although it looks so.

mod told;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use waygate_core::{Commit, Cursor, Digest, Draft, DraftId, Epoch, State, Timestamp};
use waygate_store::{
    CommitError, CommitStream, FileStore, HistoryPage, HistoryQuery, MemoryStore, Retention, SideStore, SideValue,
    Store, StoreError, WatchError,
};

use crate::helpers::{Caller, Shared, TestServer, in_time, route};

/// A store in whose place another one of the same epoch can be put, as a failover does that loses something, and whose
/// notes can be unreadable.
#[derive(Debug, Clone)]
struct Replaceable(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    inner: Mutex<Arc<MemoryStore>>,
    notes: Arc<dyn SideStore>,
    is_deaf: AtomicBool,
    readings: AtomicUsize,
    attempts: AtomicUsize,
}

fn history() -> Arc<MemoryStore> {
    let epoch: Epoch = "thesamehistory".parse().unwrap();
    Arc::new(MemoryStore::in_epoch(epoch, Retention::default()))
}

impl Replaceable {
    fn new() -> Self {
        Self(Arc::new(Parts {
            inner: Mutex::new(history()),
            notes: MemoryStore::new().unwrap().side(),
            is_deaf: AtomicBool::new(false),
            readings: AtomicUsize::new(0),
            attempts: AtomicUsize::new(0),
        }))
    }

    fn inner(&self) -> Arc<MemoryStore> {
        self.0.inner.lock().unwrap().clone()
    }

    /// Puts another history in the place of this one, and gives back what was there.
    fn replace(&self, other: Arc<MemoryStore>) -> Arc<MemoryStore> {
        std::mem::replace(&mut *self.0.inner.lock().unwrap(), other)
    }
}

#[async_trait]
impl Store for Replaceable {
    async fn load(&self) -> Result<State, StoreError> {
        self.inner().load().await
    }

    async fn commit(&self, base: &Cursor, drafts: Vec<Draft>) -> Result<Vec<Arc<Commit>>, CommitError> {
        self.0.attempts.fetch_add(1, Ordering::SeqCst);
        self.inner().commit(base, drafts).await
    }

    async fn watch(&self, after: &Cursor) -> Result<CommitStream, WatchError> {
        self.inner().watch(after).await
    }

    async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError> {
        self.inner().history(query).await
    }

    async fn find(&self, id: &DraftId) -> Result<Option<Arc<Commit>>, StoreError> {
        self.inner().find(id).await
    }

    fn side(&self) -> Arc<dyn SideStore> {
        Arc::new(self.clone())
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner().close().await
    }

    fn trouble(&self) -> Option<String> {
        None
    }

    fn describe(&self) -> String {
        "replaceable".to_owned()
    }
}

#[async_trait]
impl SideStore for Replaceable {
    async fn value(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.0.notes.value(key, now).await
    }

    async fn values(
        &self,
        prefix: &str,
        now: Timestamp,
    ) -> Result<std::collections::BTreeMap<String, String>, StoreError> {
        self.0.notes.values(prefix, now).await
    }

    async fn swap(
        &self,
        key: &str,
        expected: Option<&str>,
        new: Option<SideValue>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.0.notes.swap(key, expected, new, now).await
    }

    async fn note(&self, notes: Vec<(String, SideValue)>, now: Timestamp) -> Result<(), StoreError> {
        self.0.notes.note(notes, now).await
    }

    async fn noted(
        &self,
        prefix: &str,
        now: Timestamp,
    ) -> Result<std::collections::BTreeMap<String, String>, StoreError> {
        self.0.readings.fetch_add(1, Ordering::SeqCst);
        if self.0.is_deaf.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("nobody listens".to_owned()));
        }
        self.0.notes.noted(prefix, now).await
    }
}

/// The stream of an instance of `pay`, opened by hand.
async fn stream(caller: &Caller, instance: &str, process: Option<&str>, resume: Option<&Cursor>) -> Response {
    let mut caller = caller.with("x-waygate-instance", instance);
    if let Some(process) = process {
        caller = caller.with("x-waygate-process", process);
    }
    if let Some(resume) = resume {
        caller = caller.with("last-event-id", resume.to_string());
    }
    let stream = caller.open(Method::GET, "/api/sdk/stream?service=pay", None).await;
    assert_eq!(stream.status(), 200);
    stream
}

/// Says that the instance `one` enforces what is in force at a cursor.
async fn acknowledge(caller: &Caller, cursor: &Cursor, more: Value) {
    let mut body = json!({"app_id": "pay", "instance": "one", "cursor": cursor.to_string()});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = caller.post("/api/sdk/acknowledge", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

async fn one(admin: &Caller) -> Value {
    let answer = admin.get("/api/services/pay/instances").await;
    answer.body.as_array().unwrap_or_else(|| panic!("{}", answer.body))[0].clone()
}

async fn switch(admin: &Caller, action: &str, wait: &str) -> Value {
    let answer = admin.post(&format!("{}?wait={wait}", route("pay:GET:/a", action)), json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["propagation"].clone()
}

async fn until(wanted: impl Fn() -> bool) {
    let look = async {
        while !wanted() {
            tokio::task::yield_now().await;
        }
    };
    in_time(look).await;
}

fn here(server: &TestServer) -> Cursor {
    server.control.current().cursor.clone()
}

/// A history that goes on further than the one that it takes the place of.
async fn another_history(changes: usize) -> Arc<MemoryStore> {
    let other = history();
    let server = TestServer::start_on(Arc::new(Shared(other.clone())), |server| server).await;
    server.register("pay", &["GET:/a"]).await;
    let admin = server.admin().await;
    for number in 0..changes {
        let action = if number % 2 == 0 { "disable" } else { "enable" };
        assert_eq!(admin.post(&route("pay:GET:/a", action), json!({})).await.status, 200);
    }
    server.stop().await;
    other
}

#[tokio::test]
async fn g57_what_was_acknowledged_of_a_history_that_is_gone_proves_nothing() {
    let store = Replaceable::new();
    let server = TestServer::start_on(Arc::new(store.clone()), |server| server).await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let _stream = stream(&service, "one", None, None).await;
    for action in ["disable", "enable", "disable", "enable", "disable", "enable"] {
        switch(&admin, action, "0").await;
    }
    acknowledge(&service, &here(&server), json!({})).await;
    assert_eq!(one(&admin).await["state"], "in_sync");
    let acknowledged = here(&server);

    store.replace(another_history(1).await).close().await.unwrap();
    until(|| here(&server).revision < acknowledged.revision).await;
    let lost = one(&admin).await;
    assert_eq!((&lost["lag"], &lost["applied"]), (&Value::Null, &json!(acknowledged.revision)), "{lost}");
    assert_ne!(lost["state"], "in_sync", "a higher number of a history that is gone: {lost}");
    let propagation = switch(&admin, "enable", "50ms").await;
    assert_eq!((&propagation["confirmed"], &propagation["total"]), (&json!(0), &json!(1)), "{propagation}");

    acknowledge(&service, &here(&server), json!({})).await;
    assert_eq!(one(&admin).await["state"], "in_sync");
    let propagation = switch(&admin, "enable", "20s").await;
    assert_eq!((&propagation["confirmed"], &propagation["total"]), (&json!(1), &json!(1)), "{propagation}");
    assert_eq!(propagation.get("unproven"), None);
    server.stop().await;
}

#[tokio::test]
async fn g57_a_change_that_the_store_has_lost_is_never_confirmed_by_what_came_in_its_place() {
    let store = Replaceable::new();
    let server = TestServer::start_on(Arc::new(store.clone()), |server| server).await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let _stream = stream(&service, "one", None, None).await;
    acknowledge(&service, &here(&server), json!({})).await;
    let other = another_history(12).await;
    let before = here(&server);
    let waiting = tokio::spawn({
        let admin = admin.clone();
        async move { switch(&admin, "disable", "50s").await }
    });
    until(|| here(&server).revision > before.revision).await;
    let awaited = here(&server);

    store.replace(other).close().await.unwrap();
    until(|| here(&server).revision > awaited.revision).await;
    acknowledge(&service, &here(&server), json!({})).await;
    let propagation = in_time(waiting).await.unwrap();
    assert_eq!((&propagation["confirmed"], &propagation["total"]), (&json!(0), &json!(1)), "{propagation}");
    assert_eq!((&propagation["unproven"], &propagation["revision"]), (&json!("vanished"), &json!(awaited.revision)));
    server.stop().await;
}

/// The store stands at a lower revision than this node: that is no reason to try again at once, and to give up.
#[tokio::test]
async fn a_change_is_made_on_the_history_that_a_failover_has_left() {
    let store = Replaceable::new();
    let server = TestServer::start_on(Arc::new(store.clone()), |server| server).await;
    server.register("pay", &["GET:/a"]).await;
    let admin = server.admin().await;
    for action in ["disable", "enable", "disable", "enable", "disable", "enable"] {
        switch(&admin, action, "0").await;
    }
    // The watch of what is gone has not ended yet.
    let gone = store.replace(another_history(0).await);
    let attempts = store.0.attempts.load(Ordering::SeqCst);
    let made = tokio::spawn(async move { admin.post(&route("pay:GET:/a", "disable"), json!({})).await });
    until(|| store.0.attempts.load(Ordering::SeqCst) > attempts).await;
    gone.close().await.unwrap();
    let answer = in_time(made).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(store.0.attempts.load(Ordering::SeqCst) <= attempts + 3, "it waits rather than tries");
    server.stop().await;
}

#[tokio::test]
async fn g9_a_node_that_cannot_learn_who_is_elsewhere_does_not_say_that_all_enforce_it() {
    let store = Replaceable::new();
    store.0.is_deaf.store(true, Ordering::SeqCst);
    let server = TestServer::start_on(Arc::new(store.clone()), |server| server).await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let _stream = stream(&service, "one", None, None).await;
    switch(&admin, "disable", "0").await;
    acknowledge(&service, &here(&server), json!({})).await;
    let propagation = switch(&admin, "disable", "100ms").await;
    assert_eq!((&propagation["confirmed"], &propagation["unproven"]), (&json!(1), &json!("incomplete")));
    assert!(propagation["waited_ms"].as_u64().unwrap() >= 100, "{propagation}");

    store.0.is_deaf.store(false, Ordering::SeqCst);
    let propagation = switch(&admin, "disable", "50s").await;
    assert_eq!((&propagation["confirmed"], propagation.get("unproven")), (&json!(1), None), "{propagation}");
    server.stop().await;
}

/// After a restart not all have come back: that one of them enforces a change does not prove it of the others.
#[tokio::test]
async fn g57_a_node_that_has_just_started_does_not_say_that_it_knows_of_all() {
    let kept = another_history(1).await;
    let server = TestServer::start_on(kept, |server| server).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let propagation = switch(&admin, "enable", "100ms").await;
    assert_eq!((&propagation["total"], &propagation["unproven"]), (&json!(0), &json!("absent")), "{propagation}");
    let _stream = stream(&service, "one", None, None).await;
    acknowledge(&service, &here(&server), json!({})).await;
    let propagation = switch(&admin, "enable", "100ms").await;
    assert_eq!((&propagation["confirmed"], &propagation["unproven"]), (&json!(1), &json!("incomplete")));
    server.stop().await;
}

/// The file that a node keeps says who was there: one of two that has come back proves nothing of the other.
#[tokio::test]
async fn g57_after_a_restart_those_who_were_there_are_waited_for_until_they_are_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let begin = async || {
        let store = Arc::new(FileStore::open(&path).await.unwrap());
        TestServer::start_on(store, |server| server.instance_liveness(Duration::from_millis(2500))).await
    };
    let server = begin().await;
    server.register("pay", &["GET:/a"]).await;
    let service = server.sdk("pay").await;
    let streams = [stream(&service, "one", None, None).await, stream(&service, "two", None, None).await];
    acknowledge(&service, &here(&server), json!({})).await;
    acknowledge(&service, &here(&server), json!({"instance": "gone", "leaving": true})).await;
    let kept =
        || std::fs::read_dir(folder.path()).unwrap().filter_map(|file| std::fs::read_to_string(file.ok()?.path()).ok());
    until(|| kept().any(|text| text.contains("fleet") && text.contains("two") && !text.contains("gone"))).await;
    // A stop ends all streams; whose stream was ended so is not lost.
    server.stop().await;
    drop(streams);

    let server = begin().await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let _stream = stream(&service, "one", None, None).await;
    acknowledge(&service, &here(&server), json!({})).await;
    let answer = admin.get("/api/propagation?service=pay&wait=100ms").await;
    let come = &answer.body;
    assert_eq!((&come["confirmed"], &come["total"]), (&json!(1), &json!(2)), "{come}");
    assert_eq!((&come["laggards"][0]["instance"], &come["laggards"][0]["applied"]), (&json!("two"), &Value::Null));
    let left = come["settled_in_ms"].as_u64().unwrap();
    assert!((1..=10_000).contains(&left), "for as long some may come back that nobody has seen: {come}");

    let lost = async {
        loop {
            let answer = admin.get("/api/propagation?service=pay").await;
            if answer.body["lost"] == 1 {
                return answer.body;
            }
            tokio::task::yield_now().await;
        }
    };
    let come = in_time(lost).await;
    assert_eq!(come["lost_instances"][0]["instance"], "two", "{come}");
    until(|| kept().any(|text| text.contains(r#"two\":\"20"#))).await;
    server.stop().await;

    // One that was lost before is so after the next start, and nobody waits for it again.
    let server = begin().await;
    let admin = server.admin().await;
    let there = admin.get("/api/services/pay/instances").await.body;
    let states: Vec<(&str, &str)> = there
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["id"].as_str().unwrap(), one["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [("one", "behind"), ("two", "lost")], "{there}");
    server.stop().await;
}

/// A store in memory is empty after a restart: that there was a history before it is known from those who come.
#[tokio::test]
async fn g57_whoever_comes_from_another_history_shows_that_there_may_be_more() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let first = stream(&service, "new", None, None).await;
    acknowledge(&service, &here(&server), json!({"instance": "new"})).await;
    let propagation = switch(&admin, "disable", "0").await;
    assert_eq!(propagation.get("settled_in_ms"), None, "nobody was there before: {propagation}");
    drop(first);

    let before = Cursor { epoch: "historybefore".parse().unwrap(), ..here(&server) };
    let _stream = stream(&service, "one", None, Some(&before)).await;
    acknowledge(&service, &here(&server), json!({})).await;
    acknowledge(&service, &here(&server), json!({"instance": "new"})).await;
    let propagation = switch(&admin, "disable", "100ms").await;
    assert_eq!((&propagation["confirmed"], &propagation["unproven"]), (&json!(2), &json!("incomplete")));
    let left = propagation["settled_in_ms"].as_u64().unwrap();
    assert!((20_000..=32_000).contains(&left), "until they would be lost: {propagation}");
    server.stop().await;
}

#[tokio::test]
async fn how_far_everything_has_come_is_told_without_a_change() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    server.register("orders", &["GET:/o"]).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let come = async |query: &str| admin.get(&format!("/api/propagation{query}")).await;
    let _stream = stream(&service, "one", None, None).await;
    switch(&admin, "disable", "0").await;
    let answer = come("?service=pay&wait=20ms").await;
    assert_eq!((&answer.body["confirmed"], &answer.body["total"]), (&json!(0), &json!(1)), "{}", answer.body);
    assert!(answer.body["waited_ms"].as_u64().unwrap() >= 20, "{}", answer.body);
    acknowledge(&service, &here(&server), json!({})).await;
    let answer = come("?service=pay&wait=20s").await;
    assert_eq!((&answer.body["confirmed"], answer.body.get("unproven")), (&json!(1), None), "{}", answer.body);
    assert_eq!(answer.body["revision"], json!(server.revision()));
    let answer = come("?service=pay,orders").await;
    assert_eq!((&answer.body["confirmed"], &answer.body["absent"]), (&json!(1), &json!(["orders"])), "{}", answer.body);
    assert_eq!(come("").await.body["absent"], json!(["orders"]));
    assert_eq!(come("?service=nosuch").await.status, 404);
    assert_eq!(come("?service=pay,").await.body["field"], "service");
    assert_eq!(come("?wait=soon").await.body["field"], "wait");
    assert_eq!(server.anonymous().get("/api/propagation").await.status, 401);
    server.stop().await;
}

#[tokio::test]
async fn those_who_wait_at_once_share_what_is_read() {
    const WAITING: usize = 40;
    let store = Replaceable::new();
    let server = TestServer::start_on(Arc::new(store.clone()), |server| server).await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let _stream = stream(&service, "one", None, None).await;
    let (before, begun) = (store.0.readings.load(Ordering::SeqCst), Instant::now());
    let waiting: Vec<_> = (0..WAITING)
        .map(|_| {
            let admin = admin.clone();
            tokio::spawn(async move { switch(&admin, "disable", "500ms").await })
        })
        .collect();
    for waiting in waiting {
        assert_eq!(in_time(waiting).await.unwrap()["confirmed"], 0);
    }
    let readings = store.0.readings.load(Ordering::SeqCst) - before;
    // None begins within half of the shortest pause after another.
    let most = usize::try_from(begun.elapsed().as_millis() / 10).unwrap() + 5;
    assert!((1..most.min(WAITING * 4)).contains(&readings), "{readings} of {most}");
    server.stop().await;
}

#[tokio::test]
async fn g57_what_an_earlier_start_of_an_instance_has_said_does_not_confirm_for_a_later_one() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let older = here(&server);
    let first = stream(&service, "one", Some("p1"), None).await;
    switch(&admin, "disable", "0").await;
    let said = |process: &str, sequence: u64| json!({"process": process, "sequence": sequence});
    acknowledge(&service, &here(&server), said("p1", 7)).await;
    assert_eq!(switch(&admin, "disable", "20s").await["confirmed"], 1);
    drop(first);

    let _second = stream(&service, "one", Some("p2"), Some(&older)).await;
    let propagation = switch(&admin, "disable", "20ms").await;
    assert_eq!((&propagation["confirmed"], &propagation["total"]), (&json!(0), &json!(1)), "{propagation}");
    acknowledge(&service, &here(&server), said("p1", 8)).await;
    acknowledge(&service, &here(&server), json!({"process": "p1", "sequence": 9, "leaving": true})).await;
    let propagation = switch(&admin, "disable", "20ms").await;
    assert_eq!((&propagation["confirmed"], &propagation["total"]), (&json!(0), &json!(1)), "{propagation}");
    acknowledge(&service, &here(&server), said("p2", 2)).await;
    assert_eq!(switch(&admin, "disable", "20s").await["confirmed"], 1);
    // What was under way for longer comes later, and says less.
    acknowledge(&service, &older, said("p2", 1)).await;
    assert_eq!(one(&admin).await["state"], "in_sync");
    server.stop().await;
}

#[tokio::test]
async fn one_that_does_not_say_which_start_it_is_stands_where_it_resumes() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let older = here(&server);
    let first = stream(&service, "one", None, None).await;
    switch(&admin, "disable", "0").await;
    acknowledge(&service, &here(&server), json!({})).await;
    drop(first);
    let _second = stream(&service, "one", None, Some(&older)).await;
    let one = one(&admin).await;
    assert_eq!((&one["applied"], &one["lag"]), (&json!(older.revision), &json!(1)), "{one}");
    assert_eq!(switch(&admin, "disable", "20ms").await["confirmed"], 0);
    server.stop().await;
}

#[tokio::test]
async fn a16_who_enforces_something_else_than_it_should_is_not_in_sync() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let _stream = stream(&service, "one", None, None).await;
    switch(&admin, "disable", "0").await;
    acknowledge(&service, &here(&server), json!({"digest": "routes=0000000000000001"})).await;
    let drifted = one(&admin).await;
    assert_eq!((&drifted["state"], &drifted["rejected"][0]["what"]), (&json!("behind"), &json!("digest")));
    let why = drifted["rejected"][0]["why"].as_str().unwrap();
    assert!(why.contains("other routes than it should"), "{why}");
    let propagation = switch(&admin, "disable", "20ms").await;
    assert_eq!((&propagation["confirmed"], &propagation["total"]), (&json!(0), &json!(1)), "{propagation}");
    assert_eq!(propagation["laggards"][0]["rejected"][0]["what"], "digest");

    let digest = Digest::of(&server.control.current().service_view(&"pay".parse().unwrap())).to_string();
    acknowledge(&service, &here(&server), json!({"digest": digest})).await;
    assert_eq!(one(&admin).await["state"], "in_sync");
    assert_eq!(switch(&admin, "disable", "20s").await["confirmed"], 1);
    server.stop().await;
}

#[tokio::test]
async fn g60_of_what_an_instance_could_not_apply_some_kib_are_kept() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let rejected: Vec<Value> = (0..100).map(|_| json!({"what": "é".repeat(500), "why": "w".repeat(1000)})).collect();
    acknowledge(&service, &here(&server), json!({"rejected": rejected})).await;
    let kept = one(&admin).await["rejected"].clone();
    assert_eq!((kept.as_array().unwrap().len(), &kept[16]["what"]), (17, &json!("and 84 more")));
    assert!(kept.to_string().len() < 8 << 10, "{}", kept.to_string().len());
    server.stop().await;
}

/// One that polls moves on with what is told instead of a document, so that it is not behind for ever.
#[tokio::test]
async fn where_nothing_has_changed_it_is_told_how_far_that_is_true() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let service = server.sdk("pay").await;
    let first = service.get("/api/sdk/snapshot?service=pay").await;
    assert_eq!(first.header("x-waygate-cursor"), Some(&*here(&server).to_string()));
    let tag = first.header("etag").unwrap().to_owned();
    server.register("orders", &["GET:/o"]).await;
    let again = service.with("if-none-match", tag.clone()).get("/api/sdk/snapshot?service=pay").await;
    assert_eq!((again.status, again.header("etag")), (304, Some(&*tag)));
    assert_eq!(again.header("x-waygate-cursor"), Some(&*here(&server).to_string()));
    server.stop().await;
}
