//! What the list of routes does not say of them: who has changed each last, its limit, and how many instances of its
//! service run.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use waygate_api::audit::AuditEntry;
use waygate_api::instances::{InstanceState, InstanceView};
use waygate_api::paths;
use waygate_api::rate_limits::LimitView;
use waygate_api::routes::RouteState;
use waygate_core::ServiceId;

use crate::context::{Connection, Context};
use crate::error::{CliResult, ExitStatus};
use crate::moment::shown;
use crate::render;
use crate::render::table::{Cell, Table};

/// The columns for it.
const COLUMNS: [&str; 4] = ["Since", "By", "Limit", "Instances"];
/// So many of the latest changes are looked through.
const LATEST: &str = "1000";
/// The most changes that are read at once.
const MOST: &str = "100000";

#[derive(Default)]
struct Around {
    /// The latest change of each route.
    changes: BTreeMap<String, AuditEntry>,
    limits: BTreeMap<String, String>,
    running: BTreeMap<String, usize>,
}

/// The table of routes, with what is around them where its columns are asked for.
pub(super) async fn table(
    context: &Context,
    connection: &Connection,
    routes: &[RouteState],
    scope: Option<&ServiceId>,
) -> CliResult<Table> {
    if !COLUMNS.iter().any(|column| context.printer.shows(column)) {
        return Ok(render::route::table(routes, scope.is_some()));
    }
    let around = Around::of(connection, scope).await?;
    Ok(render::route::table_with(routes, scope.is_some(), &COLUMNS, |route| around.cells(route)))
}

/// The keys of what was changed since then.
pub(super) async fn changed(
    connection: &Connection,
    since: Timestamp,
    scope: Option<&ServiceId>,
) -> CliResult<BTreeSet<String>> {
    let since = since.to_string();
    let query = [("limit", MOST), ("since", since.as_str())];
    let entries: Vec<AuditEntry> = connection.get(paths::AUDIT, &within(&query, scope)).await?.value;
    Ok(entries.into_iter().map(|entry| entry.path).collect())
}

impl Around {
    async fn of(connection: &Connection, scope: Option<&ServiceId>) -> CliResult<Self> {
        let mut around = Self::default();
        let entries: Vec<AuditEntry> = told(connection, paths::AUDIT, &within(&[("limit", LATEST)], scope)).await?;
        for entry in entries {
            around.changes.entry(entry.path.clone()).or_insert(entry);
        }
        let limits: Vec<LimitView> = told(connection, paths::RATE_LIMITS, &within(&[], scope)).await?;
        for limit in limits {
            let paused = if limit.enabled { "" } else { " (paused)" };
            if let Some(key) = limit.key {
                around.limits.insert(key, format!("{}{paused}", limit.limit));
            }
        }
        let instances: Vec<InstanceView> = told(connection, paths::INSTANCES, &within(&[], scope)).await?;
        let running = |state| !matches!(state, InstanceState::Lost | InstanceState::Left);
        for instance in instances.into_iter().filter(|instance| running(instance.state)) {
            *around.running.entry(instance.service).or_default() += 1;
        }
        Ok(around)
    }

    fn cells(&self, route: &RouteState) -> Vec<Cell> {
        let change = self.changes.get(&route.path);
        let of_path = || {
            let (service, local) = route.path.split_once(':')?;
            self.limits.get(&format!("{service}:{}", local.split_once(':')?.1))
        };
        let running = route.service.as_ref().and_then(|service| self.running.get(service));
        vec![
            Cell::new(change.map(|change| shown(change.timestamp)).unwrap_or_default()),
            Cell::new(change.map(|change| change.actor.as_str()).unwrap_or_default()),
            Cell::new(self.limits.get(&route.path).or_else(of_path).map(String::as_str).unwrap_or_default()),
            Cell::new(running.map(ToString::to_string).unwrap_or_default()),
        ]
    }
}

/// What a server tells; nothing where it does not know of such things, or this caller may not see them.
async fn told<T: DeserializeOwned + Default>(
    connection: &Connection,
    path: &str,
    query: &[(&str, &str)],
) -> CliResult<T> {
    match connection.get(path, query).await {
        Ok(read) => Ok(read.value),
        Err(error) if error.is_missing() || error.status == ExitStatus::Authentication => Ok(T::default()),
        Err(error) => Err(error),
    }
}

fn within<'q>(query: &[(&'q str, &'q str)], scope: Option<&'q ServiceId>) -> Vec<(&'q str, &'q str)> {
    query.iter().copied().chain(scope.map(|service| ("service", service.as_str()))).collect()
}
