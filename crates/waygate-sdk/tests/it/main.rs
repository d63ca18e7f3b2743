//! The SDK from outside: the guard in routers, and following a control plane.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod end_to_end;
mod layer;
mod limits;
mod script;
mod sync;
