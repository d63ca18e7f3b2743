//! The stores and the counters, from outside.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod child;
mod conformance;
mod cost;
mod damage;
mod directory;
mod failing;
mod kill;
mod linear;
mod redis;
mod redis_counters;
mod redis_outage;
mod redis_replicas;
mod redis_store;
mod redis_torn;
mod reopen;
mod sentinel;
mod side;
