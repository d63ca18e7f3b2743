//! Where Waygate keeps its commits.
//!
//! A [`Store`] is one ordered log with the state that it leads to. It accepts drafts only on the revision that they
//! were planned on, and hands every accepted commit to everyone who watches.
//!
//! - [`MemoryStore`] keeps everything in memory.
//! - `FileStore` (feature `file`, on by default) keeps a readable document and an append-only log beside it.
//! - `RedisStore` (feature `redis`) keeps a log in Redis that several control planes share.
//! - Each has a [`SideStore`] for what is not history: how far a follower has come, who holds a lease.
//! - A store of your own implements [`Store`] and passes the `conformance!` suite of the feature `testing`.
//!
//! Planning, replaying and rendering are not done here: a store neither knows commands nor looks into changes.
//!
//! ```
//! use waygate_core::{Cause, Draft, Platform, Timestamp};
//! use waygate_store::{CommitError, MemoryStore, Store};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::new()?;
//! let base = store.load().await?.cursor;
//! let cause = Cause { actor: "ada".parse()?, platform: Platform::Cli, at: Timestamp::UNIX_EPOCH, undoes: None };
//! let draft = Draft { id: "0123456789abcdef".to_owned().try_into()?, cause, records: Vec::new() };
//!
//! let commits = store.commit(&base, vec![draft.clone()]).await?;
//! assert_eq!(commits[0].revision().0, 1);
//!
//! // Planned on a state that is no longer the newest: refused, plan again.
//! assert!(matches!(store.commit(&base, vec![draft]).await, Err(CommitError::Conflict { .. })));
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "redis")]
mod counters;
#[cfg(feature = "file")]
mod file;
mod log;
mod memory;
#[cfg(feature = "redis")]
mod redis;
mod side;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod timeline;

#[cfg(feature = "redis")]
pub use self::redis::{RedisOptions, RedisStore};
#[cfg(feature = "redis")]
pub use counters::{
    ChargeAnswer, ChargeOutcome, ChargeRequest, CounterHealth, CounterKey, CounterOptions, CounterStore, Fallback,
    LimitCharge, RedisCounters,
};
#[cfg(feature = "file")]
pub use file::{FileOptions, FileStore};
pub use log::Retention;
pub use memory::MemoryStore;
pub use side::{MemorySide, SideStore, SideValue};
pub use store::{CommitError, CommitStream, HistoryPage, HistoryQuery, Store, StoreError, WatchError};
