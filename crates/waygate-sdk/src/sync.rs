//! Following the control plane: one task per service that keeps the replica current, whatever happens.
//!
//! Connecting → catching up → live → (anything unexpected) → waiting → connecting … There is one way out of every
//! kind of trouble: drop the connection, wait, open again where the replica stands, or from nothing where the
//! history is another one.

pub(crate) mod backoff;
pub(crate) mod remote;
pub(crate) mod source;

mod frames;
mod registration;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use waygate_core::Cursor;

use crate::replica::Replica;
use crate::status::Outage;
use crate::sync::backoff::Backoff;
use crate::sync::frames::Step;
use crate::sync::registration::Registration;
use crate::sync::source::Source;

/// Drives one source for the life of the SDK.
#[derive(Debug)]
pub(crate) struct Syncer<S> {
    source: S,
    replica: Arc<Replica>,
    /// Where the replica stands; what to resume after.
    cursor: Option<Cursor>,
    backoff: Backoff,
    registration: Registration,
    /// So long without a sign of life is the end of a connection.
    silence: Duration,
}

impl<S: Source> Syncer<S> {
    pub(crate) fn new(source: S, replica: Arc<Replica>, reconnect_delay: Duration, silence: Duration) -> Self {
        let registration = Registration::new(replica.clone(), Backoff::new(reconnect_delay));
        Self { source, replica, cursor: None, backoff: Backoff::new(reconnect_delay), registration, silence }
    }

    /// Follows until `stop`; never gives up by itself.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let None = stop.run_until_cancelled(self.follow_for_ever()).await;
        self.replica.lost(Outage::Stopped);
        tracing::info!("waygate has stopped following the control plane");
    }

    async fn follow_for_ever(&mut self) -> std::convert::Infallible {
        let mut reported = None;
        loop {
            let outage = self.follow(&mut reported).await;
            let wait = self.backoff.after(&outage, Instant::now());
            // The same trouble is told once, not once per attempt.
            if reported.as_ref() == Some(&outage) {
                tracing::debug!(%outage, ?wait, "waygate is still not in touch with the control plane");
            } else {
                tracing::warn!(%outage, ?wait, "waygate keeps enforcing what it knows and will connect again");
                reported = Some(outage.clone());
            }
            self.replica.lost(outage);
            tokio::time::sleep(wait).await;
        }
    }

    /// One connection, from its opening to its end.
    async fn follow(&mut self, reported: &mut Option<Outage>) -> Outage {
        let opening = timeout(self.silence, self.source.open(self.cursor.clone()));
        let mut frames = match opening.await {
            Ok(Ok(frames)) => frames,
            Ok(Err(outage)) => return outage,
            Err(_) => return Outage::Silent { after: self.silence },
        };
        let mut heard = Instant::now();
        let mut live_since: Option<Instant> = None;
        let outage = loop {
            tokio::select! {
                biased;
                () = self.registration.progress(&mut self.source), if live_since.is_some() => {}
                frame = timeout_at(heard + self.silence, frames.next()) => {
                    let frame = match frame {
                        Err(_) => break Outage::Silent { after: self.silence },
                        Ok(None) => break Outage::Ended,
                        Ok(Some(Err(outage))) => break outage,
                        Ok(Some(Ok(frame))) => frame,
                    };
                    heard = Instant::now();
                    match frame.map(|frame| self.take(frame)) {
                        Some(Step::End(outage)) => break outage,
                        Some(Step::CaughtUp) if live_since.is_none() => {
                            live_since = Some(heard);
                            *reported = None;
                            self.replica.live();
                            tracing::info!("waygate follows the control plane");
                        }
                        // A sign of life, or a frame that has done its work.
                        None | Some(Step::On | Step::CaughtUp) => {}
                    }
                }
            }
        };
        if let Some(since) = live_since {
            self.backoff.was_healthy_for(since.elapsed());
        }
        outage
    }
}
