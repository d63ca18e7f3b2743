//! Sentinels, and servers under them, as tests need them; and what the store does with them.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use waygate_core::{Cursor, State};
use waygate_store::testing::draft;
use waygate_store::{CommitError, HistoryQuery, RedisOptions, RedisStore, Store, StoreError, WatchError};

use crate::redis::{PATIENCE, Server, eventually, is_available};
use crate::redis_store::{commit, connect, next};

const SENTINELS: usize = 3;

/// Three Sentinels that watch a master called `main`.
struct Sentinels {
    watchers: Vec<Watcher>,
}

struct Watcher {
    child: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Sentinels {
    async fn watch(master: &Server) -> Self {
        let watchers: Vec<Watcher> = (0..SENTINELS).map(|_| Watcher::start(master.port())).collect();
        let sentinels = Self { watchers };
        // Until each knows the replica and the others, a failover cannot be agreed on.
        for watcher in &sentinels.watchers {
            eventually(async || watcher.knows_all().await).await;
        }
        sentinels
    }

    /// Has one of them replace the master.
    async fn fail_over(&self) {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}/", self.watchers[0].port)).unwrap();
        let connection = client.get_multiplexed_async_connection().await.unwrap();
        let done =
            async || redis::cmd("SENTINEL").arg("FAILOVER").arg("main").exec_async(&mut connection.clone()).await;
        eventually(async || done().await.is_ok()).await;
    }

    fn url(&self) -> String {
        let hosts: Vec<String> = self.watchers.iter().map(|watcher| format!("127.0.0.1:{}", watcher.port)).collect();
        format!("redis+sentinel://{}/main/0", hosts.join(","))
    }
}

impl Watcher {
    #[expect(clippy::disallowed_methods, reason = "a file of settings for a test")]
    fn start(master: u16) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let path = directory.path().join("sentinel.conf");
        let settings = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor main 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n",
            directory.path().display()
        );
        std::fs::write(&path, settings).unwrap();
        let mut command = Command::new("redis-server");
        let child = command.arg(&path).arg("--sentinel").stdout(Stdio::null()).spawn().unwrap();
        Self { child, port, _directory: directory }
    }

    async fn knows_all(&self) -> bool {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}/", self.port)).unwrap();
        let Ok(mut connection) = client.get_multiplexed_async_connection().await else { return false };
        let mut command = redis::cmd("SENTINEL");
        let answer = command.arg("MASTER").arg("main").query_async(&mut connection).await;
        let known: std::collections::HashMap<String, String> = answer.unwrap_or_default();
        let is = |name: &str, count: usize| known.get(name).is_some_and(|text| *text == count.to_string());
        is("num-slaves", 1) && is("num-other-sentinels", SENTINELS - 1)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the replica has everything that the master has.
async fn has_caught_up(master: &Server, replica: &Server) -> bool {
    let mut cursors = Vec::new();
    for server in [master, replica] {
        cursors.push(server.tell(&["HGET", "{waygate}:head", "cursor"]).await);
    }
    cursors[0] == cursors[1]
}

async fn kept(store: &RedisStore) -> Vec<u64> {
    let page = store.history(HistoryQuery { before: None, limit: 1000 }).await.unwrap();
    page.commits.iter().rev().map(|commit| commit.revision().0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_nodes_follow_a_failover_and_what_was_replicated_stays() {
    if !is_available() {
        return;
    }
    let mut master = Server::start().await;
    let replica = Server::replica_of(&master).await;
    let sentinels = Sentinels::watch(&master).await;
    let newer = format!("{}?protocol=resp3", sentinels.url());
    let (one, other) = (connect(&sentinels.url(), "waygate").await, connect(&newer, "waygate").await);
    assert!(one.describe().starts_with("redis+sentinel://127.0.0.1:"), "{}", one.describe());
    let newest = commit(&one, 1..5).await;
    let mut watch = other.watch(&newest).await.unwrap();
    eventually(async || has_caught_up(&master, &replica).await).await;

    master.kill();
    let begun = Instant::now();
    let refused = one.commit(&newest, vec![draft(5)]).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    eventually(async || one.load().await.is_ok()).await;
    assert_eq!(one.load().await.unwrap().cursor, newest, "nothing was lost");
    let after = commit(&one, 6..7).await;
    assert_eq!(next(&mut watch).await.unwrap().cursor, after, "the other node is told, in order");

    // The old master comes back, is made a replica, and is not written to.
    master.bring_back().await;
    let role = async || master.try_to_tell(&["INFO", "replication"]).await.unwrap_or_default();
    eventually(async || role().await.contains("role:slave")).await;
    let last = commit(&other, 7..8).await;
    assert_eq!(next(&mut watch).await.unwrap().cursor, last);
    eventually(async || one.load().await.unwrap().cursor == last).await;
    assert_eq!(kept(&one).await, (1..=6).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_commits_that_a_failover_loses_lead_to_a_reload_and_never_to_silence() {
    if !is_available() {
        return;
    }
    let mut master = Server::start().await;
    let replica = Server::replica_of(&master).await;
    let sentinels = Sentinels::watch(&master).await;
    let store = connect(&sentinels.url(), "waygate").await;
    let replicated = commit(&store, 1..4).await;
    eventually(async || has_caught_up(&master, &replica).await).await;

    // The replica hears no more of what is acknowledged from now on.
    replica.signal("STOP");
    master.tell(&["CLIENT", "KILL", "TYPE", "replica"]).await;
    let acknowledged = commit(&store, 4..7).await;
    let mut watch = store.watch(&acknowledged).await.unwrap();
    let seen = kept(&store).await;
    master.kill();
    replica.signal("CONT");

    let told = next(&mut watch).await;
    assert!(matches!(told, Err(WatchError::OtherHistory { .. })), "{told:?}");
    eventually(async || store.load().await.is_ok()).await;
    assert_eq!(store.load().await.unwrap().cursor, replicated);
    let lost: Vec<u64> = seen.into_iter().filter(|revision| *revision > replicated.revision.0).collect();
    eprintln!("the failover has lost the acknowledged revisions {lost:?}");
    assert_eq!(lost, [4, 5, 6]);

    // The same revisions come again with other content: another lineage, so the old cursor stays one of elsewhere.
    let again = commit(&store, 20..23).await;
    assert_eq!(again.revision, acknowledged.revision);
    assert_ne!(again.lineage, acknowledged.lineage);
    assert!(matches!(store.watch(&acknowledged).await, Err(WatchError::OtherHistory { .. })));
    assert!(matches!(store.commit(&acknowledged, vec![draft(30)]).await, Err(CommitError::Conflict { .. })));
}

/// Sentinels cannot tell it, and the nodes are still connected to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_a_master_that_does_not_know_that_it_was_replaced_is_left() {
    if !is_available() {
        return;
    }
    let deaf = ["--rename-command", "SLAVEOF", "", "--rename-command", "REPLICAOF", ""];
    let master = Server::start_with(&deaf).await;
    let replica = Server::replica_of(&master).await;
    let sentinels = Sentinels::watch(&master).await;
    let store = connect(&sentinels.url(), "waygate").await;
    let newest = commit(&store, 1..4).await;
    let mut watch = store.watch(&newest).await.unwrap();
    eventually(async || has_caught_up(&master, &replica).await).await;
    sentinels.fail_over().await;
    let role = async || replica.try_to_tell(&["INFO", "replication"]).await.unwrap_or_default();
    eventually(async || role().await.contains("role:master")).await;

    let written = async || {
        let cursor = store.load().await.unwrap().cursor;
        // What the old one still took is not there; what the new one takes stays.
        let _ = store.commit(&cursor, vec![draft(9)]).await;
        // Asked once: between two questions it may have gone from the one to the other.
        let Ok(State { cursor, .. }) = store.load().await else { return false };
        cursor.revision > newest.revision
            && replica.tell(&["HGET", "{waygate}:head", "cursor"]).await == cursor.to_string()
    };
    eventually(written).await;
    while let Some(told) = watch.next().await {
        match told {
            Ok(commit) if commit.cursor == store.load().await.unwrap().cursor => break,
            Ok(_) => {}
            Err(WatchError::OtherHistory { .. }) => break,
            Err(error) => panic!("{error}"),
        }
    }
    let of_old = master.tell(&["INFO", "replication"]).await;
    assert!(of_old.contains("role:master"), "it still takes itself for the master");
}

#[tokio::test]
async fn a_name_that_no_sentinel_knows_is_refused_at_once() {
    if !is_available() {
        return;
    }
    let master = Server::start().await;
    let watcher = Watcher::start(master.port());
    let url = |name: &str| format!("redis+sentinel://127.0.0.1:1,127.0.0.1:{}/{name}", watcher.port);
    // One Sentinel of two answers: that is enough.
    let reached = async || RedisStore::connect(&url("main"), RedisOptions::default()).await.is_ok();
    eventually(reached).await;
    let begun = Instant::now();
    let refused = RedisStore::connect(&url("other"), RedisOptions::default()).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Refused(text) if text.contains("`other`")), "{refused:?}");
    assert!(begun.elapsed() < PATIENCE / 2);
    let nobody = "redis+sentinel://127.0.0.1:1/main?connect_timeout=0s";
    let refused = RedisStore::connect(nobody, RedisOptions::default()).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Unavailable(text) if text.contains("127.0.0.1:1")), "{refused:?}");
}

#[tokio::test]
async fn what_went_back_without_a_failover_is_noticed_too() {
    if !is_available() {
        return;
    }
    let mut server = Server::start_with(&["--dbfilename", "before.rdb"]).await;
    let store = connect(&server.url(), "waygate").await;
    let saved = commit(&store, 1..4).await;
    server.tell(&["SAVE"]).await;
    let newest: Cursor = commit(&store, 4..6).await;
    let mut watch = store.watch(&newest).await.unwrap();
    server.kill();
    server.bring_back().await;
    let told = next(&mut watch).await;
    assert!(matches!(told, Err(WatchError::OtherHistory { .. })), "{told:?}");
    assert_eq!(store.load().await.unwrap().cursor, saved);
}
