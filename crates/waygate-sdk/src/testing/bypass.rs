//! Letting requests pass what would stop them, for the length of a scope.

use std::sync::Arc;

use waygate_core::{Control, GlobalState, Maintenance, ServiceView};

use crate::replica::Replica;

/// What is bypassed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bypass {
    lifecycle: bool,
    rate_limits: bool,
}

/// Bypasses until it is dropped; from [`ControlPlane::bypass`](super::ControlPlane::bypass).
#[derive(Debug)]
#[must_use = "nothing is bypassed any more once it is dropped"]
pub struct BypassScope {
    replica: Arc<Replica>,
    what: Bypass,
}

/// By how many scopes each is bypassed.
#[derive(Debug, Default)]
pub(crate) struct Bypassed {
    lifecycle: usize,
    rate_limits: usize,
}

impl Bypass {
    /// Whatever would stop a request.
    pub const fn all() -> Self {
        Self { lifecycle: true, rate_limits: true }
    }

    /// Maintenance of any kind, and whether routes are disabled or not for this environment; limits stay.
    pub const fn lifecycle() -> Self {
        Self { lifecycle: true, rate_limits: false }
    }

    /// Limits of any kind; nothing is charged to them either.
    pub const fn rate_limits() -> Self {
        Self { lifecycle: false, rate_limits: true }
    }
}

impl BypassScope {
    pub(super) fn new(replica: Arc<Replica>, what: Bypass) -> Self {
        replica.bypass(|bypassed| bypassed.count(what, |count| count + 1));
        Self { replica, what }
    }
}

impl Drop for BypassScope {
    fn drop(&mut self) {
        self.replica.bypass(|bypassed| bypassed.count(self.what, |count| count.saturating_sub(1)));
    }
}

impl Bypassed {
    fn count(&mut self, what: Bypass, next: impl Fn(usize) -> usize) {
        if what.lifecycle {
            self.lifecycle = next(self.lifecycle);
        }
        if what.rate_limits {
            self.rate_limits = next(self.rate_limits);
        }
    }

    /// Takes out of a view what is bypassed.
    pub(crate) fn apply(&self, view: &mut ServiceView) {
        if self.lifecycle > 0 {
            Arc::<GlobalState>::make_mut(&mut view.global).maintenance = Maintenance::default();
            let service = Arc::make_mut(&mut view.service);
            service.maintenance = Maintenance::default();
            for route in service.routes.values_mut().map(Arc::make_mut) {
                route.base = Control::default();
                route.temporary = None;
                route.windows.clear();
            }
        }
        if self.rate_limits > 0 {
            Arc::make_mut(&mut view.global).rate_limit = None;
            let service = Arc::make_mut(&mut view.service);
            service.rate_limit = None;
            service.route_limits.clear();
        }
    }
}
