//! `services` and `current-service`.

use waygate_api::paths;
use waygate_api::services::ServiceSummary;

use crate::context::{Context, Read, service, text_variable};
use crate::error::CliResult;
use crate::printer::{Colour, Format};
use crate::render::table::{Cell, Table};

pub(crate) async fn list(context: &Context) -> CliResult {
    let connection = context.connect()?;
    let Read { raw, value } = connection.get::<Vec<ServiceSummary>>(paths::SERVICES, &[("details", "true")]).await?;
    let mut table = Table::new(vec!["Service", "Routes", "Effective", "Maintenance", "Planned"]);
    for service in &value {
        table.push(vec![
            Cell::new(&service.service).coloured(Colour::Cyan),
            Cell::new(service.routes.to_string()),
            Cell::new(counts(service.effective.iter().map(|(kind, count)| (kind.as_str(), *count)))),
            if service.maintenance { Cell::new("ON").coloured(Colour::Yellow) } else { Cell::new("OFF") },
            Cell::new(service.planned.to_string()),
        ]);
    }
    context.printer.list(raw.get(), &table, "no services are registered");
    Ok(())
}

/// `5 active, 1 disabled`.
pub(crate) fn counts<'c>(kinds: impl Iterator<Item = (&'c str, usize)>) -> String {
    kinds.map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
}

/// Purely local: what `WAYGATE_SERVICE` says.
pub(crate) fn current(context: &Context) -> CliResult {
    let name = text_variable("WAYGATE_SERVICE")?;
    let chosen = service(name.as_deref())?;
    let printer = &context.printer;
    if printer.format == Format::Json {
        let answer = serde_json::json!({
            "service": chosen.as_ref().map(ToString::to_string),
            "source": chosen.as_ref().map(|_| "WAYGATE_SERVICE"),
        });
        printer.json(&answer.to_string());
        return Ok(());
    }
    if let Some(chosen) = chosen {
        printer.data(None, chosen.as_str());
        printer.note("  from WAYGATE_SERVICE; `--service` overrides it, `unset WAYGATE_SERVICE` clears it");
    } else {
        printer.note("no service is chosen: commands act on all services");
        printer.note("  choose one with `export WAYGATE_SERVICE=NAME`, or for one command with `--service NAME`");
    }
    Ok(())
}
