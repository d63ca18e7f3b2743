//! Reading a store without being in anybody's way.

use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use waygate_core::{Commit, State};
use waygate_store::{FileStore, HistoryQuery, RedisOptions, RedisStore, Store, StoreError};

use crate::cli::{Backend, RedisAddress};
use crate::error::{CliError, CliResult, ExitStatus};

/// How many commits are read at a time.
const PAGE: usize = 1000;
/// How often files are copied anew because a server has replaced some of them meanwhile.
const ATTEMPTS: usize = 5;

/// The state, and what is kept of the commits that have led to it.
pub(super) async fn read(backend: &Backend) -> CliResult<(State, Vec<Arc<Commit>>)> {
    match backend {
        Backend::Memory => Err(CliError::usage("what is in the memory of a server cannot be read from outside")),
        Backend::Redis(RedisAddress(url)) => {
            let store = RedisStore::connect(url, RedisOptions::default()).await.map_err(|error| failed(&error))?;
            read_store(&store).await.map_err(|error| failed(&error))
        }
        Backend::File(path) => read_files(path).await,
    }
}

/// Reads a copy: a server may hold the files themselves, and a reader writes nothing.
async fn read_files(path: &Path) -> CliResult<(State, Vec<Arc<Commit>>)> {
    if !path.exists() {
        let text = format!("there is nothing at `{}`", path.display());
        return Err(CliError::new(ExitStatus::NotFound, text).hint("name the store: `--from file:PATH`"));
    }
    let mut trouble = String::new();
    for _ in 0..ATTEMPTS {
        let copied = copy(path);
        let (directory, copied) = match copied {
            Ok(copied) => copied,
            // A segment that was beyond what is kept has gone while it was copied.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                trouble = error.to_string();
                continue;
            }
            Err(error) => return Err(CliError::failed(format!("cannot copy `{}`: {error}", path.display()))),
        };
        match FileStore::open(&copied).await {
            Ok(store) => {
                let read = read_store(&store).await;
                drop(store);
                drop(directory);
                return read.map_err(|error| failed(&error));
            }
            Err(error) => trouble = error.to_string(),
        }
    }
    Err(CliError::failed(format!("`{}` cannot be read: {trouble}", path.display())))
}

/// The checkpoint first and the log after it: the log then reaches at least as far.
fn copy(path: &Path) -> Result<(TempDir, PathBuf)> {
    let directory = tempfile::tempdir()?;
    let name = path.file_name().ok_or_else(|| Error::other("it names no file"))?;
    let target = directory.path().join(name);
    fs::copy(path, &target)?;
    let path = fs::canonicalize(path)?;
    let (log, target_log) = (ending(&path, ".log"), ending(&target, ".log"));
    fs::create_dir(&target_log)?;
    let mut segments =
        fs::read_dir(&log)?.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>>>()?;
    segments.sort();
    for segment in segments {
        fs::copy(log.join(&segment), target_log.join(&segment))?;
    }
    Ok((directory, target))
}

fn ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

async fn read_store(store: &dyn Store) -> std::result::Result<(State, Vec<Arc<Commit>>), StoreError> {
    let state = store.load().await?;
    let mut commits = Vec::new();
    let mut before = Some(state.cursor.revision.next());
    loop {
        let page = store.history(HistoryQuery { before, limit: PAGE }).await?;
        before = page.commits.last().map(|commit| commit.revision());
        commits.extend(page.commits);
        if !page.more || before.is_none() {
            break;
        }
    }
    commits.reverse();
    Ok((state, commits))
}

fn failed(error: &StoreError) -> CliError {
    CliError::failed(error.to_string())
}
