//! One file of the log.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use waygate_core::{Commit, Cursor};

use super::disk;
use super::paths::Paths;
use super::record::{self, Entry, Header};
use crate::StoreError;

/// What a segment holds.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) path: PathBuf,
    pub(crate) after: Cursor,
    pub(crate) commits: Vec<Arc<Commit>>,
    /// Up to where the file is whole; what comes after it is an unfinished batch.
    pub(crate) whole: u64,
    /// How long the file is.
    pub(crate) length: u64,
}

/// Reads a segment and checks that it is whole and without a gap. Only the newest may end within a batch.
pub(crate) fn read(path: &Path, is_newest: bool) -> Result<Content, StoreError> {
    let bytes = fs::read(path).map_err(|error| disk::failed("read", path, &error))?;
    let at = |offset: usize| offset as u64;
    let mut lines = Lines { bytes: &bytes, offset: 0 };
    let header: Header = match lines.next() {
        Some((offset, line)) => record::decode(line).map_err(|what| disk::damaged(path, at(offset), &what))?,
        None => return Err(disk::damaged(path, 0, "the first line is missing")),
    };
    if header.version != record::VERSION {
        let what = format!("it has format {}, this version reads {}", header.version, record::VERSION);
        return Err(disk::damaged(path, 0, &what));
    }
    let mut content = Content {
        path: path.to_owned(),
        after: header.after,
        commits: Vec::new(),
        whole: at(lines.offset),
        length: at(bytes.len()),
    };
    let mut cursor = content.after.clone();
    let mut batch = Vec::new();
    let mut left = 0;
    while let Some((offset, line)) = lines.next() {
        let entry: Entry = record::decode(line).map_err(|what| disk::damaged(path, at(offset), &what))?;
        let found = &entry.commit.cursor;
        if found.epoch != cursor.epoch || found.revision != cursor.revision.next() {
            return Err(disk::damaged(path, at(offset), &format!("expected the commit after {cursor}, found {found}")));
        }
        if !batch.is_empty() && entry.left + 1 != left {
            return Err(disk::damaged(path, at(offset), "commits of a batch are missing"));
        }
        cursor = found.clone();
        left = entry.left;
        batch.push(entry.commit);
        if left == 0 {
            content.commits.append(&mut batch);
            content.whole = at(lines.offset);
        }
    }
    let rest = &bytes[lines.offset..];
    let is_whole = rest.is_empty() || is_newest && record::is_torn(rest);
    if !is_whole {
        return Err(disk::damaged(path, at(lines.offset), "the last line is not whole"));
    }
    if !batch.is_empty() && !is_newest {
        return Err(disk::damaged(path, content.length, "commits of a batch are missing"));
    }
    Ok(content)
}

/// The lines that end with a line feed, each with where it begins.
struct Lines<'b> {
    bytes: &'b [u8],
    offset: usize,
}

impl<'b> Lines<'b> {
    fn next(&mut self) -> Option<(usize, &'b [u8])> {
        let start = self.offset;
        let length = self.bytes[start..].iter().position(|byte| *byte == b'\n')?;
        self.offset = start + length + 1;
        Some((start, &self.bytes[start..start + length]))
    }
}

/// The segment that commits are appended to.
#[derive(Debug)]
pub(crate) struct OpenSegment {
    path: PathBuf,
    file: File,
    /// The last durable length, in bytes.
    length: u64,
    /// How many commits it holds.
    pub(crate) commits: usize,
    /// Why nothing more can be appended before a restart.
    broken: Option<String>,
}

impl OpenSegment {
    /// Starts a segment after a place. It comes into being with its first line, or not at all.
    pub(crate) fn create(paths: &Paths, after: &Cursor) -> Result<Self, StoreError> {
        let path = paths.segment(after.revision.next());
        let mut line = Vec::new();
        record::encode(&Header { version: record::VERSION, after: after.clone() }, &mut line)?;
        disk::write_whole(&path, &paths.unfinished, &line)?;
        Self::open(path, line.len() as u64, 0)
    }

    /// Goes on with a segment that has been read, and cuts an unfinished batch off. What another name leads to as well,
    /// as that of a backup made of hard links, or of another store, stays as it is: this store goes on with a copy.
    pub(crate) fn resume(paths: &Paths, content: &Content) -> Result<Self, StoreError> {
        if disk::has_other_names(&content.path).map_err(|error| disk::failed("find", &content.path, &error))? {
            let mut bytes = fs::read(&content.path).map_err(|error| disk::failed("read", &content.path, &error))?;
            bytes.truncate(usize::try_from(content.whole).unwrap_or(usize::MAX));
            disk::write_whole(&content.path, &paths.unfinished, &bytes)?;
            tracing::info!(file.path = %content.path.display(), "other names lead to the log too; it goes on in a copy");
            return Self::open(content.path.clone(), content.whole, content.commits.len());
        }
        let mut segment = Self::open(content.path.clone(), content.whole, content.commits.len())?;
        if content.whole < content.length {
            tracing::warn!(
                file.path = %segment.path.display(),
                offset = content.whole,
                bytes = content.length - content.whole,
                "an unfinished batch at the end of the log is dropped; it was never acknowledged"
            );
            segment.cut_back().map_err(|error| disk::failed("cut", &segment.path, &error))?;
        }
        Ok(segment)
    }

    fn open(path: PathBuf, length: u64, commits: usize) -> Result<Self, StoreError> {
        let file = disk::open_private(&path).map_err(|error| disk::failed("open", &path, &error))?;
        Ok(Self { path, file, length, commits, broken: None })
    }

    /// Whether the log is still where it was opened: what is written to a file that has been moved away is lost.
    pub(crate) fn check_place(&self) -> Result<(), StoreError> {
        let still_there = disk::is_still_at(&self.file, &self.path);
        if !still_there.map_err(|error| disk::failed("find", &self.path, &error))? {
            return Err(StoreError::Unavailable(format!(
                "`{}` has been moved or deleted; put it back or restart the server",
                self.path.display()
            )));
        }
        Ok(())
    }

    /// Appends the lines of `commits` commits. When this returns they are durable; when it fails they are gone.
    pub(crate) fn append(&mut self, lines: &[u8], commits: usize) -> Result<(), StoreError> {
        if let Some(broken) = &self.broken {
            return Err(StoreError::Unavailable(broken.clone()));
        }
        self.check_place()?;
        if let Err(error) = self.file.write_all(lines).and_then(|()| self.file.sync_data()) {
            let refused = disk::failed("write", &self.path, &error);
            if let Err(error) = self.cut_back() {
                let broken = format!(
                    "`{}` could be neither written nor cut back ({error}); restart the server",
                    self.path.display()
                );
                tracing::error!(file.path = %self.path.display(), %error, "commits are refused until a restart");
                self.broken = Some(broken);
            }
            return Err(refused);
        }
        self.length += lines.len() as u64;
        self.commits += commits;
        Ok(())
    }

    fn cut_back(&mut self) -> std::io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.sync_all()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn g23_what_can_be_neither_written_nor_cut_back_refuses_until_a_restart() {
        let path = PathBuf::from("/dev/full");
        let file = OpenOptions::new().append(true).open(&path).unwrap();
        let mut segment = OpenSegment { path, file, length: 0, commits: 0, broken: None };
        let refused = segment.append(b"line\n", 1).unwrap_err();
        assert!(matches!(refused, StoreError::Full(_)), "{refused:?}");
        let refused = segment.append(b"line\n", 1).unwrap_err();
        assert!(matches!(&refused, StoreError::Unavailable(text) if text.contains("restart")), "{refused:?}");
        assert_eq!(segment.commits, 0);
    }
}
