//! Nothing in the place of a value: on the command line it is a mistake, in the environment it is not set.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::context::variable;

/// What may be left empty: texts of people.
const TEXTS: [&str; 3] = ["reason", "password", "ticket"];

/// The command line without the variables of the environment that are blank.
pub(crate) fn without_blank_variables(command: Command) -> Command {
    let is_blank = |argument: &Arg| argument.get_env().is_some_and(|name| variable(&name.to_string_lossy()).is_none());
    let command = command.mut_args(|argument| if is_blank(&argument) { argument.env(None) } else { argument });
    command.mut_subcommands(without_blank_variables)
}

/// How the first argument is called that is given, and given as nothing. It must not come to mean everything.
pub(crate) fn blank(command: &Command, matches: &ArgMatches) -> Option<String> {
    let inner = matches.subcommand().and_then(|(name, inner)| blank(command.find_subcommand(name)?, inner));
    inner.or_else(|| command.get_arguments().find(|argument| is_blank(argument, matches)).map(ToString::to_string))
}

fn is_blank(argument: &Arg, matches: &ArgMatches) -> bool {
    let id = argument.get_id().as_str();
    let takes_value = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
    takes_value
        && !TEXTS.contains(&id)
        && matches.try_contains_id(id).unwrap_or_default()
        && matches.value_source(id) == Some(ValueSource::CommandLine)
        && matches.get_raw(id).is_some_and(|mut values| values.any(|value| value.to_string_lossy().trim().is_empty()))
}
