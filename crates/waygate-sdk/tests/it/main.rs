//! The SDK from outside: the guard in routers, and following a control plane.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acknowledge;
mod end_to_end;
mod faults;
mod kept;
mod layer;
mod limits;
#[cfg(feature = "metrics")]
mod metrics;
mod proxy;
mod script;
mod servers;
mod shares;
mod sync;
mod traffic;
