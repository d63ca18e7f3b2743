//! Moving a store out of the way.

use std::fs;
use std::path::{Path, PathBuf};

use super::disk;
use super::lock::Lock;
use super::paths::Paths;
use crate::StoreError;

/// How many may lie beside each other.
const MOST: u32 = 10_000;

/// Moves the document last: while it lies there, an interrupted move is noticed by the next start.
pub(super) fn set_aside(path: &Path) -> Result<Option<PathBuf>, StoreError> {
    let paths = Paths::at(path)?;
    let _lock = Lock::hold(&paths)?;
    if !paths.checkpoint.exists() && !paths.log.exists() {
        return Ok(None);
    }
    let free = (1..MOST).map(|number| Paths::beside(&paths, &format!(".replaced-{number}"))).find(|aside| {
        let taken = [&aside.checkpoint, &aside.log, &aside.side];
        taken.iter().all(|path| !path.exists())
    });
    let Some(aside) = free else {
        let text = format!("too many stores lie beside `{}`; move them elsewhere", paths.checkpoint.display());
        return Err(StoreError::Unavailable(text));
    };
    for (from, to) in [(&paths.side, &aside.side), (&paths.log, &aside.log), (&paths.checkpoint, &aside.checkpoint)] {
        if from.exists() {
            fs::rename(from, to).map_err(|error| disk::failed("move", from, &error))?;
        }
    }
    disk::synchronise_directory(&paths.directory).map_err(|error| disk::failed("move", &paths.checkpoint, &error))?;
    Ok(Some(aside.checkpoint))
}
