//! Commits in files: a readable document with the state, and an append-only log beside it.

mod aside;
mod checkpoint;
mod disk;
mod load;
mod lock;
mod paths;
mod record;
mod segment;
mod writer;

use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use waygate_core::{Commit, Cursor, Draft, DraftId, State};

use crate::log::Retention;
use crate::side::FileSide;
use crate::timeline::{Timeline, closed};
use crate::{CommitError, CommitStream, HistoryPage, HistoryQuery, SideStore, Store, StoreError, WatchError};
use aside::Successor;
pub(crate) use disk::write_unsynchronised;
use writer::{Request, Writer};

/// How a [`FileStore`] keeps its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileOptions {
    /// How far back commits are kept.
    pub retention: Retention,
    /// After how many commits the checkpoint is replaced; 1,000 by default.
    pub checkpoint_every: usize,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self { retention: Retention::default(), checkpoint_every: 1000 }
    }
}

/// Keeps its commits in files: a readable document with the state, and an append-only log beside it.
///
/// What [`Store::commit`] returns is on disk, synchronised. All blocking work is done by a thread of its own.
///
/// [`Store::close`] writes a checkpoint and lets the files go. Dropping the store lets them go without a checkpoint,
/// after the commit in progress; nothing is lost by it.
///
/// # On disk
///
/// For a store at `waygate-state.json`:
///
/// | path | what it is |
/// |---|---|
/// | `waygate-state.json` | the *checkpoint*: the whole state at one revision, as JSON with a version and a CRC-32 |
/// | `waygate-state.json.log/` | the log, in *segments* |
/// | `waygate-state.json.log/00000000000000000001.jsonl` | a segment, named by the first revision that it holds |
/// | `waygate-state.json.lock` | locked while a server runs; holds its process id. Left behind when it ends |
/// | `waygate-state.json.side` | the [side table](SideStore), as JSON; losing it is harmless |
/// | `waygate-state.json.tmp-…` | a file in the making; a left over one is removed at the next start |
/// | `waygate-state.json.successor…` | a store in the making, see [`FileStore::replace`]; removed by the next |
/// | `waygate-state.json.replaced-1…` | a store that was replaced |
///
/// Files are `0600`, directories that the store makes are `0700`, whatever the umask. Every other name beside the
/// document is free for others to use.
///
/// A segment is lines of JSON, each `{"crc32":"<8 hex digits>","entry":…}` with the CRC-32 of the entry's bytes. The
/// first entry is `{"version":1,"after":"<cursor>"}`, the place that the segment goes on from. Every other one is
/// `{"commit":…,"left":n}`, where `left` counts the commits of the same batch that follow; it is left out when zero.
///
/// # What happens when
///
/// - **A batch is committed**: its lines are appended and synchronised, once, before anybody sees the commits. When
///   that fails, the segment is cut back to its last durable length; when that fails too, commits are refused until
///   a restart.
/// - **Every 1,000 commits, and at a clean end**: the checkpoint is replaced (new file, fsync, rename, fsync of the
///   directory). A segment with that many commits is followed by a new one, and segments that hold only commits
///   beyond [`Retention`] are deleted. The log reaches further back than the checkpoint: audit,
///   undo and resumed streams live on it.
/// - **Opening**: the checkpoint is read, then the log, which must meet it and be without a gap. Commits after the
///   checkpoint are applied. An unfinished batch at the very end, which a crash leaves and which was never
///   acknowledged, is dropped with a warning. Anything else that is odd refuses the start with
///   [`StoreError::Corrupt`] and leaves every byte where it is.
///
/// # Other names
///
/// A symbolic link to the document is followed, and leads to the same lock. A hard link is another file that happens to
/// have the same content: it has a lock and a log of its own, so a server that is given one is refused for want of a log.
/// Nothing is shared by it either: the document is only ever replaced, and a log whose newest segment has another
/// name, as in a copy of the directory made of hard links, goes on in a copy of that segment.
///
/// # Backups
///
/// A checkpoint with an empty log directory beside it is a valid backup, as old as the checkpoint is: history then
/// begins with it. A log directory that is missing is refused, since every change since the checkpoint lay in it. To
/// copy both while a server runs, copy the checkpoint first and the log after it.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
    timeline: Arc<Timeline>,
    side: Arc<FileSide>,
    requests: mpsc::Sender<Request>,
    thread: Option<thread::JoinHandle<()>>,
}

impl FileStore {
    /// Opens the store at a path, or makes it, with its parent directories, when there is nothing.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Locked`] when another server has it open.
    /// - [`StoreError::Corrupt`] when what is there is not whole or not ours, naming the file and the byte. Nothing
    ///   has been changed then.
    /// - [`StoreError::Full`] or [`StoreError::Unavailable`] when it cannot be read or written.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::open_with(path, FileOptions::default()).await
    }

    /// Begins a history with these drafts in the place of whatever is at a path. Gives its newest cursor, and where what was
    /// there is now: at the same path with an ending `.replaced-1`, or a higher number, where it can be opened again. `None` when there was none.
    /// The secret that servers keep beside it stays.
    ///
    /// The new store is made beside it and moved when it is whole; where that fails, nothing is changed.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Locked`] when a server has it open.
    /// - [`StoreError::Full`] or [`StoreError::Unavailable`] when it cannot be written or moved.
    pub async fn replace(
        path: impl Into<PathBuf>,
        drafts: Vec<Draft>,
    ) -> Result<(Cursor, Option<PathBuf>), StoreError> {
        let path = path.into();
        let successor = blocking(move || Successor::of(&path)).await?;
        match Self::make(successor.path(), drafts).await {
            Ok(newest) => Ok((newest, blocking(move || successor.take_place()).await?)),
            Err(error) => {
                // What stays is removed by the next.
                let _ = blocking(move || successor.remove()).await;
                Err(error)
            }
        }
    }

    async fn make(path: &Path, drafts: Vec<Draft>) -> Result<Cursor, StoreError> {
        let store = Self::open(path).await?;
        let base = store.load().await?.cursor;
        let commits = store.commit(&base, drafts).await.map_err(|error| match error {
            CommitError::Store(error) => error,
            CommitError::Conflict { .. } => StoreError::Unavailable("somebody else writes to it".to_owned()),
        })?;
        store.close().await?;
        blocking(move || {
            drop(store);
            Ok(commits.last().map_or(base, |commit| commit.cursor.clone()))
        })
        .await
    }

    /// Opens the store as told.
    ///
    /// # Errors
    ///
    /// As [`FileStore::open`].
    pub async fn open_with(path: impl Into<PathBuf>, options: FileOptions) -> Result<Self, StoreError> {
        let path = path.into();
        let (requests, to_do) = mpsc::channel(64);
        let (opened, opening) = oneshot::channel();
        let asked = path.clone();
        let work = move || match Writer::open(&asked, options) {
            Ok(writer) => {
                // Nobody waits any more: the channel of requests has ended too.
                let _ = opened.send(Ok((writer.timeline(), writer.side())));
                writer.run(to_do);
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        };
        let thread = thread::Builder::new()
            .name("waygate-store".to_owned())
            .spawn(work)
            .map_err(|error| StoreError::Unavailable(format!("no thread can be started: {error}")))?;
        let (timeline, side) = opening.await.map_err(|_| ended())??;
        Ok(Self { path, timeline, side: Arc::new(side), requests, thread: Some(thread) })
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        self.timeline.close();
        // The thread ends when nobody can ask it any more.
        let (unused, _) = mpsc::channel(1);
        drop(mem::replace(&mut self.requests, unused));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[async_trait]
impl Store for FileStore {
    async fn load(&self) -> Result<State, StoreError> {
        Ok(self.timeline.state())
    }

    async fn commit(&self, base: &Cursor, drafts: Vec<Draft>) -> Result<Vec<Arc<Commit>>, CommitError> {
        let (answer, committed) = oneshot::channel();
        let request = Request::Commit { base: base.clone(), drafts, answer };
        self.requests.send(request).await.map_err(|_| closed())?;
        committed.await.map_err(|_| ended())?
    }

    async fn watch(&self, after: &Cursor) -> Result<CommitStream, WatchError> {
        self.timeline.watch(after)
    }

    async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, StoreError> {
        Ok(self.timeline.history(query))
    }

    async fn find(&self, id: &DraftId) -> Result<Option<Arc<Commit>>, StoreError> {
        Ok(self.timeline.find(id))
    }

    fn side(&self) -> Arc<dyn SideStore> {
        self.side.clone()
    }

    async fn close(&self) -> Result<(), StoreError> {
        let (answer, done) = oneshot::channel();
        if self.requests.send(Request::Close { answer }).await.is_err() {
            return Ok(());
        }
        done.await.unwrap_or(Ok(()))
    }

    fn trouble(&self) -> Option<String> {
        self.thread.as_ref().is_none_or(thread::JoinHandle::is_finished).then(|| ended().to_string())
    }

    fn describe(&self) -> String {
        format!("file:{}", self.path.display())
    }
}

fn ended() -> StoreError {
    StoreError::Unavailable("its thread has ended".to_owned())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Unavailable(error.to_string()))?
}
