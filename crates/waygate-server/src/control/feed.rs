//! From commits to frames: what each stream has to be told.
//!
//! There is one ring of commits. Each subject that somebody follows, a service or everything, has a topic with the
//! commits that concern it; a frame is encoded once per topic, whoever sends it to however many connections. A stream
//! holds a position, not a queue: if the ring has moved past it, it starts over from a snapshot.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use tokio::sync::watch;
use waygate_core::{Audience, Change, Commit, Cursor, Lineage, Revision, ServiceId, State, Timestamp};
use waygate_store::HistoryPage;

/// How many commits the ring holds: as far back a stream can resume.
pub(crate) const RING: usize = 10_000;

/// What a stream follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// One service: its own part and what is global.
    Service(ServiceId),
    /// Everything, for clients that name no service.
    Everything,
}

impl Subject {
    fn follows(&self, commit: &Commit) -> bool {
        match self {
            Self::Service(service) => commit.concerns(service),
            Self::Everything => commit.changes().any(|change| change.audience() != Audience::Servers),
        }
    }

    /// Whether a change is to be told to this subject.
    pub(crate) fn hears(&self, change: &Change) -> bool {
        match self {
            Self::Service(service) => change.concerns(service),
            Self::Everything => change.audience() != Audience::Servers,
        }
    }
}

/// One commit on its way to the streams of one subject.
#[derive(Debug)]
pub(crate) struct TopicCommit {
    pub(crate) commit: Arc<Commit>,
    /// The last revision before it that concerned the subject.
    pub(crate) after: Revision,
    /// Encoded on first use, by whichever stream comes first; one slot per protocol.
    pub(crate) frame: OnceLock<Bytes>,
    pub(crate) envelopes: OnceLock<Bytes>,
}

/// What one stream has to be told next.
#[derive(Debug)]
pub(crate) struct Due {
    /// Start over from this state, and forget what was known.
    pub(crate) snapshot: Option<Arc<State>>,
    pub(crate) commits: Vec<Arc<TopicCommit>>,
    /// Where the stream stands once it has sent these.
    pub(crate) cursor: Cursor,
}

/// A stream's place in the feed.
#[derive(Debug)]
pub(crate) struct Subscription {
    subject: Subject,
    topic: Arc<Topic>,
    wake: watch::Receiver<u64>,
    /// `None` until a snapshot has been given.
    position: Option<Revision>,
    generation: u64,
}

#[derive(Debug)]
struct Topic {
    wake: watch::Sender<u64>,
    commits: Mutex<VecDeque<Arc<TopicCommit>>>,
    /// The last encoded snapshot, so that many who come at once share one.
    snapshot: Mutex<Option<(Cursor, Bytes)>>,
}

#[derive(Debug)]
pub(crate) struct Feed(RwLock<Ring>);

#[derive(Debug)]
struct Ring {
    state: Arc<State>,
    commits: VecDeque<Arc<Commit>>,
    /// Where history stood before the first commit of the ring.
    floor: Cursor,
    topics: HashMap<Subject, Arc<Topic>>,
    /// Counts the times that history was loaded anew.
    generation: u64,
}

impl Feed {
    /// A feed that stands at `state`, with the past, newest first, to resume from.
    pub(crate) fn new(state: Arc<State>, past: HistoryPage) -> Self {
        let (floor, commits) = ring_of(&state, past);
        Self(RwLock::new(Ring { state, commits, floor, topics: HashMap::new(), generation: 0 }))
    }

    /// Takes the next commit in, with the state that it leads to.
    pub(crate) fn push(&self, commit: &Arc<Commit>, state: Arc<State>) {
        let mut ring = self.0.write().unwrap_or_else(PoisonError::into_inner);
        ring.state = state;
        ring.commits.push_back(commit.clone());
        if ring.commits.len() > RING
            && let Some(oldest) = ring.commits.pop_front()
        {
            ring.floor = oldest.cursor.clone();
        }
        let floor = ring.floor.revision;
        ring.forget_abandoned();
        // Still under the lock: a stream must not see the state without the commits that led to it.
        for topic in concerned_topics(&ring.topics, commit) {
            topic.append(commit, floor);
        }
    }

    /// Starts over at another history. Every stream gets a snapshot.
    pub(crate) fn reset(&self, state: Arc<State>, past: HistoryPage) {
        let mut ring = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let (floor, commits) = ring_of(&state, past);
        ring.state = state;
        ring.floor = floor;
        ring.commits = commits;
        ring.generation += 1;
        for (subject, topic) in &ring.topics {
            topic.refill(subject, &ring);
            topic.wake();
        }
    }

    /// Begins to follow a subject: after `resume` when that is a place in this history, else with a snapshot.
    pub(crate) fn subscribe(&self, subject: Subject, resume: Option<&Cursor>) -> Subscription {
        let mut ring = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let topic = if let Some(topic) = ring.topics.get(&subject) {
            topic.clone()
        } else {
            let topic =
                Arc::new(Topic { wake: watch::Sender::new(0), commits: Mutex::default(), snapshot: Mutex::default() });
            ring.forget_abandoned();
            topic.refill(&subject, &ring);
            ring.topics.insert(subject.clone(), topic.clone());
            topic
        };
        let position = resume.filter(|cursor| ring.contains(cursor)).map(|cursor| cursor.revision);
        Subscription { wake: topic.wake.subscribe(), subject, topic, position, generation: ring.generation }
    }

    /// What a stream has to be told next, and where it stands then. One consistent cut: nothing that is committed up
    /// to the cursor is missing.
    pub(crate) fn due(&self, subscription: &mut Subscription) -> Due {
        let ring = self.read();
        subscription.wake.mark_unchanged();
        let cursor = ring.state.cursor.clone();
        let lost = subscription.generation != ring.generation
            || subscription.position.is_none_or(|position| position < ring.floor.revision);
        let due = if lost {
            Due { snapshot: Some(ring.state.clone()), commits: Vec::new(), cursor }
        } else {
            let position = subscription.position.unwrap_or_default();
            Due { snapshot: None, commits: subscription.topic.between(position, cursor.revision), cursor }
        };
        subscription.generation = ring.generation;
        subscription.position = Some(due.cursor.revision);
        due
    }

    /// Shows the commits of the ring since a time, newest first.
    pub(crate) fn look_back(&self, since: Timestamp, mut show: impl FnMut(&Commit)) {
        let ring = self.read();
        ring.commits.iter().rev().take_while(|commit| since <= commit.draft.cause.at).for_each(|commit| show(commit));
    }

    /// How many subjects are followed.
    #[cfg(test)]
    pub(crate) fn subjects(&self) -> usize {
        self.read().topics.len()
    }

    fn read(&self) -> RwLockReadGuard<'_, Ring> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Waits until something may be due.
    pub(crate) async fn woken(&mut self) {
        // The topic, and with it the sender, lives as long as this subscription.
        let _ = self.wake.changed().await;
    }

    /// A snapshot's encoding, made once for all streams of the subject that ask at this cursor.
    pub(crate) fn encoded_snapshot(&self, cursor: &Cursor, encode: impl FnOnce() -> Bytes) -> Bytes {
        let mut cached = self.topic.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        match &*cached {
            Some((at, encoded)) if at == cursor => encoded.clone(),
            _ => {
                let encoded = encode();
                *cached = Some((cursor.clone(), encoded.clone()));
                encoded
            }
        }
    }
}

impl Topic {
    fn wake(&self) {
        self.wake.send_modify(|count| *count += 1);
    }

    fn append(&self, commit: &Arc<Commit>, floor: Revision) {
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let after = commits.back().map_or(floor, |last| last.commit.revision());
        commits.push_back(Arc::new(TopicCommit::new(commit.clone(), after)));
        while commits.front().is_some_and(|first| first.commit.revision() <= floor) {
            commits.pop_front();
        }
        drop(commits);
        self.wake();
    }

    fn refill(&self, subject: &Subject, ring: &Ring) {
        let mut after = ring.floor.revision;
        let concerning = ring.commits.iter().filter(|commit| subject.follows(commit)).map(|commit| {
            let concerning = Arc::new(TopicCommit::new(commit.clone(), after));
            after = commit.revision();
            concerning
        });
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner) = concerning.collect();
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The commits after `position`, up to and including `newest`.
    fn between(&self, position: Revision, newest: Revision) -> Vec<Arc<TopicCommit>> {
        let commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let first = commits.partition_point(|commit| commit.commit.revision() <= position);
        commits.range(first..).take_while(|commit| commit.commit.revision() <= newest).cloned().collect()
    }
}

impl TopicCommit {
    fn new(commit: Arc<Commit>, after: Revision) -> Self {
        Self { commit, after, frame: OnceLock::new(), envelopes: OnceLock::new() }
    }
}

impl Ring {
    /// A topic that only the ring holds has no stream left.
    fn forget_abandoned(&mut self) {
        self.topics.retain(|_, topic| Arc::strong_count(topic) > 1);
    }

    /// Whether a cursor is a place in this history that the ring reaches back to.
    fn contains(&self, cursor: &Cursor) -> bool {
        if cursor.epoch != self.floor.epoch {
            return false;
        }
        self.lineage_at(cursor.revision) == Some(cursor.lineage)
    }

    fn lineage_at(&self, revision: Revision) -> Option<Lineage> {
        let distance = revision.0.checked_sub(self.floor.revision.0)?;
        match usize::try_from(distance).ok()?.checked_sub(1) {
            None => Some(self.floor.lineage),
            Some(index) => self.commits.get(index).map(|commit| commit.cursor.lineage),
        }
    }
}

fn concerned_topics(topics: &HashMap<Subject, Arc<Topic>>, commit: &Commit) -> Vec<Arc<Topic>> {
    let everyone = commit.changes().any(|change| change.audience() == Audience::Everyone);
    let revokes = commit.changes().any(|change| matches!(change, Change::TokenRevoked { .. }));
    if everyone {
        return topics.values().cloned().collect();
    }
    if revokes {
        // Nothing to send; each stream looks whether its own token is meant.
        for topic in topics.values() {
            topic.wake();
        }
    }
    let mut subjects: Vec<Subject> = commit
        .changes()
        .filter_map(|change| match change.audience() {
            Audience::Service(service) => Some(Subject::Service(service.clone())),
            Audience::Everyone | Audience::Servers => None,
        })
        .collect();
    subjects.dedup();
    if !subjects.is_empty() {
        subjects.push(Subject::Everything);
    }
    subjects.iter().filter_map(|subject| topics.get(subject).cloned()).collect()
}

/// The ring's commits, oldest first, and where history stood before them. The past reaches up to the state or the
/// ring is empty: a stream then starts from a snapshot.
fn ring_of(state: &State, past: HistoryPage) -> (Cursor, VecDeque<Arc<Commit>>) {
    let reaches = past.commits.first().is_some_and(|newest| newest.cursor == state.cursor);
    if !reaches {
        return (state.cursor.clone(), VecDeque::new());
    }
    let mut commits: VecDeque<Arc<Commit>> = past.commits.into_iter().rev().collect();
    match commits.front() {
        Some(first) if first.revision() == Revision(1) => (Cursor::start_of(state.cursor.epoch.clone()), commits),
        Some(first) => {
            let floor = first.cursor.clone();
            commits.pop_front();
            (floor, commits)
        }
        None => (state.cursor.clone(), commits),
    }
}
