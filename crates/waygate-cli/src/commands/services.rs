//! `services` and `current-service`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::Timestamp;
use waygate_api::instances::{InstanceState, InstanceView};
use waygate_api::paths;
use waygate_api::services::ServiceSummary;

use crate::context::{Connection, Context, Read, service, text_variable};
use crate::error::{CliResult, ExitStatus};
use crate::moment;
use crate::printer::{Colour, Format};
use crate::render::table::{Cell, Table};

pub(crate) async fn list(context: &Context) -> CliResult {
    let connection = context.connect()?;
    let Read { raw, value } = connection.get::<Vec<ServiceSummary>>(paths::SERVICES, &[("details", "true")]).await?;
    let instances = instances(&connection).await?;
    let mut table = Table::new(vec!["Service", "Routes", "Effective", "Maintenance", "Planned", "Instances"])
        .widened(&["SDK", "Last heard"]);
    for service in &value {
        table.push(vec![
            Cell::new(&service.service).coloured(Colour::Cyan),
            Cell::new(service.routes.to_string()),
            Cell::new(counts(service.effective.iter().map(|(kind, count)| (kind.as_str(), *count)))),
            if service.maintenance { Cell::new("ON").coloured(Colour::Yellow) } else { Cell::new("OFF") },
            Cell::new(service.planned.to_string()),
            Cell::new(instances.get(&service.service).map(Counted::told).unwrap_or_default()),
            Cell::new(instances.get(&service.service).map(Counted::sdks).unwrap_or_default()),
            Cell::new(instances.get(&service.service).and_then(|of| of.heard).map(moment::shown).unwrap_or_default()),
        ]);
    }
    context.printer.list(
        raw.get(),
        &table,
        "no services are registered; a service with the SDK registers its routes when it starts",
    );
    Ok(())
}

/// Instances of one service.
#[derive(Debug, Default)]
struct Counted {
    running: usize,
    /// Those of them that do not enforce the newest, as far as they say.
    behind: usize,
    lost: usize,
    /// What they run, each once.
    sdks: BTreeSet<String>,
    /// When one of them was heard last.
    heard: Option<Timestamp>,
}

impl Counted {
    fn told(&self) -> String {
        let mut told = self.running.to_string();
        if self.behind > 0 {
            let _ = write!(told, ", {} behind", self.behind);
        }
        if self.lost > 0 {
            let _ = write!(told, ", {} lost", self.lost);
        }
        told
    }

    fn sdks(&self) -> String {
        self.sdks.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// By service; of a server that knows of none, nothing.
async fn instances(connection: &Connection) -> CliResult<BTreeMap<String, Counted>> {
    let mut counted: BTreeMap<String, Counted> = BTreeMap::new();
    let known = match connection.get::<Vec<InstanceView>>(paths::INSTANCES, &[]).await {
        Ok(known) => known.value,
        // An older server, or a caller that may not see them.
        Err(error) if error.is_missing() || error.status == ExitStatus::Authentication => Vec::new(),
        Err(error) => return Err(error),
    };
    for instance in known {
        let of_service = counted.entry(instance.service.clone()).or_default();
        let name = |sdk| [Some(sdk), instance.version.clone()].into_iter().flatten().collect::<Vec<_>>().join(" ");
        of_service.sdks.extend(instance.sdk.clone().map(name));
        of_service.heard = of_service.heard.max(Some(instance.last_heard));
        match instance.state {
            InstanceState::Left => {}
            InstanceState::Lost => of_service.lost += 1,
            InstanceState::Behind => {
                (of_service.running, of_service.behind) = (of_service.running + 1, of_service.behind + 1);
            }
            InstanceState::InSync | InstanceState::Applying | InstanceState::Unconfirmed => of_service.running += 1,
        }
    }
    Ok(counted)
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
