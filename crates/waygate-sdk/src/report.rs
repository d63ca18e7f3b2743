//! What was denied, told to the control plane in sums.

mod callers;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use waygate_api::instances::InstanceId;
use waygate_api::paths;
use waygate_api::rate_limits::{HitReport, HitsReport};
use waygate_core::{CallerFacts, Exceeded, RouteMethod, ServiceId};

use self::callers::Callers;
use crate::session::Session;

/// How many kinds of denials are told apart between two reports; the rest is only counted.
const MOST: usize = 1000;
/// How long the last report may take when the service stops.
const PARTING: Duration = Duration::from_secs(1);

/// Denied requests since the last report, in sums. Bounded, whatever callers do.
#[derive(Debug, Default)]
pub(crate) struct Hits {
    kept: Mutex<Kept>,
    /// Off where nobody is told.
    reported: bool,
    noted: Notify,
}

#[derive(Debug, Default)]
struct Kept {
    sums: HashMap<Kind, Sum>,
    dropped: u64,
    callers: Callers,
}

/// Denials that are told as one.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Kind {
    layer: &'static str,
    policy: String,
    path: String,
    method: &'static str,
    key: String,
    limit: String,
    tier: Option<String>,
    shadow: bool,
}

#[derive(Debug)]
struct Sum {
    count: u64,
    latest: Timestamp,
    reset_at: Timestamp,
}

impl Hits {
    pub(crate) fn new(reported: bool) -> Self {
        Self { reported, ..Self::default() }
    }

    pub(crate) fn note(
        &self,
        exceeded: &Exceeded<'_>,
        caller: &impl CallerFacts,
        method: &str,
        template: &str,
        shadow: bool,
    ) {
        if !self.reported {
            return;
        }
        let standing = &exceeded.standing;
        let kind = Kind {
            layer: standing.layer.as_str(),
            policy: standing.policy_name(),
            path: standing.route.map_or_else(|| template.to_owned(), |route| route.path.to_string()),
            method: RouteMethod::of_request(method).map_or("OTHER", RouteMethod::as_str),
            key: standing.policy.key_strategy.to_string(),
            limit: standing.limit.to_string(),
            tier: standing.tier.map(ToOwned::to_owned),
            shadow,
        };
        let sum = Sum { count: 1, latest: standing.at, reset_at: standing.reset_at() };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !shadow {
            kept.callers.note(exceeded, &kind.policy, caller);
        }
        if let Some(known) = kept.sums.get_mut(&kind) {
            *known = Sum { count: known.count + 1, ..sum };
        } else if kept.sums.len() < MOST {
            kept.sums.insert(kind, sum);
        } else {
            kept.dropped += 1;
        }
        drop(kept);
        self.noted.notify_one();
    }

    /// Takes everything that was noted; `None` when that is nothing.
    fn drain(&self) -> Option<(Vec<HitReport>, u64, Callers)> {
        let Kept { sums, dropped, callers } =
            std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        let told = |(kind, sum): (Kind, Sum)| HitReport {
            path: kind.path,
            method: kind.method.to_owned(),
            layer: kind.layer.to_owned(),
            policy: kind.policy,
            key: kind.key,
            limit: kind.limit,
            tier: kind.tier,
            shadow: kind.shadow,
            count: sum.count,
            timestamp: sum.latest,
            reset_at: sum.reset_at,
        };
        let mut hits: Vec<HitReport> = sums.into_iter().map(told).collect();
        hits.sort_by_key(|hit| hit.timestamp);
        (!hits.is_empty()).then_some((hits, dropped, callers))
    }
}

#[cfg(feature = "testing")]
impl Hits {
    /// Takes the denials that were noted, for tests.
    pub(crate) fn take(&self) -> Vec<HitReport> {
        self.drain().map(|(hits, ..)| hits).unwrap_or_default()
    }
}

/// Reports until `stop`, at most once in each `every`. A report that does not arrive is lost.
pub(crate) async fn run(
    gate: std::sync::Arc<crate::gate::Gate>,
    session: Session,
    service: ServiceId,
    instance: InstanceId,
    every: Duration,
    stop: CancellationToken,
) {
    while stop.run_until_cancelled(gate.hits.noted.notified()).await.is_some() {
        let stopped = stop.run_until_cancelled(tokio::time::sleep(every)).await.is_none();
        let Some((hits, dropped, callers)) = gate.hits.drain() else { continue };
        let callers = callers.told(&service);
        let report = HitsReport { app_id: service.to_string(), instance: instance.to_string(), hits, dropped, callers };
        let report = &report;
        let told =
            session.call(|client| async move { client.post::<serde_json::Value>(paths::SDK_HITS, report).await });
        let told = if stopped { tokio::time::timeout(PARTING, told).await.ok() } else { Some(told.await) };
        if !matches!(told, Some(Ok(_))) {
            tracing::debug!(?told, "a report of denied requests is lost");
        }
    }
}
