//! The changes that are marked on a chart.

use waygate_core::{MaintenanceScope, Record, Revision, RouteSelector, Scope, ServiceId, Timestamp};
use waygate_store::HistoryQuery;

use crate::api::audit::{Subject, may_see};
use crate::dashboard::audit::Entry;
use crate::dashboard::visit::Visit;
use crate::error::ApiError;

/// How many changes are marked.
const MOST: usize = 40;
/// How many commits are read at a time, and how often.
const READ: usize = 500;
const READS: usize = 4;

/// Whose changes are looked for: of everything, of a service, of a route. What is above them concerns them too.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::dashboard) struct Concern<'c> {
    pub(in crate::dashboard) service: Option<&'c ServiceId>,
    pub(in crate::dashboard) route: Option<&'c RouteSelector>,
}

/// Changes since a time, the newest first.
#[derive(Default)]
pub(in crate::dashboard) struct Marks {
    pub(in crate::dashboard) entries: Vec<Entry>,
    /// There are more than are marked.
    pub(in crate::dashboard) more: bool,
}

impl Marks {
    pub(in crate::dashboard) async fn since(
        visit: &Visit,
        start: Timestamp,
        concern: Concern<'_>,
    ) -> Result<Self, ApiError> {
        let mut marks = Self::default();
        let mut before: Option<Revision> = None;
        for _ in 0..READS {
            let page = visit.app.control.history(HistoryQuery { before, limit: READ }).await?;
            let wanted = |record: &Record| {
                !record.action.is_routine() && concern.takes(record) && may_see(&visit.principal, record)
            };
            let recent = page.commits.iter().take_while(|commit| start <= commit.draft.cause.at);
            marks.entries.extend(recent.filter_map(|commit| Entry::of_those(commit, visit.now, wanted)));
            let is_all = page.commits.last().is_none_or(|commit| commit.draft.cause.at < start);
            if is_all || !page.more || marks.entries.len() > MOST {
                marks.more = marks.entries.len() > MOST;
                marks.entries.truncate(MOST);
                return Ok(marks);
            }
            before = page.commits.last().map(|commit| commit.revision());
        }
        marks.more = true;
        Ok(marks)
    }
}

impl Concern<'_> {
    fn takes(self, record: &Record) -> bool {
        match Subject::of(&record.change) {
            Subject::Maintenance(MaintenanceScope::Global) | Subject::RateLimit(Scope::Global) => true,
            Subject::Maintenance(MaintenanceScope::Service(service))
            | Subject::RateLimit(Scope::Service(service))
            | Subject::Service(service) => self.takes_service(service),
            Subject::Route(key) | Subject::RateLimit(Scope::Route(key)) => {
                self.takes_service(&key.service)
                    && self.route.is_none_or(|route| {
                        route.path == key.local.path && route.method.is_none_or(|method| method == key.local.method)
                    })
            }
            Subject::Webhook(_) | Subject::Imported(..) | Subject::Other(_) => false,
        }
    }

    fn takes_service(self, service: &ServiceId) -> bool {
        let of_route = self.route.and_then(|route| route.service.as_ref());
        [self.service, of_route].into_iter().flatten().all(|only| only == service)
    }
}
