//! `global` and `service-maintenance`: maintenance of everything, or of one service.

mod scope;

use serde_json::value::RawValue;
use waygate_api::client::Answer;
use waygate_api::maintenance::{MaintenanceRequest, MaintenanceView};
use waygate_core::LocalKey;

use crate::cli::{GlobalCommand, ScopeSwitch, ServiceCommand, Why};
use crate::commands::confirm::{self, Weight};
use crate::context::{Connection, Context, Read};
use crate::error::{CliError, CliResult, ExitStatus};
use crate::mark::{COUNTS_ONLY, marked};
use crate::moment;
use crate::printer::{Colour, Format, Printer};
use scope::Scope;

pub(crate) async fn global(context: &Context, command: GlobalCommand) -> CliResult {
    let scope = Scope::Everything;
    match command {
        GlobalCommand::Status => status(context, &scope).await,
        GlobalCommand::Enable(switch) => enable(context, &scope, switch, false).await,
        GlobalCommand::Disable { reason } => disable(context, &scope, reason).await,
        GlobalCommand::ExemptAdd { route, why } => edit(context, &scope, &[route], &[], &why).await,
        GlobalCommand::ExemptRemove { route, why } => edit(context, &scope, &[], &[route], &why).await,
    }
}

pub(crate) async fn service(context: &Context, command: ServiceCommand) -> CliResult {
    match command {
        ServiceCommand::Status { service } => status(context, &Scope::service(&service)?).await,
        ServiceCommand::Enable { service, switch, allow_unknown } => {
            enable(context, &Scope::service(&service)?, switch, allow_unknown).await
        }
        ServiceCommand::Disable { service, reason } => disable(context, &Scope::service(&service)?, reason).await,
        ServiceCommand::ExemptAdd { service, route, why } => {
            edit(context, &Scope::service(&service)?, &[route], &[], &why).await
        }
        ServiceCommand::ExemptRemove { service, route, why } => {
            edit(context, &Scope::service(&service)?, &[], &[route], &why).await
        }
    }
}

async fn status(context: &Context, scope: &Scope) -> CliResult {
    let Read { raw, value: view } = context.connect()?.get::<MaintenanceView>(&scope.path(None), &[]).await?;
    context.printer.answer(raw.get(), || scope.table(&view), |printer| tell_status(printer, scope, &view));
    Ok(())
}

fn tell_status(printer: &Printer, scope: &Scope, view: &MaintenanceView) {
    let (word, colour) = if view.enabled { ("ON", Colour::Yellow) } else { ("OFF", Colour::Green) };
    let shadow = if view.shadow { COUNTS_ONLY } else { "" };
    printer.data(Some(colour), &format!("{}: {word}{shadow}", scope.title()));
    if !view.enabled && view.exempt_paths.is_empty() {
        return;
    }
    if view.enabled {
        printer.data(None, &format!("  Reason              : {}", or_dash(&view.reason)));
        let included = if view.include_force_active { "yes" } else { "no" };
        printer.data(None, &format!("  Include force_active: {included}"));
        if let Some(until) = view.until {
            printer.data(None, &format!("  Until               : {}", moment::shown(until)));
        }
    }
    if view.exempt_paths.is_empty() {
        printer.data(None, "  Exempt paths        : (none)");
    } else {
        printer.data(None, "  Exempt paths        :");
        view.exempt_paths.iter().for_each(|path| printer.data(None, &format!("    • {path}")));
    }
}

async fn enable(context: &Context, scope: &Scope, switch: ScopeSwitch, allow_unknown: bool) -> CliResult {
    let exempt_paths = switch.exempt.iter().map(|route| exemption(route)).collect::<CliResult<Vec<_>>>()?;
    let body = MaintenanceRequest {
        reason: switch.reason,
        exempt_paths: Some(exempt_paths),
        include_force_active: switch.include_force_active,
        until: switch.ending.at()?,
        shadow: switch.shadow,
        allow_unknown,
    };
    let connection = context.connect()?;
    agree(context, &connection, scope, &body).await?;
    let answer = connection.changing()?.post(&scope.path(Some("enable")), &body).await;
    let answer = answer.map_err(|error| {
        let failure = connection.failure(error);
        match failure.status {
            ExitStatus::NotFound => failure.hint("`--allow-unknown` takes a service that is yet to come"),
            _ => failure,
        }
    })?;
    enabled(context, &connection, scope, answer)
}

/// Asks back with what the maintenance reaches; the word to type is that of the largest.
async fn agree(context: &Context, connection: &Connection, scope: &Scope, body: &MaintenanceRequest) -> CliResult {
    let mut reach = Vec::new();
    if context.can_ask() && !context.settings.yes && !context.settings.dry_run {
        reach = super::reach::of(connection, scope.id()).await?;
        if body.include_force_active {
            reach.push("force_active routes are blocked as well, health checks among them".to_owned());
        }
        if body.shadow {
            reach.push("shadow: it only counts".to_owned());
        }
    }
    let weight = match scope {
        Scope::Everything => Weight::Retype(confirm::server_word(connection)),
        Scope::Service(service) if body.include_force_active => Weight::Retype(service.to_string()),
        Scope::Service(_) => Weight::Ask,
    };
    confirm::agreed(context, connection, &format!("{} ON", scope.title()), &reach, &weight)
}

/// What is on now.
fn enabled(context: &Context, connection: &Connection, scope: &Scope, answer: Answer<Box<RawValue>>) -> CliResult {
    let Read { raw, value: view } = connection.read::<MaintenanceView>(answer.value)?;
    if view.changed == Some(false) {
        context.nothing_changed();
    }
    context.printer.answer(
        raw.get(),
        || scope.table(&view),
        |printer| {
            let shadow = if view.shadow { COUNTS_ONLY } else { "" };
            printer.data(Some(Colour::Yellow), &marked(context, "⚠", &format!("{} ENABLED{shadow}", scope.title())));
            if !view.reason.is_empty() {
                printer.data(None, &format!("  Reason: {}", view.reason));
            }
            if !view.exempt_paths.is_empty() {
                printer.data(None, &format!("  Exempt: {}", view.exempt_paths.join(", ")));
            }
            if let Some(until) = view.until {
                printer.data(None, &format!("  Until:  {}", moment::shown(until)));
            }
            if view.include_force_active {
                printer.data(Some(Colour::Red), "  force_active routes are blocked as well");
            }
        },
    );
    if context.is_unchanged() {
        context.printer.note("it was already so; nothing has been changed");
    }
    said(context, &view, &answer.notices);
    Ok(())
}

async fn disable(context: &Context, scope: &Scope, reason: String) -> CliResult {
    let body = serde_json::json!({ "reason": reason });
    let (read, notices) = context.connect()?.post::<MaintenanceView>(&scope.path(Some("disable")), &body).await?;
    let view = &read.value;
    if view.changed == Some(false) {
        context.nothing_changed();
    }
    context.printer.answer(
        read.raw.get(),
        || scope.table(view),
        |printer| printer.data(Some(Colour::Green), &marked(context, "✓", &format!("{} DISABLED", scope.title()))),
    );
    if context.is_unchanged() {
        context.printer.note(&format!("was already off; {}", scope.way_to_block()));
    }
    said(context, view, &notices);
    Ok(())
}

/// Edits the exemptions, whether the maintenance is on or off; never switches it.
async fn edit(context: &Context, scope: &Scope, add: &[String], remove: &[String], why: &Why) -> CliResult {
    let normal = |routes: &[String]| routes.iter().map(|route| exemption(route)).collect::<CliResult<Vec<_>>>();
    let body = serde_json::json!({ "add": normal(add)?, "remove": normal(remove)?, "reason": why.reason });
    let path = scope.path(Some("exemptions"));
    let (Read { raw, value: view }, notices) = context.connect()?.post::<MaintenanceView>(&path, &body).await?;
    if !context.printer.output.is_for_people() {
        context.printer.answer(raw.get(), || scope.table(&view), |_| {});
    } else if view.changed == Some(false) {
        context.nothing_changed();
        context.printer.note("the exemptions are already so");
    } else {
        let exempt = if view.exempt_paths.is_empty() { "(none)".to_owned() } else { view.exempt_paths.join(", ") };
        let title = scope.title();
        let told = format!("exempt from {}: {exempt}", lower_first(&title));
        context.printer.data(Some(Colour::Green), &marked(context, "✓", &told));
        let state = if view.enabled { "ON" } else { "OFF" };
        context.printer.note(&format!("{title} is {state}, as before"));
    }
    said(context, &view, &notices);
    Ok(())
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn said(context: &Context, view: &MaintenanceView, notices: &[String]) {
    // Programs find the warnings in the answer.
    let of_answer = if context.printer.format == Format::Json { &[][..] } else { &view.warnings };
    for line in of_answer.iter().chain(notices.iter().filter(|notice| !view.warnings.contains(notice))) {
        context.printer.warn(&format!("note: {line}"));
    }
}

/// An exemption as it is stored: `/path` or `METHOD:/path`. A bare word is a path.
pub(crate) fn exemption(text: &str) -> CliResult<String> {
    let text = text.trim();
    let bare = !text.is_empty() && !text.starts_with('/') && !text.contains(':');
    let text = if bare { format!("/{text}") } else { text.to_owned() };
    let key: LocalKey = text.parse().map_err(|error| CliError::usage(format!("`--exempt`: {error}")))?;
    Ok(key.to_string())
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "—" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exemptions_are_checked_and_normal() {
        for (text, stored) in [("health", "/health"), ("get:/a", "GET:/a"), (" /ready ", "/ready")] {
            assert_eq!(exemption(text).unwrap(), stored);
        }
        for bad in ["", "pay:GET:/a", "BREW:/a"] {
            assert!(exemption(bad).is_err(), "{bad}");
        }
    }
}
