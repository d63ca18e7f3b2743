//! Redis that is killed while it writes: what is left of the write comes back when Redis starts for the second time, with the
//! `EXEC` of whatever was written after it.

use std::path::Path;

use waygate_core::Cursor;
use waygate_store::{HistoryQuery, RedisStore, SideValue, Store};

use crate::redis::{Server, eventually, is_available};
use crate::redis_store::{commit, connect};

/// What happens between the torn write and the next start.
#[derive(Debug, Clone, Copy)]
enum Afterwards {
    /// So many commits in one batch.
    Commits(u64),
    SideTable,
    /// Something lasting in the place of what was torn.
    Lasting,
    Nothing,
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test damages a file")]
fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

async fn kept(store: &RedisStore) -> Vec<Cursor> {
    let page = store.history(HistoryQuery { before: None, limit: 1000 }).await.unwrap();
    page.commits.iter().rev().map(|commit| commit.cursor.clone()).collect()
}

fn now() -> waygate_core::Timestamp {
    waygate_core::Timestamp::UNIX_EPOCH
}

/// A Redis with two commits, where there is one to test with.
async fn begun() -> Option<(Server, RedisStore)> {
    if !is_available() {
        return None;
    }
    let server = Server::start().await;
    let store = connect(&server.url(), "waygate").await;
    commit(&store, 1..3).await;
    Some((server, store))
}

/// Ends the last write at many places, goes on, and kills Redis once more.
async fn tear(server: &mut Server, before: usize, whole: &[u8], step: usize) {
    let places = (before..whole.len()).step_by(step).chain([whole.len() - 1]);
    let ways = [
        Afterwards::Commits(1),
        Afterwards::SideTable,
        Afterwards::Lasting,
        Afterwards::Commits(6),
        Afterwards::Nothing,
    ];
    for (cut, afterwards) in places.zip(ways.into_iter().cycle()) {
        let case = format!("cut at {} of {}, then {afterwards:?}", cut - before, whole.len() - before);
        server.kill();
        write(&server.append_only_file(), &whole[..cut]);
        server.bring_back().await;
        let store = connect(&server.url(), "waygate").await;
        match afterwards {
            Afterwards::Commits(count) => drop(commit(&store, 100..100 + count).await),
            Afterwards::SideTable => {
                let value = Some(SideValue::lasting("later"));
                assert!(store.side().swap("later", None, value, now()).await.unwrap(), "{case}");
            }
            Afterwards::Lasting => {
                let (side, value) = (store.side(), Some(SideValue::lasting("lasting")));
                let known = side.value("lease", now()).await.unwrap();
                assert!(side.swap("lease", known.as_deref(), value, now()).await.unwrap(), "{case}");
            }
            Afterwards::Nothing => {}
        }
        let acknowledged = kept(&store).await;

        server.kill();
        server.bring_back().await;
        let fresh = connect(&server.url(), "waygate").await;
        let there = kept(&fresh).await;
        match afterwards {
            Afterwards::Commits(_) => assert_eq!(there, acknowledged, "{case}"),
            // What nobody was told of may have happened after all.
            Afterwards::SideTable | Afterwards::Lasting | Afterwards::Nothing => {
                assert!(there.starts_with(&acknowledged), "{case}: {there:?}");
            }
        }
        if matches!(afterwards, Afterwards::SideTable) {
            assert_eq!(fresh.side().value("later", now()).await.unwrap().as_deref(), Some("later"), "{case}");
        }
        if matches!(afterwards, Afterwards::Lasting) {
            let ends = server.tell(&["ZSCORE", "{waygate}:side_ends", "lease"]).await;
            assert_eq!(fresh.side().value("lease", now()).await.unwrap().as_deref(), Some("lasting"), "{case}");
            assert_eq!(ends, "nil", "{case}");
        }
        // The one that lived through it and the one that is new go on together.
        eventually(async || store.load().await.is_ok()).await;
        let next = commit(&store, 200..201).await;
        assert_eq!(fresh.load().await.unwrap().cursor, next, "{case}");
        assert_eq!(kept(&fresh).await, kept(&store).await, "{case}");
    }
}

#[tokio::test]
async fn g22_a_torn_write_of_commits_takes_nothing_from_what_is_acknowledged_after_it() {
    let Some((mut server, store)) = begun().await else { return };
    let before = read(&server.append_only_file()).len();
    commit(&store, 3..7).await;
    let whole = read(&server.append_only_file());
    tear(&mut server, before, &whole, 167).await;
}

#[tokio::test]
async fn g22_a_torn_write_of_the_side_table_takes_nothing_from_what_is_acknowledged_after_it() {
    let Some((mut server, store)) = begun().await else { return };
    let before = read(&server.append_only_file()).len();
    let lease = SideValue::expiring("torn", std::time::Duration::from_hours(1));
    assert!(store.side().swap("lease", None, Some(lease), now()).await.unwrap());
    let whole = read(&server.append_only_file());
    tear(&mut server, before, &whole, 17).await;
}

#[tokio::test]
async fn g22_a_torn_deletion_takes_nothing_from_what_is_acknowledged_after_it() {
    let Some((mut server, store)) = begun().await else { return };
    let kept = Some(SideValue::lasting("torn"));
    assert!(store.side().swap("lease", None, kept, now()).await.unwrap());
    let before = read(&server.append_only_file()).len();
    assert!(store.side().swap("lease", Some("torn"), None, now()).await.unwrap());
    let whole = read(&server.append_only_file());
    tear(&mut server, before, &whole, 11).await;
}

#[tokio::test]
async fn g22_a_torn_checkpoint_takes_nothing_from_what_is_acknowledged_after_it() {
    if !is_available() {
        return;
    }
    let mut server = Server::start().await;
    let store = connect(&server.url(), "waygate").await;
    let before = async |server: &Server| read(&server.append_only_file()).len();
    commit(&store, 1..99).await;
    let start = before(&server).await;
    commit(&store, 99..103).await;
    let checkpoint = async || server.tell(&["HGET", "{waygate}:head", "checkpoint"]).await;
    eventually(async || checkpoint().await.contains(":102:")).await;
    let whole = read(&server.append_only_file());
    tear(&mut server, start, &whole, (whole.len() - start) / 12).await;
}
