//! The `waygate` binary from outside: real processes, a real control plane.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test whose own steps fail has failed; what it writes need not outlive a crash"
)]

mod acceptance;
mod api;
mod backup;
mod consent;
mod context;
mod copying;
mod credentials;
mod declare;
#[cfg(feature = "demo")]
mod demo;
mod deploy;
mod errors;
mod everywhere;
mod explain;
mod failures;
mod following;
mod guide;
mod hostile;
mod looking_back;
mod mistakes;
mod mistyped;
mod operations;
mod output;
mod proof;
mod radius;
mod rate_limits;
mod scripting;
mod serve;
mod sessions;
mod supply;
mod system;
mod taking_back;
mod terminal;
mod tls;
mod traces;
mod transcript;
mod trifles;
mod trust;
mod upgrade;
