//! `kill -9`, at any moment.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use waygate_core::{Cursor, State};
use waygate_store::testing::draft;
use waygate_store::{FileOptions, FileStore, Store};

use crate::child;
use crate::directory::{Directory, history};

/// Small, so that checkpoints and new segments are among what is interrupted.
fn options() -> FileOptions {
    FileOptions { checkpoint_every: 7, ..FileOptions::default() }
}

#[tokio::test]
async fn g22_a_killed_server_loses_nothing_that_it_has_acknowledged() {
    if let Some(root) = child::directory() {
        write_until_killed(FileStore::open_with(root.join("state.json"), options()).await.unwrap()).await;
    }
    let directory = Directory::new();
    let test = "kill::g22_a_killed_server_loses_nothing_that_it_has_acknowledged";
    let mut acknowledged = 0;
    for lines in [1, 20, 3, 47, 11, 30, 8, 64] {
        let mut writer = child::command(test, "true", directory.root()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(writer.stdout.take().unwrap());
        let said =
            output.lines().map_while(Result::ok).filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
        acknowledged = said.take(lines).last().unwrap_or(acknowledged);
        writer.kill().unwrap();
        writer.wait().unwrap();

        let store = FileStore::open_with(directory.state(), options()).await.unwrap();
        let state = store.load().await.unwrap();
        assert!(state.cursor.revision.0 >= acknowledged, "{} < {acknowledged}", state.cursor.revision);
        let mut folded = State::new(Cursor::start_of(state.cursor.epoch.clone()));
        for commit in history(&store).await {
            assert_eq!(commit.draft, draft(commit.revision().0));
            folded.apply(&commit).unwrap();
        }
        assert_eq!(folded, state);
    }
    assert!(acknowledged > 100, "only {acknowledged} commits were made");
}

#[expect(clippy::print_stdout, reason = "the parent reads along")]
async fn write_until_killed(store: FileStore) -> ! {
    let mut base = store.load().await.unwrap().cursor;
    loop {
        let next = base.revision.0 + 1;
        let commits = store.commit(&base, (next..=next + next % 3).map(draft).collect()).await.unwrap();
        base = commits.last().unwrap().cursor.clone();
        println!("acknowledged {}", base.revision);
    }
}
