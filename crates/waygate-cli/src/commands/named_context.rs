//! `context`: servers with names, and the rules of each.

use waygate_api::client::ServerUrl;

use crate::cli::ContextCommand;
use crate::context::{Context, text_variable};
use crate::credentials::{Confirm, NamedContext};
use crate::error::{CliError, CliResult};
use crate::printer::Colour;
use crate::render::table::{Cell, Table};

pub(crate) fn run(context: &Context, command: ContextCommand) -> CliResult {
    match command {
        ContextCommand::Add { name, url, confirm, require_reason } => {
            let url: ServerUrl = url.parse().map_err(|error| CliError::usage(format!("{error}")))?;
            add(context, &name, &url, confirm, require_reason)
        }
        ContextCommand::Use { name } => choose(context, &name),
        ContextCommand::List => list(context, false),
        ContextCommand::Show => list(context, true),
        ContextCommand::Remove { name } => remove(context, &name),
    }
}

/// Rules that are not given stay what they were: a context must not lose them because its server has moved.
fn add(
    context: &Context,
    name: &str,
    url: &ServerUrl,
    confirm: Option<Confirm>,
    require_reason: Option<bool>,
) -> CliResult {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(CliError::usage(format!(
            "`{name}` is no name of a context: expected letters, digits, `-`, `_`, `.`"
        )));
    }
    let (before, now) = Context::config_file()?.update(|config| {
        let before = config.context(name).cloned();
        let kept = before.clone().unwrap_or_default();
        let now = NamedContext {
            url: url.to_string(),
            confirm: confirm.unwrap_or(kept.confirm),
            require_reason: require_reason.unwrap_or(kept.require_reason),
        };
        let in_use = config.current_context().is_some_and(|(current, _)| current == name);
        config.put_context(name, now.clone());
        // A server that has moved is the one in use all the same.
        if in_use {
            config.use_context(name, url);
        }
        (before, now)
    })?;
    context.printer.data(Some(Colour::Green), &format!("✓ the context {name} is {url}"));
    if let Some(before) = before.filter(|before| *before != now) {
        let reason = |named: &NamedContext| if named.require_reason { ", a reason is required" } else { "" };
        let told = |named: &NamedContext| format!("{} (confirm {}{})", named.url, rule(named.confirm), reason(named));
        context.printer.note(&format!("  it was {}; now {}", told(&before), told(&now)));
    }
    context
        .printer
        .note(&format!("  choose it with `waygate context use {name}`, or for one command with `--context {name}`"));
    Ok(())
}

fn choose(context: &Context, name: &str) -> CliResult {
    let file = Context::config_file()?;
    let config = file.read()?;
    let named = config.context(name).ok_or_else(|| config.unknown_context(name))?;
    let url: ServerUrl = named.url.parse().map_err(|error| CliError::failed(format!("the context {name}: {error}")))?;
    file.update(|config| config.use_context(name, &url))?;
    context.printer.data(Some(Colour::Green), &format!("✓ the context is {name}: {url}"));
    if text_variable("WAYGATE_SERVER_URL")?.is_some() {
        context.printer.warn("WAYGATE_SERVER_URL is set and goes before it");
    }
    Ok(())
}

fn remove(context: &Context, name: &str) -> CliResult {
    let file = Context::config_file()?;
    let config = file.read()?;
    if config.context(name).is_none() {
        return Err(config.unknown_context(name));
    }
    let was_in_use = file.update(|config| config.remove_context(name))?;
    context.printer.data(Some(Colour::Green), &format!("✓ the context {name} is forgotten"));
    if was_in_use {
        let told =
            "it was in use: no server is chosen any more; `waygate context use NAME` or `waygate config set-url URL`";
        context.printer.warn(&format!("{told} chooses one"));
    }
    Ok(())
}

fn list(context: &Context, only_current: bool) -> CliResult {
    let config = Context::config_file()?.read()?;
    let current = config.current_context().map(|(name, _)| name);
    let mut table = Table::new(vec!["Name", "URL", "In use", "Confirm", "Reason"]);
    let mut told = Vec::new();
    for (name, named) in config.contexts().filter(|(name, _)| !only_current || current == Some(name)) {
        let in_use = current == Some(name);
        table.push(vec![
            Cell::new(name).coloured(Colour::Cyan),
            Cell::new(&named.url),
            Cell::new(if in_use { "yes" } else { "" }),
            Cell::new(rule(named.confirm)),
            Cell::new(if named.require_reason { "required" } else { "" }),
        ]);
        told.push(serde_json::json!({
            "name": name,
            "url": named.url,
            "in_use": in_use,
            "confirm": rule(named.confirm),
            "require_reason": named.require_reason,
        }));
    }
    context.printer.list(&serde_json::Value::from(told).to_string(), &table, "no context is in use");
    Ok(())
}

fn rule(confirm: Confirm) -> &'static str {
    match confirm {
        Confirm::Auto => "auto",
        Confirm::Always => "always",
        Confirm::Never => "never",
    }
}
