//! What each metric means. The table of the documentation is made of it.

use ::metrics::Unit;

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows, and begins at zero with the process.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// One metric, as the documentation tells of it.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reference; what counts names its labels itself"))]
    pub(super) labels: &'static [&'static str],
    /// One sentence without its full stop.
    pub(super) help: &'static str,
}

impl Definition {
    /// Tells the recorder what the metric means.
    pub(super) fn describe(&self) {
        let unit = if self.name.ends_with("_seconds") { Unit::Seconds } else { Unit::Count };
        match self.kind {
            Kind::Counter => ::metrics::describe_counter!(self.name, unit, self.help),
            Kind::Gauge => ::metrics::describe_gauge!(self.name, unit, self.help),
        }
    }
}

pub(super) static DECISIONS: Definition = Definition {
    name: "waygate_sdk_decisions_total",
    kind: Kind::Counter,
    labels: &["outcome", "layer"],
    help: "Requests by what became of them: `forwarded`, `maintenance`, `disabled`, `env_gated`, `limited`, and `shadow` once more for what only would have been stopped; `layer` is the one that decided, `deprecation` for what was forwarded with an announcement, else empty",
};
pub(super) static LIVE: Definition = Definition {
    name: "waygate_sdk_live",
    kind: Kind::Gauge,
    labels: &[],
    help: "1 while changes arrive as they happen; 0 also while the control plane is polled",
};
pub(super) static STALE_SECONDS: Definition = Definition {
    name: "waygate_sdk_stale_seconds",
    kind: Kind::Gauge,
    labels: &[],
    help: "For how long changes have not arrived; 0 while they do",
};
pub(super) static RULES_AGE_SECONDS: Definition = Definition {
    name: "waygate_sdk_rules_age_seconds",
    kind: Kind::Gauge,
    labels: &[],
    help: "How long ago the rules in force were last known to be the control plane's; left out where nobody knows",
};
pub(super) static REVISION: Definition = Definition {
    name: "waygate_sdk_revision",
    kind: Kind::Gauge,
    labels: &[],
    help: "The revision in force; left out while only declared states are known",
};
pub(super) static ROUTES: Definition = Definition {
    name: "waygate_sdk_routes",
    kind: Kind::Gauge,
    labels: &[],
    help: "How many routes are declared, those included that were observed in use",
};
pub(super) static REGISTERED: Definition = Definition {
    name: "waygate_sdk_registered",
    kind: Kind::Gauge,
    labels: &[],
    help: "1 once the control plane knows all of them",
};
pub(super) static REJECTED_ROUTES: Definition = Definition {
    name: "waygate_sdk_rejected_routes",
    kind: Kind::Gauge,
    labels: &[],
    help: "How many of them the control plane has refused",
};
pub(super) static UNMATCHED_ROUTES: Definition = Definition {
    name: "waygate_sdk_unmatched_routes",
    kind: Kind::Gauge,
    labels: &[],
    help: "How many of them no concrete path can be matched to, which matters where the framework does not tell the template",
};
pub(super) static SKIPPED: Definition = Definition {
    name: "waygate_sdk_skipped_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Elements of frames that could not be read; each kept its last known value",
};
pub(super) static DRIFTED: Definition = Definition {
    name: "waygate_sdk_drifted_total",
    kind: Kind::Counter,
    labels: &[],
    help: "How often the rules differed from the control plane's, and were fetched anew",
};
pub(super) static CACHE_FAILURES: Definition = Definition {
    name: "waygate_sdk_cache_failures_total",
    kind: Kind::Counter,
    labels: &[],
    help: "How often the cache on disk could not be written",
};
pub(super) static COUNTERS_REACHABLE: Definition = Definition {
    name: "waygate_sdk_shared_counters_reachable",
    kind: Kind::Gauge,
    labels: &[],
    help: "1 while the counters that replicas share are asked; this and what follows is left out where none are shared",
};
pub(super) static COUNTERS_OUTAGES: Definition = Definition {
    name: "waygate_sdk_shared_counters_outages_total",
    kind: Kind::Counter,
    labels: &[],
    help: "How often they began to be out of reach",
};
pub(super) static COUNTERS_UNANSWERED: Definition = Definition {
    name: "waygate_sdk_shared_counters_unanswered_total",
    kind: Kind::Counter,
    labels: &["outcome"],
    help: "Requests for which they had no answer in time, by what was done: `counted_locally`, `let_through`, `refused`",
};

/// Every metric, in the order in which the reference tells of them.
pub(super) static ALL: &[&Definition] = &[
    &DECISIONS,
    &LIVE,
    &STALE_SECONDS,
    &RULES_AGE_SECONDS,
    &REVISION,
    &ROUTES,
    &REGISTERED,
    &REJECTED_ROUTES,
    &UNMATCHED_ROUTES,
    &SKIPPED,
    &DRIFTED,
    &CACHE_FAILURES,
    &COUNTERS_REACHABLE,
    &COUNTERS_OUTAGES,
    &COUNTERS_UNANSWERED,
];
