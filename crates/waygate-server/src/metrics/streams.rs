//! What streams come to.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use waygate_core::ServiceId;

use crate::admission::Farewell;
use crate::metrics::Metrics;

/// What a piece of a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    Snapshot,
    Commit,
    Alive,
    Goodbye,
}

const PIECES: [(Piece, &str); 4] =
    [(Piece::Snapshot, "snapshot"), (Piece::Commit, "commit"), (Piece::Alive, "alive"), (Piece::Goodbye, "goodbye")];

/// How many streams are open, by protocol and by the service that they follow. A service without any is not kept.
#[derive(Debug, Default)]
pub(crate) struct OpenStreams(Mutex<BTreeMap<(&'static str, Option<ServiceId>), u64>>);

impl OpenStreams {
    pub(crate) fn counts(&self) -> BTreeMap<(&'static str, Option<ServiceId>), u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn open(&self, which: (&'static str, Option<ServiceId>)) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(which).or_default() += 1;
    }

    fn close(&self, which: &(&'static str, Option<ServiceId>)) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(which) {
            *count -= 1;
            if *count == 0 {
                counts.remove(which);
            }
        }
    }
}

/// Counts for one stream while it is open.
pub(crate) struct StreamMeter {
    metrics: Arc<Metrics>,
    which: (&'static str, Option<ServiceId>),
    pieces: [Counter; 4],
    bytes: Counter,
    has_begun: bool,
    end: &'static str,
}

impl StreamMeter {
    pub(crate) fn open(metrics: &Arc<Metrics>, protocol: &'static str, service: Option<ServiceId>) -> Self {
        let which = (protocol, service);
        metrics.open_streams.open(which.clone());
        Self {
            pieces: PIECES.map(|(_, name)| metrics.stream_frames.at([protocol, name])),
            bytes: metrics.stream_bytes.at([protocol]),
            metrics: metrics.clone(),
            which,
            has_begun: false,
            end: "client",
        }
    }

    /// Something was looked up for it: `anew` where that is a snapshot.
    pub(crate) fn looked_up(&mut self, anew: bool) {
        let start = match (self.has_begun, anew) {
            (false, false) => "resumed",
            (false, true) => "snapshot",
            (true, true) => "over",
            (true, false) => return,
        };
        self.has_begun = true;
        self.metrics.stream_starts.at([self.which.0, start]).inc();
    }

    pub(crate) fn sent(&self, piece: Piece, bytes: usize) {
        let at = PIECES.iter().position(|(known, _)| *known == piece);
        if let Some(counter) = at.and_then(|at| self.pieces.get(at)) {
            counter.inc();
        }
        self.bytes.inc_by(bytes as u64);
    }

    pub(crate) fn ends(&mut self, farewell: Farewell) {
        self.end = match farewell {
            Farewell::Stopping => "stopping",
            Farewell::TokenEnded => "token_ended",
            Farewell::Aged => "aged",
        };
    }
}

impl Drop for StreamMeter {
    fn drop(&mut self) {
        self.metrics.open_streams.close(&self.which);
        self.metrics.stream_ends.at([self.which.0, self.end]).inc();
    }
}

impl fmt::Debug for StreamMeter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StreamMeter").field("which", &self.which).finish_non_exhaustive()
    }
}
