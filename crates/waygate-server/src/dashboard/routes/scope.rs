//! The service that the list is of, as its card shows it.

use waygate_core::{MaintenanceScope, ServiceId, State};

use crate::dashboard::visit::Visit;
use crate::dashboard::words::Moment;

pub(super) struct Scope {
    pub(super) on: bool,
    pub(super) words: String,
    pub(super) path: String,
}

impl Scope {
    pub(super) fn of(visit: &Visit, state: &State, service: &str) -> Option<Self> {
        let id: ServiceId = service.parse().ok()?;
        let maintenance = state.maintenance(&MaintenanceScope::Service(id))?;
        let on = maintenance.is_on(|| visit.now);
        let words = match (on, maintenance.until) {
            (false, _) => format!("{service} answers."),
            (true, None) => format!("{service} is in maintenance: {}", maintenance.reason),
            (true, Some(until)) => {
                format!("{service} is in maintenance until {}: {}", Moment(until).words(), maintenance.reason)
            }
        };
        Some(Self { on, words, path: format!("/maintenance/{service}") })
    }
}
