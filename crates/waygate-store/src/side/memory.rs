//! The table itself, in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::StoreError;
use crate::side::{SideStore, SideValue};

/// A [`SideStore`] in memory.
#[derive(Debug, Default)]
pub struct MemorySide {
    table: Mutex<Table>,
    notes: Notes,
}

impl MemorySide {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
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

    async fn note(&self, notes: Vec<(String, SideValue)>, now: Timestamp) -> Result<(), StoreError> {
        self.notes.put(notes, now);
        Ok(())
    }

    async fn noted(&self, prefix: &str, now: Timestamp) -> Result<BTreeMap<String, String>, StoreError> {
        Ok(self.notes.values(prefix, now))
    }

    fn keeps_notes(&self) -> bool {
        true
    }
}

/// Notes in memory.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<NoteTable>);

#[derive(Debug, Default)]
struct NoteTable {
    table: Table,
    /// With so many, those that have expired are let go of.
    full: usize,
}

impl Notes {
    pub(crate) fn put(&self, notes: Vec<(String, SideValue)>, now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in notes {
            kept.table.put(key, value, now);
        }
        if kept.table.0.len() > kept.full {
            kept.table.0.retain(|_, note| note.lasts(now));
            // Half as many again may come first: what is looked through is paid for by what has come.
            kept.full = kept.table.0.len() * 3 / 2;
        }
    }

    pub(crate) fn values(&self, prefix: &str, now: Timestamp) -> BTreeMap<String, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).table.values(prefix, now)
    }
}

/// Values by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "file", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "file", serde(transparent))]
pub(crate) struct Table(BTreeMap<String, Kept>);

#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "file", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Kept {
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
            Some(value) => self.put(key.to_owned(), value, now),
            None => {
                self.0.remove(key);
            }
        }
        true
    }

    #[cfg(feature = "file")]
    pub(crate) fn forget_what_expires(&mut self) {
        self.0.retain(|_, kept| kept.expires.is_none());
    }

    /// What does not expire.
    #[cfg(feature = "file")]
    pub(crate) fn lasting(&self) -> impl Iterator<Item = (&String, &Kept)> {
        self.0.iter().filter(|(_, kept)| kept.expires.is_none())
    }

    fn put(&mut self, key: String, value: SideValue, now: Timestamp) {
        let expires = value.lifetime.map(|lifetime| now.checked_add(lifetime).unwrap_or(Timestamp::MAX));
        self.0.insert(key, Kept { text: value.text, expires });
    }
}

impl Kept {
    fn lasts(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}
