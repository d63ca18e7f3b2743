//! Asking back, in proportion to what a change reaches.

use crate::context::{Connection, Context, Source};
use crate::credentials::{Config, ConfigFile, Confirm};
use crate::error::{CliError, CliResult};

/// How a change is agreed to.
#[derive(Debug, Clone)]
pub(crate) enum Weight {
    /// Yes or no.
    Ask,
    /// By typing a word again.
    Retype(String),
}

/// Asks whether `what` may happen, after the lines that say what it reaches. Where nobody can answer, scripts go on,
/// unless the context asks always.
///
/// # Errors
///
/// When the answer is no, or a script must say `--yes`. Nothing has been sent then.
pub(crate) fn agreed(
    context: &Context,
    connection: &Connection,
    what: &str,
    reach: &[String],
    weight: &Weight,
) -> CliResult {
    if context.settings.yes || context.settings.dry_run {
        return Ok(());
    }
    let rule = rule(context)?;
    if rule == Confirm::Never || (rule == Confirm::Auto && !context.can_ask()) {
        return Ok(());
    }
    if !context.can_ask() {
        let error = format!("{what} needs a yes: this context asks always, and there is no terminal to ask at");
        return Err(CliError::usage(error).hint("`--yes` says it"));
    }
    let printer = &context.printer;
    printer.warn(&format!("{what} at {}", connection.server.place()));
    for line in reach {
        printer.warn(&format!("  {line}"));
    }
    let agreed = match weight {
        Weight::Ask => loop {
            let answer = context.ask("Go on? [y/N]: ").unwrap_or_default().to_ascii_lowercase();
            match answer.as_str() {
                "y" | "yes" => break true,
                "" | "n" | "no" => break false,
                _ => printer.note("y or n"),
            }
        },
        Weight::Retype(word) => context.ask(&format!("Type `{word}` to go on: ")).is_some_and(|answer| answer == *word),
    };
    if agreed { Ok(()) } else { Err(CliError::failed("nothing has been changed")) }
}

/// What has to be typed for a change of everything: the name of the server.
pub(crate) fn server_word(connection: &Connection) -> String {
    match &connection.server.source {
        Source::Context(name) | Source::NamedContext(name) => name.clone(),
        _ => connection.server.url.origin().split("://").last().unwrap_or_default().to_owned(),
    }
}

/// Whether the context wants a yes to everything large.
pub(crate) fn asks_always(context: &Context) -> CliResult<bool> {
    Ok(rule(context)? == Confirm::Always)
}

fn rule(context: &Context) -> CliResult<Confirm> {
    let named = in_force(context)?;
    Ok(named.map(|context| context.confirm).unwrap_or_default())
}

/// Refuses a change without a reason where the context wants one.
pub(crate) fn reasoned(context: &Context, reason: &str) -> CliResult {
    if reason.trim().is_empty() && in_force(context)?.is_some_and(|named| named.require_reason) {
        return Err(
            CliError::usage("this context wants a reason for every change").hint("give it with `--reason TEXT`")
        );
    }
    Ok(())
}

/// The context that has chosen the server, if one has.
fn in_force(context: &Context) -> CliResult<Option<crate::credentials::NamedContext>> {
    let Ok(file) = Context::config_file() else { return Ok(None) };
    let config: Config = ConfigFile::read(&file)?;
    let server = context.server(Some(&file), &config)?;
    let named = context.named_context(&config)?;
    // However the server was chosen: what is true of production is true of its URL.
    let same = |known: &crate::credentials::NamedContext| {
        known.url.parse::<waygate_api::client::ServerUrl>().is_ok_and(|url| url == server.url)
    };
    let by_url = || config.contexts().map(|(_, known)| known).find(|known| same(known)).cloned();
    Ok(named.map(|(_, known)| known).filter(same).or_else(by_url))
}
