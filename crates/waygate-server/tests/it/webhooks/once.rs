//! What could be told twice, and is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use waygate_core::Draft;
use waygate_store::{HistoryQuery, MemoryStore, Store as _, StoreError};

use super::{create, delivery, execute, quick, route, switch};
use crate::helpers::{Altered, Receiver, Shared, TestServer, eventually, held_back};

/// A store is ahead of what follows it for a moment, and its log shows what is not in force here yet.
#[tokio::test]
async fn g39_what_a_node_has_not_followed_yet_is_told_once() {
    let permits = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
    let store = Altered::of(MemoryStore::new().unwrap()).watched(held_back(&permits));
    let server = TestServer::start_on(Arc::new(store), quick).await;
    server.register("pay", &["/a"]).await;
    let (admin, receiver) = (server.admin().await, Receiver::start().await);
    let (id, _) = create(&admin, &receiver.url(), json!({"actions": ["disable"]})).await;
    permits.forget_permits(Semaphore::MAX_PERMITS);
    let looking = async {
        permits.add_permits(1);
        delivery(&admin, &id, |delivery| delivery["delivered"].as_u64() >= Some(1)).await;
        permits.add_permits(Semaphore::MAX_PERMITS);
    };
    let (off, on) = (waygate_core::Switch::disable(), waygate_core::Switch::enable());
    tokio::join!(execute(&server, route(off)), execute(&server, route(on)), looking);

    switch(&server, 2).await;
    receiver.messages(2).await;
    let state = delivery(&admin, &id, |delivery| delivery["pending"] == 0).await;
    assert_eq!((&state["delivered"], &state["missed"], receiver.count()), (&json!(2), &Value::Null, 2));
}

#[tokio::test]
async fn g39_a_node_that_takes_over_and_has_not_followed_yet_tells_nothing_twice() {
    let store = Arc::new(MemoryStore::new().unwrap());
    let near = TestServer::start_on(Arc::new(Shared(store.clone())), quick).await;
    near.register("pay", &["/a"]).await;
    let receiver = Receiver::start().await;
    let (id, _) = create(&near.admin().await, &receiver.url(), json!({})).await;
    switch(&near, 1).await;
    receiver.messages(1).await;

    let (permits, asked) = (Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)), Arc::<AtomicUsize>::default());
    let (is_cut, counted) = (Arc::<AtomicBool>::default(), asked.clone());
    let cut = is_cut.clone();
    let late = Altered::of(Shared(store)).watched(held_back(&permits)).before_commit(move || {
        if !cut.load(Ordering::SeqCst) {
            return Ok(());
        }
        counted.fetch_add(1, Ordering::SeqCst);
        Err(StoreError::Unavailable("connection lost".to_owned()))
    });
    let far = TestServer::start_on(Arc::new(late), quick).await;
    let admin = far.admin().await;
    permits.forget_permits(Semaphore::MAX_PERMITS);
    is_cut.store(true, Ordering::SeqCst);
    switch(&near, 4).await;
    receiver.messages(5).await;
    delivery(&near.admin().await, &id, |delivery| delivery["delivered"] == 5).await;
    near.stop().await;

    // Before it forgets any place, and before it takes one for that of another history.
    eventually(async || asked.load(Ordering::SeqCst) > 1).await;
    is_cut.store(false, Ordering::SeqCst);
    permits.add_permits(Semaphore::MAX_PERMITS);
    switch(&far, 1).await;
    receiver.messages(6).await;
    let state = delivery(&admin, &id, |delivery| delivery["pending"] == 0).await;
    assert_eq!((&state["delivered"], &state["missed"], receiver.count()), (&json!(6), &Value::Null, 6));
}

#[tokio::test]
async fn g39_what_was_delivered_is_not_told_again_because_it_cannot_be_written_down() {
    let (is_full, refused) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let (full, counted) = (is_full.clone(), refused.clone());
    let store = Altered::of(MemoryStore::new().unwrap()).before_swap(move |key| {
        if !key.starts_with("webhook/") || !full.load(Ordering::SeqCst) {
            return Ok(());
        }
        counted.fetch_add(1, Ordering::SeqCst);
        Err(StoreError::Full("no space".to_owned()))
    });
    let server = TestServer::start_on(Arc::new(store), quick).await;
    server.register("pay", &["/a"]).await;
    let (admin, receiver) = (server.admin().await, Receiver::start().await);
    let (id, _) = create(&admin, &receiver.url(), json!({})).await;
    is_full.store(true, Ordering::SeqCst);
    switch(&server, 2).await;
    eventually(async || refused.load(Ordering::SeqCst) > 2).await;
    is_full.store(false, Ordering::SeqCst);
    let state = delivery(&admin, &id, |delivery| delivery["pending"] == 0).await;
    assert_eq!((&state["delivered"], receiver.count()), (&json!(2), 2));
}

/// Nothing here commits one, but a store takes it.
#[tokio::test]
async fn a_commit_of_nothing_is_passed_over() {
    let store = Arc::new(MemoryStore::new().unwrap());
    let server = TestServer::start_on(Arc::new(Shared(store.clone())), quick).await;
    server.register("pay", &["/a"]).await;
    let (admin, receiver) = (server.admin().await, Receiver::start().await);
    let (id, _) = create(&admin, &receiver.url(), json!({})).await;
    let base = store.load().await.unwrap();
    let last = store.history(HistoryQuery { before: None, limit: 1 }).await.unwrap().commits.remove(0);
    let id_of_nothing = "0123456789abcdef".to_owned().try_into().unwrap();
    let nothing = Draft { id: id_of_nothing, records: Vec::new(), ..last.draft.clone() };
    store.commit(&base.cursor, vec![nothing]).await.unwrap();
    switch(&server, 1).await;
    receiver.messages(1).await;
    let state = delivery(&admin, &id, |delivery| delivery["pending"] == 0).await;
    assert_eq!((&state["delivered"], receiver.count()), (&json!(1), 1));
}
