//! The control plane through its public surface: real sockets, real requests.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod answers;
mod audit;
mod authority;
mod batch;
mod browsers;
mod changes;
mod conditions;
mod dashboard;
mod delivery;
mod documents;
mod edges;
mod embedding;
mod helpers;
mod hosts;
mod input;
mod instances;
mod lifecycle;
mod lists;
mod logins;
mod maintenance;
mod matrix;
mod metrics;
mod properties;
mod public;
mod rate_limits;
mod registration;
mod routes;
mod secrets;
mod service_tokens;
mod serving;
mod shares;
mod storage;
mod streams;
mod tokens;
mod webhooks;
