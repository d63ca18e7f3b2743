//! Both stores, from outside.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod child;
mod conformance;
mod damage;
mod directory;
mod failing;
mod kill;
mod linear;
mod reopen;
mod side;
