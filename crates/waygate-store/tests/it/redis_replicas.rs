//! Commits that replicas have to confirm.

use std::time::Duration;

use waygate_store::testing::draft;
use waygate_store::{CommitError, Store, StoreError};

use crate::redis::{Server, eventually, is_available};
use crate::redis_store::{commit, connect, next};

fn is_unacknowledged(answer: &Result<impl Sized, CommitError>) -> bool {
    matches!(answer, Err(CommitError::Store(StoreError::Unacknowledged(text))) if text.contains("0 of 1"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_waits_for_its_replicas_and_says_when_they_do_not_confirm() {
    if !is_available() {
        return;
    }
    let master = Server::start().await;
    let replica = Server::replica_of(&master).await;
    let url = format!("{}?wait_replicas=1&wait_timeout=300ms", master.url());
    let store = connect(&url, "waygate").await;
    let observer = connect(&master.url(), "waygate").await;
    let start = store.load().await.unwrap().cursor;
    eventually(async || store.commit(&start, Vec::new()).await.is_ok()).await;
    let newest = commit(&store, 1..3).await;
    let on_replica = replica.tell(&["HGET", "{waygate}:head", "cursor"]).await;
    assert_eq!(on_replica, newest.to_string(), "confirmed is replicated");

    replica.signal("STOP");
    let mut watch = observer.watch(&newest).await.unwrap();
    let answer = store.commit(&newest, vec![draft(3)]).await;
    assert!(is_unacknowledged(&answer), "{answer:?}");
    // It is committed all the same, for everybody, and can be planned on.
    let unconfirmed = next(&mut watch).await.unwrap().cursor.clone();
    assert_eq!(store.load().await.unwrap().cursor, unconfirmed);
    let found = store.find(&draft(3).id).await;
    assert!(matches!(found, Err(StoreError::Unacknowledged(_))), "whoever looks it up is not told less: {found:?}");
    assert_eq!(store.find(&draft(9).id).await.unwrap(), None);
    // Nor is a repetition that has nothing to change.
    let answer = store.commit(&unconfirmed, Vec::new()).await;
    assert!(is_unacknowledged(&answer), "{answer:?}");
    assert!(observer.commit(&unconfirmed, Vec::new()).await.is_ok(), "who does not ask for replicas does not wait");
    // What only reads, and the side table, do not wait for a replica.
    let begun = std::time::Instant::now();
    let pending = tokio::spawn({
        let base = unconfirmed.clone();
        let store = connect(&format!("{}?wait_replicas=1&wait_timeout=3s", master.url()), "waygate").await;
        async move { store.commit(&base, vec![draft(4)]).await }
    });
    assert!(store.side().value("nothing", waygate_core::Timestamp::UNIX_EPOCH).await.unwrap().is_none());
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());

    replica.signal("CONT");
    let newest = pending.await.unwrap().unwrap().last().unwrap().cursor.clone();
    eventually(async || store.commit(&newest, Vec::new()).await.is_ok()).await;
    assert!(store.find(&draft(3).id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_redis_without_replicas_confirms_nothing() {
    if !is_available() {
        return;
    }
    let server = Server::start().await;
    let store = connect(&format!("{}?wait_replicas=1&wait_timeout=50ms", server.url()), "waygate").await;
    let base = store.load().await.unwrap().cursor;
    let answer = store.commit(&base, vec![draft(1)]).await;
    assert!(is_unacknowledged(&answer), "{answer:?}");
    assert_eq!(store.load().await.unwrap().cursor.revision.0, 1);
}
