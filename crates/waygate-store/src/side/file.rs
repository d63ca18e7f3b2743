//! The table in a file of its own, replaced whole at each change.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::StoreError;
use crate::file::write_unsynchronised;
use crate::side::memory::{Notes, Table};
use crate::side::{SideStore, SideValue};

/// A [`SideStore`] beside the document of a file store. The lock of that store covers it too, so what expires, such as a
/// lease, concerns nobody but this process and is kept in memory alone: after a kill nobody waits for it to end.
#[derive(Debug)]
pub(crate) struct FileSide {
    path: PathBuf,
    /// How the names of files in the making begin.
    unfinished: String,
    /// Held while the file is written, so that the file never goes back.
    table: Arc<Mutex<Table>>,
    /// In memory alone.
    notes: Notes,
}

impl FileSide {
    /// The table at a path; an empty one where there is none, or none that can be read.
    pub(crate) fn open(path: PathBuf, unfinished: String) -> Self {
        let mut table = read(&path).unwrap_or_else(|error| {
            tracing::warn!(file.path = %path.display(), %error, "what lay beside the log cannot be read and begins anew");
            Table::default()
        });
        // Versions before have written it.
        table.forget_what_expires();
        Self { path, unfinished, table: Arc::new(Mutex::new(table)), notes: Notes::default() }
    }
}

#[async_trait]
impl SideStore for FileSide {
    async fn value(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        Ok(self.table.lock().await.value(key, now).map(ToOwned::to_owned))
    }

    async fn values(&self, prefix: &str, now: Timestamp) -> Result<BTreeMap<String, String>, StoreError> {
        Ok(self.table.lock().await.values(prefix, now))
    }

    async fn swap(
        &self,
        key: &str,
        expected: Option<&str>,
        new: Option<SideValue>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut table = self.table.clone().lock_owned().await;
        let mut after = table.clone();
        if !after.swap(key, expected, new, now) {
            return Ok(false);
        }
        if after.lasting().eq(table.lasting()) {
            *table = after;
            return Ok(true);
        }
        let (path, unfinished) = (self.path.clone(), self.unfinished.clone());
        // Whoever asked may go away in between: the file and the table change together all the same.
        let written = tokio::task::spawn_blocking(move || {
            write(&path, &unfinished, &after)?;
            *table = after;
            Ok(true)
        });
        written.await.map_err(|error| StoreError::Unavailable(error.to_string()))?
    }

    async fn note(&self, notes: Vec<(String, SideValue)>, now: Timestamp) -> Result<(), StoreError> {
        self.notes.put(notes, now);
        Ok(())
    }

    async fn noted(&self, prefix: &str, now: Timestamp) -> Result<BTreeMap<String, String>, StoreError> {
        Ok(self.notes.values(prefix, now))
    }
}

fn read(path: &Path) -> io::Result<Table> {
    match fs::read(path) {
        Ok(content) => Ok(serde_json::from_slice(&content)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Table::default()),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, unfinished: &str, table: &Table) -> Result<(), StoreError> {
    let content = serde_json::to_vec_pretty(&table.lasting().collect::<BTreeMap<_, _>>())
        .map_err(|error| StoreError::Unavailable(format!("a value cannot be encoded: {error}")))?;
    write_unsynchronised(path, unfinished, &content)
}
