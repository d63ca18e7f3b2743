//! Restarts, and several nodes over one store.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Semaphore;
use waygate_core::{Cursor, Timestamp};
use waygate_store::{MemoryStore, SideValue, Store as _};

use super::{create, delivery, gone, quick, reasons, switch};
use crate::helpers::{Backend, Receiver, Shared, TestServer};

fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "what the server goes by")]
    Timestamp::now()
}

#[tokio::test]
async fn g39_what_is_due_survives_a_restart_on_every_backend_that_does() {
    for backend in Backend::lasting().await {
        what_is_due_survives(&backend).await;
    }
}

async fn what_is_due_survives(backend: &Backend) {
    let address = gone().await;
    let url = format!("http://{address}/hook");

    let server = backend.serve_with(quick).await;
    server.register("pay", &["/a"]).await;
    let admin = server.admin().await;
    let (id, secret) = create(&admin, &url, json!({})).await;
    switch(&server, 3).await;
    let state = delivery(&admin, &id, |delivery| !delivery["last_error"].is_null()).await;
    assert_eq!((&state["pending"], &state["delivered"]), (&json!(3), &json!(0)));
    server.stop().await;

    let server = backend.serve_with(quick).await;
    switch(&server, 1).await;
    let receiver = Receiver::at(address, Semaphore::MAX_PERMITS).await;
    let messages = receiver.messages(4).await;
    assert!(messages.iter().all(|message| message.is_signed_with(&secret)));
    let admin = server.admin().await;
    delivery(&admin, &id, |delivery| delivery["delivered"] == 4).await;
    server.stop().await;
    assert_eq!(receiver.count(), 4);

    // Nothing is told again after a restart, and losing the place repeats everything since the webhook was made.
    let server = backend.serve_with(quick).await;
    switch(&server, 1).await;
    let again = receiver.messages(5).await;
    assert_eq!(again[4].body["revision"], server.revision());
    delivery(&server.admin().await, &id, |delivery| delivery["delivered"] == 5).await;
    server.stop().await;
    let Backend::File(folder) = backend else { return };
    std::fs::remove_file(folder.path().join("state.json.side")).unwrap();
    let server = backend.serve_with(quick).await;
    let repeated = receiver.messages(10).await;
    assert_eq!(reasons(&repeated[5..]), reasons(&repeated[..5]));
    server.stop().await;
}

#[tokio::test]
async fn g38_g39_of_two_nodes_one_delivers_and_the_other_takes_over_on_every_backend_that_is_shared() {
    for backend in Backend::shared().await {
        one_delivers_and_the_other_takes_over(&backend).await;
    }
}

async fn one_delivers_and_the_other_takes_over(backend: &Backend) {
    let store = backend.open().await;
    let first = backend.serve_with(quick).await;
    first.register("pay", &["/a"]).await;
    let receiver = Receiver::start().await;
    let (id, _) = create(&first.admin().await, &receiver.url(), json!({})).await;
    switch(&first, 6).await;
    receiver.messages(6).await;
    // Only now: the one that is started last may be the first to ask.
    let second = backend.serve_with(quick).await;
    let admin = second.admin().await;
    delivery(&admin, &id, |delivery| delivery["delivered"] == 6).await;
    let holder = store.side().value("webhooks/dispatcher", now()).await.unwrap();
    assert!(holder.is_some());

    first.stop().await;
    switch(&second, 4).await;
    let messages = receiver.messages(10).await;
    let state = delivery(&admin, &id, |delivery| delivery["delivered"] == 10).await;
    assert_eq!(state["pending"], 0);
    let ids: std::collections::BTreeSet<&str> = messages.iter().map(crate::helpers::Message::id).collect();
    assert_eq!((ids.len(), receiver.count()), (10, 10), "each once");
    assert_ne!(store.side().value("webhooks/dispatcher", now()).await.unwrap(), holder);
}

#[tokio::test]
async fn g39_a_node_that_has_gone_silent_is_followed_by_another() {
    let store = Arc::new(MemoryStore::new().unwrap());
    let silent = SideValue::expiring("silent", std::time::Duration::from_millis(300));
    assert!(store.side().swap("webhooks/dispatcher", None, Some(silent), now()).await.unwrap());
    let server = TestServer::start_on(store.clone(), |server| {
        server.webhooks(waygate_server::WebhookOptions {
            lease: std::time::Duration::from_millis(300),
            ..super::options()
        })
    })
    .await;
    server.register("pay", &["/a"]).await;
    let receiver = Receiver::start().await;
    create(&server.admin().await, &receiver.url(), json!({})).await;
    switch(&server, 2).await;
    receiver.messages(2).await;
    assert_ne!(store.side().value("webhooks/dispatcher", now()).await.unwrap().as_deref(), Some("silent"));
}

/// As after a backup was restored: the place is of a history that the store does not have.
#[tokio::test]
async fn a_place_of_another_history_is_named_and_everything_is_told_anew() {
    let store = Arc::new(MemoryStore::new().unwrap());
    let server = TestServer::start_on(Arc::new(Shared(store.clone())), quick).await;
    server.register("pay", &["/a"]).await;
    let receiver = Receiver::start().await;
    let (id, _) = create(&server.admin().await, &receiver.url(), json!({})).await;
    switch(&server, 2).await;
    receiver.messages(2).await;
    delivery(&server.admin().await, &id, |delivery| delivery["delivered"] == 2).await;
    server.stop().await;

    let (side, key) = (store.side(), format!("webhook/{id}"));
    let place = side.value(&key, now()).await.unwrap().unwrap();
    let mut other: serde_json::Value = serde_json::from_str(&place).unwrap();
    let mut cursor: Cursor = other["cursor"].as_str().unwrap().parse().unwrap();
    cursor.lineage.0 ^= 1;
    other["cursor"] = json!(cursor);
    assert!(side.swap(&key, Some(&place), Some(SideValue::lasting(other.to_string())), now()).await.unwrap());

    let server = TestServer::start_on(Arc::new(Shared(store)), quick).await;
    let messages = receiver.messages(4).await;
    assert_eq!(reasons(&messages[2..]), reasons(&messages[..2]));
    let state = delivery(&server.admin().await, &id, |delivery| delivery["delivered"] == 4).await;
    assert_eq!(state["missed"]["why"], "another_history");
}
