//! `help`: of a command, or about a topic.

use crate::context::Context;
use crate::error::{CliError, CliResult};

/// What is told beside commands.
const TOPICS: [(&str, &str, &str); 5] = [
    (
        "routes",
        "how routes are named",
        "Wherever a command takes a route:

  /api/payments                        the one route with this path; refused, with the candidates, where there are several
  GET:/api/payments                    also as one word with a blank: 'GET /api/payments'
  payments-service:GET:/api/payments   of this service, whatever WAYGATE_SERVICE says
  payments-service:/api/payments

enable, disable and maintenance take several, and then also:

  'GET:/api/*' 'payments-service:*'    patterns; every route that fits. `watch` and `status --match` take them as well
  /user/42                             an address: on a terminal they ask whether its route /user/{id} is meant;
                                       elsewhere they name it and change nothing. `status` shows that route
  -                                    names from stdin, one on a line

With them a path that several routes have is asked about on a terminal, and --all-methods takes every method of it.
--service NAME limits a command to a service, and a name that says another service is a mistake.
A name or a pattern that fits no route exits with 3, and a name says what may have been meant. What goes on for ever (`watch`,
`log -f`, `rl hits -f`) does so too; with --allow-unknown it waits for what is yet to come. A filter (`status --status
disabled`) that fits nothing is no mistake: it shows nothing and exits with 0. A document that names what is not known is
refused, whatever it says of it, unless --skip-unknown leaves that out.",
    ),
    (
        "time",
        "how times are typed and shown",
        "--until, --for, --start, --end and --at take:

  90s  30m  1h30m  2d  1w          a duration: from now on (--end: from the start on)
  2026-12-01T10:00Z                a time; with an offset: 2026-12-01T10:00+02:00
  18:00   tomorrow 02:00           the next time that it is so late; also 10:00+02:00

What looks back (--since, --changed-since, --until of the log, --to of `rollback`) takes the same: 1h is an hour ago, 18:00
the last time that it was so late, and there is `yesterday 18:00`.

What has no offset is UTC. Times are shown in UTC; --local shows them in the zone of this machine, UTC beside it. JSON, YAML
and CSV are in UTC always.",
    ),
    (
        "exit-codes",
        "what scripts are told",
        "  0    done, already so, or the condition holds
  1    failed; `diff` and `status --check`: it differs
  2    usage: what was typed cannot be meant, or needs a --yes; nothing was changed
  3    no such route or service
  4    a login is needed, or was refused
  5    conflict: ambiguous, always on, or changed in the meantime
  6    the control plane was not reached, or did not answer in time; a change that may have been made all the same says so
  7    stored, but with --wait (or `wait`) not confirmed in time by all instances, or by nobody because none is connected
  130  interrupted

Several routes are one change: it is made as a whole or not at all, so that there is no code for a part.
`apply --detailed-exitcode` and `diff` say in their help what theirs mean.",
    ),
    (
        "environment",
        "the variables that are read",
        "  WAYGATE_SERVER_URL    the control plane
  WAYGATE_CONTEXT       the name of one, as --context
  WAYGATE_SERVICE       the service that commands are limited to
  WAYGATE_TOKEN         the token; also WAYGATE_TOKEN_FILE
  WAYGATE_OUTPUT        as --output
  WAYGATE_TIMEOUT       as --timeout
  WAYGATE_NO_INPUT      as --no-input
  WAYGATE_CA_FILE       as --ca
  WAYGATE_CONFIG_DIR    where config.json lies; ~/.waygate otherwise
  NO_COLOR, TERM=dumb   no colours; FORCE_COLOR=1: also where no terminal is
  HTTPS_PROXY, NO_PROXY and the like, as everywhere
  TRACEPARENT           the trace that this command is a part of

An option goes before its variable (and --server before WAYGATE_CONTEXT), that before a .waygate file of the directory, that
before the context in use.
A server that only a .waygate file knows is asked about once; without a terminal that is exit 2. This machine needs no
asking. `waygate config show` prints each value and where it comes from.",
    ),
    (
        "output",
        "how answers are shown",
        "-o, --output:

  table  for people; in a pipe aligned, whole and without colours
  wide   every column
  json   what the API answered    jsonl  one element on a line    yaml  the same
  csv    every column of the table, its texts not escaped; on a terminal they are
  name   the names alone, for `xargs` and `waygate … -`

--columns route,status chooses columns of table, wide and csv; --no-headers leaves their names out.
stdout is data only: notes, questions and errors are on stderr. With -o json, jsonl or yaml an error is one object, on the
last line of stderr. Lines of CSV end with a line feed alone, as other tools here expect; not with CR LF, as RFC 4180 has it.
There is no --jq; to pick from JSON: waygate status -o json | jq -r '.[] | select(.effective != \"active\") | .path'",
    ),
];

pub(crate) fn run(context: &Context, words: &[String]) -> CliResult {
    let text = match words {
        [] => return page(context, &[]),
        [topic] if topic == "topics" => {
            TOPICS.iter().map(|(name, about, _)| format!("{name:12} {about}")).collect::<Vec<_>>().join("\n")
        }
        [topic] => match TOPICS.iter().find(|(name, ..)| name == topic) {
            Some((_, _, text)) => (*text).to_owned(),
            None => return page(context, words),
        },
        _ => return page(context, words),
    };
    context.printer.text(&text);
    Ok(())
}

/// The help of a command.
fn page(context: &Context, words: &[String]) -> CliResult {
    let mut whole = crate::cli::grouped(crate::cli::command());
    whole.build();
    let mut found = &mut whole;
    for word in words {
        let Some(inner) = found.find_subcommand_mut(word) else {
            let topics: Vec<&str> = TOPICS.iter().map(|(name, ..)| *name).collect();
            let text = format!("`{}` is neither a command nor a topic", words.join(" "));
            return Err(CliError::usage(text).hint(format!("topics are {}", topics.join(", "))));
        };
        found = inner;
    }
    context.printer.text(&found.render_long_help().to_string());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_topic_hides_a_command() {
        let whole = crate::cli::command();
        for (name, ..) in TOPICS {
            assert!(whole.find_subcommand(name).is_none(), "{name}");
        }
    }
}
