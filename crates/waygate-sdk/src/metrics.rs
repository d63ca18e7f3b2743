//! Numbers for the recorder that the program has installed (crate `metrics`), with the feature `metrics`.
//!
//! Decisions are counted as they are made; how the rules stand is told when [`Waygate::record_metrics`] is called.

use waygate_core::{Charged, Denial, Pass};

#[cfg(feature = "metrics")]
use crate::clock;
#[cfg(feature = "metrics")]
use crate::status::{Phase, Status};
#[cfg(feature = "metrics")]
use crate::waygate::Waygate;

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
    ::metrics::counter!("waygate_sdk_decisions_total", "outcome" => outcome, "layer" => layer).increment(1);
}

#[cfg(not(feature = "metrics"))]
fn count(_: &'static str, _: &'static str) {}

#[cfg(feature = "metrics")]
impl Waygate {
    /// Tells the recorder that the program has installed (crate [`metrics`](https://docs.rs/metrics)) how the rules stand,
    /// by what [`Waygate::status`] says. Call it before the recorder's numbers are read, or every few seconds.
    ///
    /// | metric | kind | what it tells |
    /// |---|---|---|
    /// | `waygate_sdk_decisions_total` | counter | requests by `outcome` (`forwarded`, `maintenance`, `disabled`, `env_gated`, `limited`, and `shadow` for what only would have been stopped) and the `layer` that decided; counted by the tower layer as they come |
    /// | `waygate_sdk_live` | gauge | 1 while changes arrive as they happen |
    /// | `waygate_sdk_stale_seconds` | gauge | for how long changes have not arrived; 0 while they do |
    /// | `waygate_sdk_rules_age_seconds` | gauge | how long ago the rules in force were last known to be the control plane's; left out where nobody knows |
    /// | `waygate_sdk_revision` | gauge | the revision in force; left out while only declared states are known |
    /// | `waygate_sdk_routes` | gauge | how many routes are declared |
    /// | `waygate_sdk_registered` | gauge | 1 once the control plane knows all of them |
    /// | `waygate_sdk_skipped_total` | counter | elements of frames that could not be read |
    /// | `waygate_sdk_drifted_total` | counter | how often the rules differed from the control plane's, and were fetched anew |
    pub fn record_metrics(&self) {
        let status = self.status();
        let now = clock::now();
        let seconds = |since: jiff::Timestamp| now.duration_since(since).as_secs_f64().max(0.0);
        let stale = match &status.phase {
            Phase::Live | Phase::Polling => 0.0,
            Phase::Starting => seconds(status.since),
            Phase::Stale { since, .. } => seconds(*since),
        };
        ::metrics::gauge!("waygate_sdk_live").set(yes(status.phase == Phase::Live));
        ::metrics::gauge!("waygate_sdk_stale_seconds").set(stale);
        if let Some(as_of) = status.as_of {
            ::metrics::gauge!("waygate_sdk_rules_age_seconds").set(seconds(as_of));
        }
        record_rules(&status);
    }
}

#[cfg(feature = "metrics")]
#[expect(clippy::cast_precision_loss, reason = "numbers of things stay below 2^53")]
fn record_rules(status: &Status) {
    if let Some(cursor) = &status.cursor {
        ::metrics::gauge!("waygate_sdk_revision").set(cursor.revision.0 as f64);
    }
    ::metrics::gauge!("waygate_sdk_routes").set(status.declared as f64);
    ::metrics::gauge!("waygate_sdk_registered").set(yes(status.registered));
    ::metrics::counter!("waygate_sdk_skipped_total").absolute(status.skipped);
    ::metrics::counter!("waygate_sdk_drifted_total").absolute(status.drifted);
}

#[cfg(feature = "metrics")]
fn yes(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}
