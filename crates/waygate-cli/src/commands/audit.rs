//! `audit` (or `log`): who did what.

use serde_json::value::RawValue;
use waygate_api::audit::AuditEntry;
use waygate_api::paths;
use waygate_core::Revision;

use crate::cli::Audit;
use crate::clock;
use crate::commands::follow::Follower;
use crate::commands::status::{ROWS, anyone, anything, array};
use crate::context::{Connection, Context, Read, selector, service};
use crate::error::CliResult;
use crate::moment;
use crate::printer::Colour;
use crate::render::route::{colour, word};
use crate::render::table::{Cell, Table};

/// How many entries come before those that follow.
const FOLLOWED: u32 = 10;
/// The most entries that are read at once.
const MOST: usize = 100_000;

pub(crate) async fn run(context: &Context, audit: Audit) -> CliResult {
    let scope = service(audit.service.name.as_deref())?;
    let selected = audit.route.as_deref().map(|route| selector(route, scope.as_ref())).transpose()?;
    let route = selected.as_ref().map(ToString::to_string);
    let at = |option, text: Option<&String>| {
        text.map(|text| moment::past(option, text, clock::now()).map(|at| at.to_string())).transpose()
    };
    let (since, until) = (at("--since", audit.since.as_ref())?, at("--until", audit.until.as_ref())?);
    let filters: Vec<(&str, &str)> = [
        ("route", route.as_deref()),
        ("service", scope.as_ref().map(waygate_core::ServiceId::as_str)),
        ("actor", audit.actor.as_deref()),
        ("action", audit.action.as_deref()),
        ("since", since.as_deref()),
        ("until", until.as_deref()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect();
    let connection = context.connect()?;
    if audit.follow {
        if !audit.allow_unknown {
            let (_, entries) = read(&connection, &filters, 1).await?;
            anyone(&connection, scope.as_ref(), entries.is_empty()).await?;
            anything(&connection, selected.as_ref(), entries.is_empty()).await?;
        }
        return follow(context, &connection, &filters, audit.page.per_page.unwrap_or(FOLLOWED) as usize).await;
    }
    let page = audit.page.page.unwrap_or(1) as usize;
    let size = audit.page.per_page.unwrap_or(ROWS) as usize;
    // One more than is shown tells whether there is another page.
    let (raw, entries) = read(&connection, &filters, page * size + 1).await?;
    anyone(&connection, scope.as_ref(), entries.is_empty()).await?;
    anything(&connection, selected.as_ref(), entries.is_empty()).await?;
    let more = entries.len() > page * size;
    let part = |count: usize| ((page - 1) * size).min(count)..(page * size).min(count);
    let (raw, entries) = (&raw[part(raw.len())], &entries[part(entries.len())]);
    let printer = &context.printer;
    let none = if page == 1 { "no entries" } else { "no entries on this page" };
    printer.list(&array(raw), &table(entries), none);
    if !entries.is_empty() && printer.output.is_for_people() && (more || page > 1) {
        let first = (page - 1) * size + 1;
        let next = if more { format!("--page {} →", page + 1) } else { "(last page)".to_owned() };
        printer.note(&format!("  Showing {first}–{}  •  {next}", first + entries.len() - 1));
    }
    Ok(())
}

/// The latest entries, newest first, each as it came and read.
async fn read(
    connection: &Connection,
    filters: &[(&str, &str)],
    limit: usize,
) -> CliResult<(Vec<Box<RawValue>>, Vec<AuditEntry>)> {
    let limit = limit.min(MOST).to_string();
    let query: Vec<(&str, &str)> = filters.iter().copied().chain([("limit", limit.as_str())]).collect();
    let answer: Read<Vec<Box<RawValue>>> = connection.get(paths::AUDIT, &query).await?;
    let read = |raw| connection.read::<AuditEntry>(raw).map(|read| (read.raw, read.value));
    Ok(answer.value.into_iter().map(read).collect::<CliResult<Vec<_>>>()?.into_iter().unzip())
}

/// Shows the last few entries, oldest first, then every further one as it is written, until it is interrupted.
async fn follow(context: &Context, connection: &Connection, filters: &[(&str, &str)], last: usize) -> CliResult {
    let mut follower = Follower::new(context, connection);
    let (mut raw, mut entries) = read(connection, filters, last).await?;
    let mut seen = Revision::ZERO;
    let mut first = true;
    loop {
        raw.reverse();
        entries.reverse();
        seen = entries.iter().map(|entry| entry.revision).max().unwrap_or(seen).max(seen);
        context.printer.stream(&raw, &table(&entries), first);
        first = false;
        if context.printer.is_unheard() {
            return Ok(());
        }
        follower.changed().await?;
        (raw, entries) = loop {
            match after(connection, filters, seen).await {
                Ok(read) => break read,
                Err(error) => follower.lost(error).await?,
            }
        };
        follower.is_well();
    }
}

/// What was written after a revision, newest first.
async fn after(
    connection: &Connection,
    filters: &[(&str, &str)],
    seen: Revision,
) -> CliResult<(Vec<Box<RawValue>>, Vec<AuditEntry>)> {
    let mut limit = 100;
    loop {
        let (raw, entries) = read(connection, filters, limit).await?;
        let new = entries.iter().take_while(|entry| entry.revision > seen).count();
        if new < limit || limit >= MOST {
            let new_ones = raw.into_iter().zip(entries).take(new);
            return Ok(new_ones.unzip());
        }
        limit *= 10;
    }
}

fn table(entries: &[AuditEntry]) -> Table {
    let mut table = Table::new(vec!["Time (UTC)", "Route", "Action", "Actor", "Platform", "Status", "Reason"])
        .widened(&["Service", "Revision", "Id"]);
    for entry in entries {
        let row = vec![
            Cell::new(entry.timestamp.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            Cell::new(subject(&entry.path)).coloured(Colour::Cyan),
            Cell::new(&entry.action),
            Cell::new(&entry.actor),
            Cell::new(&entry.platform),
            status(entry),
            Cell::new(&entry.reason),
            Cell::new(entry.service.as_deref().unwrap_or_default()),
            Cell::new(entry.revision.to_string()),
            Cell::new(&entry.id),
        ];
        table.push_named(&entry.id, row);
    }
    table
}

fn status(entry: &AuditEntry) -> Cell {
    match (entry.previous_status, entry.new_status) {
        (Some(old), Some(new)) => {
            Cell::new(format!("{} → {}", word(old), word(new)).to_lowercase()).coloured(colour(new))
        }
        (_, Some(new)) => Cell::new(word(new).to_lowercase()).coloured(colour(new)),
        _ => Cell::new(""),
    }
}

/// What the wire calls by internal names, in words.
pub(crate) fn subject(path: &str) -> String {
    let service = |prefix: &str| path.strip_prefix(prefix)?.strip_suffix("__");
    match path {
        "__global__" => "all services".to_owned(),
        "__global_rl__" => "all services (rate limit)".to_owned(),
        _ => service("__waygate:svc_global:")
            .map(|service| format!("service {service}"))
            .or_else(|| service("__waygate:svc_rl:").map(|service| format!("service {service} (rate limit)")))
            .unwrap_or_else(|| path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_names_are_put_into_words() {
        for (path, words) in [
            ("__global__", "all services"),
            ("__waygate:svc_global:payments__", "service payments"),
            ("payments:GET:/a", "payments:GET:/a"),
        ] {
            assert_eq!(subject(path), words);
        }
    }
}
