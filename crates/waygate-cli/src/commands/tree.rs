//! The command line told about itself: for tools, manuals and the reference.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, ArgAction, Command};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{CliError, CliResult};
use crate::render::table::{Cell, Table};

/// Lists every command that can be carried out, with what it takes.
pub(crate) fn list(context: &Context, markdown: bool) {
    if markdown {
        return context.printer.text(&reference());
    }
    let mut table = Table::new(vec!["Command", "About"]).widened(&["Aliases"]);
    let mut told = Vec::new();
    for (path, command) in leaves(&whole()) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let aliases: Vec<&str> = command.get_visible_aliases().collect();
        table.push(vec![Cell::new(path.join(" ")), Cell::new(&about), Cell::new(aliases.join(" "))]);
        let arguments: Vec<Value> = arguments(&command).map(argument).collect();
        told.push(json!({ "command": path, "about": about, "aliases": aliases, "arguments": arguments }));
    }
    context.printer.list(&Value::from(told).to_string(), &table, "there are no commands");
}

/// Writes one manual page for every command into a directory.
pub(crate) fn manuals(context: &Context, directory: &Path) -> CliResult {
    let failed =
        |error: std::io::Error| CliError::failed(format!("cannot write to `{}`: {error}", directory.display()));
    std::fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(whole(), directory).map_err(failed)?;
    context.printer.note(&format!("the manual is in {}; read it with `man -l {0}/waygate.1`", directory.display()));
    Ok(())
}

/// The reference as Markdown, every command and option in the order of their help.
fn reference() -> String {
    let whole = whole();
    let mut out = String::from(
        "# The command line\n\nMade of what `waygate --help` says; `waygate commands --markdown` prints it.\n\n## Everywhere\n\n",
    );
    let globals = whole.get_arguments().filter(|argument| argument.is_global_set());
    globals.for_each(|argument| describe(&mut out, argument));
    out.push('\n');
    if let Some(after) = whole.get_after_help() {
        let _ = writeln!(out, "```text\n{after}\n```\n");
    }
    for (path, command) in leaves(&whole) {
        let _ = write!(out, "## `waygate {}`\n\n", path.join(" "));
        if let Some(about) = command.get_about() {
            let _ = write!(out, "{about}.\n\n");
        }
        let aliases: Vec<String> = command.get_visible_aliases().map(|alias| format!("`{alias}`")).collect();
        if !aliases.is_empty() {
            let _ = write!(out, "Also called {}.\n\n", aliases.join(", "));
        }
        arguments(&command).for_each(|argument| describe(&mut out, argument));
        if arguments(&command).next().is_some() {
            out.push('\n');
        }
        if let Some(after) = command.get_after_help() {
            let _ = write!(out, "```text\n{after}\n```\n\n");
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn whole() -> Command {
    let mut command = crate::cli::command();
    command.build();
    command
}

/// Commands that are not only groups of others, each by the way to it.
fn leaves(whole: &Command) -> Vec<(Vec<String>, Command)> {
    fn collect(command: &Command, path: &[String], found: &mut Vec<(Vec<String>, Command)>) {
        let inner: Vec<&Command> =
            command.get_subcommands().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set()).collect();
        let has_own = inner.is_empty() || command.get_positionals().next().is_some();
        if has_own && !path.is_empty() {
            found.push((path.to_vec(), command.clone()));
        }
        for inner in inner {
            let path: Vec<String> = path.iter().cloned().chain([inner.get_name().to_owned()]).collect();
            collect(inner, &path, found);
        }
    }
    let mut found = Vec::new();
    collect(whole, &[], &mut found);
    found
}

fn arguments(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|argument| {
        !argument.is_global_set()
            && !argument.is_hide_set()
            && !matches!(argument.get_id().as_str(), "help" | "version")
    })
}

fn argument(argument: &Arg) -> Value {
    json!({
        "id": argument.get_id().as_str(),
        "positional": argument.is_positional(),
        "long": argument.get_long(),
        "short": argument.get_short(),
        "required": argument.is_required_set(),
        "takes_value": argument.is_positional() || takes_value(argument),
        "about": argument.get_help().map(ToString::to_string),
    })
}

fn takes_value(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Set | ArgAction::Append)
}

fn describe(out: &mut String, argument: &Arg) {
    let value = argument.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let value = value.unwrap_or_else(|| argument.get_id().as_str().to_uppercase());
    let name = match (argument.get_long(), argument.get_short()) {
        (None, None) => format!("`{value}`"),
        (long, short) => {
            let long = long.map(|long| format!("--{long}"));
            let short = short.map(|short| format!("-{short}"));
            let names: Vec<String> = long.into_iter().chain(short).collect();
            let value = if takes_value(argument) { format!(" {value}") } else { String::new() };
            format!("`{}{value}`", names.join("`, `"))
        }
    };
    let about = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let default: Vec<&str> = argument.get_default_values().iter().filter_map(|value| value.to_str()).collect();
    let shows = takes_value(argument) && !default.concat().is_empty() && !argument.is_hide_default_value_set();
    let default = if shows { format!(" (default `{}`)", default.join(" ")) } else { String::new() };
    let environment = argument.get_env().and_then(|name| name.to_str());
    let environment = environment.map(|name| format!(" (`{name}`)")).unwrap_or_default();
    let _ = writeln!(out, "- {name}: {about}{default}{environment}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_says_what_the_help_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cli.md");
        let expected = reference();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut file = std::fs::File::create(&path).unwrap();
            std::io::Write::write_all(&mut file, expected.as_bytes()).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == expected, "docs/reference/cli.md is out of date: run this test with UPDATE_DOCS=1");
    }

    #[test]
    fn every_command_says_what_it_does_and_has_an_example() {
        for (path, command) in leaves(&whole()) {
            assert!(command.get_about().is_some(), "{path:?} says nothing about itself");
            let example = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(example.contains("Example") && example.contains("waygate "), "{path:?}: {example}");
        }
    }
}
