//! The whole thing, in real processes: our server, the guide's Python service with the unmodified PyPI client, our Rust
//! service, and both command lines.
//!
//! They need the Python peer (`scripts/peer`) and the example services, which `scripts/test` prepares. Without them
//! they fail, and say what is missing.

mod acceptance;
mod counters;
mod crash;
mod disk;
mod divided;
mod durable;
mod examples;
mod guide;
mod import;
mod instances;
mod limits;
mod matrix;
mod nodes;
mod outage;
mod process;
mod proxy;
mod redis;
mod restart;
mod sentinel;
mod world;

pub(crate) use redis::Redis;
