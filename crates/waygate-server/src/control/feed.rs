//! From commits to frames: what each stream has to be told.
//!
//! There is one ring of commits. Each subject that somebody follows, a service or everything, has a topic with the
//! commits that concern it; a frame is encoded once per topic, whoever sends it to however many connections. A stream
//! holds a position, not a queue: if the ring has moved past it, it starts over from a snapshot.

mod encoded;
mod past;
mod ring;
mod topic;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::watch;
use waygate_core::{Audience, Change, Commit, Cursor, Revision, ServiceId, State, Timestamp};
use waygate_store::HistoryPage;

use crate::chunk::Chunk;

pub(crate) use self::encoded::EncodedView;
pub(crate) use self::past::{Newest, Past, Place};
pub(crate) use self::ring::Bounds;
use self::ring::Ring;
use self::topic::Topic;
pub(crate) use self::topic::TopicCommit;

/// How many commits a stream is given at a time: it takes these before the next are looked up.
const BATCH: usize = 64;

/// What a stream follows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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

/// What one stream has to be told next.
#[derive(Debug)]
pub(crate) struct Due {
    /// The state at `cursor`, or a newer one where there is `more`.
    pub(crate) state: Arc<State>,
    /// Start over from that state, and forget what was known.
    pub(crate) anew: bool,
    pub(crate) commits: Vec<Arc<TopicCommit>>,
    /// Where the stream stands once it has sent these.
    pub(crate) cursor: Cursor,
    /// There are further commits, to be looked up when these are sent.
    pub(crate) more: bool,
    /// Whoever stands before it has to start over.
    pub(crate) floor: Revision,
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
pub(crate) struct Feed {
    inner: RwLock<Inner>,
    /// Nothing more is told.
    has_ended: AtomicBool,
}

#[derive(Debug)]
struct Inner {
    state: Arc<State>,
    ring: Ring,
    /// In order, so that streams are always woken in the same one.
    topics: BTreeMap<Subject, Arc<Topic>>,
    /// Counts the times that history was loaded anew.
    generation: u64,
    /// What the ring holds, for those who judge clients by it; made when it is asked for.
    past: OnceLock<Arc<Past>>,
}

impl Feed {
    /// A feed that stands at `state`, with the past, newest first, to resume from.
    pub(crate) fn new(state: Arc<State>, past: HistoryPage, bounds: Bounds) -> Self {
        let ring = Ring::new(&state, past, bounds);
        let inner = Inner { state, ring, topics: BTreeMap::new(), generation: 0, past: OnceLock::new() };
        Self { inner: RwLock::new(inner), has_ended: AtomicBool::new(false) }
    }

    /// Takes the next commit in, with the state that it leads to.
    pub(crate) fn push(&self, commit: &Arc<Commit>, state: Arc<State>) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.state = state;
        inner.ring.push(commit);
        inner.past = OnceLock::new();
        inner.forget_abandoned();
        let floor = inner.ring.floor().revision;
        // Still under the lock: a stream must not see the state without the commits that led to it.
        let (concerned, others) = concerned_topics(&inner.topics, commit);
        for topic in &concerned {
            topic.append(commit, floor);
        }
        // No more: the first streams look while the last are woken.
        drop(inner);
        for topic in concerned.iter().chain(&others) {
            topic.wake();
        }
    }

    /// Ends: every stream is woken, and finds that it has.
    pub(crate) fn end(&self) {
        self.has_ended.store(true, Ordering::Release);
        let topics: Vec<Arc<Topic>> = self.read().topics.values().cloned().collect();
        for topic in topics {
            topic.wake();
        }
    }

    /// Whether it has ended; whoever is woken asks.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Starts over at another history. Every stream gets a snapshot.
    pub(crate) fn reset(&self, state: Arc<State>, past: HistoryPage) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.ring = Ring::new(&state, past, inner.ring.bounds());
        inner.state = state;
        inner.generation += 1;
        inner.past = OnceLock::new();
        for (subject, topic) in &inner.topics {
            topic.refill(subject, &inner.ring);
            topic.wake();
        }
    }

    /// Begins to follow a subject: after `resume` when that is a place in this history, else with a snapshot.
    pub(crate) fn subscribe(&self, subject: Subject, resume: Option<&Cursor>) -> Subscription {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let topic = if let Some(topic) = inner.topics.get(&subject) {
            topic.clone()
        } else {
            let topic = Arc::new(Topic::default());
            inner.forget_abandoned();
            topic.refill(&subject, &inner.ring);
            inner.topics.insert(subject.clone(), topic.clone());
            topic
        };
        let position = resume.filter(|cursor| inner.ring.contains(cursor)).map(|cursor| cursor.revision);
        Subscription { wake: topic.followed(), subject, topic, position, generation: inner.generation }
    }

    /// What a stream has to be told next, and where it stands then. One consistent cut: nothing that is committed up
    /// to the cursor is missing.
    pub(crate) fn due(&self, subscription: &mut Subscription) -> Due {
        let inner = self.read();
        subscription.wake.mark_unchanged();
        let state = inner.state.clone();
        let (newest, floor) = (state.cursor.clone(), inner.ring.floor().revision);
        let known =
            subscription.position.filter(|position| subscription.generation == inner.generation && floor <= *position);
        let due = match known {
            None => Due { state, anew: true, commits: Vec::new(), cursor: newest, more: false, floor },
            Some(position) => {
                let commits = subscription.topic.between(position, newest.revision, BATCH);
                let more = commits.len() == BATCH;
                let last = commits.last().filter(|_| more).map(|last| last.commit.cursor.clone());
                Due { state, anew: false, commits, cursor: last.unwrap_or(newest), more, floor }
            }
        };
        subscription.generation = inner.generation;
        subscription.position = Some(due.cursor.revision);
        due
    }

    /// Where history stands now, if a cursor is a place in it since which nothing has concerned the subject.
    pub(crate) fn unchanged_since(&self, cursor: &Cursor, subject: &Subject) -> Option<Cursor> {
        let inner = self.read();
        let is_unchanged =
            inner.ring.contains(cursor) && !inner.ring.after(cursor.revision).any(|commit| subject.follows(commit));
        is_unchanged.then(|| inner.state.cursor.clone())
    }

    /// Shows the commits of the ring since a time, newest first.
    pub(crate) fn look_back(&self, since: Timestamp, mut show: impl FnMut(&Commit)) {
        let inner = self.read();
        let newest_first = inner.ring.commits().rev();
        newest_first.take_while(|commit| since <= commit.draft.cause.at).for_each(|commit| show(commit));
    }

    /// How many subjects are followed.
    #[cfg(test)]
    pub(crate) fn subjects(&self) -> usize {
        self.read().topics.len()
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Everything is due again.
    pub(crate) fn begin_anew(&mut self) {
        self.position = None;
    }

    /// Waits until something may be due.
    pub(crate) async fn woken(&mut self) {
        // The topic, and with it the sender, lives as long as this subscription.
        let _ = self.wake.changed().await;
    }

    /// What a service is told of the state that is due: encoded once for all who ask while it stays as it is.
    pub(crate) fn view(&self, due: &Due, service: &ServiceId) -> Arc<EncodedView> {
        self.topic.view(due, service, self.generation)
    }

    /// The envelopes of everything that is in force at the cursor: encoded once for all who ask within a second.
    pub(crate) fn envelopes(&self, due: &Due, now: Timestamp, encode: impl FnOnce() -> Chunk) -> Chunk {
        self.topic.envelopes(&due.cursor, now, encode)
    }
}

impl Inner {
    /// A topic that only the feed holds has no stream left.
    fn forget_abandoned(&mut self) {
        self.topics.retain(|_, topic| Arc::strong_count(topic) > 1);
    }
}

/// The topics that a commit is a part of, and those whose streams have to look although they are told nothing.
fn concerned_topics(topics: &BTreeMap<Subject, Arc<Topic>>, commit: &Commit) -> (Vec<Arc<Topic>>, Vec<Arc<Topic>>) {
    let everyone = commit.changes().any(|change| change.audience() == Audience::Everyone);
    let revokes = commit.changes().any(|change| matches!(change, Change::TokenRevoked { .. }));
    if everyone {
        return (topics.values().cloned().collect(), Vec::new());
    }
    let mut subjects: BTreeSet<Subject> = commit
        .changes()
        .filter_map(|change| match change.audience() {
            Audience::Service(service) => Some(Subject::Service(service.clone())),
            Audience::Everyone | Audience::Servers => None,
        })
        .collect();
    if !subjects.is_empty() {
        subjects.insert(Subject::Everything);
    }
    let concerned = subjects.iter().filter_map(|subject| topics.get(subject).cloned()).collect();
    // Each stream looks whether its own token is meant.
    let others = if revokes { topics.values().cloned().collect() } else { Vec::new() };
    (concerned, others)
}
