//! The SDK from outside: the guard in routers, and following a control plane.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acknowledge;
#[cfg(feature = "testing")]
mod answers;
mod end_to_end;
mod faults;
mod kept;
mod layer;
mod limits;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(all(feature = "testing", feature = "utoipa"))]
mod openapi;
mod proxy;
mod script;
#[cfg(feature = "testing")]
mod scripted;
mod servers;
mod shares;
mod sync;
mod traffic;
