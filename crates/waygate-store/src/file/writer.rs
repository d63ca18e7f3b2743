//! The one thread that writes.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use waygate_core::{Commit, Cursor, Draft};

use super::lock::Lock;
use super::paths::Paths;
use super::record::{self, Entry};
use super::segment::OpenSegment;
use super::{FileOptions, checkpoint, load};
use crate::side::FileSide;
use crate::timeline::Timeline;
use crate::{CommitError, StoreError};

/// What the thread is asked for.
#[derive(Debug)]
pub(crate) enum Request {
    Commit { base: Cursor, drafts: Vec<Draft>, answer: oneshot::Sender<Result<Vec<Arc<Commit>>, CommitError>> },
    Close { answer: oneshot::Sender<Result<(), StoreError>> },
}

/// Everything that touches the files while the store is open.
#[derive(Debug)]
pub(crate) struct Writer {
    paths: Paths,
    options: FileOptions,
    timeline: Arc<Timeline>,
    segment: OpenSegment,
    /// How many commits are in the log but not in the checkpoint.
    since_checkpoint: usize,
    /// When that many are reached, the checkpoint is due.
    checkpoint_due: usize,
    lock: Lock,
}

impl Writer {
    pub(crate) fn open(path: &Path, options: FileOptions) -> Result<Self, StoreError> {
        let paths = Paths::at(path)?;
        let lock = Lock::hold(&paths)?;
        let load::Loaded { timeline, segment, since_checkpoint } = load::load(&paths, options)?;
        let timeline = Arc::new(timeline);
        let options = FileOptions { checkpoint_every: options.checkpoint_every.max(1), ..options };
        let checkpoint_due = options.checkpoint_every;
        Ok(Self { paths, options, timeline, segment, since_checkpoint, checkpoint_due, lock })
    }

    pub(crate) fn timeline(&self) -> Arc<Timeline> {
        self.timeline.clone()
    }

    /// What lies beside the log.
    pub(crate) fn side(&self) -> FileSide {
        FileSide::open(self.paths.side.clone(), self.paths.unfinished.clone())
    }

    /// Serves requests until it is told to close, or nobody can ask any more.
    pub(crate) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(request) = requests.blocking_recv() {
            match request {
                Request::Commit { base, drafts, answer } => {
                    let committed = self.commit(&base, drafts);
                    // Whoever asked may have gone; the commit stands.
                    let _ = answer.send(committed);
                    if self.since_checkpoint >= self.checkpoint_due {
                        self.checkpoint_while_running();
                    }
                }
                Request::Close { answer } => {
                    self.timeline.close();
                    requests.close();
                    let closed = if self.since_checkpoint == 0 { Ok(()) } else { self.checkpoint() };
                    drop(self);
                    let _ = answer.send(closed);
                    return;
                }
            }
        }
    }

    fn commit(&mut self, base: &Cursor, drafts: Vec<Draft>) -> Result<Vec<Arc<Commit>>, CommitError> {
        let commits = self.timeline.place(base, drafts)?;
        if commits.is_empty() {
            return Ok(commits);
        }
        let mut lines = Vec::new();
        for (number, commit) in commits.iter().enumerate() {
            record::encode(&Entry { commit: commit.clone(), left: commits.len() - 1 - number }, &mut lines)?;
        }
        self.lock.check_place(&self.paths)?;
        self.segment.append(&lines, commits.len())?;
        self.timeline.publish(&commits)?;
        self.since_checkpoint += commits.len();
        Ok(commits)
    }

    /// Never over the document of another server that has meanwhile taken this place.
    fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.lock.check_place(&self.paths)?;
        self.segment.check_place()?;
        checkpoint::write(&self.paths, &self.timeline.state())?;
        self.since_checkpoint = 0;
        self.checkpoint_due = self.options.checkpoint_every;
        Ok(())
    }

    /// A failure costs no commit: they are in the log, and a later turn tries again.
    fn checkpoint_while_running(&mut self) {
        if let Err(error) = self.checkpoint().and_then(|()| self.begin_segment()) {
            tracing::warn!(store = %self.paths.checkpoint.display(), %error, "the checkpoint or a new segment could not be written; the log goes on");
            self.checkpoint_due = self.since_checkpoint + self.options.checkpoint_every;
        }
    }

    /// Lets a full segment be, goes on in a new one, and deletes those that hold nothing that is still kept.
    fn begin_segment(&mut self) -> Result<(), StoreError> {
        if self.segment.commits < self.options.checkpoint_every {
            return Ok(());
        }
        self.segment = OpenSegment::create(&self.paths, &self.timeline.state().cursor)?;
        let oldest_kept = self.timeline.start().revision.next();
        let segments = self.paths.segments()?;
        for (first, next) in segments.iter().zip(segments.iter().skip(1)) {
            let path = self.paths.segment(*first);
            if *next <= oldest_kept
                && let Err(error) = fs::remove_file(&path)
            {
                tracing::warn!(file.path = %path.display(), %error, "an old segment cannot be deleted");
                break;
            }
        }
        Ok(())
    }
}
