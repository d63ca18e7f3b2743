//! Putting a store in the place of another, which is moved out of the way.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::disk;
use super::lock::Lock;
use super::paths::Paths;
use crate::StoreError;

/// How many may lie beside each other.
const MOST: u32 = 10_000;

/// A store that is to take the place of another. While it lives nobody can open that one.
#[derive(Debug)]
pub(super) struct Successor {
    place: Paths,
    made_at: Paths,
    _lock: Lock,
}

impl Successor {
    /// Of the store at a path, if there is one, whatever state it is in.
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let place = Paths::at(path)?;
        let lock = Lock::hold(&place)?;
        let successor = Self { made_at: Paths::beside(&place, ".successor"), place, _lock: lock };
        successor.remove()?;
        Ok(successor)
    }

    /// Where it is to be made.
    pub(super) fn path(&self) -> &Path {
        &self.made_at.checkpoint
    }

    /// Puts it in its place. Says where the store is now that was there.
    ///
    /// There is a document at every moment. An old one without its log is noticed by the next start, so a move that is
    /// interrupted leads to no start with half of a store, or with nothing.
    pub(super) fn take_place(&self) -> Result<Option<PathBuf>, StoreError> {
        let failed = |error: &std::io::Error| disk::failed("move", &self.place.checkpoint, error);
        let moved_to = self.set_aside()?;
        move_if_there(&self.made_at.log, &self.place.log).map_err(|error| failed(&error))?;
        move_if_there(&self.made_at.side, &self.place.side).map_err(|error| failed(&error))?;
        fs::rename(&self.made_at.checkpoint, &self.place.checkpoint).map_err(|error| failed(&error))?;
        disk::synchronise_directory(&self.place.directory).map_err(|error| failed(&error))?;
        self.remove()?;
        Ok(moved_to)
    }

    /// Removes what there is of it where it is made.
    pub(super) fn remove(&self) -> Result<(), StoreError> {
        let Paths { checkpoint, log, lock, side, .. } = &self.made_at;
        let removed =
            [fs::remove_dir_all(log), fs::remove_file(checkpoint), fs::remove_file(side), fs::remove_file(lock)];
        for error in removed.into_iter().filter_map(Result::err) {
            if error.kind() != ErrorKind::NotFound {
                return Err(disk::failed("remove", checkpoint, &error));
            }
        }
        Ok(())
    }

    /// Moves all but the document, of which it makes a second name.
    fn set_aside(&self) -> Result<Option<PathBuf>, StoreError> {
        let place = &self.place;
        if !place.checkpoint.exists() && !place.log.exists() {
            return Ok(None);
        }
        let free = (1..MOST).map(|number| Paths::beside(place, &format!(".replaced-{number}"))).find(|aside| {
            let taken = [&aside.checkpoint, &aside.log, &aside.side];
            taken.iter().all(|path| !path.exists())
        });
        let Some(aside) = free else {
            let text = format!("too many stores lie beside `{}`; move them elsewhere", place.checkpoint.display());
            return Err(StoreError::Unavailable(text));
        };
        let failed = |error: &std::io::Error| disk::failed("move", &place.checkpoint, error);
        if place.checkpoint.exists() {
            fs::hard_link(&place.checkpoint, &aside.checkpoint).map_err(|error| failed(&error))?;
        }
        move_if_there(&place.log, &aside.log).map_err(|error| failed(&error))?;
        move_if_there(&place.side, &aside.side).map_err(|error| failed(&error))?;
        Ok(Some(aside.checkpoint))
    }
}

fn move_if_there(from: &Path, to: &Path) -> std::io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
