//! The newest commits, as far back as they are kept. Shared by the stores of this crate.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::SignedDuration;
use waygate_core::{Commit, Cursor, DraftId, Revision};

use crate::{HistoryPage, HistoryQuery, WatchError};

/// Age takes none of so many newest commits: where a clock was wrong for a moment, history survives it.
const KEPT_WHATEVER_THE_TIME: usize = 1000;

/// How far back commits are kept. A commit goes when either bound says so; the newest one always stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How many commits; 10,000 by default.
    pub commits: usize,
    /// How much older than the newest commit; 90 days by default. The newest thousand commits stay at any age.
    pub age: SignedDuration,
    /// How many bytes they are as JSON, all together; 256 MiB by default.
    pub bytes: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self { commits: 10_000, age: SignedDuration::from_hours(90 * 24), bytes: 256 << 20 }
    }
}

/// A bounded, gapless run of commits that ends with the newest one.
#[derive(Debug)]
pub(crate) struct CommitLog {
    /// The place right before the oldest kept commit.
    start: Cursor,
    commits: VecDeque<Arc<Commit>>,
    /// How many bytes each of them is, and all together.
    sizes: VecDeque<usize>,
    bytes: usize,
    retention: Retention,
}

impl CommitLog {
    pub(crate) fn new(start: Cursor, retention: Retention) -> Self {
        Self { start, commits: VecDeque::new(), sizes: VecDeque::new(), bytes: 0, retention }
    }

    #[cfg(feature = "file")]
    pub(crate) fn start(&self) -> &Cursor {
        &self.start
    }

    pub(crate) fn newest(&self) -> &Cursor {
        self.commits.back().map_or(&self.start, |commit| &commit.cursor)
    }

    /// Takes the next commit in and lets go of what is beyond retention. The caller vouches that it is the next.
    pub(crate) fn push(&mut self, commit: Arc<Commit>) {
        let (newest_at, size) = (commit.draft.cause.at, commit.size());
        self.commits.push_back(commit);
        self.sizes.push_back(size);
        self.bytes += size;
        while let Some(oldest) = self.commits.front()
            && self.commits.len() > 1
            && (self.commits.len() > self.retention.commits
                || self.bytes > self.retention.bytes
                || (self.commits.len() > KEPT_WHATEVER_THE_TIME
                    && newest_at.duration_since(oldest.draft.cause.at) > self.retention.age))
        {
            self.start = oldest.cursor.clone();
            self.commits.pop_front();
            self.bytes -= self.sizes.pop_front().unwrap_or_default();
        }
    }

    /// The place of a kept revision, or of the one right before the oldest.
    pub(crate) fn cursor_at(&self, revision: Revision) -> Option<&Cursor> {
        if revision == self.start.revision {
            return Some(&self.start);
        }
        Some(&self.commits.get(self.index_of(revision)?)?.cursor)
    }

    /// The commits after a cursor, oldest first, at most `most`.
    pub(crate) fn after(&self, cursor: &Cursor, most: usize) -> Result<Vec<Arc<Commit>>, WatchError> {
        if cursor.epoch != self.start.epoch || cursor.revision > self.newest().revision {
            return Err(WatchError::OtherHistory { after: cursor.clone() });
        }
        let Some(known) = self.cursor_at(cursor.revision) else {
            return Err(WatchError::Compacted { after: cursor.clone() });
        };
        if known != cursor {
            return Err(WatchError::OtherHistory { after: cursor.clone() });
        }
        let next = self.index_of(cursor.revision.next()).unwrap_or(self.commits.len());
        Ok(self.commits.range(next.min(self.commits.len())..).take(most).cloned().collect())
    }

    pub(crate) fn page(&self, query: HistoryQuery) -> HistoryPage {
        let end = match query.before {
            None => self.commits.len(),
            Some(before) => self.commits.partition_point(|commit| commit.revision() < before),
        };
        let first = end.saturating_sub(query.limit);
        HistoryPage { commits: self.commits.range(first..end).rev().cloned().collect(), more: first > 0 }
    }

    pub(crate) fn find(&self, id: &DraftId) -> Option<Arc<Commit>> {
        self.commits.iter().rev().find(|commit| commit.draft.id == *id).cloned()
    }

    /// The commits that another log does not have although it reaches as far back, oldest first.
    #[cfg(feature = "redis")]
    pub(crate) fn not_in(&self, other: &Self) -> Vec<Arc<Commit>> {
        let is_same_history = self.start.epoch == other.start.epoch;
        let is_gone = |commit: &&Arc<Commit>| {
            let revision = commit.revision();
            !is_same_history || revision > other.start.revision && other.cursor_at(revision) != Some(&commit.cursor)
        };
        self.commits.iter().filter(is_gone).cloned().collect()
    }

    fn index_of(&self, revision: Revision) -> Option<usize> {
        let steps = revision.0.checked_sub(self.start.revision.0)?.checked_sub(1)?;
        usize::try_from(steps).ok()
    }
}

#[cfg(test)]
mod tests {
    use waygate_core::{Cause, Draft, Epoch, Platform};

    use super::*;

    /// Commits at these seconds, all of one log.
    fn log_of(times: impl IntoIterator<Item = i64>, retention: Retention) -> CommitLog {
        let epoch: Epoch = "0123456789abcdef".parse().unwrap();
        let mut log = CommitLog::new(Cursor::start_of(epoch), retention);
        for (number, second) in times.into_iter().enumerate() {
            let id = format!("draft-{number:012}").try_into().unwrap();
            let at = jiff::Timestamp::from_second(second).unwrap();
            let cause = Cause { actor: "ada".parse().unwrap(), platform: Platform::Api, at, undoes: None };
            let commit = Commit::after(log.newest(), Draft { id, cause, records: Vec::new() });
            log.push(Arc::new(commit));
        }
        log
    }

    #[test]
    fn a_clock_that_jumps_takes_no_recent_history() {
        const YEAR: i64 = 365 * 86_400;
        let times = (0..1500).chain([50 * YEAR]);
        let log = log_of(times, Retention::default());
        assert_eq!(log.commits.len(), KEPT_WHATEVER_THE_TIME);
        let log = log_of((0..10).chain([50 * YEAR, 11, 12]), Retention::default());
        assert_eq!(log.commits.len(), 13, "and what follows at the right time stays too");
        let log = log_of(0..100, Retention { commits: 20, ..Retention::default() });
        assert_eq!(log.commits.len(), 20, "their number is bounded all the same");
    }

    #[test]
    fn a_log_is_bounded_by_bytes_too() {
        let one = log_of([0], Retention::default()).bytes;
        let log = log_of(0..100, Retention { bytes: 10 * one, ..Retention::default() });
        assert!((9..=10).contains(&log.commits.len()), "{}", log.commits.len());
        assert_eq!(log.bytes, log.commits.iter().map(|commit| commit.size()).sum::<usize>());
        assert_eq!(log.start.revision.next(), log.commits[0].revision());
        let log = log_of(0..3, Retention { bytes: 1, ..Retention::default() });
        assert_eq!(log.commits.len(), 1, "the newest one always stays");
    }
}
