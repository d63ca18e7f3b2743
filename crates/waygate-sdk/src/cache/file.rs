//! One file of rules: a line about it, and a line with them as a snapshot frame has them.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use waygate_api::stream::Frame;
use waygate_core::{Cursor, ServiceId, ServiceView};

use crate::cache::{Kept, KeptShares};

const FORMAT: &str = "waygate-sdk-cache";
const VERSION: u32 = 1;
/// No file is written or read that is larger, in bytes.
const LARGEST: u64 = 64 << 20;

/// No first line is longer, in bytes.
const LONGEST_HEAD: u64 = 64 << 10;

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("it has more than {LARGEST} bytes")]
    TooLarge,
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error("it is of version {found}, and this build reads version {VERSION}")]
    OtherVersion { found: u32 },
    #[error("it is about the service `{found}`")]
    OtherService { found: String },
    #[error("it is of the control plane at {found}")]
    OtherServer { found: String },
}

/// What every version says in its first line.
#[derive(Deserialize)]
struct Mark {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Head {
    format: String,
    version: u32,
    service: String,
    server: String,
    as_of: Option<Timestamp>,
    /// The version of the SDK that has written it.
    sdk: String,
    /// Whether that SDK could read all that it was sent.
    complete: bool,
    /// Of this line with this field empty, and of the second line.
    sha256: String,
}

#[derive(Serialize)]
struct Rules<'k> {
    cursor: &'k Cursor,
    view: &'k ServiceView,
    #[serde(skip_serializing_if = "KeptShares::is_empty")]
    shares: &'k KeptShares,
}

/// What stands beside the rules.
#[derive(Deserialize)]
struct Beside {
    #[serde(default)]
    shares: KeptShares,
}

pub(super) fn encoded(kept: &Kept, service: &ServiceId, server: &str) -> serde_json::Result<String> {
    let rules = serde_json::to_string(&Rules { cursor: &kept.cursor, view: &kept.view, shares: &kept.shares })?;
    let head = Head {
        format: FORMAT.to_owned(),
        version: VERSION,
        service: service.to_string(),
        server: server.to_owned(),
        as_of: kept.as_of,
        sdk: env!("CARGO_PKG_VERSION").to_owned(),
        complete: kept.complete,
        sha256: String::new(),
    };
    let sha256 = checksum(&head, &rules)?;
    let head = serde_json::to_string(&Head { sha256, ..head })?;
    Ok(format!("{head}\n{rules}\n"))
}

/// Reads a file; `None` where there is none. With a server, it has to be a cache file of that server; without, bare rules
/// are taken too.
pub(super) fn read(path: &Path, service: &ServiceId, server: Option<&str>) -> Result<Option<Kept>, Unusable> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
        Ok(metadata) if !metadata.is_file() => return Err(Unusable::Damaged("it is no file".to_owned())),
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Unusable::TooLarge);
    }
    let text = String::from_utf8(bytes).map_err(|error| Unusable::Damaged(error.to_string()))?;
    decoded(&text, service, server).map(Some)
}

/// Whether a file has rules of the same history that were known to be those of the control plane later than others. A
/// file from the future was written by a clock that was wrong.
pub(super) fn is_newer(path: &Path, service: &ServiceId, server: &str, than: &Kept, now: Timestamp) -> bool {
    // The first line says enough in nearly all cases.
    let Ok(file) = File::open(path) else { return false };
    let mut first = String::new();
    if BufReader::new(file.take(LONGEST_HEAD)).read_line(&mut first).is_err() {
        return false;
    }
    let as_of = serde_json::from_str(&first).ok().and_then(|head: Head| head.as_of);
    let is_later = as_of.is_some_and(|as_of| Some(as_of) > than.as_of && as_of <= now);
    is_later && matches!(read(path, service, Some(server)), Ok(Some(kept)) if kept.cursor.epoch == than.cursor.epoch)
}

fn decoded(text: &str, service: &ServiceId, server: Option<&str>) -> Result<Kept, Unusable> {
    let (first, second) = text.split_once('\n').unwrap_or((text, ""));
    let mark = serde_json::from_str(first).ok().filter(|mark: &Mark| mark.format == FORMAT);
    match (mark, server) {
        (Some(Mark { version: VERSION, .. }), _) => {}
        (Some(Mark { version, .. }), _) => return Err(Unusable::OtherVersion { found: version }),
        (None, Some(_)) => return Err(Unusable::Damaged(format!("its first line is not of `{FORMAT}`"))),
        (None, None) => return rules(text, None, true),
    }
    let mut head: Head = serde_json::from_str(first).map_err(|error| Unusable::Damaged(error.to_string()))?;
    let told = std::mem::take(&mut head.sha256);
    let second = second.strip_suffix('\n').ok_or_else(|| Unusable::Damaged("it is cut short".to_owned()))?;
    let found = checksum(&head, second).map_err(|error| Unusable::Damaged(error.to_string()))?;
    if told != found {
        return Err(Unusable::Damaged("its checksum differs".to_owned()));
    }
    if head.service != service.as_str() {
        return Err(Unusable::OtherService { found: head.service });
    }
    if server.is_some_and(|server| head.server != server) {
        return Err(Unusable::OtherServer { found: head.server });
    }
    rules(second, head.as_of, head.complete && head.sdk == env!("CARGO_PKG_VERSION"))
}

fn rules(text: &str, as_of: Option<Timestamp>, complete: bool) -> Result<Kept, Unusable> {
    let damaged = |what: String| Unusable::Damaged(what);
    match Frame::decode("snapshot", text).map_err(|error| damaged(error.to_string()))? {
        Some(Frame::Snapshot { cursor, view, skipped }) => {
            for element in &skipped {
                tracing::warn!(element = %element.what, why = %element.why, "an element of a kept file cannot be read");
            }
            let Beside { shares } = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
            Ok(Kept { view: *view, cursor, as_of, complete: complete && skipped.is_empty(), shares })
        }
        _ => Err(damaged("it holds no snapshot".to_owned())),
    }
}

/// Writes a text beside `path` and puts it there in one step. Survives a loss of power.
pub(super) fn replace(directory: &Path, path: &Path, temporary_prefix: &str, text: &str) -> io::Result<()> {
    if text.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("the rules take more than {LARGEST} bytes")));
    }
    // Readable for its owner alone; other processes of the service write their own.
    let mut temporary = tempfile::Builder::new().prefix(temporary_prefix).suffix(".tmp").tempfile_in(directory)?;
    temporary.write_all(text.as_bytes())?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()
}

fn checksum(head: &Head, rules: &str) -> serde_json::Result<String> {
    let head = serde_json::to_string(head)?;
    Ok(hex(&Sha256::new().chain_update(head).chain_update("\n").chain_update(rules).finalize()))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_build_has_written_is_enforced_and_fetched_anew() {
        let service: ServiceId = "pay".parse().unwrap();
        let cursor = "firsthistory:7:0000000000000007".parse().unwrap();
        let (view, shares) = (ServiceView::default(), KeptShares::default());
        let kept = Kept { view, cursor, as_of: None, complete: true, shares };
        let own = encoded(&kept, &service, "http://a").unwrap();
        assert!(decoded(&own, &service, Some("http://a")).unwrap().complete);

        let (first, rules) = own.trim_end().split_once('\n').unwrap();
        let mut head: Head = serde_json::from_str(first).unwrap();
        (head.sdk, head.sha256) = ("0.0.0".to_owned(), String::new());
        head.sha256 = checksum(&head, rules).unwrap();
        let other = format!("{}\n{rules}\n", serde_json::to_string(&head).unwrap());
        let read = decoded(&other, &service, Some("http://a")).unwrap();
        assert_eq!((read.complete, read.cursor), (false, kept.cursor));
    }

    #[test]
    fn a_file_without_end_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        File::create(&path).unwrap().set_len(LARGEST + 1).unwrap();
        let read = read(&path, &"pay".parse().unwrap(), None);
        assert!(matches!(read, Err(Unusable::TooLarge)), "{read:?}");
    }
}
