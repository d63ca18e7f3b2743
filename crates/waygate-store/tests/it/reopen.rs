//! What is there again after an end, clean or not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use futures_util::StreamExt as _;
use waygate_core::{Revision, TokenId};
use waygate_store::testing::draft;
use waygate_store::{FileStore, HistoryQuery, Store, StoreError};

use crate::child;
use crate::directory::{Directory, commit, commit_drafts, history, put, revocation};

#[tokio::test]
async fn g25_state_history_and_revocations_survive_a_restart() {
    for clean in [true, false] {
        let directory = Directory::new();
        let store = directory.open().await.unwrap();
        let token: TokenId = "0123456789abcdef".parse().unwrap();
        commit(&store, 1..=4).await;
        let state = commit_drafts(&store, vec![revocation(&token)]).await;
        assert!(state.revoked_tokens.contains_key(&token));
        let commits = history(&store).await;
        if clean {
            store.close().await.unwrap();
        }
        drop(store);

        let store = directory.open().await.unwrap();
        assert_eq!(store.load().await.unwrap(), state);
        assert_eq!(history(&store).await, commits);
        assert!(!commits[0].draft.records[0].before.is_empty());
        assert_eq!(commit(&store, [9]).await.cursor.revision, Revision(6));
    }
}

#[tokio::test]
async fn a_stream_resumes_across_restart_and_checkpoint() {
    let directory = Directory::new();
    let store = directory.open_small().await;
    let seen = commit(&store, 1..=5).await.cursor;
    commit(&store, 6..=17).await;
    store.close().await.unwrap();
    drop(store);

    let store = directory.open_small().await;
    let resumed: Vec<_> = store.watch(&seen).await.unwrap().take(12).collect().await;
    assert!(resumed.iter().map(|commit| commit.as_ref().unwrap().revision().0).eq(6..=17));
}

#[tokio::test]
async fn g27_checkpoints_and_segments_follow_the_commits() {
    let directory = Directory::new();
    let store = directory.open_small().await;
    for number in 1..=95 {
        commit(&store, [number]).await;
    }
    let (state, commits) = (store.load().await.unwrap(), history(&store).await);
    assert_eq!(commits.len(), 20);
    drop(store);

    let names: Vec<_> = directory
        .segments()
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap())
        .collect();
    assert_eq!(names, [71, 81, 91]);
    let document: serde_json::Value = serde_json::from_slice(&fs::read(directory.state()).unwrap()).unwrap();
    assert_eq!(document["format"], "waygate-state");
    assert!(document["state"]["cursor"].as_str().unwrap().contains(":90:"));

    let store = directory.open_small().await;
    assert_eq!(store.load().await.unwrap(), state);
    assert_eq!(history(&store).await, commits);
}

#[tokio::test]
async fn g24_a_missing_log_is_refused_and_an_empty_one_begins_from_the_document() {
    let directory = Directory::new();
    let store = directory.open().await.unwrap();
    let state = commit(&store, 1..=7).await;
    store.close().await.unwrap();
    drop(store);
    fs::remove_dir_all(directory.log()).unwrap();
    // Without the log nobody knows what has happened since the checkpoint.
    let refusal = directory.open_or_refuse().await.unwrap_err();
    assert!(refusal.contains("is missing") && refusal.contains("empty directory"), "{refusal}");
    assert!(!directory.log().exists());

    fs::create_dir(directory.log()).unwrap();
    let store = directory.open().await.unwrap();
    assert_eq!(store.load().await.unwrap(), state);
    assert!(history(&store).await.is_empty());
    assert_eq!(commit(&store, [8]).await.cursor.revision, Revision(8));
}

#[tokio::test]
async fn commits_go_by_age_too() {
    let directory = Directory::new();
    let store = directory.open().await.unwrap();
    commit(&store, 1..=1200).await;
    let mut late = draft(1201);
    late.cause.at += std::time::Duration::from_hours(90 * 24);
    commit_drafts(&store, vec![late]).await;
    let kept: Vec<_> = history(&store).await.iter().map(|commit| commit.revision().0).collect();
    // All before are older than ninety days by a second at least, but a thousand stay whatever the time.
    assert_eq!((kept.len(), kept[0], *kept.last().unwrap()), (1000, 202, 1201));
    let page = store.history(HistoryQuery { before: None, limit: 1000 }).await.unwrap();
    assert!(!page.more);
}

#[tokio::test]
async fn g24_a_second_server_on_the_same_file_is_refused() {
    let directory = Directory::new();
    let store = directory.open().await.unwrap();
    let link = directory.root().join("link.json");
    std::os::unix::fs::symlink(directory.state(), &link).unwrap();
    for path in [directory.state(), link] {
        let refused = FileStore::open(path).await.unwrap_err();
        let StoreError::Locked(text) = &refused else { panic!("{refused:?}") };
        assert!(text.contains("state.json` is in use") && text.contains("state.json.lock"), "{text}");
        assert!(text.contains(&format!("(process {})", std::process::id())), "{text}");
    }
    let state = commit(&store, [1]).await;
    store.close().await.unwrap();
    let other = directory.open().await.unwrap();
    assert_eq!(other.load().await.unwrap(), state, "the first is closed, though not yet dropped");
}

#[tokio::test]
async fn g24_a_hard_link_is_no_way_around_the_lock() {
    let directory = Directory::new();
    let store = directory.open().await.unwrap();
    let state = commit(&store, 1..=3).await;
    let link = directory.root().join("other.json");
    fs::hard_link(directory.state(), &link).unwrap();
    let before = directory.content();
    let refused = FileStore::open(&link).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Corrupt(text) if text.contains("its log") && text.contains("is missing")),
        "{refused:?}"
    );
    assert!(directory.content() == before, "nothing has been touched");

    // A backup of hard links, made while the server runs, is another store once a server has opened it.
    let backup = Directory::new();
    fs::create_dir(backup.log()).unwrap();
    fs::hard_link(directory.state(), backup.state()).unwrap();
    for segment in directory.segments() {
        fs::hard_link(&segment, backup.log().join(segment.file_name().unwrap())).unwrap();
    }
    let other = backup.open().await.unwrap();
    assert_eq!(other.load().await.unwrap(), state);
    let (here, there) = (commit(&store, 4..=5).await, commit(&other, 6..=9).await);
    drop((store, other));
    assert_eq!(directory.open().await.unwrap().load().await.unwrap(), here);
    assert_eq!(backup.open().await.unwrap().load().await.unwrap(), there);
}

#[tokio::test]
async fn a_store_that_is_replaced_can_be_opened_beside_its_successor() {
    let directory = Directory::new();
    let replace = async |number: u64| FileStore::replace(directory.state(), vec![draft(number)]).await;
    assert!(matches!(replace(1).await, Ok((newest, None)) if newest.revision == Revision(1)));
    let mut states = Vec::new();
    for number in 1..=2 {
        let store = directory.open().await.unwrap();
        assert_eq!(store.load().await.unwrap().cursor.revision, Revision(1), "the successor alone");
        assert!(matches!(replace(1).await, Err(StoreError::Locked(_))));
        states.push(commit(&store, [number + 1]).await);
        drop(store);
        let (_, aside) = replace(1).await.unwrap();
        let aside = aside.unwrap();
        assert!(aside.to_str().unwrap().ends_with(&format!("state.json.replaced-{number}")), "{}", aside.display());
    }
    for (number, state) in (1..).zip(states) {
        let aside = directory.root().join(format!("state.json.replaced-{number}"));
        assert_eq!(FileStore::open(aside).await.unwrap().load().await.unwrap(), state);
    }
    // Whatever state it is in.
    put(&directory.state(), b"garbage");
    assert!(replace(1).await.unwrap().1.is_some());
    assert_eq!(directory.open().await.unwrap().load().await.unwrap().cursor.revision, Revision(1));
}

#[tokio::test]
async fn a_store_is_whole_where_a_successor_cannot_be_made() {
    let directory = Directory::new();
    let store = directory.open().await.unwrap();
    let state = commit(&store, 1..=3).await;
    drop(store);
    // Where it would be made lies something that is not ours to remove.
    let mut in_the_way = directory.state().into_os_string();
    in_the_way.push(".successor");
    fs::create_dir(&in_the_way).unwrap();
    let refused = FileStore::replace(directory.state(), vec![draft(9)]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(directory.open().await.unwrap().load().await.unwrap(), state);
}

#[tokio::test]
async fn a_link_stays_a_link() {
    let directory = Directory::new();
    drop(directory.open().await.unwrap());
    let link = directory.root().join("link.json");
    std::os::unix::fs::symlink(directory.state(), &link).unwrap();
    let store = FileStore::open(&link).await.unwrap();
    let state = commit(&store, [1]).await;
    store.close().await.unwrap();
    drop(store);
    assert!(link.is_symlink());
    assert_eq!(directory.open().await.unwrap().load().await.unwrap(), state);
}

#[tokio::test]
async fn what_a_crash_left_in_the_making_is_removed() {
    let directory = Directory::new();
    let store = directory.open().await.unwrap();
    let state = commit(&store, 1..=3).await;
    drop(store);
    let left = [directory.root().join("state.json.tmp-a1B2c3"), directory.log().join("state.json.tmp-Zz9999")];
    for path in &left {
        put(path, b"{\"format\": \"waygate-st");
    }
    let others = directory.root().join("state.json.secret");
    put(&others, b"secret");

    let store = directory.open().await.unwrap();
    assert_eq!(store.load().await.unwrap(), state);
    assert!(left.iter().all(|path| !path.exists()));
    assert_eq!(fs::read(others).unwrap(), b"secret");
}

#[tokio::test]
async fn parent_directories_are_made_and_names_are_checked() {
    let directory = Directory::new();
    let path = directory.root().join("a/b/state.json");
    let store = FileStore::open(&path).await.unwrap();
    assert_eq!(store.describe(), format!("file:{}", path.display()));
    assert!(path.exists());
    for odd in ["", "..", "/"] {
        let error = FileStore::open(odd).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{odd:?}: {error:?}");
    }
    let error = FileStore::open(directory.root()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn files_are_private_whatever_the_umask() {
    if let Some(root) = child::directory() {
        let store = FileStore::open(root.join("new/state.json")).await.unwrap();
        commit(&store, 1..=3).await;
        store.close().await.unwrap();
        return;
    }
    for umask in ["0000", "0077", "0277", "0777"] {
        let directory = Directory::new();
        let test = "reopen::files_are_private_whatever_the_umask";
        child::run(test, &format!("umask {umask}"), directory.root());
        let new = directory.root().join("new");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        for private in [&new, &new.join("state.json.log")] {
            assert_eq!(mode(private), 0o700, "{} under {umask}", private.display());
        }
        for private in ["state.json", "state.json.lock", "state.json.log/00000000000000000001.jsonl"] {
            assert_eq!(mode(&new.join(private)), 0o600, "{private} under {umask}");
        }
    }
}

#[tokio::test]
async fn g24_a_store_that_was_moved_away_is_not_written_over_by_its_old_server() {
    let directory = Directory::new();
    let old = directory.open().await.unwrap();
    commit(&old, 1..=2).await;
    let lock = directory.state().with_file_name("state.json.lock");
    for path in [directory.state(), directory.log(), lock] {
        let name = format!("away-{}", path.file_name().unwrap().display());
        fs::rename(&path, path.with_file_name(name)).unwrap();
    }
    let new = directory.open().await.unwrap();
    let state = commit(&new, 3..=5).await;
    assert!(old.close().await.is_err());
    drop((old, new));

    assert_eq!(directory.open().await.unwrap().load().await.unwrap(), state);
}

#[tokio::test]
async fn g24_a_server_whose_lock_was_deleted_commits_no_more() {
    let directory = Directory::new();
    let store = directory.open().await.unwrap();
    let state = commit(&store, 1..=2).await;
    fs::remove_file(directory.state().with_file_name("state.json.lock")).unwrap();
    let refused = store.commit(&state.cursor, vec![draft(3)]).await.unwrap_err();
    assert!(refused.to_string().contains("lock"), "{refused}");
    assert_eq!(store.load().await.unwrap(), state);
}
