//! What one node knows of instances, and what of it others have not been told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::record::{Heard, Instance, Name};
use super::shares::Nudges;

/// How many instances a node knows first hand.
pub(super) const MOST: usize = 20_000;

/// What one node knows.
#[derive(Default)]
pub(super) struct Table {
    /// What this node knows first hand.
    pub(super) own: BTreeMap<Name, Instance>,
    /// What is not noted yet.
    pub(super) unsaid: BTreeSet<(Name, Which)>,
    /// What others had noted when it was read last; for when it cannot be.
    pub(super) others: BTreeMap<Name, Instance>,
    pub(super) nudges: Nudges,
    /// Counts the streams.
    pub(super) streams: u64,
}

/// One of the parts of what is known of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Which {
    Connection,
    Heard,
    Forgotten,
}

impl Table {
    /// Makes room by forgetting the one that was heard of least lately, among those that have no stream.
    pub(super) fn has_room_for(&mut self, name: &Name) -> bool {
        if self.own.len() < MOST || self.own.contains_key(name) {
            return true;
        }
        let gone = self.own.iter().filter(|(_, instance)| !instance.here);
        let oldest = gone.min_by_key(|(_, instance)| instance.last_known()).map(|(name, _)| name.clone());
        oldest.is_some_and(|oldest| self.own.remove(&oldest).is_some())
    }

    pub(super) fn hear(&mut self, name: &Name, heard: Heard) {
        if let Some(instance) = self.own.get_mut(name) {
            instance.heard = Some(Arc::new(heard));
            self.say(name, Which::Heard);
        }
    }

    pub(super) fn say(&mut self, name: &Name, which: Which) {
        self.unsaid.insert((name.clone(), which));
    }
}
