//! What the ring holds, kept to judge clients by.

use std::sync::{Arc, PoisonError};

use waygate_core::{Commit, Cursor, Lineage, Revision, ServiceId, Timestamp};

use super::Feed;

/// The commits of the ring at one time.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    head: Cursor,
    floor: Cursor,
    /// Oldest first.
    commits: Vec<Arc<Commit>>,
}

/// Where a cursor lies to a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Here,
    /// Later than is known here.
    Ahead,
    /// In another history, or before what is kept of this one.
    Elsewhere,
}

impl Feed {
    /// What the ring holds now.
    pub(crate) fn past(&self) -> Past {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let commits = inner.ring.commits().cloned().collect();
        Past { head: inner.state.cursor.clone(), floor: inner.ring.floor().clone(), commits }
    }
}

impl Past {
    /// What concerns a service: revisions and times, oldest first.
    pub(crate) fn concerning(&self, service: &ServiceId) -> Vec<(Revision, Timestamp)> {
        let concerning = self.commits.iter().filter(|commit| commit.concerns(service));
        concerning.map(|commit| (commit.revision(), commit.draft.cause.at)).collect()
    }

    pub(crate) fn place(&self, cursor: &Cursor) -> Place {
        if cursor.epoch != self.head.epoch {
            return Place::Elsewhere;
        }
        if cursor.revision > self.head.revision {
            return Place::Ahead;
        }
        if self.lineage_at(cursor.revision) == Some(cursor.lineage) { Place::Here } else { Place::Elsewhere }
    }

    fn lineage_at(&self, revision: Revision) -> Option<Lineage> {
        let distance = revision.0.checked_sub(self.floor.revision.0)?;
        match usize::try_from(distance).ok()?.checked_sub(1) {
            None => Some(self.floor.lineage),
            Some(index) => self.commits.get(index).map(|commit| commit.cursor.lineage),
        }
    }
}
