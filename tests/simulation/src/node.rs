//! One server of the control plane, which comes and goes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use waygate_server::{ControlPlane, Server, StreamOptions};

use crate::chance::Chance;
use crate::store::{Cluster, NodeStore};
use crate::world::World;

/// A server, up or down.
#[derive(Debug)]
pub struct Node {
    pub name: String,
    world: Arc<World>,
    cluster: Arc<Cluster>,
    chance: Mutex<Chance>,
    /// By how much its clock is wrong.
    skew: SignedDuration,
    running: Mutex<Option<Running>>,
    crashed: watch::Sender<u64>,
    slots: std::ops::Range<usize>,
    starts: AtomicUsize,
}

/// A server that is up.
#[derive(Debug, Clone)]
pub struct Running {
    server: Arc<Server>,
    pub router: Router,
    pub store: Arc<NodeStore>,
    /// Moves when it crashes: connections to it end then.
    pub crashed: watch::Receiver<u64>,
}

impl Running {
    pub fn control(&self) -> ControlPlane {
        self.server.control()
    }
}

impl Node {
    /// The first of them is number 0.
    pub fn new(number: usize, cluster: Arc<Cluster>, world: Arc<World>, mut chance: Chance) -> Self {
        let seconds = i64::try_from(chance.below(600)).expect("it is below 600") - 300;
        Self {
            name: format!("node-{}", number + 1),
            slots: 8 + 5 * number..13 + 5 * number,
            starts: AtomicUsize::new(0),
            world,
            cluster,
            chance: Mutex::new(chance),
            skew: SignedDuration::from_secs(seconds),
            running: Mutex::new(None),
            crashed: watch::Sender::new(0),
        }
    }

    /// The time by its clock.
    pub fn now(&self) -> Timestamp {
        self.world.now() + self.skew
    }

    pub fn running(&self) -> Option<Running> {
        self.running.lock().expect("nobody panics with it").clone()
    }

    /// Starts it over what the store has, unless it is up.
    pub async fn start(&self) {
        if self.running().is_some() {
            return;
        }
        let chance = self.chance.lock().expect("nobody panics with it").fork();
        let store = NodeStore::new(&self.name, self.slot(), self.cluster.clone(), chance);
        // None of its streams ends by age: that would be by a chance that has no seed.
        let streams = StreamOptions { lifetime: std::time::Duration::from_hours(1000), ..StreamOptions::default() };
        let server = Server::builder().backend(store.clone()).streams(streams).build().await;
        let server = Arc::new(server.expect("the store can be loaded"));
        let (router, crashed) = (server.router(), self.crashed.subscribe());
        *self.running.lock().expect("nobody panics with it") = Some(Running { server, router, store, crashed });
        self.world.note(&self.name, "is up");
    }

    /// Another one for each start, since the server before may still be ending.
    fn slot(&self) -> usize {
        self.slots.start + self.starts.fetch_add(1, Ordering::Relaxed) % self.slots.len()
    }

    /// Stops it in order: streams are told goodbye.
    pub fn stop(&self) {
        let Some(running) = self.running.lock().expect("nobody panics with it").take() else { return };
        self.world.note(&self.name, "stops");
        tokio::spawn(async move { running.server.stop().await });
    }

    /// Ends it as a loss of power does.
    pub fn crash(&self) {
        let Some(running) = self.running.lock().expect("nobody panics with it").take() else { return };
        self.world.note(&self.name, "crashes");
        running.store.kill();
        self.crashed.send_modify(|times| *times += 1);
        tokio::spawn(async move { running.server.stop().await });
    }
}
