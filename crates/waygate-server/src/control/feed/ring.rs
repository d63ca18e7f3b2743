//! The newest commits: as far back as a stream can resume.

use std::collections::VecDeque;
use std::sync::Arc;

use waygate_core::{Commit, Cursor, Lineage, Revision, State};
use waygate_store::HistoryPage;

/// How far back the ring reaches: whichever bound is met first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// How many commits.
    pub(crate) commits: usize,
    /// How many bytes they may be as JSON, all together.
    pub(crate) bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { commits: 10_000, bytes: 64 << 20 }
    }
}

/// A gapless run of commits that ends with the newest one.
#[derive(Debug)]
pub(super) struct Ring {
    commits: VecDeque<Kept>,
    /// Where history stood before the first of them.
    floor: Cursor,
    bytes: usize,
    bounds: Bounds,
}

#[derive(Debug)]
struct Kept {
    commit: Arc<Commit>,
    bytes: usize,
}

impl Ring {
    /// The past reaches up to the state, or the ring is empty: streams then start from a snapshot.
    pub(super) fn new(state: &State, past: HistoryPage, bounds: Bounds) -> Self {
        let mut ring = Self { commits: VecDeque::new(), floor: state.cursor.clone(), bytes: 0, bounds };
        if past.commits.first().is_none_or(|newest| newest.cursor != state.cursor) {
            return ring;
        }
        let mut commits = past.commits.into_iter().rev();
        ring.floor = Cursor::start_of(state.cursor.epoch.clone());
        if let Some(first) = commits.next() {
            if first.revision() == Revision(1) {
                ring.push(&first);
            } else {
                // Where history stood before it is not known.
                ring.floor = first.cursor.clone();
            }
        }
        for commit in commits {
            ring.push(&commit);
        }
        ring
    }

    /// Takes the next commit in, and lets go of the oldest beyond the bounds.
    pub(super) fn push(&mut self, commit: &Arc<Commit>) {
        let bytes = commit.size();
        self.bytes += bytes;
        self.commits.push_back(Kept { commit: commit.clone(), bytes });
        while (self.commits.len() > self.bounds.commits || self.bytes > self.bounds.bytes)
            && let Some(oldest) = self.commits.pop_front()
        {
            self.bytes -= oldest.bytes;
            self.floor = oldest.commit.cursor.clone();
        }
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    pub(super) fn floor(&self) -> &Cursor {
        &self.floor
    }

    /// Oldest first.
    pub(super) fn commits(&self) -> impl DoubleEndedIterator<Item = &Arc<Commit>> {
        self.commits.iter().map(|kept| &kept.commit)
    }

    pub(super) fn after(&self, revision: Revision) -> impl Iterator<Item = &Arc<Commit>> {
        self.commits().rev().take_while(move |commit| revision < commit.revision())
    }

    /// Whether a cursor is a place in this history that the ring reaches back to.
    pub(super) fn contains(&self, cursor: &Cursor) -> bool {
        cursor.epoch == self.floor.epoch && self.lineage_at(cursor.revision) == Some(cursor.lineage)
    }

    fn lineage_at(&self, revision: Revision) -> Option<Lineage> {
        let distance = revision.0.checked_sub(self.floor.revision.0)?;
        match usize::try_from(distance).ok()?.checked_sub(1) {
            None => Some(self.floor.lineage),
            Some(index) => self.commits.get(index).map(|kept| kept.commit.cursor.lineage),
        }
    }
}
