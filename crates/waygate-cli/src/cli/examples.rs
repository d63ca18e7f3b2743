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

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of a line of a shell, without what it does with their output.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
        for c in line.chars() {
            match (c, quote) {
                (c, Some(open)) if c == open => quote = None,
                ('"' | '\'', None) => quote = Some(c),
                ('|' | '>' | '&' | ')' | ';' | '#', None) => break,
                (' ', None) => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
                _ => word.push(c),
            }
        }
        words.extend((!word.is_empty()).then_some(word));
        words
    }

    fn check(command: &Command, tried: &mut usize) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in help.lines().filter(|line| line.starts_with("  ")) {
            for (at, _) in line.match_indices("waygate ") {
                let calls = at == 0 || line[..at].ends_with([' ', '(']);
                if !calls || line[..at].ends_with(['>', '-']) {
                    continue;
                }
                let words = words(&line[at..]);
                let parsed = super::command().try_get_matches_from(&words);
                assert!(parsed.is_ok(), "`{}`: {words:?}\n{}", command.get_name(), parsed.unwrap_err());
                *tried += 1;
            }
        }
        command.get_subcommands().for_each(|inner| check(inner, tried));
    }

    #[test]
    fn every_example_of_every_help_can_be_typed() {
        let mut tried = 0;
        check(&command(), &mut tried);
        assert!(tried > 100, "{tried}");
    }
}
