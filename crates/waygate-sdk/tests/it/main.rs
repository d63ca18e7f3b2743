//! The SDK from outside: the guard in routers, and following a control plane.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod layer;
mod script;
mod sync;
