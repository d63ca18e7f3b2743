//! Disks that refuse.

use std::fs;
use std::process::{self, Command};

use futures_util::{FutureExt as _, StreamExt as _};
use waygate_store::testing::draft;
use waygate_store::{CommitError, FileOptions, FileStore, Store, StoreError};

use crate::child;
use crate::directory::{Directory, commit, history};

/// Lets this process write files up to a length.
fn limit_file_length(bytes: &str) {
    let limited = Command::new("prlimit")
        .args(["--pid", &process::id().to_string(), &format!("--fsize={bytes}:unlimited")])
        .status();
    assert!(limited.unwrap().success());
}

#[tokio::test]
async fn g23_a_full_disk_refuses_and_leaves_memory_and_disk_equal() {
    let Some(root) = child::directory() else {
        let directory = Directory::new();
        let test = "failing::g23_a_full_disk_refuses_and_leaves_memory_and_disk_equal";
        child::run(test, "trap '' XFSZ", directory.root());
        return;
    };
    let path = root.join("state.json");
    let segment = root.join("state.json.log/00000000000000000001.jsonl");
    let store = FileStore::open(&path).await.unwrap();
    let state = commit(&store, 1..=3).await;
    let mut watch = store.watch(&state.cursor).await.unwrap();
    let durable = fs::read(&segment).unwrap();
    for room in [0, 1, 60, 900] {
        limit_file_length(&(durable.len() + room).to_string());
        let refused = store.commit(&state.cursor, vec![draft(4), draft(5)]).await;
        limit_file_length("unlimited");
        let Err(CommitError::Store(StoreError::Full(text))) = refused else { panic!("{room}: {refused:?}") };
        assert!(text.contains("cannot write") && text.contains("00001.jsonl"), "{text}");
        assert_eq!(store.load().await.unwrap(), state);
        assert_eq!(store.find(&draft(4).id).await.unwrap(), None);
        assert_eq!(fs::read(&segment).unwrap(), durable, "with room for {room} bytes");
        assert!(watch.next().now_or_never().is_none());
    }
    let state = commit(&store, 6..=7).await;
    assert_eq!(watch.next().await.unwrap().unwrap().draft, draft(6));
    let commits = history(&store).await;
    drop(store);
    let store = FileStore::open(&path).await.unwrap();
    assert_eq!(store.load().await.unwrap(), state);
    assert_eq!(history(&store).await, commits);
}

#[tokio::test]
async fn g23_a_lost_directory_refuses_until_it_is_back() {
    let directory = Directory::new();
    let store = directory.open().await.unwrap();
    let state = commit(&store, 1..=3).await;
    let away = directory.root().join("away");
    fs::rename(directory.log(), &away).unwrap();
    let refused = store.commit(&state.cursor, vec![draft(4)]).await;
    let Err(CommitError::Store(StoreError::Unavailable(text))) = refused else { panic!("{refused:?}") };
    assert!(text.contains("has been moved or deleted"), "{text}");
    assert_eq!(store.load().await.unwrap(), state);

    fs::rename(&away, directory.log()).unwrap();
    let state = commit(&store, [4]).await;
    drop(store);
    assert_eq!(directory.open().await.unwrap().load().await.unwrap(), state);
}

#[tokio::test]
async fn g23_a_checkpoint_that_cannot_be_written_costs_no_commit() {
    let directory = Directory::new();
    let options = FileOptions { checkpoint_every: 2, ..FileOptions::default() };
    let store = FileStore::open_with(directory.state(), options).await.unwrap();
    let document = fs::read(directory.state()).unwrap();
    fs::remove_file(directory.state()).unwrap();
    fs::create_dir(directory.state()).unwrap();
    let mut state = store.load().await.unwrap();
    for number in 1..=7 {
        state = commit(&store, [number]).await;
    }
    fs::remove_dir(directory.state()).unwrap();
    crate::directory::put(&directory.state(), &document);
    let commits = history(&store).await;
    drop(store);
    let store = FileStore::open_with(directory.state(), options).await.unwrap();
    assert_eq!(store.load().await.unwrap(), state);
    assert_eq!(history(&store).await, commits);
    store.close().await.unwrap();
    assert_ne!(fs::read(directory.state()).unwrap(), document);
}
