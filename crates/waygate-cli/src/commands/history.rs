//! `history`, `undo` and `rollback`: what was, and the way back.

use std::collections::BTreeSet;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use waygate_api::audit::AuditEntry;
use waygate_api::auth::Me;
use waygate_api::document::Document;
use waygate_api::paths;
use waygate_core::LifecycleKind;

use crate::cli::{History, Rollback, Undo};
use crate::clock;
use crate::commands::declare::plan::{Planner, Unnamed};
use crate::commands::declare::{carry_out, document};
use crate::commands::status::{self, array};
use crate::context::{Connection, Context, Read, selector, service};
use crate::error::{CliError, CliResult, ExitStatus};
use crate::moment;
use crate::printer::Colour;
use crate::render::table::{Cell, Table};

/// How far back the id of an entry is looked for.
const ENTRIES: &str = "1000";

/// So many of the changes that were passed over are named.
const NAMED: usize = 5;

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
    let revision = change(context, &connection, undo.change.as_deref()).await?;
    let Some(before) = revision.checked_sub(1) else {
        return Err(CliError::new(ExitStatus::NotFound, "revision 0 is the beginning: nothing was changed by it"));
    };
    let now = document(&connection, None, None).await?;
    let after = parts(&document(&connection, None, Some(revision)).await?)?;
    let before = parts(&document(&connection, None, Some(before)).await?)?;
    let current = parts(&now)?;
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let touched: Vec<&String> = names.into_iter().filter(|name| before.get(*name) != after.get(*name)).collect();
    if touched.is_empty() {
        let error = format!("revision {revision} changed nothing that can be taken back");
        return Err(CliError::new(ExitStatus::NotFound, error).hint("`waygate history` lists changes"));
    }
    let moved: Vec<&&String> = touched.iter().filter(|name| current.get(**name) != after.get(**name)).collect();
    if !moved.is_empty() {
        let error = format!("what revision {revision} changed has been changed again since");
        let error = CliError::new(ExitStatus::Conflict, error);
        let error = moved.into_iter().fold(error, |error, name| error.hint(words(name)));
        return Err(error.hint("`waygate rollback --to REVISION` goes back over all of it"));
    }
    let mut wanted = current.clone();
    for name in touched {
        match before.get(name) {
            Some(value) => wanted.insert(name.clone(), value.clone()),
            None => wanted.remove(name),
        };
    }
    go(context, &connection, &now, &whole(&wanted)?, &undo.reason, Some(revision)).await
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
    go(context, &connection, &now, &wanted, &rollback.reason, None).await
}

async fn go(
    context: &Context,
    connection: &Connection,
    now: &Document,
    wanted: &Document,
    reason: &str,
    undoes: Option<u64>,
) -> CliResult {
    let planner = Planner { now: clock::now(), unnamed: Unnamed::IsOfLater, reason };
    carry_out(context, connection, &planner.plan(now, wanted), None, undoes).await.map(|_| ())
}

/// The revision that a change is named by: its number, an entry's id, or the caller's latest that stands.
async fn change(context: &Context, connection: &Connection, named: Option<&str>) -> CliResult<u64> {
    if let Some(revision) = named.and_then(|named| named.parse().ok()) {
        return Ok(revision);
    }
    if let Some(id) = named {
        let entries = connection.get::<Vec<AuditEntry>>(paths::AUDIT, &[("limit", ENTRIES)]).await?.value;
        let unknown = || {
            let error = CliError::new(ExitStatus::NotFound, format!("the log has no entry `{id}`"));
            error.hint("`waygate history` lists changes")
        };
        return entries.into_iter().find(|entry| entry.id == id).map(|entry| entry.revision.0).ok_or_else(unknown);
    }
    let me = connection.get::<Me>(paths::ME, &[]).await?.value.username;
    let query = [("limit", ENTRIES), ("actor", me.as_str())];
    let entries = connection.get::<Vec<AuditEntry>>(paths::AUDIT, &query).await?.value;
    let (standing, passed) = latest(&entries);
    if !passed.is_empty() {
        let told = passed.iter().rev().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let more = passed.len().saturating_sub(NAMED);
        let told = if more > 0 { format!("{told} and {more} more") } else { told };
        let revision = if passed.len() == 1 { "revision" } else { "revisions" };
        let why = "an undo, or taken back already; `waygate undo REVISION` takes such a one back";
        context.printer.note(&format!("passed over: {revision} {told}: {why}"));
    }
    standing.ok_or_else(|| {
        let error =
            if entries.is_empty() { "you have changed nothing yet" } else { "nothing of yours is left to take back" };
        let error = CliError::new(ExitStatus::NotFound, error);
        error.hint("`waygate undo REVISION` takes any change back, an undo as well; `waygate history` lists them")
    })
}

/// The latest of these changes that is neither taken back nor takes one back, and those that it comes after. So each undo goes
/// one change further back, as in an editor, and none undoes another unawares.
fn latest(newest_first: &[AuditEntry]) -> (Option<u64>, BTreeSet<u64>) {
    let (mut taken_back, mut passed) = (BTreeSet::new(), BTreeSet::new());
    for entry in newest_first {
        let revision = entry.revision.0;
        if !taken_back.contains(&revision) {
            match entry.undoes {
                Some(undone) => taken_back.insert(undone.0),
                None => return (Some(revision), passed),
            };
        }
        passed.insert(revision);
    }
    (None, passed)
}

/// A document taken apart: each subject by the way to it, without its revision. Whether a route had been switched at all
/// is part of what it was.
fn parts(document: &Document) -> CliResult<Map<String, Value>> {
    let mut bare = document.clone().bare();
    for (bare, known) in bare.services.values_mut().zip(document.services.values()) {
        for (bare, known) in bare.routes.values_mut().zip(known.routes.values()) {
            bare.declared = known.declared;
        }
    }
    let value = serde_json::to_value(bare).map_err(|error| CliError::failed(error.to_string()))?;
    let mut parts = Map::new();
    for (name, value) in value["global"].as_object().into_iter().flatten() {
        parts.insert(format!("global\n{name}"), value.clone());
    }
    for (service, known) in value["services"].as_object().into_iter().flatten() {
        for (name, value) in known.as_object().into_iter().flatten() {
            match name.as_str() {
                "routes" | "route_limits" => {
                    for (key, value) in value.as_object().into_iter().flatten() {
                        parts.insert(format!("services\n{service}\n{name}\n{key}"), value.clone());
                    }
                }
                _ => {
                    parts.insert(format!("services\n{service}\n{name}"), value.clone());
                }
            }
        }
    }
    Ok(parts)
}

/// The document of parts.
fn whole(parts: &Map<String, Value>) -> CliResult<Document> {
    let mut value = serde_json::json!({ "waygate": waygate_api::document::FORM, "global": {} });
    for (path, part) in parts {
        let mut place = &mut value;
        for step in path.split('\n') {
            place = &mut place[step];
        }
        *place = part.clone();
    }
    serde_json::from_value(value).map_err(|error| CliError::failed(error.to_string()))
}

fn words(path: &str) -> String {
    path.replace('\n', " ").replace("services ", "").replace("routes ", "")
}
