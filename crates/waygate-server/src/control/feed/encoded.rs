//! One view of a service, in the forms that it travels in.

use std::io::Write as _;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use waygate_api::stream::encode;
use waygate_core::{Cursor, Digest, ServiceView};

use super::Due;
use crate::chunk::Chunk;

/// A service's view with the cursor at which it was met; each form is made when it is first asked for.
#[derive(Debug)]
pub(crate) struct EncodedView {
    cursor: Cursor,
    view: ServiceView,
    generation: u64,
    frame: OnceLock<Chunk>,
    zipped: OnceLock<Bytes>,
    digest: OnceLock<String>,
}

impl EncodedView {
    pub(super) fn new(view: ServiceView, cursor: Cursor, generation: u64) -> Self {
        let (frame, zipped, digest) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { cursor, view, generation, frame, zipped, digest }
    }

    /// Whether it says what is true where a stream stands that has to be told so much, and is a place to go on from.
    pub(super) fn serves(&self, view: &ServiceView, due: &Due, generation: u64) -> bool {
        let revision = self.cursor.revision;
        self.generation == generation && due.floor <= revision && revision <= due.cursor.revision && self.view == *view
    }

    /// Where it stands; nothing that concerns the service has come since.
    pub(crate) fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// The snapshot frame.
    pub(crate) fn frame(&self) -> Chunk {
        // The encoder cannot fail on values of ours; were it to, the client notices that nothing came.
        let encoded = || encode::snapshot(&self.cursor, &self.view).map(Chunk::of).unwrap_or_default();
        self.frame.get_or_init(encoded).clone()
    }

    /// What the snapshot frame carries, by itself.
    pub(crate) fn document(&self) -> Bytes {
        const DATA: &[u8] = b"\ndata: ";
        let frame = self.frame().words();
        let start = frame.windows(DATA.len()).position(|bytes| bytes == DATA).map_or(0, |at| at + DATA.len());
        frame.slice(start..frame.len() - frame[start..].iter().rev().take_while(|byte| **byte == b'\n').count())
    }

    /// The same, compressed by gzip.
    pub(crate) fn zipped(&self) -> Bytes {
        let encoded = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            // A vector takes everything.
            let written = encoder.write_all(&self.document()).and_then(|()| encoder.finish());
            written.map(Bytes::from).unwrap_or_default()
        };
        self.zipped.get_or_init(encoded).clone()
    }

    /// What a client of this view compares its own digest with.
    pub(crate) fn digest(&self) -> &str {
        self.digest.get_or_init(|| Digest::of(&self.view).to_string())
    }
}
