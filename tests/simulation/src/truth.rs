//! Every state that the control plane ever had, by its cursor: what services are compared with.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use waygate_core::{Commit, Cursor, Draft, Epoch, ServiceId, ServiceView, State};

/// The histories of one run: the one that goes on, and those that were rolled back or flushed.
#[derive(Debug)]
pub struct Truth(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    states: HashMap<Cursor, Known>,
    /// The history that goes on, oldest first.
    line: Vec<Arc<Commit>>,
    newest: Cursor,
    epochs: u64,
    /// Who has made a commit, and how many.
    made: HashMap<String, usize>,
    /// Whose commits are gone since the store was rolled back or flushed.
    gone: HashSet<String>,
}

#[derive(Debug)]
struct Known {
    state: State,
    before: Option<Cursor>,
}

impl Truth {
    /// A history of its own, without a commit.
    pub fn new() -> Self {
        let start = Cursor::start_of(epoch(1));
        let states = HashMap::from([(start.clone(), Known { state: State::new(start.clone()), before: None })]);
        let inner =
            Inner { states, line: Vec::new(), newest: start, epochs: 1, made: HashMap::new(), gone: HashSet::new() };
        Self(Mutex::new(inner))
    }

    /// The store has made a commit.
    pub fn committed(&self, commit: &Arc<Commit>) {
        let mut inner = self.inner();
        let before = inner.newest.clone();
        let mut state = inner.states[&before].state.clone();
        state.apply(commit).expect("the store commits in order");
        inner.states.insert(commit.cursor.clone(), Known { state, before: Some(before) });
        inner.line.push(commit.clone());
        inner.newest = commit.cursor.clone();
        *inner.made.entry(commit.draft.cause.actor.to_string()).or_default() += 1;
    }

    /// The newest commits are gone. The drafts that are left, oldest first.
    pub fn rolled_back(&self, commits: usize) -> (Epoch, Vec<Draft>) {
        let mut inner = self.inner();
        let left = inner.line.len().saturating_sub(commits);
        inner.forget(left);
        inner.newest = match inner.line.last() {
            Some(newest) => newest.cursor.clone(),
            None => Cursor::start_of(inner.newest.epoch.clone()),
        };
        (inner.newest.epoch.clone(), inner.line.iter().map(|commit| commit.draft.clone()).collect())
    }

    /// All of history is gone; the one that begins has another name.
    pub fn flushed(&self) -> Epoch {
        let mut inner = self.inner();
        inner.forget(0);
        inner.epochs += 1;
        let start = Cursor::start_of(epoch(inner.epochs));
        let state = State::new(start.clone());
        inner.states.insert(start.clone(), Known { state, before: None });
        inner.newest = start;
        inner.newest.epoch.clone()
    }

    pub fn newest(&self) -> Cursor {
        self.inner().newest.clone()
    }

    pub fn commits(&self) -> usize {
        self.inner().line.len()
    }

    /// What a service was to know at a place; `None` where no history ever was.
    pub fn view(&self, cursor: &Cursor, service: &ServiceId) -> Option<ServiceView> {
        Some(self.inner().states.get(cursor)?.state.service_view(service))
    }

    /// How many commits lie between an earlier and a later place; `None` where the one does not lead to the other.
    pub fn distance(&self, earlier: &Cursor, later: &Cursor) -> Option<usize> {
        let inner = self.inner();
        let (mut place, mut steps) = (later, 0);
        while place != earlier {
            place = inner.states.get(place)?.before.as_ref()?;
            steps += 1;
        }
        Some(steps)
    }

    /// How many commits somebody has made, and whether one of them is gone with the store's history.
    pub fn made_by(&self, actor: &str) -> (usize, bool) {
        let inner = self.inner();
        (inner.made.get(actor).copied().unwrap_or_default(), inner.gone.contains(actor))
    }

    /// Whether a commit of somebody is in the history that goes on.
    pub fn is_kept(&self, actor: &str) -> bool {
        self.inner().line.iter().any(|commit| commit.draft.cause.actor.to_string() == actor)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("nobody panics with it")
    }
}

impl Default for Truth {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    fn forget(&mut self, left: usize) {
        for commit in self.line.drain(left..) {
            self.gone.insert(commit.draft.cause.actor.to_string());
        }
    }
}

fn epoch(number: u64) -> Epoch {
    format!("epoch{number:08}").parse().expect("it is letters and digits")
}
