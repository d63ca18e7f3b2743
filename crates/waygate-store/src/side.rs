//! What is worth keeping but is not history: values that may expire, beside the log.

#[cfg(feature = "file")]
mod file;
mod memory;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::StoreError;

#[cfg(feature = "file")]
pub(crate) use file::FileSide;
pub use memory::MemorySide;

/// A table of texts by name, outside of the log: how far a follower has come, who holds a lease. Every node that
/// shares the [`Store`](crate::Store) sees the same one.
///
/// Losing it must be harmless: whoever keeps something here can do without it.
///
/// Beside the values that are swapped there are notes, for what is told often and by many at once, such as signs of
/// life: they are apart from the values, never written to a disk, and gone with the last of those who share the store.
///
/// A store that one process at a time has keeps what expires no longer than that process lives.
///
/// `now` is the caller's clock. A table with a clock of its own, shared by many nodes, goes by that one.
#[async_trait]
pub trait SideStore: fmt::Debug + Send + Sync + 'static {
    /// The value at a key, unless there is none or it has expired.
    async fn value(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError>;

    /// The values at all keys that begin with `prefix` and that have not expired.
    async fn values(&self, prefix: &str, now: Timestamp) -> Result<BTreeMap<String, String>, StoreError>;

    /// Replaces the value at a key if it is `expected`, in one step; `None` is no value, on either side. Whether it
    /// was replaced.
    async fn swap(
        &self,
        key: &str,
        expected: Option<&str>,
        new: Option<SideValue>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Puts notes in place of whatever is noted at their keys: all in one step.
    async fn note(&self, notes: Vec<(String, SideValue)>, now: Timestamp) -> Result<(), StoreError>;

    /// Whether notes are still there when a program that shares the store has started anew. Unless it says so, they are not.
    fn keeps_notes(&self) -> bool {
        false
    }

    /// The notes at all keys that begin with `prefix` and that have not expired.
    async fn noted(&self, prefix: &str, now: Timestamp) -> Result<BTreeMap<String, String>, StoreError>;
}

/// A value to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideValue {
    /// The value itself.
    pub text: String,
    /// After what time it is gone; `None` keeps it.
    pub lifetime: Option<Duration>,
}

impl SideValue {
    /// A value that stays.
    pub fn lasting(text: impl Into<String>) -> Self {
        Self { text: text.into(), lifetime: None }
    }

    /// A value that is gone after a time.
    pub fn expiring(text: impl Into<String>, lifetime: Duration) -> Self {
        Self { text: text.into(), lifetime: Some(lifetime) }
    }
}
