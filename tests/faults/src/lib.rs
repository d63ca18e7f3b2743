//! Nodes, a Redis and services as real processes, with proxies between all of them that break connections from a seed; and
//! a checker of what has become of every change.
//!
//! [`proxy`] breaks links, [`plan`] draws from a seed what happens when, [`world`] has the processes, [`writer`] makes changes
//! and keeps what it was told, [`journal`] is what services have noted, and [`history`] compares all of it.

pub mod clock;
pub mod history;
pub mod journal;
pub mod known;
pub mod plan;
pub mod process;
pub mod proxy;
pub mod run;
pub mod sentinel;
pub mod world;
pub mod writer;

/// The routes of each Rust service.
pub const ROUTES: [&str; 4] = ["/r0", "/r1", "/r2", "/r3"];
