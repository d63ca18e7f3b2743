//! To whom it is told how far everything has come, and by nodes that have yet to learn what that is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use waygate_server::{Credentials, Role, User};
use waygate_store::{FileStore, MemoryStore};

use super::{acknowledge, here, stream, switch, until};
use crate::helpers::{Altered, Caller, Shared, TestServer, held_back};

#[tokio::test]
async fn g57_whoever_may_see_some_services_is_told_of_these_alone() {
    let two = ["pay", "shop"].map(|service| service.parse().unwrap());
    let users =
        Credentials::from(("admin", "secret")).and_user(User::new("vera", "pw").role(Role::Viewer).services(two));
    let server = TestServer::start_with(|server| server.auth(users)).await;
    for service in ["pay", "shop", "orders", "stock"] {
        server.register(service, &["GET:/a"]).await;
    }
    let there = json!({"app_id": "orders", "instance": "one", "cursor": here(&server).to_string()});
    let answer = server.sdk("orders").await.post("/api/sdk/acknowledge", there).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told = server.admin().await.get("/api/propagation").await.body;
    assert_eq!((&told["total"], &told["absent"]), (&json!(1), &json!(["pay", "shop", "stock"])), "{told}");
    let told = server.login("vera", "pw").await.get("/api/propagation").await.body;
    assert_eq!((&told["total"], &told["absent"]), (&json!(0), &json!(["pay", "shop"])), "{told}");
}

/// Two nodes over one store, and a caller of the other, which learns of a change of the first once it has asked the store.
async fn one_ahead() -> ([TestServer; 2], Caller) {
    let store = Arc::new(MemoryStore::new().unwrap());
    let near = TestServer::start_on(Arc::new(Shared(store.clone())), |server| server).await;
    near.register("pay", &["GET:/a"]).await;
    let (permits, is_late) = (Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)), Arc::<AtomicBool>::default());
    let (all, late) = (permits.clone(), is_late.clone());
    let behind = Altered::of(Shared(store)).watched(held_back(&permits)).before_commit(move || {
        if late.swap(false, Ordering::SeqCst) {
            all.add_permits(Semaphore::MAX_PERMITS);
        }
        Ok(())
    });
    let far = TestServer::start_on(Arc::new(behind), |server| server).await;
    let (admin, caller) = (near.admin().await, far.admin().await);
    until(|| far.revision() == near.revision()).await;
    permits.forget_permits(Semaphore::MAX_PERMITS);
    switch(&admin, "disable", "0").await;
    is_late.store(true, Ordering::SeqCst);
    ([near, far], caller)
}

#[tokio::test]
async fn g57_what_another_node_has_stored_is_part_of_everything() {
    let ([near, _far], caller) = one_ahead().await;
    let answer = caller.get("/api/propagation").await;
    assert_eq!(answer.body["revision"], json!(near.revision()), "{}", answer.body);
}

#[tokio::test]
async fn g31_a_change_that_another_node_has_made_is_taken_back() {
    let ([near, _far], caller) = one_ahead().await;
    let enable = json!({"commands": [{"action": "enable", "route": "/a"}], "undoes": near.revision()});
    let answer = caller.post("/api/batch", enable).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn g57_whoever_came_right_before_a_stop_is_waited_for_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let begin = async || TestServer::start_on(Arc::new(FileStore::open(&path).await.unwrap()), |server| server).await;
    let server = begin().await;
    server.register("pay", &["GET:/a"]).await;
    let service = server.sdk("pay").await;
    let _one = stream(&service, "one", None, None).await;
    let side = folder.path().join("state.json.side");
    until(|| std::fs::read_to_string(&side).is_ok_and(|text| text.contains("one"))).await;
    let _two = stream(&service, "two", None, None).await;
    acknowledge(&service, &here(&server), json!({"instance": "two"})).await;
    server.stop().await;

    let server = begin().await;
    let there = server.admin().await.get("/api/services/pay/instances").await.body;
    let names: Vec<&Value> = there.as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(names, ["one", "two"], "{there}");
    server.stop().await;
}
