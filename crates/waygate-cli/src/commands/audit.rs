//! `audit` (or `log`): who did what.

use serde_json::value::RawValue;
use waygate_api::audit::AuditEntry;
use waygate_api::paths;

use crate::cli::Audit;
use crate::commands::status::{ROWS, array};
use crate::context::{Context, Read, selector, service};
use crate::error::CliResult;
use crate::printer::Colour;
use crate::render::route::{colour, word};
use crate::render::table::{Cell, Table};

pub(crate) async fn run(context: &Context, audit: Audit) -> CliResult {
    let scope = service(audit.service.name.as_deref())?;
    let route = audit.route.as_deref().map(|route| selector(route, scope.as_ref())).transpose()?;
    let page = audit.page.page.unwrap_or(1) as usize;
    let size = audit.page.per_page.unwrap_or(ROWS) as usize;
    // One more than is shown tells whether there is another page.
    let limit = (page * size + 1).to_string();
    let route = route.map(|route| route.to_string());
    let mut query = vec![("limit", limit.as_str())];
    let filters = [
        ("route", route.as_deref()),
        ("service", scope.as_ref().map(waygate_core::ServiceId::as_str)),
        ("actor", audit.actor.as_deref()),
        ("action", audit.action.as_deref()),
        ("since", audit.since.as_deref()),
        ("until", audit.until.as_deref()),
    ];
    query.extend(filters.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let connection = context.connect()?;
    let answer: Read<Vec<Box<RawValue>>> = connection.get(paths::AUDIT, &query).await?;
    let more = answer.value.len() > page * size;
    let shown: Vec<Box<RawValue>> = answer.value.into_iter().skip((page - 1) * size).take(size).collect();
    let printer = &context.printer;
    let raw = array(&shown);
    let entries = shown
        .into_iter()
        .map(|raw| connection.read::<AuditEntry>(raw).map(|read| read.value))
        .collect::<CliResult<Vec<_>>>()?;
    printer.list(&raw, &table(&entries), if page == 1 { "no entries" } else { "no entries on this page" });
    if entries.is_empty() || !printer.output.is_for_people() {
        return Ok(());
    }
    let count = entries.len();
    if more || page > 1 {
        let first = (page - 1) * size + 1;
        let next = if more { format!("--page {} →", page + 1) } else { "(last page)".to_owned() };
        printer.note(&format!("  Showing {first}–{}  •  {next}", first + count - 1));
    }
    Ok(())
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
