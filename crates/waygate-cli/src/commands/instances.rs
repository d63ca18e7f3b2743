//! `instances`: who runs, and what each enforces.

use serde_json::value::RawValue;
use waygate_api::client::Answer;
use waygate_api::instances::{InstanceForgotten, InstanceState, InstanceView};
use waygate_api::paths;

use crate::context::{Context, Read, service, text_variable};
use crate::error::{CliError, CliResult};
use crate::moment;
use crate::printer::{Colour, Format};
use crate::render::table::{Cell, Table};

/// Of one service where one is named: `of` goes before `WAYGATE_SERVICE`, but not against `--service`.
pub(crate) async fn list(context: &Context, of: Option<&str>, scope: Option<&str>) -> CliResult {
    let (of, scope) = (service(of)?, service(scope)?);
    if let (Some(of), Some(scope)) = (&of, &scope)
        && of != scope
        && text_variable("WAYGATE_SERVICE")?.as_deref() != Some(scope.as_str())
    {
        return Err(CliError::usage(format!("two services are named: `{of}`, and `{scope}` by --service")));
    }
    let path = match of.or(scope) {
        Some(service) => paths::service(service.as_str(), "instances"),
        None => paths::INSTANCES.to_owned(),
    };
    let Read { raw, value: instances } = context.connect()?.get::<Vec<InstanceView>>(&path, &[]).await?;
    let mut table = Table::new(vec![
        "Service",
        "Instance",
        "State",
        "Applied",
        "Delivered",
        "Lag",
        "SDK",
        "Environment",
        "Last heard",
        "Not applied",
    ]);
    for instance in &instances {
        table.push_named(&instance.id, row(instance));
    }
    context.printer.list(raw.get(), &table, "no instances are known");
    Ok(())
}

/// Forgets one that is gone.
pub(crate) async fn forget(context: &Context, id: &str, scope: Option<&str>) -> CliResult {
    let service = service(scope)?;
    let connection = context.connect()?;
    let query: Vec<(&str, &str)> = service.iter().map(|service| ("service", service.as_str())).collect();
    let answer: Answer<Box<RawValue>> =
        connection.changing()?.delete(&paths::instance(id), &query).await.map_err(|error| connection.failure(error))?;
    let Read { raw, value } = connection.read::<InstanceForgotten>(answer.value)?;
    if context.printer.format == Format::Json {
        context.printer.json(raw.get());
    } else {
        context.printer.data(Some(Colour::Green), &format!("✓ {} of {}: forgotten", value.id, value.service));
    }
    Ok(())
}

fn row(instance: &InstanceView) -> Vec<Cell> {
    let revision =
        |revision: Option<waygate_core::Revision>| Cell::new(revision.map_or(String::new(), |at| at.to_string()));
    let sdk = [instance.sdk.as_deref(), instance.version.as_deref()];
    let rejected: Vec<String> =
        instance.rejected.iter().map(|rejected| format!("{}: {}", rejected.what, rejected.why)).collect();
    vec![
        Cell::new(&instance.service).coloured(Colour::Cyan),
        Cell::new(&instance.id),
        Cell::new(word(instance.state)).coloured(colour(instance.state)),
        revision(instance.applied),
        revision(instance.delivered),
        Cell::new(lag(instance)),
        Cell::new(sdk.into_iter().flatten().collect::<Vec<_>>().join(" ")),
        Cell::new(instance.environment.as_deref().unwrap_or_default()),
        Cell::new(moment::shown(instance.last_heard)),
        Cell::new(rejected.join("; ")),
    ]
}

/// `2 revisions, 1.3 s`; nothing where it cannot be said.
fn lag(instance: &InstanceView) -> String {
    let revisions = match instance.lag {
        None => return String::new(),
        Some(0) => return "0".to_owned(),
        Some(1) => "1 revision".to_owned(),
        Some(many) => format!("{many} revisions"),
    };
    match instance.lag_ms {
        Some(milliseconds) => format!("{revisions}, {}", brief(milliseconds)),
        None => revisions,
    }
}

/// Milliseconds as people say them.
pub(crate) fn brief(milliseconds: u64) -> String {
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..120_000 => format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100),
        _ => format!("{} min", milliseconds / 60_000),
    }
}

/// A state in words.
pub(crate) fn word(state: InstanceState) -> &'static str {
    match state {
        InstanceState::InSync => "in sync",
        state => state.as_str(),
    }
}

fn colour(state: InstanceState) -> Colour {
    match state {
        InstanceState::InSync => Colour::Green,
        InstanceState::Applying => Colour::Cyan,
        InstanceState::Behind => Colour::Yellow,
        InstanceState::Lost => Colour::Red,
        InstanceState::Unconfirmed => Colour::Blue,
        InstanceState::Left => Colour::Dim,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_briefly() {
        for (milliseconds, said) in
            [(0, "0 ms"), (999, "999 ms"), (1350, "1.3 s"), (119_999, "119.9 s"), (180_000, "3 min")]
        {
            assert_eq!(brief(milliseconds), said);
        }
    }
}
