//! One store that several servers share, as each of them sees it over a connection of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use tokio::sync::watch;
use waygate_core::{Commit, Cursor, Draft, DraftId, State};
use waygate_store::{
    CommitError, CommitStream, HistoryPage, HistoryQuery, MemorySide, MemoryStore, Retention, SideStore, Store,
    StoreError, WatchError,
};

use crate::chance::Chance;
use crate::world::World;

/// How many commits the store keeps: few, so that servers fall out of its log.
pub const KEPT: usize = 60;

/// The store itself.
#[derive(Debug)]
pub struct Cluster {
    world: Arc<World>,
    inner: Mutex<Arc<MemoryStore>>,
    side: Arc<MemorySide>,
    /// Moves when another history takes the place of this one: connections end then.
    replaced: watch::Sender<u64>,
    drafts: AtomicUsize,
}

impl Cluster {
    pub fn new(world: Arc<World>) -> Arc<Self> {
        let inner = MemoryStore::in_epoch(world.truth.newest().epoch, retention());
        let (side, replaced) = (Arc::default(), watch::Sender::new(0));
        Arc::new(Self { world, inner: Mutex::new(Arc::new(inner)), side, replaced, drafts: AtomicUsize::new(0) })
    }

    /// The newest commits are lost, as by a failover or an older backup.
    pub async fn roll_back(&self, commits: usize) {
        self.world.note("store", format_args!("rolled back by {commits}"));
        let (epoch, drafts) = self.world.truth.rolled_back(commits);
        let store = MemoryStore::in_epoch(epoch.clone(), retention());
        store.commit(&Cursor::start_of(epoch), drafts).await.expect("a fresh store takes what another one took");
        self.replace(store);
    }

    /// Everything is lost.
    pub fn flush(&self) {
        self.world.note("store", "flushed");
        let epoch = self.world.truth.flushed();
        self.replace(MemoryStore::in_epoch(epoch, retention()));
    }

    fn replace(&self, store: MemoryStore) {
        *self.inner.lock().expect("nobody panics with it") = Arc::new(store);
        self.replaced.send_modify(|times| *times += 1);
    }

    fn inner(&self) -> Arc<MemoryStore> {
        self.inner.lock().expect("nobody panics with it").clone()
    }

    /// Draft ids are random in a server; here they are numbers, so that cursors are the same each time.
    fn named(&self) -> DraftId {
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        DraftId::try_from(format!("draft-{number:012}")).expect("it is letters, digits and a hyphen")
    }
}

/// The store as one server sees it.
#[derive(Debug)]
pub struct NodeStore {
    name: String,
    /// When it acts, see [`World::turn`].
    slot: usize,
    cluster: Arc<Cluster>,
    chance: Mutex<Chance>,
    /// The server is gone: whatever of it still runs reaches nothing.
    dead: AtomicBool,
    cut: watch::Sender<u64>,
    loads: AtomicUsize,
    names: Mutex<HashMap<DraftId, DraftId>>,
}

impl NodeStore {
    pub fn new(name: &str, slot: usize, cluster: Arc<Cluster>, chance: Chance) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            slot,
            cluster,
            chance: Mutex::new(chance),
            dead: AtomicBool::new(false),
            cut: watch::Sender::new(0),
            loads: AtomicUsize::new(0),
            names: Mutex::default(),
        })
    }

    /// Ends the connection over which commits come.
    pub fn cut(&self) {
        self.cut.send_modify(|times| *times += 1);
    }

    pub fn kill(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.cut();
    }

    /// How often the server has loaded everything.
    pub fn loads(&self) -> usize {
        self.loads.load(Ordering::Relaxed)
    }

    fn is_broken(&self, per_mille: usize) -> bool {
        !self.cluster.world.is_calm() && self.draw(|chance| chance.per_mille(per_mille))
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut Chance) -> T) -> T {
        draw(&mut self.chance.lock().expect("nobody panics with it"))
    }

    fn reached(&self) -> Result<Arc<MemoryStore>, StoreError> {
        if self.dead.load(Ordering::Relaxed) {
            return Err(unavailable("the server is gone"));
        }
        Ok(self.cluster.inner())
    }
}

#[async_trait]
impl Store for NodeStore {
    async fn load(&self) -> Result<State, StoreError> {
        self.cluster.world.turn(self.slot).await;
        // The first time is the server's start, which has to succeed.
        if self.loads() > 0 && self.is_broken(100) {
            return Err(unavailable("the connection broke while loading"));
        }
        let state = self.reached()?.load().await?;
        self.loads.fetch_add(1, Ordering::Relaxed);
        self.cluster.world.note(&self.name, format_args!("loads {}", state.cursor));
        Ok(state)
    }

    async fn commit(&self, base: &Cursor, drafts: Vec<Draft>) -> Result<Vec<Arc<Commit>>, CommitError> {
        if self.is_broken(30) {
            self.cluster.world.note(&self.name, "cannot send a commit");
            return Err(unavailable("the connection broke before").into());
        }
        let usual = if self.is_broken(100) { 800 } else { 20 };
        tokio::time::sleep(self.draw(|chance| chance.within(usual))).await;
        self.cluster.world.turn(self.slot).await;
        let store = self.reached()?;
        let renamed = drafts.into_iter().map(|draft| {
            let id = self.cluster.named();
            self.names.lock().expect("nobody panics with it").insert(draft.id, id.clone());
            Draft { id, ..draft }
        });
        let commits = store.commit(base, renamed.collect()).await.inspect_err(|error| {
            self.cluster.world.note(&self.name, format_args!("commit: {error}"));
        })?;
        for commit in &commits {
            let actor = &commit.draft.cause.actor;
            self.cluster.world.note(&self.name, format_args!("commits {} by {actor}", commit.cursor));
            self.cluster.world.truth.committed(commit);
        }
        if self.is_broken(30) {
            self.cluster.world.note(&self.name, "does not hear of its commit");
            return Err(unavailable("the connection broke after").into());
        }
        Ok(commits)
    }

    async fn watch(&self, after: &Cursor) -> Result<CommitStream, WatchError> {
        self.cluster.world.turn(self.slot).await;
        // Looked at first: a history that is replaced right then ends the stream.
        let (replaced, cut) = (self.cluster.replaced.subscribe(), self.cut.subscribe());
        let commits = self.reached()?.watch(after).await?;
        let chance = self.draw(Chance::fork);
        let (world, slot) = (self.cluster.world.clone(), self.slot);
        let connection = (commits, replaced, cut, chance);
        Ok(Box::pin(stream::unfold(connection, move |(mut commits, mut replaced, mut cut, mut chance)| {
            let world = world.clone();
            async move {
                let item = tokio::select! {
                    biased;
                    _ = replaced.changed() => Err(lost()),
                    _ = cut.changed() => Err(lost()),
                    commit = commits.next() => commit?,
                };
                let usual = if !world.is_calm() && chance.per_mille(50) { 4000 } else { 10 };
                tokio::time::sleep(chance.within(usual)).await;
                world.turn(slot).await;
                if item.is_ok() && !world.is_calm() && chance.per_mille(10) {
                    return Some((Err(lost()), (commits, replaced, cut, chance)));
                }
                Some((item, (commits, replaced, cut, chance)))
            }
        })))
    }

    async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError> {
        self.reached()?.history(query).await
    }

    async fn find(&self, id: &DraftId) -> Result<Option<Arc<Commit>>, StoreError> {
        let named = self.names.lock().expect("nobody panics with it").get(id).cloned();
        if self.is_broken(200) {
            return Err(unavailable("the connection broke while looking"));
        }
        let store = self.reached()?;
        match named {
            Some(named) => store.find(&named).await,
            None => Ok(None),
        }
    }

    fn side(&self) -> Arc<dyn SideStore> {
        self.cluster.side.clone()
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn trouble(&self) -> Option<String> {
        None
    }

    fn describe(&self) -> String {
        "simulated".to_owned()
    }
}

fn retention() -> Retention {
    Retention { commits: KEPT, ..Retention::default() }
}

fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable(reason.to_owned())
}

fn lost() -> WatchError {
    unavailable("the connection broke").into()
}
