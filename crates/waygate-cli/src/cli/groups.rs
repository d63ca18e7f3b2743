//! The commands of the first page of help, by what they are for.

use std::fmt::Write as _;

use clap::Command;

/// Every command stands in one of them.
const GROUPS: [(&str, &[&str]); 7] = [
    ("Routes", &["status", "enable", "disable", "maintenance", "schedule", "env", "wait", "watch", "top", "explain"]),
    ("Fleet", &["global", "service-maintenance", "services", "instances", "audit", "history", "undo", "rollback"]),
    ("Limits", &["rate-limits", "global-rate-limit", "service-rate-limit"]),
    ("Documents", &["export", "apply", "copy", "diff", "validate", "schema"]),
    ("Session", &["login", "logout", "whoami", "token", "context", "config", "current-service", "dashboard", "doctor"]),
    ("Server", &["serve", "demo", "backup", "restore", "import", "hash-password"]),
    ("This program", &["api", "help", "completion", "man", "commands"]),
];

/// The same command line, with groups on its first page.
pub(crate) fn grouped(command: Command) -> Command {
    let mut groups = String::new();
    for (title, names) in GROUPS {
        let _ = writeln!(groups, "{title}:");
        for found in names.iter().filter_map(|name| command.find_subcommand(name)) {
            let about = found.get_about().map(ToString::to_string).unwrap_or_default();
            let aliases: Vec<&str> = found.get_visible_aliases().collect();
            let aliases = if aliases.is_empty() { String::new() } else { format!(" [{}]", aliases.join(", ")) };
            let _ = writeln!(groups, "  {:20} {about}{aliases}", found.get_name());
        }
        groups.push('\n');
    }
    let template = format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}{{all-args}}{{after-help}}");
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    let hidden = |command: Command, name: &String| command.mut_subcommand(name, |inner| inner.hide(true));
    names.iter().fold(command, hidden).override_usage("waygate [OPTIONS] <COMMAND>").help_template(template)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_command_stands_in_one_group() {
        let whole = crate::cli::command();
        let known: BTreeSet<&str> = whole.get_subcommands().map(Command::get_name).collect();
        let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        let missing: Vec<_> = known.iter().filter(|name| !grouped.contains(name)).collect();
        assert!(missing.is_empty(), "in no group: {missing:?}");
        assert_eq!(grouped.iter().collect::<BTreeSet<_>>().len(), grouped.len(), "one group for each");
    }
}
