//! The file of a backup: lines of JSON.
//!
//! First what it is, with the state; then the commits that were kept, oldest first; last the CRC-32 of all that stands
//! before. State and commits are written as stores write them.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waygate_core::{Commit, State};

use crate::error::{CliError, CliResult};

/// The version of the format. A file of a later one is refused.
const VERSION: u32 = 1;

/// A backup.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) made_at: Timestamp,
    /// The store that it was made of, without secrets.
    pub(super) source: String,
    pub(super) state: State,
    /// Oldest first, none of them newer than the state.
    pub(super) commits: Vec<Arc<Commit>>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    waygate_backup: u32,
    made_at: Timestamp,
    source: String,
    commits: usize,
    state: State,
}

#[derive(Serialize, Deserialize)]
struct Foot {
    crc32: String,
}

impl Document {
    /// Writes a file that only its owner can read, as a whole or not at all.
    pub(super) fn write(&self, path: &Path) -> CliResult {
        let failed = |error: &dyn std::fmt::Display| {
            CliError::failed(format!("cannot write the backup to `{}`: {error}", path.display()))
        };
        let text = self.text().map_err(|error| failed(&error))?;
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(".waygate-backup-").tempfile_in(directory);
        let file = file.as_mut().map_err(|error| failed(error))?;
        file.write_all(&text).and_then(|()| file.as_file().sync_all()).map_err(|error| failed(&error))?;
        match std::fs::hard_link(file.path(), path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(failed(&"there is a file already; a backup overwrites none"));
            }
            Err(error) => return Err(failed(&error)),
        }
        #[cfg(unix)]
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(|error| failed(&error))?;
        Ok(())
    }

    fn text(&self) -> serde_json::Result<Vec<u8>> {
        let head = Head {
            waygate_backup: VERSION,
            made_at: self.made_at,
            source: self.source.clone(),
            commits: self.commits.len(),
            state: self.state.clone(),
        };
        let mut text = Vec::new();
        serde_json::to_writer(&mut text, &head)?;
        text.push(b'\n');
        for commit in &self.commits {
            serde_json::to_writer(&mut text, &**commit)?;
            text.push(b'\n');
        }
        let foot = Foot { crc32: checksum(&text) };
        serde_json::to_writer(&mut text, &foot)?;
        text.push(b'\n');
        Ok(text)
    }

    pub(super) fn read(path: &Path) -> CliResult<Self> {
        let mut text = Vec::new();
        let read = File::open(path).and_then(|mut file| file.read_to_end(&mut text));
        read.map_err(|error| CliError::failed(format!("cannot read `{}`: {error}", path.display())))?;
        Self::parse(&text).map_err(|problem| {
            CliError::failed(format!("`{}` is no whole backup: {problem}; nothing has been written", path.display()))
        })
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let whole = text.strip_suffix(b"\n").ok_or("its last line is not complete")?;
        let at = whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (body, foot) = whole.split_at(at);
        let foot: Foot = serde_json::from_slice(foot).map_err(|_| "it does not end with its checksum")?;
        let version = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let version: serde_json::Value = serde_json::from_slice(version).map_err(|error| format!("line 1: {error}"))?;
        match version["waygate_backup"].as_u64() {
            Some(version) if version == u64::from(VERSION) => {}
            Some(version) => return Err(format!("it is of version {version}, and this program reads {VERSION}")),
            None => return Err("`waygate backup` has not made it".to_owned()),
        }
        if foot.crc32 != checksum(body) {
            return Err("its checksum is not that of what it holds".to_owned());
        }
        let mut lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let head: Head =
            serde_json::from_slice(lines.next().unwrap_or_default()).map_err(|error| format!("line 1: {error}"))?;
        let commits: Result<Vec<Arc<Commit>>, String> = lines
            .enumerate()
            .map(|(at, line)| {
                serde_json::from_slice(line).map(Arc::new).map_err(|error| format!("line {}: {error}", at + 2))
            })
            .collect();
        let commits = commits?;
        if commits.len() != head.commits {
            return Err(format!("it holds {} commits of {}", commits.len(), head.commits));
        }
        Ok(Self { made_at: head.made_at, source: head.source, state: head.state, commits })
    }
}

fn checksum(text: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(text))
}

#[cfg(test)]
mod tests {
    use waygate_core::{Cursor, Epoch};

    use super::*;

    fn document() -> Document {
        let epoch: Epoch = "0123456789abcdef".parse().unwrap();
        Document {
            made_at: Timestamp::UNIX_EPOCH,
            source: "memory".to_owned(),
            state: State::new(Cursor::start_of(epoch)),
            commits: Vec::new(),
        }
    }

    #[test]
    fn whatever_is_damaged_is_noticed() {
        let text = document().text().unwrap();
        assert_eq!(Document::parse(&text).unwrap().state, document().state);
        for at in 0..text.len() {
            assert!(Document::parse(&text[..at]).is_err(), "cut off at {at}");
            let mut damaged = text.clone();
            damaged[at] ^= 1;
            assert!(Document::parse(&damaged).is_err(), "another byte at {at}");
        }
        let later = String::from_utf8(text).unwrap().replace("\"waygate_backup\":1", "\"waygate_backup\":2");
        assert!(Document::parse(later.as_bytes()).unwrap_err().contains("version 2"));
    }
}
