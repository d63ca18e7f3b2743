//! Where it goes.

use std::fs;
use std::path::{Path, PathBuf};

use waygate_core::{Cursor, Draft};
use waygate_store::{CommitError, FileStore, RedisOptions, RedisStore, Store, StoreError};

use crate::cli::{Backend, Import, RedisAddress, Source};
use crate::error::{CliError, CliResult, ExitStatus};
use crate::render::count::counted;

/// What has been done.
pub(crate) struct Written {
    /// The newest place of the new history.
    pub(crate) cursor: Cursor,
    /// Where what was there before is now.
    pub(crate) moved_to: Option<String>,
}

/// Whether the target can be one at all, before anything is read.
pub(super) fn check(import: &Import) -> CliResult {
    match (&import.into, &import.source) {
        (Backend::Memory, _) => Err(CliError::usage("`--into memory` would keep nothing; name a file or a Redis")),
        (Backend::File(target), Source::File(source)) if are_same(target, source) => {
            let text = format!("`{}` is what is to be taken over, and stays as it is", source.display());
            Err(CliError::usage(text).hint("name another file: `--into file:PATH`"))
        }
        _ => Ok(()),
    }
}

fn are_same(one: &Path, other: &Path) -> bool {
    let found = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
    found(one) == found(other)
}

/// The target as `serve --backend` takes it, without secrets.
pub(crate) fn describe(target: &Backend) -> CliResult<String> {
    match target {
        Backend::Memory => Ok("memory".to_owned()),
        Backend::File(path) => Ok(format!("file:{}", path.display())),
        Backend::Redis(RedisAddress(url)) => RedisStore::describe_url(url).map_err(failed),
    }
}

pub(crate) async fn write(into: &Backend, replace: bool, drafts: Vec<Draft>) -> CliResult<Written> {
    match into {
        Backend::Memory => Err(CliError::usage("`--into memory` would keep nothing")),
        Backend::File(path) => write_file(path, replace, drafts).await,
        Backend::Redis(RedisAddress(url)) => write_redis(url, replace, drafts).await,
    }
}

async fn write_file(path: &Path, replace: bool, drafts: Vec<Draft>) -> CliResult<Written> {
    if replace {
        let (cursor, moved_to) = FileStore::replace(path, drafts).await.map_err(failed)?;
        return Ok(Written { cursor, moved_to: moved_to.map(|path| format!("file:{}", path.display())) });
    }
    let store = FileStore::open(path).await.map_err(failed)?;
    let base = empty_base(&store).await?;
    let commits = store.commit(&base, drafts).await.map_err(not_committed)?;
    store.close().await.map_err(failed)?;
    Ok(Written { cursor: commits.last().map_or(base, |commit| commit.cursor.clone()), moved_to: None })
}

async fn write_redis(url: &str, replace: bool, drafts: Vec<Draft>) -> CliResult<Written> {
    let store = RedisStore::connect(url, RedisOptions::default()).await.map_err(failed)?;
    let before = store.load().await.map_err(failed)?.cursor;
    let (committed, moved_to) = if replace && before.revision.0 > 0 {
        let moved_to = format!("the keys `{{waygate}}:replaced:{before}:…`");
        (store.replace(&before, drafts).await, Some(moved_to))
    } else {
        let base = empty_base(&store).await?;
        (store.commit(&base, drafts).await, None)
    };
    let commits = committed.map_err(not_committed)?;
    store.close().await.map_err(failed)?;
    let cursor = commits.last().map_or(before, |commit| commit.cursor.clone());
    Ok(Written { cursor, moved_to })
}

/// The place to begin at, where nothing has happened yet.
async fn empty_base(store: &dyn Store) -> CliResult<Cursor> {
    let state = store.load().await.map_err(failed)?;
    if state.cursor.revision.0 == 0 {
        return Ok(state.cursor);
    }
    let routes: usize = state.services.values().map(|service| service.routes.len()).sum();
    let text = format!(
        "{} is not empty: it is at revision {} and has {}; nothing has been written",
        store.describe(),
        state.cursor.revision,
        counted(routes, "route")
    );
    Err(CliError::new(ExitStatus::Conflict, text)
        .hint("`--replace` puts what is read in its place and moves what is there aside"))
}

#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` takes")]
fn failed(error: StoreError) -> CliError {
    CliError::failed(error.to_string())
}

fn not_committed(error: CommitError) -> CliError {
    match error {
        CommitError::Conflict { .. } => {
            CliError::new(ExitStatus::Conflict, "a server has made a change in the meantime; stop it, or try again")
        }
        CommitError::Store(error) => failed(error),
    }
}
