//! Control plane, store and SDK in one thread and in simulated time, with everything that is between them broken at random
//! and from a seed: the same seed is the same run, step by step.
//!
//! The parts are the real ones: servers by their router, services by the SDK's own following, a memory store. Simulated
//! are the connections between them ([`link`], [`store`]), the operators ([`commands`]) and the time. What has to hold at
//! any moment is in [`client`] and [`truth`]; what has to hold at the end, in [`run`].

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "it is a test: what cannot be is a bug of its own")]

pub mod chance;
pub mod client;
pub mod commands;
pub mod link;
pub mod node;
pub mod run;
pub mod store;
pub mod truth;
pub mod world;
