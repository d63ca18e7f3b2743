//! The store in Redis where it is shared, emptied, killed and unreachable.

use std::time::Duration;

use futures_util::StreamExt as _;
use waygate_core::{Commit, Cursor};
use waygate_store::testing::draft;
use waygate_store::{CommitError, CommitStream, HistoryQuery, RedisOptions, RedisStore, Store, StoreError, WatchError};

use crate::redis::{PATIENCE, Server, eventually, is_available, prefix, url};

pub(crate) async fn connect(url: &str, prefix: &str) -> RedisStore {
    let options = RedisOptions { prefix: prefix.to_owned(), ..RedisOptions::default() };
    RedisStore::connect(url, options).await.unwrap()
}

pub(crate) async fn commit(store: &RedisStore, numbers: std::ops::Range<u64>) -> Cursor {
    let base = store.load().await.unwrap().cursor;
    store.commit(&base, numbers.map(draft).collect()).await.unwrap().last().unwrap().cursor.clone()
}

pub(crate) async fn next(stream: &mut CommitStream) -> Result<std::sync::Arc<Commit>, WatchError> {
    tokio::time::timeout(PATIENCE, stream.next()).await.unwrap().unwrap()
}

#[tokio::test]
async fn stores_that_share_a_redis_are_one() {
    if !is_available() {
        return;
    }
    let prefix = prefix();
    let (one, other) = (connect(&url(), &prefix).await, connect(&url(), &prefix).await);
    let start = one.load().await.unwrap().cursor;
    assert_eq!(other.load().await.unwrap().cursor, start);
    let mut watch = other.watch(&start).await.unwrap();
    let first = commit(&one, 1..2).await;
    assert_eq!(next(&mut watch).await.unwrap().cursor, first);
    let second = commit(&other, 2..3).await;
    assert_eq!(next(&mut watch).await.unwrap().cursor, second);

    let refused = one.commit(&first, vec![draft(3)]).await;
    let Err(CommitError::Conflict { current }) = refused else { panic!("{refused:?}") };
    assert_eq!(current, second);
    assert_eq!(one.load().await.unwrap(), other.load().await.unwrap());
    assert!(one.find(&draft(2).id).await.unwrap().is_some());

    let third = commit(&one, 4..5).await;
    assert!(other.watch(&third).await.is_ok(), "a cursor of one is known to the other at once");
    assert!(one.side().swap("a", None, Some(waygate_store::SideValue::lasting("x")), now()).await.unwrap());
    assert_eq!(other.side().value("a", now()).await.unwrap().as_deref(), Some("x"));
}

#[tokio::test]
async fn a_new_store_begins_with_the_checkpoint_and_what_follows() {
    if !is_available() {
        return;
    }
    let prefix = prefix();
    let store = connect(&url(), &prefix).await;
    for first in 0..25 {
        commit(&store, first * 10..first * 10 + 10).await;
    }
    let fresh = connect(&url(), &prefix).await;
    assert_eq!(fresh.load().await.unwrap(), store.load().await.unwrap());
    let all = HistoryQuery { before: None, limit: 1000 };
    let (kept, known) = (fresh.history(all).await.unwrap(), store.history(all).await.unwrap());
    assert_eq!(kept.commits.len(), 250);
    assert_eq!(kept.commits, known.commits);
}

/// As by an operator's `HDEL`.
#[tokio::test]
async fn entries_that_were_taken_away_shorten_the_log_or_refuse_the_start() {
    if !is_available() {
        return;
    }
    let server = Server::start().await;
    let store = connect(&server.url(), "waygate").await;
    for first in 0..13 {
        commit(&store, first * 10..first * 10 + 10).await;
    }
    let checkpoint = async || server.tell(&["HGET", "{waygate}:head", "checkpoint"]).await;
    eventually(async || checkpoint().await.contains(":100:")).await;
    let all = HistoryQuery { before: None, limit: 1000 };
    let known = store.history(all).await.unwrap().commits;
    let cursor_of = |revision: u64| known.iter().find(|commit| commit.revision().0 == revision).unwrap().cursor.clone();

    server.tell(&["HDEL", "{waygate}:commits", "50"]).await;
    let fresh = connect(&server.url(), "waygate").await;
    assert_eq!(fresh.load().await.unwrap(), store.load().await.unwrap());
    let kept = fresh.history(all).await.unwrap();
    assert_eq!((&kept.commits[..], kept.more), (&known[..79], false), "what comes after the first behind the gap");
    let mut watch = fresh.watch(&cursor_of(60)).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap().cursor, cursor_of(61));
    assert!(matches!(fresh.watch(&cursor_of(40)).await, Err(WatchError::Compacted { .. })));
    let after = commit(&fresh, 200..201).await;
    eventually(async || store.load().await.unwrap().cursor == after).await;

    // Up to the checkpoint.
    let behind = connect(&server.url(), "waygate").await;
    server.tell(&["HDEL", "{waygate}:commits", "100"]).await;
    let fresh = connect(&server.url(), "waygate").await;
    assert_eq!(fresh.load().await.unwrap(), behind.load().await.unwrap());
    let kept = fresh.history(all).await.unwrap().commits;
    assert_eq!(kept.last().unwrap().revision().0, 101, "the first after the checkpoint is kept too");

    server.tell(&["HSET", "{waygate}:head", "cursor", &after.to_string().replace(":131:", ":9007199254740996:")]).await;
    let far = format!("{}?connect_timeout=0s", server.url());
    let refused = RedisStore::connect(&far, RedisOptions::default()).await.unwrap_err();
    assert!(refused.to_string().contains("more commits than are ever kept"), "{refused:?}");
    server.tell(&["HSET", "{waygate}:head", "cursor", &after.to_string()]).await;

    server.tell(&["HDEL", "{waygate}:commits", "110"]).await;
    let options = RedisOptions { prefix: "waygate".to_owned(), ..RedisOptions::default() };
    let refused = RedisStore::connect(&server.url(), options).await.unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt(_)), "{refused:?}");
}

#[tokio::test]
async fn an_emptied_redis_is_a_new_history() {
    if !is_available() {
        return;
    }
    let server = Server::start().await;
    let store = connect(&server.url(), "waygate").await;
    let newest = commit(&store, 1..4).await;
    let mut watch = store.watch(&newest).await.unwrap();
    server.flush().await;
    let told = next(&mut watch).await;
    assert!(matches!(told, Err(WatchError::OtherHistory { .. })), "{told:?}");
    let state = store.load().await.unwrap();
    assert_ne!(state.cursor.epoch, newest.epoch);
    assert_eq!(state.cursor.revision.0, 0);
    assert!(matches!(store.commit(&newest, vec![draft(9)]).await, Err(CommitError::Conflict { .. })));
    commit(&store, 9..10).await;
}

#[tokio::test]
async fn a_killed_redis_loses_nothing_and_watchers_go_on() {
    if !is_available() {
        return;
    }
    let mut server = Server::start().await;
    let store = connect(&server.url(), "waygate").await;
    let newest = commit(&store, 1..4).await;
    let mut watch = store.watch(&newest).await.unwrap();
    server.kill();
    let begun = std::time::Instant::now();
    let refused = store.commit(&newest, vec![draft(4)]).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    assert!(matches!(store.load().await, Err(StoreError::Unavailable(_))));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(store.history(HistoryQuery { before: None, limit: 9 }).await.unwrap().commits.len(), 3);

    server.bring_back().await;
    eventually(async || store.load().await.is_ok()).await;
    assert_eq!(store.load().await.unwrap().cursor, newest);
    let other = connect(&server.url(), "waygate").await;
    let after = commit(&other, 4..5).await;
    assert_eq!(next(&mut watch).await.unwrap().cursor, after);
}

#[tokio::test]
async fn a_redis_that_hangs_is_unavailable_and_then_goes_on() {
    if !is_available() {
        return;
    }
    let server = Server::start().await;
    let store = connect(&server.url(), "waygate").await;
    let newest = commit(&store, 1..2).await;
    let mut watch = store.watch(&newest).await.unwrap();
    server.signal("STOP");
    let refused = tokio::time::timeout(Duration::from_secs(5), store.commit(&newest, vec![draft(2)])).await.unwrap();
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    server.signal("CONT");
    eventually(async || store.load().await.is_ok()).await;
    // The commit that got no answer may have happened: the store says so.
    let found = store.find(&draft(2).id).await.unwrap();
    let third = commit(&store, 3..4).await;
    if let Some(found) = found {
        assert_eq!(next(&mut watch).await.unwrap(), found);
    }
    assert_eq!(next(&mut watch).await.unwrap().cursor, third);
}

#[tokio::test]
async fn what_cannot_be_reached_is_unavailable_and_passwords_stay_hidden() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("redis://user:geheim@127.0.0.1:{unused}/3?connect_timeout=0s");
    let refused = RedisStore::connect(&url, RedisOptions::default()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert!(!refused.to_string().contains("geheim"));
    let odd = RedisStore::connect("redis:/geheim@x y", RedisOptions::default()).await.unwrap_err();
    assert!(odd.to_string().contains("expected `redis://"), "{odd}");
    assert!(!odd.to_string().contains("geheim"));
    if is_available() {
        let store = connect(&crate::redis::url(), &prefix()).await;
        assert!(store.describe().starts_with("redis://127.0.0.1:"), "{}", store.describe());
        let shown = format!("{store:?}");
        assert!(shown.contains("redis://127.0.0.1"), "{shown}");
    }
}

fn now() -> waygate_core::Timestamp {
    waygate_core::Timestamp::UNIX_EPOCH
}
