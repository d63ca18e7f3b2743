//! What is wrong with a value, where it does not stand on the command line or holds a secret.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};

/// Stands for a value that may hold a password.
const NOT_SHOWN: &str = "…";

/// The refusal of a value, with the variable that it comes from, and without the URL of a store.
pub(super) fn told(whole: &Command, mut error: Error) -> Error {
    if error.kind() != ErrorKind::ValueValidation {
        return error;
    }
    let Some(ContextValue::String(named)) = error.get(ContextKind::InvalidArg) else { return error };
    let Some(argument) = argument(whole, named).cloned() else { return error };
    if matches!(argument.get_id().as_str(), "backend" | "from" | "into") {
        error.insert(ContextKind::InvalidValue, ContextValue::String(NOT_SHOWN.to_owned()));
    }
    let long = argument.get_long().map(|long| format!("--{long}"));
    let is_typed = long.is_some_and(|long| {
        std::env::args_os().any(|typed| typed.to_string_lossy().split('=').next() == Some(long.as_str()))
    });
    if let Some(variable) = argument.get_env().filter(|_| !is_typed) {
        let variable = variable.to_string_lossy().into_owned();
        error.insert(ContextKind::InvalidArg, ContextValue::String(variable));
    }
    error
}

/// The argument that a refusal calls so, of the command that was typed.
fn argument<'c>(whole: &'c Command, named: &str) -> Option<&'c Arg> {
    let typed = std::env::args_os().skip(1);
    let command = typed.fold(whole, |command, word| command.find_subcommand(word).unwrap_or(command));
    command.get_arguments().find(|argument| argument.to_string() == named)
}
