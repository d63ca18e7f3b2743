//! Starting while Redis is away, and taking another history in.

use std::time::Instant;

use waygate_store::testing::draft;
use waygate_store::{CommitError, HistoryQuery, RedisOptions, RedisStore, SideValue, Store, StoreError, WatchError};

use crate::redis::{PATIENCE, Server, is_available};
use crate::redis_store::{commit, connect, next};

#[tokio::test]
async fn a_start_waits_for_a_redis_that_comes_later() {
    if !is_available() {
        return;
    }
    let mut server = Server::not_started(&[]);
    let url = server.url();
    let starting = tokio::spawn(async move { RedisStore::connect(&url, RedisOptions::default()).await });
    // Once at least it is tried in vain.
    let trying = tokio::time::timeout(std::time::Duration::from_millis(100), async {
        while !starting.is_finished() {
            tokio::task::yield_now().await;
        }
    });
    assert!(trying.await.is_err(), "nothing can have been reached");
    server.bring_back().await;
    let store = tokio::time::timeout(PATIENCE, starting).await.unwrap().unwrap().unwrap();
    commit(&store, 1..2).await;
}

#[tokio::test]
async fn a_start_gives_up_in_the_time_that_it_is_given() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("redis://127.0.0.1:{unused}/?connect_timeout=1s");
    let begun = Instant::now();
    let refused = RedisStore::connect(&url, RedisOptions::default()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_wrong_password_is_refused_at_once() {
    if !is_available() {
        return;
    }
    let server = Server::start().await;
    server.tell(&["CONFIG", "SET", "requirepass", "streng"]).await;
    for login in ["", ":geheim@", "user:geheim@"] {
        let begun = Instant::now();
        let url = server.url().replace("redis://", &format!("redis://{login}"));
        let refused = RedisStore::connect(&url, RedisOptions::default()).await.unwrap_err();
        assert!(matches!(refused, StoreError::Refused(_)), "{refused:?}");
        assert!(!refused.to_string().contains("geheim"), "{refused}");
        assert!(begun.elapsed() < PATIENCE / 2);
    }
}

#[tokio::test]
async fn another_history_takes_the_place_of_one_in_one_step_and_the_old_one_is_kept() {
    if !is_available() {
        return;
    }
    let server = Server::start().await;
    let (store, other) = (connect(&server.url(), "waygate").await, connect(&server.url(), "waygate").await);
    let base = store.load().await.unwrap().cursor;
    let newest = commit(&store, 1..4).await;
    let side = store.side();
    let now = waygate_core::Timestamp::UNIX_EPOCH;
    assert!(side.swap("webhook", None, Some(SideValue::lasting("3")), now).await.unwrap());
    let refused = store.replace(&base, vec![draft(10)]).await;
    assert!(matches!(refused, Err(CommitError::Conflict { .. })), "{refused:?}");
    assert_eq!(store.load().await.unwrap().cursor, newest);

    let mut watch = other.watch(&newest).await.unwrap();
    let commits = store.replace(&newest, vec![draft(10), draft(11)]).await.unwrap();
    let cursor = commits.last().unwrap().cursor.clone();
    assert_ne!(cursor.epoch, newest.epoch);
    assert_eq!(cursor.revision.0, 2);
    assert_eq!(store.load().await.unwrap().cursor, cursor);
    assert_eq!(side.value("webhook", now).await.unwrap(), None, "it belongs to the old history");
    let told = next(&mut watch).await;
    assert!(matches!(told, Err(WatchError::OtherHistory { .. })), "{told:?}");
    assert_eq!(other.load().await.unwrap(), store.load().await.unwrap());
    let page = other.history(HistoryQuery { before: None, limit: 9 }).await.unwrap();
    assert!(page.commits.iter().rev().eq(&commits));
    let kept = server.tell(&["HGET", &format!("{{waygate}}:replaced:{newest}:head"), "cursor"]).await;
    assert_eq!(kept, newest.to_string());
    commit(&other, 12..13).await;
}

#[tokio::test]
async fn g23_a_redis_without_room_refuses_and_goes_on_when_there_is() {
    if !is_available() {
        return;
    }
    let server = Server::start().await;
    let store = connect(&server.url(), "waygate").await;
    let newest = commit(&store, 1..3).await;
    server.tell(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let refused = store.commit(&newest, vec![draft(3), draft(4)]).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Full(_)))), "{refused:?}");
    assert_eq!(store.load().await.unwrap().cursor, newest, "it can still be read");
    assert_eq!(store.find(&draft(3).id).await.unwrap(), None);
    server.tell(&["CONFIG", "SET", "maxmemory", "0"]).await;
    let after = commit(&store, 3..5).await;
    assert_eq!(after.revision.0, newest.revision.0 + 2);
}

#[tokio::test]
async fn g24_what_is_not_whole_in_redis_is_refused_and_left_alone() {
    if !is_available() {
        return;
    }
    let server = Server::start().await;
    let store = connect(&server.url(), "waygate").await;
    let newest = commit(&store, 1..6).await;
    drop(store);
    let url = format!("{}?connect_timeout=0s", server.url());
    let refused = async || RedisStore::connect(&url, RedisOptions::default()).await.unwrap_err();
    let is_corrupt = |error: &StoreError| matches!(error, StoreError::Corrupt(text) if text.contains("{waygate}:head"));

    let checkpoint = server.tell(&["GET", "{waygate}:checkpoint"]).await;
    for damaged in ["", "{", &checkpoint[..checkpoint.len() / 2]] {
        server.tell(&["SET", "{waygate}:checkpoint", damaged]).await;
        let error = refused().await;
        assert!(is_corrupt(&error), "{damaged:?}: {error:?}");
        assert_eq!(server.tell(&["GET", "{waygate}:checkpoint"]).await, damaged);
    }
    server.tell(&["SET", "{waygate}:checkpoint", &checkpoint]).await;
    // A commit in the middle that somebody has deleted.
    let entry = server.tell(&["HGET", "{waygate}:commits", "3"]).await;
    server.tell(&["HDEL", "{waygate}:commits", "3"]).await;
    let error = refused().await;
    assert!(is_corrupt(&error), "{error:?}");
    assert_eq!(server.tell(&["HGET", "{waygate}:head", "cursor"]).await, newest.to_string());
    assert!(error.to_string().contains("revision 3 is missing"), "{error}");
    // One of another history in its place, and a head that speaks of more than there is.
    let other = server.tell(&["HGET", "{waygate}:commits", "4"]).await;
    server.tell(&["HSET", "{waygate}:commits", "3", &other]).await;
    let error = refused().await;
    assert!(is_corrupt(&error) && error.to_string().contains("does not follow"), "{error:?}");
    server.tell(&["HSET", "{waygate}:commits", "3", &entry]).await;
    let beyond = newest.to_string().replace(":5:", ":6:");
    server.tell(&["HSET", "{waygate}:head", "cursor", &beyond]).await;
    let error = refused().await;
    assert!(is_corrupt(&error) && error.to_string().contains("revision 6 is missing"), "{error:?}");
    server.tell(&["HSET", "{waygate}:head", "cursor", &newest.to_string()]).await;
    assert_eq!(RedisStore::connect(&url, RedisOptions::default()).await.unwrap().load().await.unwrap().cursor, newest);
}
