//! The writer, the follower and the feed together, over a real store.

use std::sync::Arc;

use waygate_core::{
    Cause, Command, Cursor, Declaration, Digest, Lineage, MaintenanceScope, MaintenanceSwitch, Platform, ServiceId,
    ServiceView, Switch, Timestamp,
};
use waygate_store::MemoryStore;

use super::feed::{Bounds, Due, Feed, Subject};
use super::{Applied, ControlPlane, ExecuteError};
use crate::chunk::Chunk;

async fn control() -> ControlPlane {
    ControlPlane::start(Arc::new(MemoryStore::new().unwrap())).await.unwrap()
}

fn cause() -> Cause {
    Cause { actor: "ada".parse().unwrap(), platform: Platform::Cli, at: Timestamp::UNIX_EPOCH, undoes: None }
}

async fn register(control: &ControlPlane, service: &str, routes: &[&str]) -> Applied {
    let routes = routes.iter().map(|key| Declaration::active(key.parse().unwrap())).collect();
    control.execute(Command::Register { service: service.parse().unwrap(), routes }, cause()).await.unwrap()
}

async fn switch(control: &ControlPlane, route: &str, to: Switch) -> Result<Applied, ExecuteError> {
    let command = Command::Route { route: route.parse().unwrap(), to, reason: "why".into(), expected: None };
    control.execute(command, cause()).await
}

async fn global(control: &ControlPlane, to: MaintenanceSwitch) -> Applied {
    let command = Command::Maintenance {
        scope: MaintenanceScope::Global,
        to,
        reason: String::new(),
        allow_unknown: false,
        expected: None,
    };
    control.execute(command, cause()).await.unwrap()
}

fn on() -> MaintenanceSwitch {
    MaintenanceSwitch::On {
        exempt: None,
        include_force_active: false,
        until: None,
        enforcement: waygate_core::Enforcement::Enforce,
    }
}

fn pay() -> ServiceId {
    "pay".parse().unwrap()
}

fn follow(view: &mut ServiceView, due: &Due) {
    if due.anew {
        *view = due.state.service_view(&pay());
    }
    for commit in &due.commits {
        for change in commit.commit.changes().filter(|change| change.concerns(&pay())) {
            view.apply(change);
        }
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_what_is_read() {
    let control = control().await;
    register(&control, "pay", &["GET:/a"]).await;
    let applied = switch(&control, "/a", Switch::disable()).await.unwrap();
    assert!(applied.changed);
    assert_eq!(applied.routes[0].to_string(), "pay:GET:/a");
    assert_eq!(control.current().cursor.revision, applied.revision);

    let again = switch(&control, "pay:/a", Switch::disable()).await.unwrap();
    assert!(!again.changed, "a repetition commits nothing");
    assert_eq!(control.current().cursor.revision, applied.revision);

    let unknown = switch(&control, "/nope", Switch::disable()).await.unwrap_err();
    assert!(matches!(unknown, ExecuteError::Command(_)), "{unknown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_come_at_once_are_all_carried_out_each_once() {
    let control = control().await;
    let routes: Vec<String> = (0..64).map(|number| format!("GET:/r{number}")).collect();
    register(&control, "pay", &routes.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let tasks = routes.into_iter().map(|route| {
        let control = control.clone();
        tokio::spawn(async move { switch(&control, &route, Switch::disable()).await.unwrap().revision.0 })
    });
    let mut revisions = Vec::new();
    for task in tasks {
        revisions.push(task.await.unwrap());
    }
    revisions.sort_unstable();
    assert_eq!(revisions, (2..=65).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_resumed_anywhere_ends_at_the_servers_state() {
    let control = control().await;
    let mut cursors = vec![(control.current().cursor.clone(), control.current().service_view(&pay()))];
    register(&control, "pay", &["GET:/a", "GET:/b"]).await;
    for step in 0..12 {
        cursors.push((control.current().cursor.clone(), control.current().service_view(&pay())));
        match step % 6 {
            0 => drop(switch(&control, "pay:/a", Switch::disable()).await),
            1 => drop(global(&control, on()).await),
            2 => drop(register(&control, "orders", &[&format!("GET:/o{step}")]).await),
            3 => drop(switch(&control, "pay:/a", Switch::enable()).await),
            4 => drop(global(&control, MaintenanceSwitch::Off).await),
            _ => drop(switch(&control, "pay:/b", Switch::disable()).await),
        }
    }
    let expected = control.current().service_view(&pay());
    for (cursor, known) in cursors {
        let mut view = known;
        let mut subscription = control.feed().subscribe(Subject::Service(pay()), Some(&cursor));
        let due = control.feed().due(&mut subscription);
        assert!(!due.anew, "{cursor} is within the ring");
        follow(&mut view, &due);
        assert_eq!((&view, &due.cursor), (&expected, &control.current().cursor));
    }
}

#[tokio::test]
async fn a_cursor_of_another_history_gets_a_snapshot() {
    let control = control().await;
    register(&control, "pay", &["GET:/a"]).await;
    let here = control.current().cursor.clone();
    let odd = [
        Cursor { lineage: Lineage(here.lineage.0 ^ 1), ..here.clone() },
        Cursor { revision: here.revision.next(), ..here.clone() },
        Cursor { epoch: "otherhistory".parse().unwrap(), ..here.clone() },
    ];
    for cursor in odd {
        let mut subscription = control.feed().subscribe(Subject::Service(pay()), Some(&cursor));
        assert!(control.feed().due(&mut subscription).anew, "{cursor}");
    }
    let mut subscription = control.feed().subscribe(Subject::Service(pay()), Some(&here));
    let due = control.feed().due(&mut subscription);
    assert!(!due.anew && due.commits.is_empty());
}

#[tokio::test]
async fn g12_a_service_hears_only_what_concerns_it() {
    let control = control().await;
    register(&control, "pay", &["GET:/a"]).await;
    register(&control, "orders", &["GET:/a"]).await;
    let mut subscription = control.feed().subscribe(Subject::Service(pay()), None);
    let first = control.feed().due(&mut subscription);
    assert!(first.anew);

    switch(&control, "orders:/a", Switch::disable()).await.unwrap();
    let due = control.feed().due(&mut subscription);
    assert!(due.commits.is_empty() && !due.anew);
    assert_eq!(due.cursor, control.current().cursor, "the cursor moves on all the same");

    global(&control, on()).await;
    subscription.woken().await;
    let due = control.feed().due(&mut subscription);
    assert_eq!(due.commits.len(), 1);
}

#[tokio::test]
async fn what_waits_is_finished_when_the_control_plane_stops() {
    let control = control().await;
    register(&control, "pay", &["GET:/a"]).await;
    let waiting = {
        let control = control.clone();
        tokio::spawn(async move { switch(&control, "/a", Switch::disable()).await })
    };
    tokio::task::yield_now().await;
    control.stop().await.unwrap();
    match waiting.await.unwrap() {
        Ok(applied) => assert_eq!(control.current().cursor.revision, applied.revision),
        Err(error) => assert!(error.to_string().contains("stopping"), "{error}"),
    }
    assert!(switch(&control, "/a", Switch::enable()).await.is_err());
}

#[tokio::test]
async fn a_frame_is_encoded_once_for_all_streams_of_a_service() {
    let control = control().await;
    register(&control, "pay", &["GET:/a"]).await;
    let mut streams: Vec<_> = (0..3).map(|_| control.feed().subscribe(Subject::Service(pay()), None)).collect();
    for stream in &mut streams {
        control.feed().due(stream);
    }
    switch(&control, "/a", Switch::disable()).await.unwrap();
    let due: Vec<Due> = streams.iter_mut().map(|stream| control.feed().due(stream)).collect();
    let encoded = due[0].commits[0].frame.get_or_init(|| Chunk::of("frame"));
    for other in &due[1..] {
        assert_eq!(other.commits[0].frame.get().map(|frame| frame.words().as_ptr()), Some(encoded.words().as_ptr()));
    }
}

#[tokio::test]
async fn a_history_that_is_loaded_anew_gives_every_stream_a_snapshot() {
    let control = control().await;
    register(&control, "pay", &["GET:/a"]).await;
    let mut subscription = control.feed().subscribe(Subject::Service(pay()), None);
    control.feed().due(&mut subscription);
    let other = super::tests::control().await;
    register(&other, "pay", &["GET:/other"]).await;
    let past = other.history(waygate_store::HistoryQuery { before: None, limit: 10 }).await.unwrap();
    control.feed().reset(other.current(), past);
    subscription.woken().await;
    let due = control.feed().due(&mut subscription);
    assert!(due.anew);
    assert_eq!(due.state.cursor, other.current().cursor);
}

#[tokio::test]
async fn subjects_that_nobody_follows_any_more_are_forgotten() {
    let control = control().await;
    for number in 0..100 {
        let service: ServiceId = format!("s{number}").parse().unwrap();
        drop(control.feed().subscribe(Subject::Service(service), None));
    }
    assert!(control.feed().subjects() <= 1);
}

#[tokio::test]
async fn a_snapshot_is_encoded_once_while_nothing_concerns_the_service() {
    let control = control().await;
    register(&control, "pay", &["GET:/a"]).await;
    let subscribed = || {
        let mut subscription = control.feed().subscribe(Subject::Service(pay()), None);
        let due = control.feed().due(&mut subscription);
        (subscription, due)
    };
    let (first, due) = subscribed();
    let view = first.view(&due, &pay());
    let (frame, zipped) = (view.frame().words(), view.zipped());
    assert!(frame.ends_with(&[&view.document()[..], b"\n\n"].concat()), "the document is a part of the frame");

    // Others change, and more of the same service come.
    register(&control, "orders", &["GET:/o"]).await;
    let (second, due) = subscribed();
    let again = second.view(&due, &pay());
    assert_eq!((again.frame().words().as_ptr(), again.zipped().as_ptr()), (frame.as_ptr(), zipped.as_ptr()));
    assert!(again.cursor().revision < due.cursor.revision, "the older place is as good");

    switch(&control, "pay:/a", Switch::disable()).await.unwrap();
    let (third, due) = subscribed();
    let changed = third.view(&due, &pay());
    assert_ne!(changed.frame().words().as_ptr(), frame.as_ptr());
    assert_eq!(changed.cursor(), &due.cursor);
    assert_eq!(changed.digest(), Digest::of(&control.current().service_view(&pay())).to_string());
}

/// Found by the simulation: a service that was removed got the snapshot of a time before it was there, and with it a
/// place from which its whole life came again.
#[tokio::test]
async fn a_view_that_comes_again_is_told_from_where_it_stands_now() {
    let control = control().await;
    let mut stays = control.feed().subscribe(Subject::Service(pay()), None);
    let due = control.feed().due(&mut stays);
    let at_first = stays.view(&due, &pay());
    assert_eq!(at_first.cursor(), &due.cursor);

    register(&control, "pay", &["GET:/a"]).await;
    let removal = Command::RemoveService { service: pay(), reason: "gone".into(), expected: None };
    control.execute(removal, cause()).await.unwrap();
    let mut comes = control.feed().subscribe(Subject::Service(pay()), None);
    let due = control.feed().due(&mut comes);
    assert_eq!(due.state.service_view(&pay()), ServiceView::default());
    assert_eq!(comes.view(&due, &pay()).cursor(), &due.cursor);
}

#[tokio::test]
async fn what_is_encoded_of_another_history_is_not_shared() {
    let control = control().await;
    let mut subscription = control.feed().subscribe(Subject::Service(pay()), None);
    let due = control.feed().due(&mut subscription);
    let before = subscription.view(&due, &pay());
    // Nothing is known of the service in either: the views are equal.
    let other = super::tests::control().await;
    control.feed().reset(other.current(), waygate_store::HistoryPage::default());
    let due = control.feed().due(&mut subscription);
    let after = subscription.view(&due, &pay());
    assert_ne!(before.cursor().epoch, after.cursor().epoch);
}

#[tokio::test]
async fn a_commit_that_goes_back_and_forth_between_services_is_told_once() {
    let control = control().await;
    register(&control, "pay", &["GET:/a", "GET:/b"]).await;
    register(&control, "orders", &["GET:/a"]).await;
    let mut subscription = control.feed().subscribe(Subject::Service(pay()), None);
    control.feed().due(&mut subscription);
    let route = |name: &str| Command::Route {
        route: name.parse().unwrap(),
        to: Switch::disable(),
        reason: "why".into(),
        expected: None,
    };
    let all = Command::All(vec![route("pay:/a"), route("orders:/a"), route("pay:/b")]);
    control.execute(all, cause()).await.unwrap();
    assert_eq!(control.feed().due(&mut subscription).commits.len(), 1);
}

#[tokio::test]
async fn a_long_way_is_gone_in_lots_that_join_on() {
    let control = control().await;
    register(&control, "pay", &["GET:/a"]).await;
    let start = control.current().cursor.clone();
    let mut view = control.current().service_view(&pay());
    for number in 0..150 {
        let to = if number % 2 == 0 { Switch::disable() } else { Switch::enable() };
        switch(&control, "/a", to).await.unwrap();
    }
    let mut subscription = control.feed().subscribe(Subject::Service(pay()), Some(&start));
    let (mut lots, mut position) = (Vec::new(), start.revision);
    loop {
        let due = control.feed().due(&mut subscription);
        assert!(!due.anew);
        for commit in &due.commits {
            assert_eq!(commit.after, position);
            position = commit.commit.revision();
        }
        follow(&mut view, &due);
        lots.push(due.commits.len());
        if !due.more {
            break;
        }
        assert_eq!(due.cursor.revision, position, "it stands where its last commit does");
    }
    assert_eq!(lots, [64, 64, 22]);
    assert_eq!(view, control.current().service_view(&pay()));
}

/// As many commits as fit in so many bytes can be resumed from; whoever stands before them gets a snapshot.
#[tokio::test]
async fn the_ring_is_bounded_by_bytes_too() {
    let control = control().await;
    register(&control, "pay", &["GET:/a"]).await;
    let mut cursors = vec![control.current().cursor.clone()];
    for number in 0..20 {
        let to = if number % 2 == 0 { Switch::disable() } else { Switch::enable() };
        switch(&control, "/a", to).await.unwrap();
        cursors.push(control.current().cursor.clone());
    }
    let past = control.history(waygate_store::HistoryQuery { before: None, limit: 100 }).await.unwrap();
    let size = past.commits[0].size();
    assert_eq!(size, serde_json::to_vec(&*past.commits[0]).unwrap().len());
    let feed = Feed::new(control.current(), past, Bounds { commits: 100, bytes: 10 * size });
    let resumes = |cursor: &Cursor| {
        let mut subscription = feed.subscribe(Subject::Service(pay()), Some(cursor));
        !feed.due(&mut subscription).anew
    };
    let within = cursors.iter().filter(|cursor| resumes(cursor)).count();
    assert!((8..=13).contains(&within), "{within} places are left");
    assert!(resumes(&cursors[20]) && !resumes(&cursors[0]));
}

/// A view that nothing has changed is told again only as long as a stream can go on from where it stands.
#[tokio::test]
async fn what_is_encoded_from_before_the_ring_is_not_a_place_to_go_on_from() {
    let control = control().await;
    register(&control, "pay", &["GET:/a"]).await;
    let past = control.history(waygate_store::HistoryQuery { before: None, limit: 100 }).await.unwrap();
    let feed = Feed::new(control.current(), past, Bounds { commits: 3, bytes: usize::MAX });
    let mut stays = feed.subscribe(Subject::Service(pay()), None);
    let due = feed.due(&mut stays);
    let first = stays.view(&due, &pay());
    for number in 0..5 {
        register(&control, "orders", &[&format!("GET:/o{number}")]).await;
        let newest = control.history(waygate_store::HistoryQuery { before: None, limit: 1 }).await.unwrap();
        feed.push(&newest.commits[0], control.current());
    }
    let mut comes = feed.subscribe(Subject::Service(pay()), None);
    let due = feed.due(&mut comes);
    let view = comes.view(&due, &pay());
    assert!(!feed.contains(first.cursor()) && feed.contains(view.cursor()), "{}", view.cursor());
    assert_eq!(feed.unchanged_since(view.cursor(), &Subject::Service(pay())), Some(due.cursor));
}
