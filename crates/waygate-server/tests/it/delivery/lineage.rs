//! A history that was rolled back has its numbers again, with other content.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt as _;
use waygate_core::Commit;
use waygate_store::{CommitStream, MemoryStore};

use super::switch;
use crate::helpers::{Altered, Follower, TestServer};

/// When told to, gives watchers one commit of another lineage in the place of the next.
fn forked(is_forked: Arc<AtomicBool>) -> impl Fn(CommitStream) -> CommitStream {
    move |commits| {
        let is_forked = is_forked.clone();
        Box::pin(commits.map(move |commit| {
            let mut commit = Commit::clone(&*commit?);
            if is_forked.swap(false, Ordering::SeqCst) {
                commit.cursor.lineage.0 ^= 1;
            }
            Ok(Arc::new(commit))
        }))
    }
}

#[tokio::test]
async fn g8_a_commit_of_another_lineage_is_not_applied_but_has_everything_loaded_anew() {
    let is_forked = Arc::new(AtomicBool::new(false));
    let store = Altered::of(MemoryStore::new().unwrap()).watched(forked(is_forked.clone()));
    let server = TestServer::start_on(Arc::new(store), |server| server).await;
    server.register("pay", &["GET:/a"]).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let mut follower = Follower::caught_up(&service, "pay").await;

    is_forked.store(true, Ordering::SeqCst);
    let made = switch(&admin, "pay:GET:/a", "disable").await;
    follower.until(made).await;
    assert_eq!((follower.snapshots, follower.commits.len()), (2, 0), "nothing of the other history was told");
    follower.until_bookmark().await;
    let cursor = server.control.current().cursor.clone();
    assert_eq!(follower.cursor, Some(cursor));
    // It goes on from there.
    let made = switch(&admin, "pay:GET:/a", "enable").await;
    follower.until(made).await;
    assert_eq!((follower.snapshots, follower.commits.len()), (2, 1));
}
