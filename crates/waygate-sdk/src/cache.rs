//! What a service knew last, kept on disk: read before the first request is answered, written behind the back of
//! requests.
//!
//! Whatever is wrong with the disk or with a file is told in one line of the log and costs nothing but the memory over a
//! restart.

mod file;
mod keeper;

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use waygate_core::{Cursor, Part, ServiceId, ServiceView};

use crate::clock;

pub(crate) use keeper::keep;

/// Rules that were kept, with where they stand.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) view: ServiceView,
    pub(crate) cursor: Cursor,
    /// When they were last known to be those of the control plane; a bare bootstrap file does not say.
    pub(crate) as_of: Option<Timestamp>,
    /// Whether the stream may go on from there. Not where this build could not read all of it, or where another build,
    /// which may have dropped what this one knows, has written it.
    pub(crate) complete: bool,
    pub(crate) shares: KeptShares,
}

/// What is left of an instance's shares of divided limits without a lease; `None` where it never had one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptShares {
    /// For limits of its service and of the routes of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<Part>,
    /// For the limit of everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) global: Option<Part>,
}

/// The place of one service's rules, in a directory that other services and processes may share.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    directory: PathBuf,
    service: ServiceId,
    /// The first is the one under which is written; what was kept under any of them is read.
    servers: Vec<String>,
}

impl KeptShares {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Cache {
    /// Temporary files of processes that were killed while writing are removed when they are so old.
    const ABANDONED: Duration = Duration::from_mins(10);

    /// `servers` are the origins of the control plane that the rules come from, at least one.
    pub(crate) fn new(directory: PathBuf, service: ServiceId, servers: Vec<String>) -> Self {
        Self { directory, service, servers }
    }

    /// The newest rules that were kept, if there are any that can be used.
    pub(crate) fn read(&self) -> Option<Kept> {
        self.sweep();
        let kept = self.servers.iter().filter_map(|server| {
            let path = self.path(server);
            match file::read(&path, &self.service, Some(server)) {
                Ok(kept) => kept,
                Err(why) => {
                    tracing::warn!(path = %path.display(), %why, "a cache file is not used");
                    None
                }
            }
        });
        kept.max_by_key(|kept| kept.as_of)
    }

    /// Puts rules in place of those before, whole or not at all. Newer ones of the same history stay: another process of
    /// the service has written them, and this one was cut off.
    pub(crate) fn write(&self, kept: &Kept) -> io::Result<()> {
        let Some(server) = self.servers.first() else { return Ok(()) };
        let text = file::encoded(kept, &self.service, server).map_err(io::Error::other)?;
        create(&self.directory)?;
        let path = self.path(server);
        if file::is_newer(&path, &self.service, server, kept, clock::now()) {
            return Ok(());
        }
        file::replace(&self.directory, &path, &self.temporary_prefix(server), &text)
    }

    fn path(&self, server: &str) -> PathBuf {
        self.directory.join(self.name(server))
    }

    /// Readable, and different for each service and server.
    fn name(&self, server: &str) -> String {
        let readable: String =
            self.service.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(64).collect();
        let hash = Sha256::new().chain_update(server).chain_update([0]).chain_update(self.service.as_str()).finalize();
        format!("waygate-{readable}-{}.cache", file::hex(&hash[..8]))
    }

    fn temporary_prefix(&self, server: &str) -> String {
        format!(".{}.", self.name(server))
    }

    fn sweep(&self) {
        let prefixes: Vec<String> = self.servers.iter().map(|server| self.temporary_prefix(server)).collect();
        let Ok(entries) = fs::read_dir(&self.directory) else { return };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            let is_temporary = name.to_str().is_some_and(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)));
            if is_temporary && is_older(&entry, Self::ABANDONED) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Rules that were baked in: a cache file, or the body of the control plane's snapshot endpoint. Shares are not baked in:
/// each process of an image would have the same.
pub(crate) fn bootstrap(path: &Path, service: &ServiceId) -> Option<Kept> {
    match file::read(path, service, None) {
        Ok(Some(kept)) => Some(Kept { shares: KeptShares::default(), ..kept }),
        Ok(None) => {
            tracing::error!(path = %path.display(), "there is no bootstrap file");
            None
        }
        Err(why) => {
            tracing::error!(path = %path.display(), %why, "the bootstrap file is not used");
            None
        }
    }
}

fn is_older(entry: &fs::DirEntry, age: Duration) -> bool {
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| clock::system_now().duration_since(modified).is_ok_and(|since| since > age))
}

/// Makes the directory, for its owner alone, unless it is there.
fn create(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

#[cfg(test)]
mod tests;
