//! `services` and `current-service`.

use waygate_api::paths;

use crate::context::{Context, Read, service, text_variable};
use crate::error::CliResult;
use crate::printer::Format;
use crate::render::table::{Cell, Table};

pub(crate) async fn list(context: &Context) -> CliResult {
    let Read { raw, value: services } = context.connect()?.get::<Vec<String>>(paths::SERVICES, &[]).await?;
    let printer = &context.printer;
    if printer.format == Format::Json {
        printer.json(raw.get());
    } else if services.is_empty() {
        printer.note("no services are registered");
    } else {
        let mut table = Table::new(vec!["Service"]);
        for service in &services {
            table.push(vec![Cell::new(service)]);
        }
        printer.table(&table);
    }
    Ok(())
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
