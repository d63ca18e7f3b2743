//! One server per store.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Write as _};
use std::process;

use super::disk;
use super::paths::Paths;
use crate::StoreError;

/// Holds the store; dropping it, or the end of the process, lets it go. The file stays: removing it would let two
/// servers lock two files of one name.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    pub(crate) fn hold(paths: &Paths) -> Result<Self, StoreError> {
        let failed = |error: &std::io::Error| disk::failed("lock", &paths.lock, error);
        let mut file = disk::open_private(&paths.lock).map_err(|error| failed(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let holder = holder.trim();
                let holder = if holder.is_empty() { String::new() } else { format!(" (process {holder})") };
                return Err(StoreError::Locked(format!(
                    "`{}` is in use by another server{holder}, which holds `{}`; stop it first or name another file",
                    paths.checkpoint.display(),
                    paths.lock.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        let note_holder = |file: &mut File| {
            file.set_len(0)?;
            writeln!(file, "{}", process::id())
        };
        note_holder(&mut file).map_err(|error| failed(&error))?;
        Ok(Self { file })
    }

    /// Whether nobody else can hold the store: the lock still lies where others look for it.
    pub(crate) fn check_place(&self, paths: &Paths) -> Result<(), StoreError> {
        let in_place = disk::is_still_at(&self.file, &paths.lock);
        if in_place.map_err(|error| disk::failed("find", &paths.lock, &error))? {
            return Ok(());
        }
        Err(StoreError::Unavailable(format!(
            "the lock `{}` has been moved or deleted, so another server may write here; restart this one",
            paths.lock.display()
        )))
    }
}
