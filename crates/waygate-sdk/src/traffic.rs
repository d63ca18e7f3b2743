//! How many requests routes have had and what became of them, counted without a lock and told in batches.
//!
//! Counting allocates once for each route and never again; what cannot be told is lost, and nothing is told where there
//! was nothing to count.

mod tally;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use waygate_api::instances::InstanceId;
use waygate_api::paths;
use waygate_api::traffic::{MOST_COUNTS, OLDEST, TrafficCount, TrafficReport};
use waygate_core::ServiceId;

pub(crate) use self::tally::{Outcome, Traffic};
use crate::gate::Gate;
use crate::session::Session;

/// How often counts are taken: each report tells them apart by that.
const SAMPLE: Duration = Duration::from_secs(1);
/// How often they are reported, unless denied requests are told more often.
const EVERY: Duration = Duration::from_secs(5);
/// The most that waits to be reported; what is beyond is lost.
const MOST_WAITING: usize = 5 * MOST_COUNTS;
/// How long a report may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the last one may take when the service stops.
const PARTING: Duration = Duration::from_secs(1);

/// Reports what one instance counts.
pub(crate) struct Reporter {
    gate: Arc<Gate>,
    session: Session,
    service: ServiceId,
    instance: InstanceId,
    waiting: Vec<(Instant, TrafficCount)>,
}

impl Reporter {
    pub(crate) fn new(gate: Arc<Gate>, session: Session, service: ServiceId, instance: InstanceId) -> Self {
        Self { gate, session, service, instance, waiting: Vec::new() }
    }

    /// Reports until `stop`, at most once in each `every`.
    pub(crate) async fn run(mut self, every: Duration, stop: CancellationToken) {
        let every = every.min(EVERY);
        let mut samples = interval(SAMPLE.min(every).max(Duration::from_millis(1)));
        samples.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reported = Instant::now();
        while stop.run_until_cancelled(samples.tick()).await.is_some() {
            self.sample();
            if reported.elapsed() >= every {
                reported = Instant::now();
                stop.run_until_cancelled(self.report(PATIENCE)).await;
            }
        }
        self.sample();
        // One report, with whatever fits: nobody waits longer for an end.
        self.report(PARTING).await;
    }

    fn sample(&mut self) {
        let now = Instant::now();
        let (waiting, gate) = (&mut self.waiting, &self.gate);
        gate.traffic.drain(|method, path, counts| {
            if waiting.len() < MOST_WAITING {
                let count = TrafficCount { seconds_ago: 0, method: method.to_owned(), path: path.to_owned(), counts };
                waiting.push((now, count));
            }
        });
    }

    /// Tells all that waits. A report that does not arrive is lost, and those after it are not tried.
    async fn report(&mut self, patience: Duration) {
        let now = Instant::now();
        let aged = |(at, count): (Instant, TrafficCount)| {
            let seconds = now.saturating_duration_since(at).as_secs();
            TrafficCount { seconds_ago: u32::try_from(seconds).unwrap_or(OLDEST).min(OLDEST), ..count }
        };
        let mut counts = std::mem::take(&mut self.waiting).into_iter().map(aged).peekable();
        while counts.peek().is_some() {
            let report = &TrafficReport {
                app_id: self.service.to_string(),
                instance: self.instance.to_string(),
                counts: counts.by_ref().take(MOST_COUNTS).collect(),
            };
            let call = self
                .session
                .call(|client| async move { client.post::<serde_json::Value>(paths::SDK_TRAFFIC, report).await });
            let told = timeout(patience, call).await;
            if !matches!(told, Ok(Ok(_))) {
                tracing::debug!(?told, "a report of traffic is lost");
                return;
            }
        }
    }
}
