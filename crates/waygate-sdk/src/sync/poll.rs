//! Asking for snapshots where no stream gets through: a proxy on the way may swallow or hold back what has no end.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use waygate_api::stream::Frame;

use crate::status::{Outage, Phase};
use crate::sync::Syncer;
use crate::sync::backoff::jittered;
use crate::sync::frames::Step;
use crate::sync::source::Source;

impl<S: Source> Syncer<S> {
    /// After so many intervals the stream is tried again for the first time, then after twice as long each time.
    pub(super) const INTERVALS: u32 = 3;
    const LONGEST_POLLING: Duration = Duration::from_mins(15);

    /// Polls until the stream is worth another attempt, or until this fails too. `None` from a source that cannot poll.
    pub(super) async fn poll(&mut self) -> Option<Result<(), Outage>> {
        let begun = Instant::now();
        loop {
            let deadline = self.pace.silence;
            let asked = timeout(deadline, self.source.poll(self.cursor.clone())?).await;
            let step = match asked.unwrap_or(Err(Outage::Silent { after: deadline })) {
                Ok(Some(frame)) => self.take_polled(frame),
                Ok(None) => Step::CaughtUp,
                Err(outage) => Step::End(outage),
            };
            if let Step::End(outage) = step {
                self.backoff.was_healthy_for(begun.elapsed());
                return Some(Err(outage));
            }
            if self.replica.status().borrow().phase != Phase::Polling {
                tracing::warn!("no stream of the control plane gets through; waygate asks it for changes instead");
            }
            self.arrived(Phase::Polling);
            let next = Instant::now() + jittered(self.pace.poll_interval);
            while timeout_until(next, self.registration.progress(&mut self.source)).await {}
            if begun.elapsed() >= self.polling_for {
                self.polling_for = (self.polling_for * 2).min(Self::LONGEST_POLLING.max(self.pace.poll_interval));
                return Some(Ok(()));
            }
        }
    }

    fn take_polled(&mut self, frame: Frame) -> Step {
        if matches!(frame, Frame::Bookmark { .. }) {
            return self.take(frame);
        }
        let Frame::Snapshot { cursor, view, skipped } = frame else {
            return Step::End(Outage::Malformed { reason: "what was asked for is no snapshot".to_owned() });
        };
        let before = self.cursor.clone();
        if before.as_ref() == Some(&cursor) {
            return Step::CaughtUp;
        }
        let follows = before.is_some_and(|known| known.epoch == cursor.epoch && known.revision <= cursor.revision);
        self.replace(cursor, *view, &skipped);
        // Unlike a stream's, these snapshots come often: the routes are told again only where that looks like news.
        if !follows || !self.replica.has_all_declared() {
            self.registration.is_due();
        }
        Step::CaughtUp
    }
}

/// Whether the work was done before the time.
async fn timeout_until(deadline: Instant, work: impl Future<Output = ()>) -> bool {
    tokio::time::timeout_at(deadline, work).await.is_ok()
}
