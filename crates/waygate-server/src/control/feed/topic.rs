//! What concerns one subject, and what of it is encoded.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::watch;
use waygate_core::{Commit, Cursor, Revision, ServiceId, Timestamp};

use super::encoded::EncodedView;
use super::ring::Ring;
use super::{Due, Subject};
use crate::chunk::Chunk;

/// The encodings of so many newest commits are kept; older ones are made again for whoever resumes there.
const KEPT_ENCODED: usize = 256;

/// One commit on its way to the streams of one subject.
#[derive(Debug)]
pub(crate) struct TopicCommit {
    pub(crate) commit: Arc<Commit>,
    /// The last revision before it that concerned the subject.
    pub(crate) after: Revision,
    /// Encoded on first use, by whichever stream comes first; one slot per protocol.
    pub(crate) frame: OnceLock<Chunk>,
    pub(crate) envelopes: OnceLock<Chunk>,
}

#[derive(Debug, Default)]
pub(super) struct Topic {
    wake: watch::Sender<u64>,
    commits: Mutex<VecDeque<Arc<TopicCommit>>>,
    /// The newest view that was encoded, so that many who come at once share one.
    view: Mutex<Option<Arc<EncodedView>>>,
    envelopes: Mutex<Option<Envelopes>>,
}

#[derive(Debug)]
struct Envelopes {
    cursor: Cursor,
    /// What is in force depends on the time too.
    second: i64,
    encoded: Chunk,
}

impl Topic {
    pub(super) fn wake(&self) {
        self.wake.send_modify(|count| *count += 1);
    }

    pub(super) fn followed(&self) -> watch::Receiver<u64> {
        self.wake.subscribe()
    }

    pub(super) fn append(&self, commit: &Arc<Commit>, floor: Revision) {
        let mut commits = lock(&self.commits);
        let after = commits.back().map_or(floor, |last| last.commit.revision());
        commits.push_back(Arc::new(TopicCommit::new(commit.clone(), after)));
        if let Some(aged) = commits.len().checked_sub(KEPT_ENCODED + 1) {
            let bare = TopicCommit::new(commits[aged].commit.clone(), commits[aged].after);
            commits[aged] = Arc::new(bare);
        }
        while commits.front().is_some_and(|first| first.commit.revision() <= floor) {
            commits.pop_front();
        }
    }

    pub(super) fn refill(&self, subject: &Subject, ring: &Ring) {
        let mut after = ring.floor().revision;
        let concerning = ring.commits().filter(|commit| subject.follows(commit)).map(|commit| {
            let concerning = Arc::new(TopicCommit::new(commit.clone(), after));
            after = commit.revision();
            concerning
        });
        *lock(&self.commits) = concerning.collect();
        *lock(&self.view) = None;
        *lock(&self.envelopes) = None;
    }

    /// The commits after `position`, up to and including `newest`, and `most` at the most.
    pub(super) fn between(&self, position: Revision, newest: Revision, most: usize) -> Vec<Arc<TopicCommit>> {
        let commits = lock(&self.commits);
        let first = commits.partition_point(|commit| commit.commit.revision() <= position);
        commits.range(first..).take_while(|commit| commit.commit.revision() <= newest).take(most).cloned().collect()
    }

    /// A view as it is encoded. It is an older encoding where nothing in between has concerned the service: its cursor is
    /// as good then. That the views are equal is not enough: a service that came and went is as it was at first, and who
    /// resumed there would go through all of it once more.
    pub(super) fn view(&self, due: &Due, service: &ServiceId, generation: u64) -> Arc<EncodedView> {
        let (view, cursor) = (due.state.service_view(service), &due.cursor);
        let mut kept = lock(&self.view);
        if let Some(known) = &*kept
            && known.serves(&view, due, generation)
            && self.between(known.cursor().revision, cursor.revision, 1).is_empty()
        {
            return known.clone();
        }
        kept.insert(Arc::new(EncodedView::new(view, cursor.clone(), generation))).clone()
    }

    pub(super) fn envelopes(&self, cursor: &Cursor, now: Timestamp, encode: impl FnOnce() -> Chunk) -> Chunk {
        let mut kept = lock(&self.envelopes);
        let second = now.as_second();
        match &*kept {
            Some(known) if known.cursor == *cursor && known.second == second => known.encoded.clone(),
            _ => {
                let encoded = encode();
                *kept = Some(Envelopes { cursor: cursor.clone(), second, encoded: encoded.clone() });
                encoded
            }
        }
    }
}

impl TopicCommit {
    fn new(commit: Arc<Commit>, after: Revision) -> Self {
        Self { commit, after, frame: OnceLock::new(), envelopes: OnceLock::new() }
    }
}

/// Nothing panics while these locks are held, so a poisoned one holds what it should.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
