//! The side table in Redis, shared by all who share the store.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ::redis::Script;
use async_trait::async_trait;
use jiff::Timestamp;

use super::link::Link;
use super::{Keys, PATIENCE, scripts};
use crate::{SideStore, SideValue, StoreError};

/// A [`SideStore`] that goes by the clock of Redis.
pub(super) struct RedisSide {
    link: Arc<Link>,
    keys: Keys,
    read: Script,
    swap: Script,
}

impl RedisSide {
    pub(super) fn new(link: Arc<Link>, keys: Keys) -> Self {
        Self { link, keys, read: Script::new(scripts::SIDE_READ), swap: Script::new(scripts::SIDE_SWAP) }
    }

    async fn read(&self, how: &str, which: &str) -> Result<BTreeMap<String, String>, StoreError> {
        let mut script = self.read.key(&self.keys.side);
        script.key(&self.keys.side_ends).arg(how).arg(which);
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
        let lifetime = new.as_ref().and_then(|new| new.lifetime);
        let milliseconds = lifetime.map_or(0, |lifetime| lifetime.as_millis().max(1));
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
}
