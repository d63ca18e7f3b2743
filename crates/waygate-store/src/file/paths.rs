//! What lies where.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use waygate_core::Revision;

use super::disk;
use crate::StoreError;

/// The files of one store. See the `file` module.
#[derive(Debug)]
pub(crate) struct Paths {
    pub(crate) checkpoint: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) lock: PathBuf,
    pub(crate) side: PathBuf,
    /// The directory that holds all of them.
    pub(crate) directory: PathBuf,
    /// How the names of files in the making begin.
    pub(crate) unfinished: String,
}

impl Paths {
    /// Finds the store's directory, and makes it when it is missing. A link is followed, so that every way to the
    /// same file leads to the same lock, and so that replacing the file does not replace the link.
    pub(crate) fn at(path: &Path) -> Result<Self, StoreError> {
        let found = if path.exists() {
            fs::canonicalize(path).map_err(|error| disk::failed("find", path, &error))?
        } else {
            path.to_owned()
        };
        let Some(name) = found.file_name() else {
            return Err(StoreError::Unavailable(format!("`{}` names no file", path.display())));
        };
        if found.is_dir() {
            return Err(StoreError::Unavailable(format!("`{}` is a directory, not a file", path.display())));
        }
        let parent = match found.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        disk::create_directories(parent)?;
        let directory = fs::canonicalize(parent).map_err(|error| disk::failed("find", parent, &error))?;
        Ok(Self::of(&directory, name))
    }

    /// Those of a store whose name has that ending more.
    pub(crate) fn beside(other: &Self, ending: &str) -> Self {
        let mut name = other.checkpoint.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        Self::of(&other.directory, &name)
    }

    fn of(directory: &Path, name: &OsStr) -> Self {
        let beside = |ending: &str| {
            let mut full = name.to_owned();
            full.push(ending);
            directory.join(full)
        };
        Self {
            checkpoint: beside(""),
            log: beside(".log"),
            lock: beside(".lock"),
            side: beside(".side"),
            unfinished: format!("{}.tmp-", name.to_string_lossy()),
            directory: directory.to_owned(),
        }
    }

    pub(crate) fn segment(&self, first: Revision) -> PathBuf {
        self.log.join(format!("{:020}.jsonl", first.0))
    }

    /// The first revisions of the segments that are there, in order. Files that are not named like a segment are
    /// somebody else's.
    pub(crate) fn segments(&self) -> Result<Vec<Revision>, StoreError> {
        let failed = |error: &std::io::Error| disk::failed("list", &self.log, error);
        if !self.log.exists() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.log).map_err(|error| failed(&error))? {
            let name = entry.map_err(|error| failed(&error))?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".jsonl"));
            found.extend(
                number.filter(|digits| digits.len() == 20).and_then(|digits| digits.parse().ok()).map(Revision),
            );
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Removes what a crash has left in the making. Only while the lock is held.
    pub(crate) fn remove_unfinished(&self) {
        for directory in [&self.directory, &self.log] {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().starts_with(&self.unfinished)
                    && let Err(error) = fs::remove_file(entry.path())
                {
                    tracing::warn!(file.path = %entry.path().display(), %error, "an unfinished file cannot be removed");
                }
            }
        }
    }
}
