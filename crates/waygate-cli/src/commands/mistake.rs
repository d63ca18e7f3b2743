//! What is wrong with a value, where it does not stand on the command line or holds a secret.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};

use crate::context::text_variable;
use crate::error::CliError;

/// Stands for a value that may hold a password.
const NOT_SHOWN: &str = "…";

/// The refusal of a value, with the variable that it comes from, and without the URL of a store.
pub(super) fn told(whole: &Command, mut error: Error) -> Error {
    if error.kind() != ErrorKind::ValueValidation {
        return error;
    }
    let Some(ContextValue::String(named)) = error.get(ContextKind::InvalidArg) else { return error };
    // What comes after the mistake has not been built yet, and cannot say its name before it is.
    let mut whole = whole.clone();
    whole.build();
    let Some(argument) = argument(&whole, named).cloned() else { return error };
    let is_typed = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => is_typed(value),
        _ => false,
    };
    if matches!(argument.get_id().as_str(), "backend" | "from" | "into") {
        error.insert(ContextKind::InvalidValue, ContextValue::String(NOT_SHOWN.to_owned()));
    }
    if let Some(variable) = argument.get_env().filter(|_| !is_typed) {
        let variable = variable.to_string_lossy().into_owned();
        error.insert(ContextKind::InvalidArg, ContextValue::String(variable));
    }
    error
}

/// A command line that cannot be meant, as one object where a form for programs is asked for.
pub(super) fn for_programs(error: &Error) -> Option<CliError> {
    let typed: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let is_form = |text: &str| matches!(text, "json" | "jsonl" | "yaml");
    let is_asked = typed.iter().enumerate().any(|(place, word)| match word.as_str() {
        "--json" => true,
        "-o" | "--output" => typed.get(place + 1).is_some_and(|form| is_form(form)),
        other => ["--output=", "-o=", "-o"].iter().any(|option| other.strip_prefix(option).is_some_and(is_form)),
    });
    let is_set = || text_variable("WAYGATE_OUTPUT").is_ok_and(|form| form.is_some_and(|form| is_form(&form)));
    if !error.use_stderr() || !(is_asked || is_set()) {
        return None;
    }
    let told = error.to_string();
    let lines =
        told.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    let mut lines = lines.map(|line| line.trim_start_matches("error: ").to_owned());
    let problem = CliError::usage(lines.next().unwrap_or_default());
    Some(lines.fold(problem, CliError::hint))
}

/// Whether a value stands on the command line: after its option, or within the same word.
fn is_typed(value: &str) -> bool {
    std::env::args_os().any(|word| {
        word.to_string_lossy().strip_suffix(value).is_some_and(|option| match option {
            "" => true,
            option => option.starts_with('-') && (option.ends_with('=') || option.len() == 2),
        })
    })
}

/// The argument that a refusal calls so, of the command that was typed.
fn argument<'c>(whole: &'c Command, named: &str) -> Option<&'c Arg> {
    let typed = std::env::args_os().skip(1);
    let command = typed.fold(whole, |command, word| command.find_subcommand(word).unwrap_or(command));
    command.get_arguments().find(|argument| argument.to_string() == named)
}
