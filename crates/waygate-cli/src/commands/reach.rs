//! What a change reaches: how many routes, and how many live instances.

use std::collections::BTreeSet;

use waygate_api::instances::{InstanceState, InstanceView};
use waygate_api::paths;
use waygate_api::services::ServiceSummary;
use waygate_core::ServiceId;

use crate::context::Connection;
use crate::error::CliResult;
use crate::render::count::counted;

/// What a change is about.
#[derive(Debug, Default)]
pub(crate) struct Subjects {
    /// All routes of all services.
    pub(crate) everything: bool,
    /// All routes of these.
    pub(crate) services: BTreeSet<String>,
    /// Single routes: the service and the key within it.
    pub(crate) routes: BTreeSet<(String, String)>,
}

/// Lines for a question: of one service, or of all.
pub(crate) async fn of(connection: &Connection, only: Option<&ServiceId>) -> CliResult<Vec<String>> {
    let services = only.iter().map(ToString::to_string).collect();
    of_subjects(connection, &Subjects { everything: only.is_none(), services, ..Subjects::default() }).await
}

/// Lines for a question: of all that a change is about.
pub(crate) async fn of_subjects(connection: &Connection, subjects: &Subjects) -> CliResult<Vec<String>> {
    let known = connection.get::<Vec<ServiceSummary>>(paths::SERVICES, &[("details", "true")]).await?.value;
    let is_whole = |service: &str| subjects.everything || subjects.services.contains(service);
    let single: Vec<&str> =
        subjects.routes.iter().map(|(service, _)| service.as_str()).filter(|service| !is_whole(service)).collect();
    let whole = known.iter().filter(|service| is_whole(&service.service));
    let routes = single.len() + whole.map(|service| service.routes).sum::<usize>();
    let mut meant: BTreeSet<&str> = single.into_iter().collect();
    meant.extend(subjects.services.iter().map(String::as_str));
    if subjects.everything {
        meant.extend(known.iter().map(|service| service.service.as_str()));
    }
    let routes = counted(routes, "route");
    let mut lines = vec![match meant.iter().next() {
        Some(only) if meant.len() == 1 && !subjects.everything => format!("{routes} of {only}"),
        _ => format!("{routes} of {}", counted(meant.len(), "service")),
    }];
    let live = instances(connection, |instance| subjects.everything || meant.contains(instance.service.as_str())).await;
    lines.extend(live.map(|live| counted(live, "live instance")));
    Ok(lines)
}

/// How many instances are there; `None` where the server does not say.
async fn instances(connection: &Connection, is_meant: impl Fn(&InstanceView) -> bool) -> Option<usize> {
    let known = connection.get::<Vec<InstanceView>>(paths::INSTANCES, &[]).await.ok()?.value;
    let is_gone = |instance: &InstanceView| matches!(instance.state, InstanceState::Lost | InstanceState::Left);
    Some(known.iter().filter(|instance| !is_gone(instance) && is_meant(instance)).count())
}
