//! The side table in Redis, shared by all who share the store.

use std::collections::BTreeMap;
use std::fmt;

use ::redis::Script;
use async_trait::async_trait;
use jiff::Timestamp;

use super::link::Link;
use super::{Keys, PATIENCE, scripts};
use crate::{SideStore, SideValue, StoreError};

/// A [`SideStore`] that goes by the clock of Redis.
pub(super) struct RedisSide {
    /// Its own, so that what is long to read holds up no commit.
    link: Link,
    keys: Keys,
    read: Script,
    swap: Script,
    note: Script,
}

impl RedisSide {
    pub(super) fn new(link: Link, keys: Keys) -> Self {
        let (read, swap) = (Script::new(scripts::SIDE_READ), Script::new(scripts::SIDE_SWAP));
        Self { link, keys, read, swap, note: Script::new(scripts::SIDE_NOTE) }
    }

    async fn read(&self, how: &str, which: &str) -> Result<BTreeMap<String, String>, StoreError> {
        self.read_from(&self.keys.side, &self.keys.side_ends, how, which).await
    }

    async fn read_from(
        &self,
        values: &str,
        ends: &str,
        how: &str,
        which: &str,
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let mut script = self.read.key(values);
        script.key(ends).arg(how).arg(which);
        let found: Vec<String> = self.link.run(&script, PATIENCE).await.inspect_err(|_| self.link.forget())?;
        Ok(found.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
    }
}

impl fmt::Debug for RedisSide {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedisSide").field("redis", &self.link.describe()).finish_non_exhaustive()
    }
}

#[async_trait]
impl SideStore for RedisSide {
    async fn value(&self, key: &str, _now: Timestamp) -> Result<Option<String>, StoreError> {
        Ok(self.read("key", key).await?.remove(key))
    }

    async fn values(&self, prefix: &str, _now: Timestamp) -> Result<BTreeMap<String, String>, StoreError> {
        self.read("prefix", prefix).await
    }

    async fn swap(
        &self,
        key: &str,
        expected: Option<&str>,
        new: Option<SideValue>,
        _now: Timestamp,
    ) -> Result<bool, StoreError> {
        let milliseconds = new.as_ref().map_or(0, milliseconds);
        let mut script = self.swap.key(&self.keys.side);
        script
            .key(&self.keys.side_ends)
            .arg(key)
            .arg(u8::from(expected.is_some()))
            .arg(expected.unwrap_or_default())
            .arg(u8::from(new.is_some()))
            .arg(new.map(|new| new.text).unwrap_or_default())
            .arg(milliseconds.to_string());
        Ok(self.link.run(&script, PATIENCE).await.inspect_err(|_| self.link.forget())?)
    }

    async fn note(&self, notes: Vec<(String, SideValue)>, _now: Timestamp) -> Result<(), StoreError> {
        let mut script = self.note.key(&self.keys.notes);
        script.key(&self.keys.note_ends);
        for (key, value) in notes {
            let milliseconds = milliseconds(&value).to_string();
            script.arg(key).arg(value.text).arg(milliseconds);
        }
        let _: i64 = self.link.run(&script, PATIENCE).await.inspect_err(|_| self.link.forget())?;
        Ok(())
    }

    async fn noted(&self, prefix: &str, _now: Timestamp) -> Result<BTreeMap<String, String>, StoreError> {
        self.read_from(&self.keys.notes, &self.keys.note_ends, "prefix", prefix).await
    }

    fn keeps_notes(&self) -> bool {
        true
    }
}

/// After how many a value is gone; 0 for never.
fn milliseconds(value: &SideValue) -> u128 {
    value.lifetime.map_or(0, |lifetime| lifetime.as_millis().max(1))
}
