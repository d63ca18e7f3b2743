//! `history`, `undo` and `rollback`: what was, and the way back.

mod change;
mod difference;

use serde_json::value::RawValue;
use waygate_api::audit::AuditEntry;
use waygate_api::paths;
use waygate_core::LifecycleKind;

use crate::cli::{History, Rollback, Undo};
use crate::clock;
use crate::commands::declare::plan::{Planner, Unnamed};
use crate::commands::declare::{carry_out, document};
use crate::commands::status::{self, array};
use crate::context::{Context, Read, selector, service};
use crate::error::{CliError, CliResult, ExitStatus};
use crate::moment;
use crate::printer::Colour;
use crate::render::table::{Cell, Table};
use difference::{Difference, parts, words};

pub(crate) async fn list(context: &Context, history: History) -> CliResult {
    let scope = service(history.service.name.as_deref())?;
    let route = history.route.as_deref().map(|route| selector(route, scope.as_ref())).transpose()?;
    let (selected, limit) = (route, history.limit.to_string());
    let route = selected.as_ref().map(ToString::to_string);
    let filters = [
        ("limit", Some(limit.as_str())),
        ("route", route.as_deref()),
        ("service", scope.as_ref().map(waygate_core::ServiceId::as_str)),
    ];
    let query: Vec<(&str, &str)> = filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let connection = context.connect()?;
    let Read { value: raw, .. } = connection.get::<Vec<Box<RawValue>>>(paths::AUDIT, &query).await?;
    let text = array(&raw);
    let mut table = Table::new(vec!["Revision", "Time", "What", "Action", "By", "Before", "After", "Reason"]);
    for raw in raw {
        let entry = connection.read::<AuditEntry>(raw)?.value;
        let status = |status: Option<LifecycleKind>| status.map(LifecycleKind::as_str).unwrap_or_default();
        table.push(vec![
            Cell::new(entry.revision.to_string()),
            Cell::new(moment::shown(entry.timestamp)),
            Cell::new(super::audit::subject(&entry.path)).coloured(Colour::Cyan),
            Cell::new(&entry.action),
            Cell::new(&entry.actor),
            Cell::new(status(entry.previous_status)),
            Cell::new(status(entry.new_status)),
            Cell::new(&entry.reason),
        ]);
    }
    status::anyone(&connection, scope.as_ref(), table.is_empty()).await?;
    status::anything(&connection, selected.as_ref(), table.is_empty()).await?;
    context.printer.list(&text, &table, "nothing has been changed");
    Ok(())
}

/// Takes one change back, unless what it was about has changed again.
pub(crate) async fn undo(context: &Context, undo: Undo) -> CliResult {
    let connection = context.connect()?;
    let now = document(&connection, None, None).await?;
    let current = parts(&now)?;
    let planner = planner(&undo.reason);
    let (revision, difference) = if let Some(named) = undo.change.as_deref() {
        let revision = change::named(&connection, named).await?;
        (revision, Difference::of(&connection, revision).await?)
    } else {
        // What has been changed again is not passed over: that is for the caller to know.
        let is_left = |difference: &Difference| {
            Ok(!difference.touched().is_empty()
                && (!difference.moved(&current).is_empty()
                    || !planner.plan(&now, &difference.taken_back(&current)?).steps.is_empty()))
        };
        change::standing(context, &connection, is_left).await?
    };
    if difference.touched().is_empty() {
        let error = format!("revision {revision} changed nothing that can be taken back");
        return Err(CliError::new(ExitStatus::NotFound, error).hint("`waygate history` lists changes"));
    }
    let moved = difference.moved(&current);
    if !moved.is_empty() {
        let error = format!("what revision {revision} changed has been changed again since");
        let error = CliError::new(ExitStatus::Conflict, error);
        let error = moved.into_iter().fold(error, |error, name| error.hint(words(name)));
        return Err(error.hint("`waygate rollback --to REVISION` goes back over all of it"));
    }
    let plan = planner.plan(&now, &difference.taken_back(&current)?);
    carry_out(context, &connection, &plan, None, Some(revision)).await.map(|_| ())
}

/// Goes back to what was at a revision. Services and routes that have come since stay, as their code declares them.
pub(crate) async fn rollback(context: &Context, rollback: Rollback) -> CliResult {
    let scope = service(rollback.service.name.as_deref())?;
    let scope = scope.as_ref().map(waygate_core::ServiceId::as_str);
    let at = match rollback.to.parse::<u64>() {
        Ok(_) => None,
        Err(_) => Some(
            moment::been("--to", &rollback.to, clock::now())
                .map_err(|error| error.hint("or a revision: a number, as `waygate history` shows it"))?,
        ),
    };
    let connection = context.connect()?;
    let revision = match at {
        None => rollback.to.parse().unwrap_or_default(),
        Some(at) => {
            let query = [("limit", "1"), ("until", &*at.to_string())];
            let entries = connection.get::<Vec<AuditEntry>>(paths::AUDIT, &query).await?.value;
            let unknown = || {
                CliError::new(ExitStatus::NotFound, format!("nothing had been changed before {}", moment::shown(at)))
            };
            entries.first().ok_or_else(unknown)?.revision.0
        }
    };
    let now = document(&connection, scope, None).await?;
    // Of one service: also where it was not there yet, which is to be gone back to as well.
    let mut wanted = document(&connection, None, Some(revision)).await?;
    if let Some(scope) = scope {
        wanted.global = None;
        wanted.services.retain(|name, _| name == scope);
    }
    let plan = planner(&rollback.reason).plan(&now, &wanted);
    carry_out(context, &connection, &plan, None, None).await.map(|_| ())
}

fn planner(reason: &str) -> Planner<'_> {
    Planner { now: clock::now(), unnamed: Unnamed::IsOfLater, reason }
}
