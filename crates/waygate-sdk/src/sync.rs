//! Following the control plane: one task per service that keeps the replica current, whatever happens.
//!
//! Connecting → catching up → live → (anything unexpected) → waiting → connecting … There is one way out of every
//! kind of trouble: drop the connection, wait, open again where the replica stands, or from nothing where the
//! history is another one. Where the control plane answers but its streams do not get through, it is asked for
//! snapshots from time to time.

pub(crate) mod backoff;
pub(crate) mod remote;
pub(crate) mod source;

mod frames;
mod poll;
mod registration;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use waygate_core::Cursor;

use crate::replica::Replica;
use crate::status::{Outage, Phase};
use crate::sync::backoff::Backoff;
use crate::sync::frames::{Agreement, Step};
use crate::sync::registration::Registration;
use crate::sync::source::{FrameStream, Source};

/// The times that a syncer keeps to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) reconnect_delay: Duration,
    /// So long without a sign of life is the end of a connection.
    pub(crate) silence: Duration,
    /// Between two questions for a snapshot, where no stream gets through.
    pub(crate) poll_interval: Duration,
}

/// Drives one source for the life of the SDK.
#[derive(Debug)]
pub(crate) struct Syncer<S> {
    source: S,
    replica: Arc<Replica>,
    /// Where the replica stands; what to resume after.
    cursor: Option<Cursor>,
    agreement: Agreement,
    backoff: Backoff,
    registration: Registration,
    pace: Pace,
    /// How many attempts since the last contact have failed, over all servers.
    failures: usize,
    /// How many streams in a row were accepted and brought nothing.
    fruitless: usize,
    /// How long to poll before the stream is tried again.
    polling_for: Duration,
    /// Polling has failed a moment ago, and is not tried again before.
    no_poll_before: Option<Instant>,
    /// What was told in the log last.
    reported: Option<Outage>,
}

impl<S: Source> Syncer<S> {
    /// How long a stream that was accepted may take to begin.
    const LONGEST_HANDSHAKE: Duration = Duration::from_secs(10);
    /// So many fruitless streams in a row are a reason to ask without one.
    const FRUITLESS: usize = 2;

    pub(crate) fn new(source: S, replica: Arc<Replica>, pace: Pace) -> Self {
        let registration = Registration::new(replica.clone(), Backoff::new(pace.reconnect_delay));
        Self {
            source,
            cursor: replica.resumes_after(),
            replica,
            agreement: Agreement::default(),
            backoff: Backoff::new(pace.reconnect_delay),
            registration,
            pace,
            failures: 0,
            fruitless: 0,
            polling_for: pace.poll_interval * Self::INTERVALS,
            no_poll_before: None,
            reported: None,
        }
    }

    /// Follows until `stop`; never gives up by itself.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let None = stop.run_until_cancelled(self.follow_for_ever()).await;
        self.replica.lost(Outage::Stopped);
        tracing::info!("waygate has stopped following the control plane");
    }

    async fn follow_for_ever(&mut self) -> std::convert::Infallible {
        loop {
            self.replica.follows(self.source.server());
            let mut outage = self.follow().await;
            if self.fruitless >= Self::FRUITLESS && self.no_poll_before.is_none_or(|before| before <= Instant::now()) {
                match self.poll().await {
                    Some(Ok(())) => continue,
                    Some(Err(why)) => {
                        self.no_poll_before = Some(Instant::now() + self.pace.poll_interval);
                        outage = why;
                    }
                    None => {}
                }
            }
            let wait = self.wait_after(&outage);
            // The same trouble is told once, not once per attempt.
            if self.reported.as_ref() == Some(&outage) {
                tracing::debug!(%outage, ?wait, "waygate is still not in touch with the control plane");
            } else {
                tracing::warn!(%outage, ?wait, "waygate keeps enforcing what it knows and will connect again");
                self.reported = Some(outage.clone());
            }
            self.replica.lost(outage);
            if self.failures >= self.source.servers() {
                self.replica.unreached();
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Turns to the next server. The others of the list are tried soon; the list as a whole is tried with backoff. What a
    /// server asks for when it says goodbye is the pace of all of them.
    fn wait_after(&mut self, outage: &Outage) -> Duration {
        self.source.turn();
        self.failures += 1;
        let is_another_left = !self.failures.is_multiple_of(self.source.servers().max(1));
        if is_another_left && !matches!(outage, Outage::Goodbye { .. }) {
            Backoff::soon()
        } else {
            self.backoff.after(outage, Instant::now())
        }
    }

    /// One connection, from its opening to its end.
    async fn follow(&mut self) -> Outage {
        let opening = timeout(self.pace.silence, self.source.open(self.cursor.clone()));
        let opened = opening.await.unwrap_or(Err(Outage::Silent { after: self.pace.silence }));
        let mut frames = match opened {
            Ok(frames) => frames,
            Err(outage) => {
                if matches!(outage, Outage::Silent { .. }) {
                    self.fruitless += 1;
                }
                return outage;
            }
        };
        // Until a frame comes.
        self.fruitless += 1;
        self.agreement.begin();
        let mut live_since = None;
        let outage = self.read(&mut frames, &mut live_since).await;
        if let Some(since) = live_since {
            self.backoff.was_healthy_for(Instant::now().duration_since(since));
        }
        outage
    }

    async fn read(&mut self, frames: &mut FrameStream, live_since: &mut Option<Instant>) -> Outage {
        let mut heard = Instant::now();
        let mut patience = self.pace.silence.min(Self::LONGEST_HANDSHAKE);
        loop {
            tokio::select! {
                biased;
                () = self.registration.progress(&mut self.source), if live_since.is_some() => {}
                frame = timeout_at(heard + patience, frames.next()) => {
                    let frame = match frame {
                        Err(_) => return Outage::Silent { after: patience },
                        Ok(None) => return Outage::Ended,
                        Ok(Some(Err(outage))) => return outage,
                        Ok(Some(Ok(frame))) => frame,
                    };
                    heard = Instant::now();
                    if let Some(frame) = frame {
                        self.fruitless = 0;
                        patience = self.pace.silence;
                        match self.take(frame) {
                            Step::End(outage) => return outage,
                            Step::CaughtUp if live_since.is_none() => {
                                *live_since = Some(heard);
                                self.arrived(Phase::Live);
                                tracing::info!("waygate follows the control plane");
                            }
                            Step::On | Step::CaughtUp => {}
                        }
                    }
                    if live_since.is_some() {
                        self.replica.confirmed();
                    }
                }
            }
        }
    }

    /// The rules in force are those of the control plane.
    fn arrived(&mut self, phase: Phase) {
        (self.failures, self.reported) = (0, None);
        if phase == Phase::Live {
            self.polling_for = self.pace.poll_interval * Self::INTERVALS;
        }
        self.replica.in_touch(phase);
    }
}
