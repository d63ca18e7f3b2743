//! The service's own copy of the rules: what the control plane says, over what the code declares.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use waygate_core::{
    Cursor, Declaration, Environment, LocalKey, PathTemplate, RateLimitPolicy, Revision, Route, RouteMethod,
    ServiceView, Snapshot, SnapshotCell,
};

use crate::clock;
use crate::status::{Outage, Phase, Status};

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
    /// Off once the bound is reached, so that requests for unknown routes do not queue for the lock.
    observing: AtomicBool,
}

#[derive(Debug, Default)]
struct Model {
    environment: Option<Environment>,
    view: ServiceView,
    declarations: BTreeMap<LocalKey, Declaration>,
    observed: usize,
    /// Moves with each declaration, so that a registration knows whether it is still complete.
    generation: u64,
}

/// The declarations as they stand at one time.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) declarations: Vec<Declaration>,
    pub(crate) generation: u64,
}

impl Replica {
    pub(crate) fn new(environment: Option<Environment>) -> Self {
        let model = Model { environment: environment.clone(), ..Model::default() };
        Self {
            snapshot: SnapshotCell::new(model.compile()),
            model: Mutex::new(model),
            status: watch::Sender::new(Status::starting(environment)),
            declared: Notify::new(),
            observing: AtomicBool::new(true),
        }
    }

    pub(crate) fn snapshot(&self) -> &SnapshotCell {
        &self.snapshot
    }

    /// Puts declarations in force, below whatever the control plane says about the same routes.
    pub(crate) fn declare(&self, declarations: impl IntoIterator<Item = Declaration>) {
        let mut model = self.model();
        let before = model.generation;
        for declaration in declarations {
            model.generation += 1;
            model.declarations.insert(declaration.key.clone(), declaration);
        }
        if model.generation != before {
            self.declarations_changed(&model);
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
        self.declarations_changed(&model);
    }

    /// Puts another view of the control plane in force.
    pub(crate) fn replace_view(&self, view: ServiceView) {
        let mut model = self.model();
        model.view = view;
        self.snapshot.store(model.compile());
    }

    /// What the control plane said last.
    pub(crate) fn view(&self) -> ServiceView {
        self.model().view.clone()
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

    pub(crate) fn moved_to(&self, cursor: &Cursor) {
        self.status.send_modify(|status| status.cursor = Some(cursor.clone()));
    }

    pub(crate) fn skipped(&self, elements: usize) {
        self.status.send_modify(|status| status.skipped += elements as u64);
    }

    pub(crate) fn live(&self) {
        self.status.send_if_modified(|status| {
            let changed = status.phase != Phase::Live;
            status.phase = Phase::Live;
            changed
        });
    }

    /// Changes do not arrive any more. The time of the first loss is kept.
    pub(crate) fn lost(&self, why: Outage) {
        self.status.send_modify(|status| {
            let since = match &status.phase {
                Phase::Stale { since, .. } => *since,
                Phase::Starting | Phase::Live => clock::now(),
            };
            status.phase = Phase::Stale { since, why };
        });
    }

    pub(crate) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    fn declarations_changed(&self, model: &Model) {
        self.snapshot.store(model.compile());
        self.status.send_modify(|status| {
            status.declared = model.declarations.len();
            status.registered = false;
        });
        self.declared.notify_one();
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        // Nothing panics while it is held, and each value in it is whole at any time.
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Model {
    /// The control plane's word wins; a route that it does not know is what the code declares.
    fn compile(&self) -> Snapshot {
        let mut view = self.view.clone();
        let known = &self.view.service;
        let new_routes = self.declarations.iter().filter(|(key, _)| !known.routes.contains_key(*key));
        let new_limits = self.declarations.iter().filter_map(|(key, declaration)| {
            let policy = declaration.rate_limit.as_deref().filter(|_| !known.route_limits.contains_key(key))?;
            Some((key, policy))
        });
        for (key, declaration) in new_routes {
            Arc::make_mut(&mut view.service).routes.insert(key.clone(), Arc::new(route_of(declaration)));
        }
        for (key, policy) in new_limits {
            let policy = RateLimitPolicy { declared: true, ..policy.clone() };
            Arc::make_mut(&mut view.service).route_limits.insert(key.clone(), Arc::new(policy));
        }
        Snapshot::compile(view, self.environment.clone())
    }
}

fn route_of(declaration: &Declaration) -> Route {
    Route {
        declared: declaration.control.clone(),
        base: declaration.control.clone(),
        switched: false,
        temporary: None,
        windows: Vec::new(),
        last_window: 0,
        declared_deprecation: declaration.deprecation.clone(),
        deprecation: declaration.deprecation.clone(),
        force_active: declaration.force_active,
        changed_at: Revision::ZERO,
    }
}
