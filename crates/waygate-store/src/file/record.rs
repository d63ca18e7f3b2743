//! One line of a segment: an entry with the CRC-32 of its bytes.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use waygate_core::{Commit, Cursor};

use crate::StoreError;

const BEFORE_CRC: &[u8] = b"{\"crc32\":\"";
const BEFORE_ENTRY: &[u8] = b"\",\"entry\":";
const END: &[u8] = b"}";
const CRC_DIGITS: usize = 8;

/// The format of segments that this build writes.
pub(crate) const VERSION: u32 = 1;

/// The first entry of a segment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) version: u32,
    /// The place that the segment goes on from.
    pub(crate) after: Cursor,
}

/// Every other entry.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) commit: Arc<Commit>,
    /// How many commits of the same batch follow: a batch whose end is missing never happened.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) left: usize,
}

/// Appends an entry as one line.
pub(crate) fn encode(entry: &impl Serialize, lines: &mut Vec<u8>) -> Result<(), StoreError> {
    let json = serde_json::to_vec(entry)
        .map_err(|error| StoreError::Unavailable(format!("a commit cannot be encoded: {error}")))?;
    let crc = format!("{:08x}", crc32fast::hash(&json));
    for part in [BEFORE_CRC, crc.as_bytes(), BEFORE_ENTRY, &json, END, b"\n"] {
        lines.extend_from_slice(part);
    }
    Ok(())
}

/// Reads a line without its line feed; else says what is wrong with it.
pub(crate) fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    serde_json::from_slice(checked(line)?).map_err(|error| format!("not understood by this version: {error}"))
}

/// The entry of a line whose checksum matches.
fn checked(line: &[u8]) -> Result<&[u8], &'static str> {
    let (crc, json) = take_apart(line).ok_or("not a line of a log")?;
    if crc == format!("{:08x}", crc32fast::hash(json)).as_bytes() {
        Ok(json)
    } else {
        Err("the checksum does not match")
    }
}

fn take_apart(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (crc, rest) = line.strip_prefix(BEFORE_CRC)?.split_at_checked(CRC_DIGITS)?;
    Some((crc, rest.strip_prefix(BEFORE_ENTRY)?.strip_suffix(END)?))
}

/// Whether bytes without a line feed are what an interrupted write can leave: the beginning of a line, or the zeros
/// of a file that had grown but was not filled. A whole line whose line feed has become something else is damage.
pub(crate) fn is_torn(rest: &[u8]) -> bool {
    let compared = rest.len().min(BEFORE_CRC.len());
    let begins_a_line = rest[..compared] == BEFORE_CRC[..compared];
    let had_ended = || rest.split_last().is_some_and(|(_, line)| checked(line).is_ok());
    begins_a_line && !had_ended() || rest.iter().all(|byte| *byte == 0)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(left: &usize) -> bool {
    *left == 0
}
