//! Letting requests pass what would stop them.

use std::fmt;
use std::sync::Arc;

use waygate_api::instances::{BYPASSES_LIFECYCLE, BYPASSES_RATE_LIMITS, NotApplied};
use waygate_core::{Control, GlobalState, Maintenance, ServiceView};

/// What is bypassed: [`WaygateBuilder::bypass`](crate::WaygateBuilder::bypass), or for the length of a scope in tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bypass {
    lifecycle: bool,
    rate_limits: bool,
}

/// By how many each is bypassed.
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

    /// Nothing is.
    pub const fn is_none(self) -> bool {
        !self.lifecycle && !self.rate_limits
    }

    /// Both, one after the other.
    #[must_use]
    pub(crate) const fn and(self, more: Self) -> Self {
        Self { lifecycle: self.lifecycle || more.lifecycle, rate_limits: self.rate_limits || more.rate_limits }
    }

    /// What operators are told that this instance does not enforce.
    pub(crate) fn told(self) -> impl Iterator<Item = NotApplied> {
        let each = [(self.lifecycle, BYPASSES_LIFECYCLE), (self.rate_limits, BYPASSES_RATE_LIMITS)];
        each.into_iter().filter(|(is_bypassed, _)| *is_bypassed).map(|(_, what)| NotApplied {
            what: what.to_owned(),
            why: "bypassed by the settings of this instance".to_owned(),
        })
    }
}

impl fmt::Display for Bypass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match (self.lifecycle, self.rate_limits) {
            (true, true) => "lifecycle and rate limits",
            (true, false) => "lifecycle",
            (false, true) => "rate limits",
            (false, false) => "nothing",
        })
    }
}

impl Bypassed {
    pub(crate) fn count(&mut self, what: Bypass, next: impl Fn(usize) -> usize) {
        if what.lifecycle {
            self.lifecycle = next(self.lifecycle);
        }
        if what.rate_limits {
            self.rate_limits = next(self.rate_limits);
        }
    }

    /// Whether what is unknown answers, whatever was chosen for it.
    pub(crate) fn opens_the_unknown(&self) -> bool {
        self.lifecycle > 0
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
