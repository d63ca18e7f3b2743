//! Numbers for the recorder that the program has installed (crate `metrics`), with the feature `metrics`.
//!
//! Decisions are counted as they are made; how the rules stand is told when [`Waygate::record_metrics`] is called.

use waygate_core::{Charged, Denial, Pass};

#[cfg(feature = "metrics")]
use crate::clock;
#[cfg(feature = "metrics")]
use crate::metrics::definition as defined;
#[cfg(feature = "metrics")]
use crate::status::{Phase, SharedCounters, Status};
#[cfg(feature = "metrics")]
use crate::waygate::Waygate;

#[cfg(feature = "metrics")]
mod definition;
#[cfg(all(test, feature = "metrics"))]
mod reference;

/// Counts a request that was stopped.
pub(crate) fn denied(denial: &Denial<'_>) {
    let outcome = match denial {
        Denial::Maintenance { .. } => "maintenance",
        Denial::Disabled { .. } => "disabled",
        Denial::EnvGated { .. } => "env_gated",
    };
    count(outcome, denial.layer().as_str());
}

/// Counts a request that no lifecycle stopped, by what its limits have said.
pub(crate) fn concluded(pass: &Pass<'_>, charged: Option<&Charged<'_>>) {
    match charged {
        Some(Charged::Exceeded(exceeded)) => count("limited", exceeded.standing.layer.as_str()),
        _ if pass.deprecation.is_some() => count("forwarded", "deprecation"),
        _ => count("forwarded", ""),
    }
    if let Some(denial) = &pass.shadow {
        count("shadow", denial.layer().as_str());
    }
    if let Some(Charged::Admitted { shadow: Some(exceeded), .. }) = charged {
        count("shadow", exceeded.standing.layer.as_str());
    }
}

#[cfg(feature = "metrics")]
fn count(outcome: &'static str, layer: &'static str) {
    ::metrics::counter!(defined::DECISIONS.name, "outcome" => outcome, "layer" => layer).increment(1);
}

#[cfg(not(feature = "metrics"))]
fn count(_: &'static str, _: &'static str) {}

#[cfg(feature = "metrics")]
impl Waygate {
    /// Tells the recorder that the program has installed (crate [`metrics`](https://docs.rs/metrics)) how the rules stand,
    /// by what [`Waygate::status`] says. Call it before the recorder's numbers are read, or every few seconds; decisions
    /// are counted as they are made, by the layer and [`Waygate::admit`].
    ///
    #[doc = include_str!("metrics/reference.md")]
    pub fn record_metrics(&self) {
        for definition in defined::ALL {
            definition.describe();
        }
        let status = self.status();
        let now = clock::now();
        let seconds = |since: jiff::Timestamp| now.duration_since(since).as_secs_f64().max(0.0);
        let stale = match &status.phase {
            Phase::Live | Phase::Polling => 0.0,
            Phase::Starting => seconds(status.since),
            Phase::Stale { since, .. } => seconds(*since),
        };
        gauge(&defined::LIVE, yes(status.phase == Phase::Live));
        gauge(&defined::STALE_SECONDS, stale);
        if let Some(as_of) = status.as_of {
            gauge(&defined::RULES_AGE_SECONDS, seconds(as_of));
        }
        record_rules(&status);
        if let Some(shared) = &status.shared_counters {
            record_shared_counters(shared);
        }
    }
}

#[cfg(feature = "metrics")]
#[expect(clippy::cast_precision_loss, reason = "numbers of things stay below 2^53")]
fn record_rules(status: &Status) {
    if let Some(cursor) = &status.cursor {
        gauge(&defined::REVISION, cursor.revision.0 as f64);
    }
    gauge(&defined::ROUTES, status.declared as f64);
    gauge(&defined::REGISTERED, yes(status.registered));
    gauge(&defined::REJECTED_ROUTES, status.rejected as f64);
    gauge(&defined::UNMATCHED_ROUTES, status.unmatched.len() as f64);
    counter(&defined::SKIPPED, status.skipped);
    counter(&defined::DRIFTED, status.drifted);
    counter(&defined::CACHE_FAILURES, status.cache_failures);
}

#[cfg(feature = "metrics")]
fn record_shared_counters(shared: &SharedCounters) {
    gauge(&defined::COUNTERS_REACHABLE, yes(shared.reachable));
    counter(&defined::COUNTERS_OUTAGES, shared.outages);
    for (outcome, requests) in
        [("counted_locally", shared.counted_locally), ("let_through", shared.let_through), ("refused", shared.refused)]
    {
        ::metrics::counter!(defined::COUNTERS_UNANSWERED.name, "outcome" => outcome).absolute(requests);
    }
}

#[cfg(feature = "metrics")]
fn gauge(definition: &definition::Definition, value: f64) {
    ::metrics::gauge!(definition.name).set(value);
}

#[cfg(feature = "metrics")]
fn counter(definition: &definition::Definition, value: u64) {
    ::metrics::counter!(definition.name).absolute(value);
}

#[cfg(feature = "metrics")]
fn yes(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}
