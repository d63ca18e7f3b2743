//! The table itself, in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::StoreError;
use crate::side::{SideStore, SideValue};

/// A [`SideStore`] in memory.
#[derive(Debug, Default)]
pub struct MemorySide(Mutex<Table>);

impl MemorySide {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SideStore for MemorySide {
    async fn value(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        Ok(self.table().value(key, now).map(ToOwned::to_owned))
    }

    async fn values(&self, prefix: &str, now: Timestamp) -> Result<BTreeMap<String, String>, StoreError> {
        Ok(self.table().values(prefix, now))
    }

    async fn swap(
        &self,
        key: &str,
        expected: Option<&str>,
        new: Option<SideValue>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.table().swap(key, expected, new, now))
    }
}

/// Values by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "file", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "file", serde(transparent))]
pub(crate) struct Table(BTreeMap<String, Kept>);

#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "file", derive(serde::Serialize, serde::Deserialize))]
struct Kept {
    text: String,
    #[cfg_attr(feature = "file", serde(default, skip_serializing_if = "Option::is_none"))]
    expires: Option<Timestamp>,
}

impl Table {
    pub(crate) fn value(&self, key: &str, now: Timestamp) -> Option<&str> {
        self.0.get(key).filter(|kept| kept.lasts(now)).map(|kept| kept.text.as_str())
    }

    pub(crate) fn values(&self, prefix: &str, now: Timestamp) -> BTreeMap<String, String> {
        self.0
            .range(prefix.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(_, kept)| kept.lasts(now))
            .map(|(key, kept)| (key.clone(), kept.text.clone()))
            .collect()
    }

    pub(crate) fn swap(&mut self, key: &str, expected: Option<&str>, new: Option<SideValue>, now: Timestamp) -> bool {
        if self.value(key, now) != expected {
            return false;
        }
        self.0.retain(|_, kept| kept.lasts(now));
        match new {
            Some(value) => {
                let expires = value.lifetime.map(|lifetime| now.checked_add(lifetime).unwrap_or(Timestamp::MAX));
                self.0.insert(key.to_owned(), Kept { text: value.text, expires });
            }
            None => {
                self.0.remove(key);
            }
        }
        true
    }
}

impl Kept {
    fn lasts(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}
