//! A store's directory, and what is in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use waygate_core::{Commit, Draft, State, TokenId};
use waygate_store::testing::draft;
use waygate_store::{FileOptions, FileStore, HistoryQuery, Retention, Store, StoreError};

/// A temporary directory with a store in it.
#[derive(Debug)]
pub(crate) struct Directory {
    root: TempDir,
}

impl Directory {
    pub(crate) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.root().join("state.json")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.root().join("state.json.log")
    }

    /// The segments, oldest first.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let mut found: Vec<_> = fs::read_dir(self.log()).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    }

    pub(crate) async fn open(&self) -> Result<FileStore, StoreError> {
        FileStore::open(self.state()).await
    }

    /// Small segments, and few commits kept.
    pub(crate) async fn open_small(&self) -> FileStore {
        FileStore::open_with(self.state(), small()).await.unwrap()
    }

    /// Everything but the lock, by path within the directory.
    pub(crate) fn content(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut content = BTreeMap::new();
        let mut to_do = vec![self.root().to_owned()];
        while let Some(directory) = to_do.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    to_do.push(path);
                } else if path.extension().is_none_or(|extension| extension != "lock") {
                    content.insert(path.strip_prefix(self.root()).unwrap().to_owned(), fs::read(&path).unwrap());
                }
            }
        }
        content
    }

    /// Puts files there, and nothing else.
    pub(crate) fn with(content: &BTreeMap<PathBuf, Vec<u8>>) -> Self {
        let directory = Self::new();
        for (path, bytes) in content {
            let path = directory.root().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            put(&path, bytes);
        }
        directory
    }

    /// Opens the store, or gives what is said, having asserted that not a byte has changed.
    pub(crate) async fn open_or_refuse(&self) -> Result<FileStore, String> {
        let before = self.content();
        let error = match self.open().await {
            Ok(store) => return Ok(store),
            Err(error) => error,
        };
        assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
        assert!(self.content() == before, "files have changed");
        Err(error.to_string())
    }

    /// What is said when the store is refused, which it must be.
    pub(crate) async fn refused(&self) -> String {
        self.open_or_refuse().await.unwrap_err()
    }
}

pub(crate) fn small() -> FileOptions {
    FileOptions { retention: Retention { commits: 20, ..Retention::default() }, checkpoint_every: 10 }
}

#[expect(clippy::disallowed_methods, reason = "the damage is done on purpose")]
pub(crate) fn put(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

/// Commits drafts of these numbers on the newest state, as one batch.
pub(crate) async fn commit(store: &dyn Store, numbers: impl IntoIterator<Item = u64>) -> State {
    commit_drafts(store, numbers.into_iter().map(draft).collect()).await
}

pub(crate) async fn commit_drafts(store: &dyn Store, drafts: Vec<Draft>) -> State {
    let base = store.load().await.unwrap().cursor;
    store.commit(&base, drafts).await.unwrap();
    store.load().await.unwrap()
}

/// Every kept commit, oldest first.
pub(crate) async fn history(store: &dyn Store) -> Vec<Commit> {
    let page = store.history(HistoryQuery { before: None, limit: usize::MAX }).await.unwrap();
    page.commits.iter().rev().map(|commit| (**commit).clone()).collect()
}

/// A draft that revokes a token far in the future.
pub(crate) fn revocation(token: &TokenId) -> Draft {
    let mut revocation = draft(500);
    revocation.records.truncate(1);
    revocation.records[0].change =
        waygate_core::Change::TokenRevoked { id: token.clone(), expires: "2100-01-01T00:00:00Z".parse().unwrap() };
    revocation
}
