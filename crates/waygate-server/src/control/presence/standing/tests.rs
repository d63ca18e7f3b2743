use std::sync::Arc;

use waygate_api::instances::NotApplied;
use waygate_core::{Cause, Command, MaintenanceScope, MaintenanceSwitch, Platform, ServiceId};
use waygate_store::MemoryStore;

use super::super::record::{Connection, Delivered, Heard, Part};
use super::*;
use crate::clients::{About, Client};
use crate::control::ControlPlane;

/// A history in which each revision concerns `pay` or everybody, one second after the other.
struct World {
    control: ControlPlane,
    cursors: Vec<Cursor>,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

impl World {
    async fn new() -> Self {
        let control = ControlPlane::start(Arc::new(MemoryStore::new().unwrap())).await.unwrap();
        let mut cursors = vec![control.current().cursor.clone()];
        let pay: ServiceId = "pay".parse().unwrap();
        for (second, scope) in [(1, MaintenanceScope::Service(pay)), (2, MaintenanceScope::Global)] {
            let to = MaintenanceSwitch::On {
                exempt: None,
                include_force_active: false,
                until: None,
                enforcement: waygate_core::Enforcement::Enforce,
            };
            let command =
                Command::Maintenance { scope, to, reason: String::new(), allow_unknown: true, expected: None };
            let cause = Cause { actor: "ada".parse().unwrap(), platform: Platform::Cli, at: at(second), undoes: None };
            control.execute(command, cause).await.unwrap();
            cursors.push(control.current().cursor.clone());
        }
        Self { control, cursors }
    }

    /// An instance as it is seen so many seconds after the beginning.
    fn seen(&self, instance: &Instance, second: i64) -> InstanceView {
        let past = self.control.feed().past();
        let service: ServiceId = "pay".parse().unwrap();
        let (liveness, stale, digests) = (Duration::from_secs(32), Duration::from_secs(30), &Digests::default());
        let measure = Measure { past: &past, now: at(second), liveness, stale, digests };
        let name = Name { service: service.clone(), id: "one".parse().unwrap() };
        measure.view(&name, instance, &past.concerning(&service)).unwrap()
    }
}

fn connected(second: i64, confirms: bool) -> Instance {
    let delivered = Delivered::default();
    delivered.reach(Revision(2));
    let client = if confirms { Client::Ours } else { Client::Reference };
    let connection = Connection {
        node: "node".into(),
        number: 1,
        process: None,
        client,
        confirms,
        about: About::default(),
        since: at(second),
        seen: at(second),
        ended: None,
        delivered,
    };
    Instance { connection: Some(Arc::new(connection)), heard: None, forgotten: None, here: true }
}

fn that_says(mut instance: Instance, second: i64, cursor: &Cursor) -> Instance {
    let heard = Heard {
        at: at(second),
        cursor: Some(cursor.clone()),
        digest: None,
        rejected: Vec::new(),
        left: false,
        process: None,
        sequence: None,
    };
    instance.heard = Some(Arc::new(heard));
    instance
}

fn changed(mut instance: Instance, change: impl FnOnce(&mut Heard)) -> Instance {
    let mut heard = Heard::clone(instance.heard.as_ref().unwrap());
    change(&mut heard);
    instance.heard = Some(Arc::new(heard));
    instance
}

#[tokio::test]
async fn an_instance_is_in_sync_only_when_it_says_so() {
    let world = World::new().await;
    let view = world.seen(&connected(0, true), 3);
    assert_eq!((view.state, view.applied, view.lag), (InstanceState::Applying, None, None));
    assert_eq!(world.seen(&connected(0, true), 10).state, InstanceState::Behind);

    let older = that_says(connected(0, true), 1, &world.cursors[1]);
    let view = world.seen(&older, 4);
    assert_eq!((view.state, view.lag, view.lag_ms), (InstanceState::Applying, Some(1), Some(2000)));
    let view = world.seen(&older, 8);
    assert_eq!(
        (view.state, view.delivered, view.applied),
        (InstanceState::Behind, Some(Revision(2)), Some(Revision(1)))
    );

    let view = world.seen(&that_says(connected(0, true), 2, &world.cursors[2]), 8);
    assert_eq!((view.state, view.lag, view.lag_ms), (InstanceState::InSync, Some(0), None));
}

#[tokio::test]
async fn silence_is_a_loss_and_a_farewell_is_not() {
    let world = World::new().await;
    let instance = that_says(connected(0, true), 2, &world.cursors[2]);
    assert_eq!(world.seen(&instance, 34).state, InstanceState::InSync);
    let view = world.seen(&instance, 35);
    assert_eq!((view.state, view.connected, view.applied), (InstanceState::Lost, true, Some(Revision(2))));

    let left = changed(instance, |heard| heard.left = true);
    assert_eq!(world.seen(&left, 35).state, InstanceState::Left);
    let back = Instance { heard: left.heard, ..connected(40, true) };
    assert_ne!(world.seen(&back, 41).state, InstanceState::Left, "it has come back since");
}

#[tokio::test]
async fn what_could_not_be_applied_is_not_in_sync() {
    let world = World::new().await;
    let instance = changed(that_says(connected(0, true), 2, &world.cursors[2]), |heard| {
        heard.rejected.push(NotApplied { what: "routes GET:/a".to_owned(), why: "too new".to_owned() });
    });
    let view = world.seen(&instance, 3);
    assert_eq!((view.state, view.lag, &*view.rejected[0].what), (InstanceState::Behind, Some(0), "routes GET:/a"));
}

#[tokio::test]
async fn a_cursor_of_another_history_is_no_proof() {
    let world = World::new().await;
    let mut foreign = world.cursors[2].clone();
    foreign.lineage.0 ^= 1;
    let view = world.seen(&that_says(connected(0, true), 2, &foreign), 8);
    assert_eq!((view.state, view.lag), (InstanceState::Behind, None));
    let mut ahead = world.cursors[2].clone();
    ahead.revision.0 += 5;
    let view = world.seen(&that_says(connected(0, true), 2, &ahead), 8);
    assert_eq!((view.state, view.lag), (InstanceState::Behind, None), "whether it is of this history nobody knows");
    // This node may be the one that is late.
    assert_eq!(world.seen(&that_says(connected(0, true), 6, &ahead), 8).state, InstanceState::Applying);
}

#[tokio::test]
async fn g57_one_that_cannot_acknowledge_is_never_in_sync() {
    let world = World::new().await;
    let mut instance = connected(0, false);
    let view = world.seen(&instance, 100);
    assert_eq!((view.state, view.applied, view.delivered), (InstanceState::Unconfirmed, None, Some(Revision(2))));
    // The node that has its stream has not been heard of.
    instance.here = false;
    assert_eq!(world.seen(&instance, 29).state, InstanceState::Unconfirmed);
    assert_eq!(world.seen(&instance, 31).state, InstanceState::Lost);
}

/// The clock of the node that was told of the farewell is half a minute ahead.
#[tokio::test]
async fn a_stream_that_is_open_here_beats_what_others_note() {
    let world = World::new().await;
    let own = that_says(connected(10, true), 11, &world.cursors[2]);
    let note = changed(that_says(Instance::default(), 41, &world.cursors[2]), |heard| heard.left = true);
    let merged = |note: &Instance| {
        let mut known = note.clone();
        known.take_own(&own);
        known
    };
    assert_eq!(world.seen(&merged(&note), 12).state, InstanceState::InSync);

    // One that says which of its starts it is needs no clock at all, at any node.
    let process = |mut instance: Instance, process: &str, sequence: u64| {
        if let Some(connection) = &instance.connection {
            let process = Some(process.parse().unwrap());
            instance.connection = Some(Arc::new(Connection { process, ..Connection::clone(connection) }));
        }
        changed(instance, |heard| {
            (heard.process, heard.sequence) = (Some(process.parse().unwrap()), Some(sequence));
        })
    };
    let newer = process(own.clone(), "second", 1);
    let mut elsewhere = Instance { here: false, ..newer.clone() };
    elsewhere.take(Part::Heard(process(note.clone(), "first", 9).heard.unwrap()));
    assert_eq!(world.seen(&elsewhere, 12).state, InstanceState::InSync, "the farewell of the start before");
    elsewhere.take(Part::Heard(process(note, "second", 2).heard.unwrap()));
    assert_eq!(world.seen(&elsewhere, 12).state, InstanceState::Left);
    elsewhere.take(Part::Heard(newer.heard.unwrap()));
    assert_eq!(world.seen(&elsewhere, 12).state, InstanceState::Left, "what was said before comes after it");
}
