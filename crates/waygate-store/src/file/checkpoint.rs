//! The document with the whole state.

use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;
use waygate_core::State;

use super::disk;
use super::paths::Paths;
use crate::StoreError;

const FORMAT: &str = "waygate-state";
const VERSION: u32 = 1;

/// The document as it is read. The state is kept as text until its checksum is known to match.
#[derive(Deserialize)]
struct Document<'t> {
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    version: Option<u32>,
    #[serde(default)]
    crc32: Option<String>,
    #[serde(borrow, default)]
    state: Option<&'t RawValue>,
    /// Those two are of a file of the PyPI package.
    #[serde(borrow, default)]
    states: Option<&'t RawValue>,
    #[serde(borrow, default)]
    audit: Option<&'t RawValue>,
}

pub(crate) fn write(paths: &Paths, state: &State) -> Result<(), StoreError> {
    let json = serde_json::to_string_pretty(state)
        .map_err(|error| StoreError::Unavailable(format!("the state cannot be encoded: {error}")))?;
    // A line feed within a string is escaped, so this touches the layout only.
    let json = json.replace('\n', "\n  ");
    let crc = crc32fast::hash(json.as_bytes());
    let document = format!(
        "{{\n  \"format\": \"{FORMAT}\",\n  \"version\": {VERSION},\n  \"crc32\": \"{crc:08x}\",\n  \"state\": {json}\n}}\n"
    );
    disk::write_whole(&paths.checkpoint, &paths.unfinished, document.as_bytes())
}

/// The state, or `None` when there is no file.
pub(crate) fn read(path: &Path) -> Result<Option<State>, StoreError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(disk::failed("read", path, &error)),
    };
    let damaged = |offset: usize, what: &str| disk::damaged(path, offset as u64, what);
    if bytes.is_empty() {
        return Err(damaged(0, "it is empty"));
    }
    let text = str::from_utf8(&bytes).map_err(|error| damaged(error.valid_up_to(), "it is not UTF-8"))?;
    let document: Document<'_> =
        serde_json::from_str(text).map_err(|error| damaged(offset_of(text, &error), &error.to_string()))?;
    if document.format.is_none() && (document.states.is_some() || document.audit.is_some()) {
        return Err(StoreError::Corrupt(format!(
            "`{}` is a state file of the PyPI package `waygate`; nothing has been changed, take it over with \
             `waygate import`",
            path.display()
        )));
    }
    if document.format.as_deref() != Some(FORMAT) {
        return Err(damaged(0, &format!("it is no state of Waygate: `format` is not `{FORMAT}`")));
    }
    if document.version != Some(VERSION) {
        return Err(damaged(0, &format!("`version` is not {VERSION}, the only one that this version reads")));
    }
    let Some(state) = document.state.map(RawValue::get) else {
        return Err(damaged(0, "`state` is missing"));
    };
    let start = state.as_ptr().addr() - text.as_ptr().addr();
    if document.crc32 != Some(format!("{:08x}", crc32fast::hash(state.as_bytes()))) {
        return Err(damaged(start, "`crc32` is not the checksum of `state`"));
    }
    serde_json::from_str(state)
        .map(Some)
        .map_err(|error| damaged(start + offset_of(state, &error), &format!("not understood by this version: {error}")))
}

/// Where in a text an error of the parser lies, in bytes.
fn offset_of(text: &str, error: &serde_json::Error) -> usize {
    let before: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    (before + error.column().saturating_sub(1)).min(text.len())
}
