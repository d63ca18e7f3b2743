//! What the ring holds, kept to judge clients by.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, PoisonError};

use waygate_core::{Audience, Commit, Cursor, Lineage, Revision, ServiceId, ServiceView, State, Timestamp};

use super::Feed;

/// The commits of the ring at one time, and the state that they lead to.
#[derive(Debug)]
pub(crate) struct Past {
    state: Arc<State>,
    floor: Cursor,
    /// Counts the times that history was loaded anew.
    generation: u64,
    /// Oldest first.
    commits: Vec<Arc<Commit>>,
    newest: OnceLock<Newest>,
}

/// The last revisions that have concerned services.
#[derive(Debug, Clone, Default)]
pub(crate) struct Newest {
    everyone: Revision,
    services: BTreeMap<ServiceId, Revision>,
}

/// Where a cursor lies to a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Here,
    /// Later than is known here: in this history, perhaps, or in one that was rolled back.
    Ahead,
    /// In another history, or before what is kept of this one.
    Elsewhere,
}

impl Feed {
    /// What the ring holds now: one copy for all who ask until the next commit.
    pub(crate) fn past(&self) -> Arc<Past> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let copy = || {
            Arc::new(Past {
                state: inner.state.clone(),
                floor: inner.ring.floor().clone(),
                generation: inner.generation,
                commits: inner.ring.commits().cloned().collect(),
                newest: OnceLock::new(),
            })
        };
        inner.past.get_or_init(copy).clone()
    }

    /// Whether a cursor is a place in this history as far as it is kept.
    pub(crate) fn contains(&self, cursor: &Cursor) -> bool {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).ring.contains(cursor)
    }

    /// Whether it is known where a cursor lies: in this history, or before what is kept of it.
    pub(crate) fn can_place(&self, cursor: &Cursor) -> bool {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let floor = inner.ring.floor();
        inner.ring.contains(cursor) || (cursor.epoch == floor.epoch && cursor.revision < floor.revision)
    }
}

impl Past {
    /// What concerns a service: revisions and times, oldest first.
    pub(crate) fn concerning(&self, service: &ServiceId) -> Vec<(Revision, Timestamp)> {
        let concerning = self.commits.iter().filter(|commit| commit.concerns(service));
        concerning.map(|commit| (commit.revision(), commit.draft.cause.at)).collect()
    }

    /// The last revisions that have concerned services, of all that is kept.
    pub(crate) fn newest(&self) -> &Newest {
        self.newest.get_or_init(|| self.newest_until(self.head().revision))
    }

    /// The last revisions that had concerned services at a revision.
    pub(crate) fn newest_until(&self, until: Revision) -> Newest {
        let mut newest = Newest::default();
        for commit in self.commits.iter().take_while(|commit| commit.revision() <= until) {
            for change in commit.changes() {
                match change.audience() {
                    Audience::Everyone => newest.everyone = commit.revision(),
                    Audience::Service(service) => drop(newest.services.insert(service.clone(), commit.revision())),
                    Audience::Servers => {}
                }
            }
        }
        newest
    }

    /// What a service has to know at the end.
    pub(crate) fn view(&self, service: &ServiceId) -> ServiceView {
        self.state.service_view(service)
    }

    pub(crate) fn head(&self) -> &Cursor {
        &self.state.cursor
    }

    pub(crate) fn floor(&self) -> &Cursor {
        &self.floor
    }

    /// Another number where history was loaded anew in between.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn place(&self, cursor: &Cursor) -> Place {
        if cursor.epoch != self.head().epoch {
            return Place::Elsewhere;
        }
        if cursor.revision > self.head().revision {
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

impl Newest {
    /// The last that has concerned a service; 0 where that is before what is kept.
    pub(crate) fn of(&self, service: &ServiceId) -> Revision {
        self.everyone.max(self.services.get(service).copied().unwrap_or_default())
    }
}
