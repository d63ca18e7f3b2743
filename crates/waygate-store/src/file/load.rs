//! Opening: the checkpoint and the log put together.

use waygate_core::{Cursor, State};

use super::paths::Paths;
use super::segment::{self, OpenSegment};
use super::{FileOptions, checkpoint, disk};
use crate::StoreError;
use crate::log::CommitLog;
use crate::timeline::Timeline;

/// A store that has been read.
pub(crate) struct Loaded {
    pub(crate) timeline: Timeline,
    pub(crate) segment: OpenSegment,
    /// How many commits came after the checkpoint.
    pub(crate) since_checkpoint: usize,
}

/// Reads the store, or makes it. Nothing is changed before all of it has been found good.
pub(crate) fn load(paths: &Paths, options: FileOptions) -> Result<Loaded, StoreError> {
    let segments = paths.segments()?;
    let Some(mut state) = checkpoint::read(&paths.checkpoint)? else {
        if segments.is_empty() {
            return create(paths, options);
        }
        return Err(StoreError::Corrupt(format!(
            "`{}` is missing but its log `{}` is there; restore the file, or move the log away to begin anew",
            paths.checkpoint.display(),
            paths.log.display()
        )));
    };
    let at = state.cursor.clone();
    let mut log: Option<CommitLog> = None;
    let mut newest = None;
    for (number, first) in segments.iter().enumerate() {
        let path = paths.segment(*first);
        let content = segment::read(&path, number + 1 == segments.len())?;
        let log = log.get_or_insert_with(|| CommitLog::new(content.after.clone(), options.retention));
        if content.after.revision.next() != *first || content.after != *log.newest() {
            let what = format!("it goes on from {}, the log before it ends at {}", content.after, log.newest());
            return Err(disk::damaged(&path, 0, &what));
        }
        meet(&at, &content)?;
        for commit in &content.commits {
            if commit.revision() > state.cursor.revision {
                state.apply(commit).map_err(|error| disk::damaged(&path, 0, &error.to_string()))?;
            }
            log.push(commit.clone());
        }
        newest = Some(content);
    }
    let (log, segment) = if let (Some(log), Some(newest)) = (log, newest) {
        if *log.newest() != state.cursor {
            let what = format!("it ends at {}, the checkpoint is at {at}", log.newest());
            return Err(disk::damaged(&newest.path, newest.whole, &what));
        }
        (log, OpenSegment::resume(paths, &newest)?)
    } else if !paths.log.is_dir() {
        return Err(StoreError::Corrupt(format!(
            "`{}` is there but its log `{}` is missing, and with it every change since the checkpoint; restore the log, \
             or make an empty directory in its place to begin from the checkpoint",
            paths.checkpoint.display(),
            paths.log.display()
        )));
    } else {
        tracing::warn!(log = %paths.log.display(), cursor = %at, "no log is there; history begins with the checkpoint");
        (CommitLog::new(at.clone(), options.retention), start_log(paths, &at)?)
    };
    paths.remove_unfinished();
    let since_checkpoint = usize::try_from(state.cursor.revision.0 - at.revision.0).unwrap_or(usize::MAX);
    Ok(Loaded { timeline: Timeline::new(state, log), segment, since_checkpoint })
}

/// The checkpoint's place must be a place of the log, with the same commits behind it.
fn meet(checkpoint: &Cursor, content: &segment::Content) -> Result<(), StoreError> {
    let Some(steps) = checkpoint.revision.0.checked_sub(content.after.revision.0) else {
        return Ok(());
    };
    let place = match usize::try_from(steps) {
        Ok(0) => &content.after,
        Ok(steps) => match content.commits.get(steps - 1) {
            Some(commit) => &commit.cursor,
            None => return Ok(()),
        },
        Err(_) => return Ok(()),
    };
    if place != checkpoint {
        let what = format!("its commits lead to {place}, the checkpoint is at {checkpoint}: not of one history");
        return Err(disk::damaged(&content.path, 0, &what));
    }
    Ok(())
}

fn create(paths: &Paths, options: FileOptions) -> Result<Loaded, StoreError> {
    let timeline = Timeline::fresh(options.retention)?;
    let state: State = timeline.state();
    // Before the document: a document without its log is refused.
    disk::create_directories(&paths.log)?;
    checkpoint::write(paths, &state)?;
    let segment = start_log(paths, &state.cursor)?;
    paths.remove_unfinished();
    Ok(Loaded { timeline, segment, since_checkpoint: 0 })
}

fn start_log(paths: &Paths, after: &Cursor) -> Result<OpenSegment, StoreError> {
    disk::create_directories(&paths.log)?;
    OpenSegment::create(paths, after)
}
