//! What each metric means.

use Kind::{Counter, Gauge, Histogram, Info};

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only grows, and begins at zero with the process. Shown with `_total` at its end.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Sorts observations by size: `_bucket` with the label `le`, `_sum` and `_count`.
    Histogram,
    /// Always 1; its labels say something. Shown with `_info` at its end.
    Info,
}

/// One metric, as the reference tells of it.
#[derive(Debug)]
pub(crate) struct Definition {
    /// Without what its kind adds.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) labels: &'static [&'static str],
    /// One sentence without its full stop.
    pub(crate) help: &'static str,
    /// The upper bounds of a histogram's buckets.
    pub(crate) buckets: &'static [f64],
}

/// In seconds, for what should take milliseconds.
const QUICK: &[f64] = &[0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// In seconds, for what goes through networks of others.
const FAR: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

pub(crate) static BUILD: Definition =
    Definition { name: "waygate_build", kind: Info, labels: &["version"], help: "What is running", buckets: &[] };
pub(crate) static START_TIME: Definition = Definition {
    name: "waygate_start_time_seconds",
    kind: Gauge,
    labels: &[],
    help: "When this control plane started, in seconds since 1970",
    buckets: &[],
};
pub(crate) static READY: Definition = Definition {
    name: "waygate_ready",
    kind: Gauge,
    labels: &[],
    help: "Whether this node can serve, as `/readyz` tells: 1 or 0",
    buckets: &[],
};
pub(crate) static REVISION: Definition = Definition {
    name: "waygate_revision",
    kind: Gauge,
    labels: &[],
    help: "The newest revision that this node shows",
    buckets: &[],
};
pub(crate) static SERVICES: Definition = Definition {
    name: "waygate_services",
    kind: Gauge,
    labels: &[],
    help: "How many services are known",
    buckets: &[],
};
pub(crate) static ROUTES: Definition = Definition {
    name: "waygate_routes",
    kind: Gauge,
    labels: &["status"],
    help: "How many routes there are, by what they answer now: `active`, `maintenance`, `disabled`, `env_gated` or `deprecated`; maintenance of everything or of a service is not counted in",
    buckets: &[],
};
pub(crate) static MAINTENANCE: Definition = Definition {
    name: "waygate_maintenance",
    kind: Gauge,
    labels: &["service"],
    help: "1 for each maintenance of a whole service that is on, and without a `service` for one of everything",
    buckets: &[],
};
pub(crate) static COMMITS: Definition = Definition {
    name: "waygate_commits",
    kind: Counter,
    labels: &["platform"],
    help: "Commits that this node has applied, by whichever node they were made, and through what",
    buckets: &[],
};
pub(crate) static COMMIT_CONFLICTS: Definition = Definition {
    name: "waygate_commit_conflicts",
    kind: Counter,
    labels: &[],
    help: "How often another node had committed first, so that this one planned again",
    buckets: &[],
};
pub(crate) static HISTORIES_RELOADED: Definition = Definition {
    name: "waygate_histories_reloaded",
    kind: Counter,
    labels: &[],
    help: "How often the store had a history that does not continue this node's, and was loaded anew; every stream starts over then",
    buckets: &[],
};
pub(crate) static COMMANDS: Definition = Definition {
    name: "waygate_commands",
    kind: Counter,
    labels: &["outcome"],
    help: "Commands that this node was asked to carry out: `changed`, `unchanged`, `refused` for want of sense, `failed` for want of a store",
    buckets: &[],
};
pub(crate) static COMMAND_DURATION: Definition = Definition {
    name: "waygate_command_duration_seconds",
    kind: Histogram,
    labels: &[],
    help: "From a command's arrival until its commit is durable and shown, in seconds",
    buckets: QUICK,
};
pub(crate) static STORE_OPERATION_DURATION: Definition = Definition {
    name: "waygate_store_operation_duration_seconds",
    kind: Histogram,
    labels: &["operation"],
    help: "How long the store took, in seconds, by what it was asked for: `load`, `commit`, `history`, `find`, `watch`, `close`, and `side_` for the table beside the log",
    buckets: QUICK,
};
pub(crate) static STORE_ERRORS: Definition = Definition {
    name: "waygate_store_errors",
    kind: Counter,
    labels: &["operation", "error"],
    help: "What the store has failed at: `full`, `unavailable`, `corrupt`, `locked`, `refused`, `unacknowledged`, and `compacted` or `other_history` for what cannot be followed",
    buckets: &[],
};
pub(crate) static STREAMS: Definition = Definition {
    name: "waygate_streams",
    kind: Gauge,
    labels: &["protocol", "service"],
    help: "Open streams: `frames` of our SDK, `envelopes` of the reference's; without a `service` those that follow everything",
    buckets: &[],
};
pub(crate) static STREAM_STARTS: Definition = Definition {
    name: "waygate_stream_starts",
    kind: Counter,
    labels: &["protocol", "start"],
    help: "How streams began: `resumed` after the client's cursor, or with a `snapshot`; `over` when one that was open had to begin with a snapshot again",
    buckets: &[],
};
pub(crate) static STREAM_ENDS: Definition = Definition {
    name: "waygate_stream_ends",
    kind: Counter,
    labels: &["protocol", "reason"],
    help: "How streams ended: by the `client` or its network, `stopping`, `token_ended`, `aged`",
    buckets: &[],
};
pub(crate) static STREAM_FRAMES: Definition = Definition {
    name: "waygate_stream_frames",
    kind: Counter,
    labels: &["protocol", "frame"],
    help: "What was handed to streams: `snapshot`, `commit`, `alive`, `goodbye`",
    buckets: &[],
};
pub(crate) static STREAM_BYTES: Definition = Definition {
    name: "waygate_stream_bytes",
    kind: Counter,
    labels: &["protocol"],
    help: "How many bytes were handed to streams, before TLS",
    buckets: &[],
};
pub(crate) static STREAMS_REFUSED: Definition = Definition {
    name: "waygate_streams_refused",
    kind: Counter,
    labels: &[],
    help: "Streams that were sent away because `--max-streams` were open",
    buckets: &[],
};
pub(crate) static SNAPSHOTS: Definition = Definition {
    name: "waygate_snapshots",
    kind: Counter,
    labels: &["form"],
    help: "Snapshots that were asked for one at a time: `unchanged` since the caller's, `plain` or `gzip`",
    buckets: &[],
};
pub(crate) static INSTANCES: Definition = Definition {
    name: "waygate_instances",
    kind: Gauge,
    labels: &["service", "state"],
    help: "Instances of services as any node knows them, so take the highest over nodes, not the sum: `in_sync`, `applying`, `behind`, `unconfirmed`, `lost`, `left`",
    buckets: &[],
};
pub(crate) static LAG_REVISIONS: Definition = Definition {
    name: "waygate_instance_lag_revisions",
    kind: Gauge,
    labels: &["service"],
    help: "How many revisions the instance that is furthest behind does not enforce yet, of those that are connected",
    buckets: &[],
};
pub(crate) static LAG_SECONDS: Definition = Definition {
    name: "waygate_instance_lag_seconds",
    kind: Gauge,
    labels: &["service"],
    help: "For how long that has been so, in seconds, at worst",
    buckets: &[],
};
pub(crate) static AUTH_FAILURES: Definition = Definition {
    name: "waygate_auth_failures",
    kind: Counter,
    labels: &["reason"],
    help: "Callers who were not let in: `password` wrong, `throttled` for too many wrong ones, `missing` or bad `token`, `forbidden` for what their role does not cover",
    buckets: &[],
};
pub(crate) static WEBHOOK_ATTEMPTS: Definition = Definition {
    name: "waygate_webhook_attempts",
    kind: Counter,
    labels: &["outcome"],
    help: "Attempts to deliver to webhooks, tests included: `delivered` or `failed`",
    buckets: &[],
};
pub(crate) static WEBHOOK_DURATION: Definition = Definition {
    name: "waygate_webhook_attempt_duration_seconds",
    kind: Histogram,
    labels: &[],
    help: "How long attempts to deliver took, in seconds",
    buckets: FAR,
};
pub(crate) static WEBHOOKS_GIVEN_UP: Definition = Definition {
    name: "waygate_webhook_deliveries_given_up",
    kind: Counter,
    labels: &[],
    help: "Deliveries that were tried for too long; the webhook went on with the next one",
    buckets: &[],
};
pub(crate) static HTTP_REQUESTS: Definition = Definition {
    name: "waygate_http_requests",
    kind: Counter,
    labels: &["method", "route", "status"],
    help: "Requests that were answered, by the template of their path; `unmatched` where there is none",
    buckets: &[],
};
pub(crate) static HTTP_DURATION: Definition = Definition {
    name: "waygate_http_request_duration_seconds",
    kind: Histogram,
    labels: &["method", "route"],
    help: "From the head of a request to the head of its answer, in seconds; with `?wait=` that is how long the caller waited",
    buckets: QUICK,
};

/// Every metric, in the order in which the reference tells of them.
#[cfg(test)]
pub(crate) static ALL: &[&Definition] = &[
    &BUILD,
    &START_TIME,
    &READY,
    &REVISION,
    &SERVICES,
    &ROUTES,
    &MAINTENANCE,
    &COMMITS,
    &COMMIT_CONFLICTS,
    &HISTORIES_RELOADED,
    &COMMANDS,
    &COMMAND_DURATION,
    &STORE_OPERATION_DURATION,
    &STORE_ERRORS,
    &STREAMS,
    &STREAM_STARTS,
    &STREAM_ENDS,
    &STREAM_FRAMES,
    &STREAM_BYTES,
    &STREAMS_REFUSED,
    &SNAPSHOTS,
    &INSTANCES,
    &LAG_REVISIONS,
    &LAG_SECONDS,
    &AUTH_FAILURES,
    &WEBHOOK_ATTEMPTS,
    &WEBHOOK_DURATION,
    &WEBHOOKS_GIVEN_UP,
    &HTTP_REQUESTS,
    &HTTP_DURATION,
];
