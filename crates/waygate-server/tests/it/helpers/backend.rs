//! Where a control plane keeps its state: each kind of store in turn.

use std::sync::Arc;

use tempfile::TempDir;
use waygate_server::ServerBuilder;
use waygate_store::{FileStore, MemoryStore, RedisOptions, RedisStore, Store};

use crate::delivery::redis::{self, Redis};
use crate::helpers::{Shared, TestServer};

/// A store that was begun for one test. Redis is left out where there is none to test with.
pub(crate) enum Backend {
    Memory(Arc<MemoryStore>),
    File(TempDir),
    Redis(Redis),
}

impl Backend {
    pub(crate) async fn all() -> Vec<Self> {
        let mut all = vec![Self::memory()];
        all.extend(Self::lasting().await);
        all
    }

    /// Those that outlast the process.
    pub(crate) async fn lasting() -> Vec<Self> {
        let mut lasting = vec![Self::File(tempfile::tempdir().unwrap())];
        lasting.extend(Self::redis().await);
        lasting
    }

    /// Those that several nodes may share: in one process memory can be, too.
    pub(crate) async fn shared() -> Vec<Self> {
        let mut shared = vec![Self::memory()];
        shared.extend(Self::redis().await);
        shared
    }

    fn memory() -> Self {
        Self::Memory(Arc::new(MemoryStore::new().unwrap()))
    }

    async fn redis() -> Option<Self> {
        if redis::is_available() { Some(Self::Redis(Redis::start().await)) } else { None }
    }

    /// One node's way to it.
    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        match self {
            Self::Memory(store) => Arc::new(Shared(store.clone())),
            Self::File(folder) => Arc::new(FileStore::open(folder.path().join("state.json")).await.unwrap()),
            Self::Redis(redis) => {
                let url = format!("redis://{}/", redis.address());
                Arc::new(RedisStore::connect(&url, RedisOptions::default()).await.unwrap())
            }
        }
    }

    /// A node of it, or one that takes the place of the last.
    pub(crate) async fn serve(&self) -> TestServer {
        self.serve_with(|server| server).await
    }

    pub(crate) async fn serve_with(&self, settings: impl FnOnce(ServerBuilder) -> ServerBuilder) -> TestServer {
        TestServer::start_on(self.open().await, settings).await
    }
}
