//! The service's own copy of the rules: what the control plane says, over what the code declares.

mod model;
mod shares;

use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use waygate_core::{
    Cursor, Declaration, Digest, Environment, LocalKey, PathTemplate, RouteMethod, ServiceView, SnapshotCell, Unheard,
    WhenUnknown,
};

use crate::acknowledge::{Enforced, Rejections};
use crate::bypass::{Bypass, Bypassed};
use crate::cache::Kept;
use crate::clock;
use crate::declare::Declared;
use crate::replica::model::Model;
use crate::replica::shares::Held;
pub(crate) use crate::replica::shares::keep_leases;
use crate::status::{Outage, Phase, Rules, Status};

/// The most routes that are taken up because they were seen in use.
const MOST_OBSERVED: usize = 1000;

/// Shared by the handle, the layers and the syncer. Requests read the snapshot and nothing else.
#[derive(Debug)]
pub(crate) struct Replica {
    snapshot: SnapshotCell,
    model: Mutex<Model>,
    status: watch::Sender<Status>,
    /// Wakes the syncer when something was declared.
    declared: Notify,
    /// Wakes the cache when the control plane has said something.
    moved: Notify,
    /// When the next lease of a share ends.
    lease: watch::Sender<Option<Instant>>,
    /// Off once the bound is reached, so that requests for unknown routes do not queue for the lock.
    observing: AtomicBool,
    /// The control plane is one of a test, and knows what is declared as soon as it is.
    #[cfg(feature = "testing")]
    scripted: AtomicBool,
}

/// The declarations as they stand at one time.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) declarations: Vec<Declaration>,
    pub(crate) generation: u64,
}

impl Replica {
    /// Begins with what was kept from before, and where that came from.
    pub(crate) fn new(
        environment: Option<Environment>,
        when_unknown: WhenUnknown,
        kept: Option<(Rules, Kept)>,
    ) -> Self {
        let unheard = Unheard { default: when_unknown, ..Unheard::default() };
        let mut model = Model { environment: environment.clone(), unheard, ..Model::default() };
        let mut status = Status::starting(environment);
        if let Some((rules, kept)) = kept {
            status = Status { rules, as_of: kept.as_of, cursor: Some(kept.cursor.clone()), ..status };
            (model.view, model.cursor, model.complete) = (kept.view, Some(kept.cursor), kept.complete);
            model.held = Held::after(kept.shares);
        }
        Self {
            snapshot: SnapshotCell::new(model.compile(model.merged())),
            model: Mutex::new(model),
            status: watch::Sender::new(status),
            declared: Notify::new(),
            moved: Notify::new(),
            lease: watch::Sender::new(None),
            observing: AtomicBool::new(true),
            #[cfg(feature = "testing")]
            scripted: AtomicBool::new(false),
        }
    }

    pub(crate) fn snapshot(&self) -> &SnapshotCell {
        &self.snapshot
    }

    /// Puts declarations in force, below whatever the control plane says about the same routes.
    pub(crate) fn declare(&self, declarations: impl IntoIterator<Item = Declared>) {
        let mut model = self.model();
        let before = model.generation;
        for Declared { declaration, when_unknown, .. } in declarations {
            model.generation += 1;
            match when_unknown {
                Some(choice) => drop(model.unheard.routes.insert(declaration.key.clone(), choice)),
                None => drop(model.unheard.routes.remove(&declaration.key)),
            }
            model.declarations.insert(declaration.key.clone(), declaration);
        }
        if model.generation != before {
            self.declarations_changed(&mut model);
        }
    }

    /// Takes up a route that answers requests and that nobody has declared.
    pub(crate) fn observe(&self, method: RouteMethod, template: &str) {
        if !self.observing.load(Ordering::Relaxed) {
            return;
        }
        let Ok(path) = template.parse::<PathTemplate>() else { return };
        let key = LocalKey::new(method, path);
        let mut model = self.model();
        if model.observed >= MOST_OBSERVED {
            self.observing.store(false, Ordering::Relaxed);
            tracing::warn!("{MOST_OBSERVED} undeclared routes were taken up; further ones stay unknown");
            return;
        }
        let Entry::Vacant(vacant) = model.declarations.entry(key.clone()) else { return };
        vacant.insert(Declaration::active(key));
        model.observed += 1;
        model.generation += 1;
        self.declarations_changed(&mut model);
    }

    /// Puts another view of the control plane in force. `complete` where all of it could be read.
    pub(crate) fn replace_view(&self, view: ServiceView, cursor: &Cursor, complete: bool) {
        let mut model = self.model();
        (model.view, model.cursor, model.complete) = (view, Some(cursor.clone()), complete);
        self.put_in_force(&mut model);
        self.heard(cursor);
    }

    /// The view stands further on, although nothing in it has changed.
    pub(crate) fn moved_to(&self, cursor: &Cursor) {
        self.model().cursor = Some(cursor.clone());
        self.heard(cursor);
    }

    fn heard(&self, cursor: &Cursor) {
        self.status.send_modify(|status| {
            status.cursor = Some(cursor.clone());
            status.rules = Rules::ControlPlane;
        });
        self.moved.notify_one();
    }

    /// The view is known to be that of the control plane at this time.
    pub(crate) fn confirmed(&self) {
        // Too frequent, and too little, to wake those who wait for a status.
        self.status.send_if_modified(|status| {
            status.as_of = Some(clock::now());
            false
        });
    }

    /// Waits until the control plane says something.
    pub(crate) async fn moved(&self) {
        self.moved.notified().await;
    }

    /// What the control plane has said, to keep; `None` before it has said anything.
    pub(crate) fn kept(&self) -> Option<Kept> {
        let (rules, as_of) = {
            let status = self.status.borrow();
            (status.rules, status.as_of)
        };
        let model = self.model();
        let cursor = model.cursor.clone().filter(|_| rules == Rules::ControlPlane)?;
        Some(Kept { view: model.view.clone(), cursor, as_of, complete: model.complete, shares: model.held.left() })
    }

    /// Whether it is known what of the rules could not be read. What was kept does not say so: of rules that are not whole
    /// nothing is said before they have come anew.
    pub(crate) fn knows_what_is_missing(&self) -> bool {
        let rules = self.status.borrow().rules;
        rules == Rules::ControlPlane || self.is_complete_view()
    }

    /// What is in force of what the control plane has said; `None` before it has said anything.
    pub(crate) fn enforced(&self) -> Option<Enforced> {
        if !self.knows_what_is_missing() {
            return None;
        }
        let (view, cursor, rejected) = {
            let model = self.model();
            (model.view.clone(), model.cursor.clone()?, model.rejections.list().to_vec())
        };
        let bypass = self.status.borrow().bypass;
        Some(Enforced { cursor, digest: Digest::of(&view), rejected: bypass.told().chain(rejected).collect() })
    }

    /// Keeps account of what could not be applied.
    pub(crate) fn rejections(&self, keep: impl FnOnce(&mut Rejections)) {
        keep(&mut self.model().rejections);
    }

    /// Where the stream may go on from.
    pub(crate) fn resumes_after(&self) -> Option<Cursor> {
        let model = self.model();
        model.cursor.clone().filter(|_| model.complete)
    }

    /// Whether all of the view could be read.
    pub(crate) fn is_complete_view(&self) -> bool {
        self.model().complete
    }

    /// Whether the control plane's view has every route that is declared.
    pub(crate) fn has_all_declared(&self) -> bool {
        let model = self.model();
        model.declarations.keys().all(|key| model.view.service.routes.contains_key(key))
    }

    /// What the control plane said last.
    pub(crate) fn view(&self) -> ServiceView {
        self.model().view.clone()
    }

    /// The same, and where in history it stands; `None` before anything was heard.
    #[cfg(feature = "simulation")]
    pub(crate) fn known(&self) -> Option<(Cursor, ServiceView)> {
        let model = self.model();
        Some((model.cursor.clone()?, model.view.clone()))
    }

    pub(crate) fn batch(&self) -> Batch {
        let model = self.model();
        Batch { declarations: model.declarations.values().cloned().collect(), generation: model.generation }
    }

    /// Whether a batch still holds everything that is declared.
    pub(crate) fn is_complete(&self, generation: u64) -> bool {
        self.model().generation == generation
    }

    /// Waits for the next declaration.
    pub(crate) async fn declared(&self) {
        self.declared.notified().await;
    }

    pub(crate) fn registered(&self, batch: &Batch, rejected: usize) {
        let complete = self.is_complete(batch.generation);
        self.status.send_modify(|status| {
            status.registered = complete;
            status.rejected = rejected;
        });
    }

    pub(crate) fn unregistered(&self) {
        self.status.send_modify(|status| status.registered = status.declared == 0);
    }

    pub(crate) fn drifted(&self) {
        self.status.send_modify(|status| status.drifted += 1);
    }

    pub(crate) fn cache_failed(&self) {
        self.status.send_modify(|status| status.cache_failures += 1);
    }

    pub(crate) fn follows(&self, server: Option<String>) {
        self.status.send_if_modified(|status| {
            let changed = status.server != server;
            status.server = server;
            changed
        });
    }

    pub(crate) fn skipped(&self, elements: usize) {
        self.status.send_modify(|status| status.skipped += elements as u64);
    }

    /// Changes arrive, as they happen or by polling.
    pub(crate) fn in_touch(&self, phase: Phase) {
        self.reached();
        self.confirmed();
        self.status.send_if_modified(|status| {
            let changed = status.phase != phase;
            if changed {
                status.since = clock::now();
                status.phase = phase;
            }
            changed
        });
    }

    /// Changes do not arrive any more. The time of the first loss is kept.
    pub(crate) fn lost(&self, why: Outage) {
        self.status.send_modify(|status| {
            if !matches!(status.phase, Phase::Stale { .. }) {
                status.since = clock::now();
            }
            status.phase = Phase::Stale { since: status.since, why };
        });
    }

    pub(crate) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Changes what is bypassed.
    pub(crate) fn bypass(&self, change: impl FnOnce(&mut Bypassed)) {
        let mut model = self.model();
        change(&mut model.bypassed);
        self.put_in_force(&mut model);
    }

    /// Bypasses for good, and says so wherever this instance is told of.
    pub(crate) fn bypass_always(&self, what: Bypass) {
        self.bypass(|bypassed| bypassed.count(what, |count| count + 1));
        self.status.send_modify(|status| status.bypass = status.bypass.and(what));
    }

    fn declarations_changed(&self, model: &mut Model) {
        self.put_in_force(model);
        self.status.send_modify(|status| {
            status.declared = model.declarations.len();
            status.registered = self.is_scripted();
        });
        self.declared.notify_one();
    }

    #[cfg(not(feature = "testing"))]
    #[expect(clippy::unused_self, reason = "with the feature `testing` it may be so")]
    fn is_scripted(&self) -> bool {
        false
    }

    #[cfg(feature = "testing")]
    fn is_scripted(&self) -> bool {
        self.scripted.load(Ordering::Relaxed)
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        // Nothing panics while it is held, and each value in it is whole at any time.
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(feature = "testing")]
impl Replica {
    /// Follows the control plane of a test from now on.
    pub(crate) fn follow_script(&self) {
        self.scripted.store(true, Ordering::Relaxed);
        self.in_touch(Phase::Live);
    }

    /// Makes the rules older, and the loss of touch longer ago.
    pub(crate) fn age_by(&self, time: jiff::SignedDuration) {
        let earlier = |at: jiff::Timestamp| at.checked_sub(time).unwrap_or(jiff::Timestamp::MIN);
        self.status.send_modify(|status| {
            status.as_of = status.as_of.map(earlier);
            status.since = earlier(status.since);
            if let Phase::Stale { since, .. } = &mut status.phase {
                *since = earlier(*since);
            }
        });
    }
}
