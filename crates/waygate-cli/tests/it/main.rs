//! The `waygate` binary from outside: real processes, a real control plane.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test whose own steps fail has failed; what it writes need not outlive a crash"
)]

mod context;
mod credentials;
mod errors;
mod guide;
mod output;
mod rate_limits;
mod serve;
mod system;
