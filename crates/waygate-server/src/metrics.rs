//! Numbers about this server, in `OpenMetrics` text.
//!
//! Every metric is a [`Definition`]; `docs/reference/metrics.md` is made of them. What is counted lives here from the start
//! of the control plane on; what can be looked up, such as the revision, is looked up when somebody asks
//! ([`standing`]).

mod definition;
mod family;
mod http;
#[cfg(test)]
mod reference;
pub(crate) mod standing;
mod store;
mod streams;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

use self::definition as defined;
use self::family::{Counters, Histograms};
pub(crate) use self::http::{Answered, note_route};
pub(crate) use self::store::metered;
pub(crate) use self::streams::{OpenStreams, Piece, StreamMeter};
use crate::control::{Applied, ExecuteError};

/// What a scraper is told that it gets.
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is counted.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) commits: Counters<1>,
    pub(crate) commit_conflicts: Counters<0>,
    pub(crate) histories_reloaded: Counters<0>,
    pub(crate) commands: Counters<1>,
    pub(crate) command_durations: Histograms<0>,
    pub(crate) store_operations: Histograms<1>,
    pub(crate) store_errors: Counters<2>,
    pub(crate) open_streams: Arc<OpenStreams>,
    stream_starts: Counters<2>,
    stream_ends: Counters<2>,
    stream_frames: Counters<2>,
    stream_bytes: Counters<1>,
    pub(crate) streams_refused: Counters<0>,
    pub(crate) snapshots: Counters<1>,
    pub(crate) auth_failures: Counters<1>,
    pub(crate) webhook_attempts: Counters<1>,
    pub(crate) webhook_durations: Histograms<0>,
    pub(crate) webhooks_given_up: Counters<0>,
    pub(crate) http_requests: Counters<3>,
    pub(crate) http_durations: Histograms<2>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let r = &mut registry;
        Self {
            commits: Counters::new(&defined::COMMITS, r),
            commit_conflicts: Counters::new(&defined::COMMIT_CONFLICTS, r),
            histories_reloaded: Counters::new(&defined::HISTORIES_RELOADED, r),
            commands: Counters::new(&defined::COMMANDS, r),
            command_durations: Histograms::new(&defined::COMMAND_DURATION, r),
            store_operations: Histograms::new(&defined::STORE_OPERATION_DURATION, r),
            store_errors: Counters::new(&defined::STORE_ERRORS, r),
            open_streams: Arc::default(),
            stream_starts: Counters::new(&defined::STREAM_STARTS, r),
            stream_ends: Counters::new(&defined::STREAM_ENDS, r),
            stream_frames: Counters::new(&defined::STREAM_FRAMES, r),
            stream_bytes: Counters::new(&defined::STREAM_BYTES, r),
            streams_refused: Counters::new(&defined::STREAMS_REFUSED, r),
            snapshots: Counters::new(&defined::SNAPSHOTS, r),
            auth_failures: Counters::new(&defined::AUTH_FAILURES, r),
            webhook_attempts: Counters::new(&defined::WEBHOOK_ATTEMPTS, r),
            webhook_durations: Histograms::new(&defined::WEBHOOK_DURATION, r),
            webhooks_given_up: Counters::new(&defined::WEBHOOKS_GIVEN_UP, r),
            http_requests: Counters::new(&defined::HTTP_REQUESTS, r),
            http_durations: Histograms::new(&defined::HTTP_DURATION, r),
            registry,
        }
    }
}

impl Metrics {
    /// Takes down what a command has come to.
    pub(crate) fn carried_out(&self, outcome: &Result<Applied, ExecuteError>, took: Duration) {
        let word = match outcome {
            Ok(applied) if applied.changed => "changed",
            Ok(_) => "unchanged",
            Err(ExecuteError::Command(_)) => "refused",
            Err(ExecuteError::Store(_)) => "failed",
        };
        self.commands.at([word]).inc();
        self.command_durations.take(took.as_secs_f64());
    }

    /// The whole exposition: what was counted, and what was looked up just now.
    pub(crate) fn exposition(&self, looked_up: &Registry) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(16 << 10);
        encode_registry(&mut text, looked_up)?;
        encode_registry(&mut text, &self.registry)?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}
