//! What is known and what is declared, and how one snapshot comes of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use waygate_core::{
    Cursor, Declaration, Environment, LocalKey, RateLimitPolicy, Revision, Route, ServiceView, Snapshot, Unheard,
};

use crate::acknowledge::Rejections;
use crate::bypass::Bypassed;
use crate::replica::shares::Held;

/// What the snapshot is compiled from.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) environment: Option<Environment>,
    pub(super) view: ServiceView,
    /// Where the view stands; `None` while nothing was ever heard.
    pub(super) cursor: Option<Cursor>,
    /// Whether all of the view could be read.
    pub(super) complete: bool,
    pub(super) rejections: Rejections,
    pub(super) unheard: Unheard,
    pub(super) declarations: BTreeMap<LocalKey, Declaration>,
    pub(super) observed: usize,
    pub(super) held: Held,
    pub(super) bypassed: Bypassed,
    /// Moves with each declaration, so that a registration knows whether it is still complete.
    pub(super) generation: u64,
}

impl Model {
    /// What is in force of what is [known and declared](Model::merged).
    pub(super) fn compile(&self, mut view: ServiceView) -> Snapshot {
        self.held.apply(&mut view);
        self.bypassed.apply(&mut view);
        match self.cursor {
            Some(_) => Snapshot::compile(view, self.environment.clone()),
            None if self.bypassed.opens_the_unknown() => Snapshot::compile(view, self.environment.clone()),
            None => Snapshot::compile_unheard(view, self.environment.clone(), &self.unheard),
        }
    }

    /// The control plane's word, which wins; a route that it does not know is what the code declares.
    pub(super) fn merged(&self) -> ServiceView {
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
        view
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
