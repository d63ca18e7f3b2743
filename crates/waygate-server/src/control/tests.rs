//! The writer, the follower and the feed together, over a real store.

use std::sync::Arc;

use waygate_core::{
    Cause, Command, Cursor, Declaration, Lineage, MaintenanceScope, MaintenanceSwitch, Platform, ServiceId,
    ServiceView, Switch, Timestamp,
};
use waygate_store::MemoryStore;

use super::feed::{Due, Subject};
use super::{Applied, ControlPlane, ExecuteError};

async fn control() -> ControlPlane {
    ControlPlane::start(Arc::new(MemoryStore::new().unwrap())).await.unwrap()
}

fn cause() -> Cause {
    Cause { actor: "ada".parse().unwrap(), platform: Platform::Cli, at: Timestamp::UNIX_EPOCH }
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
    if let Some(state) = &due.snapshot {
        *view = state.service_view(&pay());
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
        assert!(due.snapshot.is_none(), "{cursor} is within the ring");
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
        assert!(control.feed().due(&mut subscription).snapshot.is_some(), "{cursor}");
    }
    let mut subscription = control.feed().subscribe(Subject::Service(pay()), Some(&here));
    let due = control.feed().due(&mut subscription);
    assert!(due.snapshot.is_none() && due.commits.is_empty());
}

#[tokio::test]
async fn g12_a_service_hears_only_what_concerns_it() {
    let control = control().await;
    register(&control, "pay", &["GET:/a"]).await;
    register(&control, "orders", &["GET:/a"]).await;
    let mut subscription = control.feed().subscribe(Subject::Service(pay()), None);
    let first = control.feed().due(&mut subscription);
    assert!(first.snapshot.is_some());

    switch(&control, "orders:/a", Switch::disable()).await.unwrap();
    let due = control.feed().due(&mut subscription);
    assert!(due.commits.is_empty() && due.snapshot.is_none());
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
    let encoded = due[0].commits[0].frame.get_or_init(|| bytes::Bytes::from_static(b"frame"));
    for other in &due[1..] {
        assert_eq!(other.commits[0].frame.get().map(|frame| frame.as_ptr()), Some(encoded.as_ptr()));
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
    assert_eq!(due.snapshot.unwrap().cursor, other.current().cursor);
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
