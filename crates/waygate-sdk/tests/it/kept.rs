//! What a service enforces before it hears of the control plane: from the disk, from a baked file, or by choice.

use std::path::Path;
use std::time::Duration;

use waygate_sdk::core::{Change, RouteMethod};
use waygate_sdk::{Outage, Phase, Routes, Rules, Waygate, WaygateBuilder, WhenUnknown};

use crate::script::{
    Connection, Observer, Script, at, bookmark, builder, commit, disabled, elsewhere, enabled, eventually,
    global_maintenance, snapshot, snapshot_without, view,
};
use crate::sync::{in_turn, is_open, outage, ready};

fn away() -> (Script, Observer) {
    Script::new(|_, _| Connection::Refused(Outage::Unreachable { reason: "refused".to_owned() }))
}

/// A service that starts while the control plane is away.
fn alone(builder: WaygateBuilder) -> Waygate {
    builder.start_with(away().0).unwrap()
}

fn keeping(directory: &Path) -> WaygateBuilder {
    builder().cache_dir(directory)
}

/// Has followed a control plane that says this, and was shut down.
async fn has_known(directory: &Path, changes: Vec<Change>) {
    let (script, _) = in_turn(vec![Connection::Silent(vec![snapshot(at(5), changes), bookmark(at(5))])]);
    let waygate = keeping(directory).start_with(script).unwrap();
    ready(&waygate).await;
    waygate.shutdown().await;
}

fn file_in(directory: &Path) -> std::path::PathBuf {
    let mut files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let file = files.next().unwrap();
    assert_eq!(files.next(), None, "a temporary file is left");
    file
}

#[expect(clippy::disallowed_methods, reason = "the test damages, or bakes, a file")]
pub(crate) fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test(start_paused = true)]
async fn g17_a_service_that_starts_while_the_control_plane_is_away_enforces_what_it_enforced() {
    let folder = tempfile::tempdir().unwrap();
    has_known(folder.path(), vec![disabled("GET:/a"), enabled("GET:/b")]).await;
    let (script, seen) = away();
    let waygate = keeping(folder.path()).when_unknown(WhenUnknown::Closed).start_with(script).unwrap();
    // At once: nothing has been awaited since the start.
    assert_eq!((is_open(&waygate, "/a"), is_open(&waygate, "/b"), is_open(&waygate, "/new")), (false, true, true));
    let status = waygate.status();
    assert_eq!(
        (status.rules, status.cursor.clone(), status.phase.clone()),
        (Rules::Cache, Some(at(5)), Phase::Starting)
    );
    waygate.declare(Routes::new().get("/a").get("/b").get("/new").maintenance("declared"));
    assert_eq!((is_open(&waygate, "/a"), is_open(&waygate, "/b"), is_open(&waygate, "/new")), (false, true, false));
    eventually("tried", || seen.opens().len() > 3).await;
    assert_eq!(seen.opens()[0].1, Some(at(5)), "the stream is to go on from there");
    assert!(matches!(waygate.status().phase, Phase::Stale { .. }) && !is_open(&waygate, "/a"));
    assert!(waygate.is_current(Duration::from_mins(1)) && !waygate.is_current(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn g17_a_service_that_starts_during_maintenance_while_the_control_plane_is_away_obeys_it() {
    let folder = tempfile::tempdir().unwrap();
    has_known(folder.path(), vec![global_maintenance("m", &["/exempt"])]).await;
    let waygate = alone(keeping(folder.path()));
    assert_eq!((is_open(&waygate, "/a"), is_open(&waygate, "/exempt")), (false, true));
}

#[tokio::test(start_paused = true)]
async fn g17_what_a_killed_service_enforced_is_on_the_disk_soon() {
    let folder = tempfile::tempdir().unwrap();
    let (send, more) = tokio::sync::mpsc::unbounded_channel();
    let (script, _) = in_turn(vec![Connection::Open(vec![snapshot(at(1), []), bookmark(at(1))], more)]);
    let _running = keeping(folder.path()).start_with(script).unwrap();
    for revision in 2..20 {
        send.send(commit(at(revision), revision - 1, [disabled("GET:/a")])).unwrap();
    }
    send.send(commit(at(20), 19, [disabled("GET:/b")])).unwrap();
    // No shutdown: whatever another process reads now is what a kill would leave.
    eventually("both on the disk", || {
        let other = alone(keeping(folder.path()));
        !is_open(&other, "/a") && !is_open(&other, "/b")
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_stream_goes_on_from_the_cache_or_starts_anew_where_the_history_is_another() {
    let folder = tempfile::tempdir().unwrap();
    has_known(folder.path(), vec![disabled("GET:/a")]).await;
    let (script, seen) =
        in_turn(vec![Connection::Silent(vec![commit(at(9), 5, [disabled("GET:/b")]), bookmark(at(9))])]);
    let resumed = keeping(folder.path()).start_with(script).unwrap();
    resumed.declare(Routes::new().get("/a"));
    ready(&resumed).await;
    assert_eq!((is_open(&resumed, "/a"), is_open(&resumed, "/b")), (false, false));
    assert_eq!(seen.registrations(), [["GET:/a"]]);
    assert_eq!(resumed.status().rules, Rules::ControlPlane);
    resumed.shutdown().await;

    let other = vec![snapshot(elsewhere(2), [disabled("GET:/c")]), bookmark(elsewhere(2))];
    let (script, seen) = in_turn(vec![Connection::Silent(other)]);
    let restarted = keeping(folder.path()).start_with(script).unwrap();
    ready(&restarted).await;
    assert_eq!(seen.opens()[0].1, Some(at(9)));
    assert_eq!((is_open(&restarted, "/a"), is_open(&restarted, "/c")), (true, false));
    restarted.shutdown().await;
    assert_eq!(alone(keeping(folder.path())).status().cursor, Some(elsewhere(2)));
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_read_is_fetched_anew_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let partly = snapshot_without(at(5), [disabled("GET:/a")], &["routes GET:/odd"]);
    let (script, _) = in_turn(vec![Connection::Silent(vec![partly, bookmark(at(5))])]);
    let waygate = keeping(folder.path()).start_with(script).unwrap();
    ready(&waygate).await;
    waygate.shutdown().await;
    let (script, seen) = away();
    let waygate = keeping(folder.path()).start_with(script).unwrap();
    assert!(!is_open(&waygate, "/a"));
    eventually("tried", || !seen.opens().is_empty()).await;
    assert_eq!(seen.opens()[0].1, None);
}

#[tokio::test(start_paused = true)]
async fn g17_a_damaged_cache_gives_way_to_the_choice_for_the_unknown() {
    let folder = tempfile::tempdir().unwrap();
    has_known(folder.path(), vec![disabled("GET:/a")]).await;
    let file = file_in(folder.path());
    let whole = std::fs::read(&file).unwrap();
    for length in [0, 1, whole.len() / 2, whole.len() - 2] {
        write(&file, &whole[..length]);
        let open = alone(keeping(folder.path()));
        assert!(is_open(&open, "/a"));
        assert_eq!(open.status().rules, Rules::Declared);
        assert!(!is_open(&alone(keeping(folder.path()).when_unknown(WhenUnknown::Closed)), "/a"));
    }
    write(&file, &whole);
    assert!(!is_open(&alone(keeping(folder.path())), "/a"));
}

#[tokio::test(start_paused = true)]
async fn a_bootstrap_file_counts_where_there_is_no_cache() {
    let folder = tempfile::tempdir().unwrap();
    let baked = folder.path().join("bootstrap.json");
    let answer = serde_json::json!({"cursor": at(3), "view": view([disabled("GET:/baked")])});
    write(&baked, answer.to_string().as_bytes());
    let cache = folder.path().join("cache");
    let begin = || keeping(&cache).bootstrap_file(&baked).when_unknown(WhenUnknown::Maintenance);

    let (script, seen) = away();
    let waygate = begin().start_with(script).unwrap();
    assert_eq!((is_open(&waygate, "/baked"), is_open(&waygate, "/b")), (false, true));
    assert_eq!((waygate.status().rules, waygate.status().age()), (Rules::Bootstrap, None));
    assert!(!waygate.is_current(Duration::MAX), "nobody knows how old it is");
    eventually("tried", || !seen.opens().is_empty()).await;
    assert_eq!(seen.opens()[0].1, Some(at(3)));
    waygate.shutdown().await;
    assert!(!cache.exists(), "what is baked is not kept a second time");

    has_known(&cache, vec![disabled("GET:/kept")]).await;
    let waygate = alone(begin());
    assert_eq!((is_open(&waygate, "/baked"), is_open(&waygate, "/kept")), (true, false));
    let missing = alone(builder().bootstrap_file("/nowhere/at-all").when_unknown(WhenUnknown::Maintenance));
    assert!(!is_open(&missing, "/a"));
}

#[tokio::test(start_paused = true)]
async fn while_nothing_was_ever_heard_each_route_answers_by_its_choice() {
    let declare = |waygate: &Waygate| {
        waygate.declare(
            Routes::new()
                .get("/health")
                .force_active()
                .get("/plain")
                .get("/careful")
                .when_unknown(WhenUnknown::Closed)
                .get("/free")
                .when_unknown(WhenUnknown::Open)
                .get("/shut")
                .when_unknown(WhenUnknown::Open)
                .disabled("declared"),
        );
    };
    for (choice, others) in [(WhenUnknown::Open, true), (WhenUnknown::Closed, false), (WhenUnknown::Maintenance, false)]
    {
        let (send, more) = tokio::sync::mpsc::unbounded_channel();
        let (script, _) = in_turn(vec![Connection::Open(vec![], more)]);
        let waygate = builder().when_unknown(choice).start_with(script).unwrap();
        declare(&waygate);
        let open = |path| is_open(&waygate, path);
        assert!(open("/health") && open("/free"), "{choice}");
        assert!(!open("/careful") && !open("/shut"), "{choice}");
        assert_eq!((open("/plain"), open("/undeclared")), (others, others), "{choice}");
        assert!(waygate.snapshot().knows(Some(RouteMethod::Get), "/careful"));
        send.send(snapshot(at(1), [])).unwrap();
        eventually("heard", || waygate.status().rules == Rules::ControlPlane).await;
        assert!(open("/careful") && open("/plain") && open("/undeclared") && !open("/shut"), "{choice}");
        waygate.shutdown().await;
        assert!(open("/plain"), "what was heard once stays known");
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_takes_nothing_is_counted_and_hinders_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    write(&file, b"");
    let (send, more) = tokio::sync::mpsc::unbounded_channel();
    let (script, _) = in_turn(vec![Connection::Open(vec![snapshot(at(1), []), bookmark(at(1))], more)]);
    let waygate = keeping(&file.join("below")).start_with(script).unwrap();
    ready(&waygate).await;
    eventually("counted", || waygate.status().cache_failures == 1).await;
    send.send(commit(at(2), 1, [disabled("GET:/a")])).unwrap();
    eventually("enforced", || !is_open(&waygate, "/a")).await;
    eventually("counted again", || waygate.status().cache_failures == 2).await;
    assert_eq!(outage(&waygate), None);
    // Room again: the next change is kept.
    std::fs::remove_file(&file).unwrap();
    send.send(commit(at(3), 2, [disabled("GET:/b")])).unwrap();
    eventually("kept", || !is_open(&alone(keeping(&file.join("below"))), "/b")).await;
    waygate.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn processes_of_one_service_share_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    let process = |path: &'static str| {
        let (script, _) = in_turn(vec![Connection::Silent(vec![snapshot(at(5), [disabled(path)]), bookmark(at(5))])]);
        keeping(folder.path()).start_with(script).unwrap()
    };
    let running: Vec<Waygate> = ["GET:/a", "GET:/b", "GET:/c"].into_iter().map(process).collect();
    for waygate in &running {
        ready(waygate).await;
    }
    for waygate in &running {
        waygate.shutdown().await;
    }
    let waygate = alone(keeping(folder.path()));
    assert_eq!(waygate.status().rules, Rules::Cache);
    file_in(folder.path());
}
