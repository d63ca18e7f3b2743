//! Asking back, in proportion to what a change reaches.

use crate::context::{Connection, Context, Source, text_variable};
use crate::credentials::{Config, ConfigFile, Confirm, NamedContext};
use crate::error::{CliError, CliResult};
use crate::printer;

/// How a change is agreed to.
#[derive(Debug, Clone)]
pub(crate) enum Weight {
    /// Yes or no.
    Ask,
    /// By typing a word again.
    Retype(String),
}

/// Before anything is sent: where the context asks always, every change needs a yes, and where nobody can answer, `--yes`
/// is the only one.
///
/// # Errors
///
/// When nobody can answer.
pub(crate) fn foreseen(context: &Context) -> CliResult {
    if context.settings.yes || context.settings.dry_run {
        return Ok(());
    }
    let Some((name, _)) = in_force(context)?.filter(|(_, named)| named.confirm == Confirm::Always) else {
        return Ok(());
    };
    if !context.can_ask() {
        let error =
            format!("the context `{name}` asks before every change, and there is nobody to ask; nothing has been sent");
        return Err(CliError::usage(error).hint("`--yes` says yes"));
    }
    context.consent.want(typed()?);
    Ok(())
}

/// The command as it was typed, and the variable that narrows it.
fn typed() -> CliResult<String> {
    let is_plain =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_./:=,@%+".contains(c));
    let quoted = |text: String| if is_plain(&text) { text } else { format!("'{}'", text.replace('\'', "'\\''")) };
    let words = std::env::args_os().skip(1).map(|word| quoted(word.to_string_lossy().into_owned()));
    let service = text_variable("WAYGATE_SERVICE")?.map(|service| format!(" with WAYGATE_SERVICE={service}"));
    Ok(format!("`{}`{}", words.collect::<Vec<_>>().join(" "), service.unwrap_or_default()))
}

/// Whether somebody is asked before a change that wants it.
///
/// # Errors
///
/// When the configuration cannot be read.
pub(crate) fn asks(context: &Context) -> CliResult<bool> {
    let is_meant = context.settings.yes || context.settings.dry_run;
    Ok(!is_meant && context.can_ask() && rule(context)? != Confirm::Never)
}

/// Asks whether `what` may happen, after the lines that say what it reaches. Where nobody can answer, scripts go on.
///
/// # Errors
///
/// When the answer is no. Nothing has been changed then.
pub(crate) fn agreed(
    context: &Context,
    connection: &Connection,
    what: &str,
    reach: &[String],
    weight: &Weight,
) -> CliResult {
    if !asks(context)? {
        return Ok(());
    }
    let printer = &context.printer;
    printer.warn(&format!("{what} at {}", connection.server.place()));
    for line in reach {
        printer.warn(&format!("  {line}"));
    }
    let agreed = match weight {
        Weight::Ask => printer::agrees("Go on? [y/N]: "),
        Weight::Retype(word) => context.ask(&format!("Type `{word}` to go on: ")).is_some_and(|answer| answer == *word),
    };
    if !agreed {
        return Err(CliError::failed("nothing has been changed"));
    }
    context.consent.give();
    Ok(())
}

/// What has to be typed for a change of everything: the name of the server.
pub(crate) fn server_word(connection: &Connection) -> String {
    match &connection.server.source {
        Source::Context(name) | Source::NamedContext(name) => name.clone(),
        _ => connection.server.url.origin().split("://").last().unwrap_or_default().to_owned(),
    }
}

fn rule(context: &Context) -> CliResult<Confirm> {
    let named = in_force(context)?;
    Ok(named.map(|(_, context)| context.confirm).unwrap_or_default())
}

/// Refuses a change without a reason where the context wants one.
pub(crate) fn reasoned(context: &Context, reason: &str) -> CliResult {
    if !reason.trim().is_empty() {
        return Ok(());
    }
    match in_force(context)?.filter(|(_, named)| named.require_reason) {
        Some((name, _)) => Err(CliError::usage(format!("the context `{name}` wants a reason for every change"))
            .hint("give it with `--reason TEXT`")),
        None => Ok(()),
    }
}

/// The context whose rules hold, with its name: the one that has chosen the server, or else one with its URL.
fn in_force(context: &Context) -> CliResult<Option<(String, NamedContext)>> {
    let Ok(file) = Context::config_file() else { return Ok(None) };
    let config: Config = ConfigFile::read(&file)?;
    let server = context.server(Some(&file), &config)?;
    let named = context.named_context(&config)?;
    // However the server was chosen: what is true of production is true of its URL.
    let same =
        |known: &NamedContext| known.url.parse::<waygate_api::client::ServerUrl>().is_ok_and(|url| url == server.url);
    let by_url = || {
        let found = config.contexts().find(|(_, known)| same(known));
        found.map(|(name, known)| (name.to_owned(), known.clone()))
    };
    Ok(named.filter(|(_, known)| same(known)).or_else(by_url))
}
