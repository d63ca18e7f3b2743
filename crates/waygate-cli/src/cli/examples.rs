//! An example for every command: its own where it has some, else one made of what it requires.

use clap::{Arg, Command, CommandFactory as _};

use crate::cli::Cli;

/// The command line, every command with an example.
pub(crate) fn command() -> Command {
    with_example(Cli::command(), "waygate")
}

fn with_example(command: Command, path: &str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    let mut command = command;
    for name in &names {
        let path = format!("{path} {name}");
        command = command.mut_subcommand(name, |inner| with_example(inner, &path));
    }
    if names.is_empty() && command.get_after_help().is_none() {
        let line = command.get_arguments().filter(|argument| argument.is_required_set()).map(sample);
        let line: Vec<String> = std::iter::once(path.to_owned()).chain(line).collect();
        command = command.after_help(format!("Example:\n  {}", line.join(" ")));
    }
    command
}

fn sample(argument: &Arg) -> String {
    let value = match argument.get_id().as_str() {
        "service" => "payments-service",
        "route" | "routes" => "GET:/api/payments",
        "limit" => "100/minute",
        "envs" => "dev staging",
        "url" => "http://localhost:9000",
        "name" => "prod",
        "id" => "01JD2Q",
        _ => return argument.get_id().as_str().to_uppercase(),
    };
    argument.get_long().map_or_else(|| value.to_owned(), |long| format!("--{long} {value}"))
}
