//! What every command takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::context::Settings;
use crate::moment;
use crate::printer::{ColourChoice, Manner, Output};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The control plane to talk to, before every other choice
    #[arg(long, short = 'S', global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// A server that `waygate context add` has given a name
    #[arg(long, global = true, value_name = "NAME", env = "WAYGATE_CONTEXT", hide_env_values = true)]
    pub(crate) context: Option<String>,
    /// A file with the token to use, before every other one
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Believe any certificate; for tests, since others on the way can read and change everything
    #[arg(long, global = true)]
    pub(crate) insecure: bool,
    /// A file with authorities in PEM that are trusted for https besides those of the system
    #[arg(long, alias = "cacert", global = true, value_name = "FILE", env = "WAYGATE_CA_FILE", hide_env_values = true)]
    pub(crate) ca: Option<PathBuf>,
    /// How answers are shown: table, wide, json, jsonl, yaml, csv or name
    #[arg(long, short, global = true, value_enum, default_value_t, env = "WAYGATE_OUTPUT", hide_env_values = true)]
    #[arg(value_name = "FORMAT", hide_possible_values = true)]
    pub(crate) output: Output,
    /// Short for `--output json`
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Only these columns of a table, in this order, such as route,status
    #[arg(long, global = true, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// Leave out the names of columns
    #[arg(long, global = true)]
    pub(crate) no_headers: bool,
    /// Say nothing beside the data, warnings and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Tell every call on stderr: method, URL, status, time
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// When to use colours: auto, always or never
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", hide_possible_values = true)]
    pub(crate) color: ColourChoice,
    /// Show times in UTC, as is done anyway
    #[arg(long, global = true, overrides_with = "local")]
    pub(crate) utc: bool,
    /// Show times in the zone of this machine, with UTC beside it
    #[arg(long, global = true, overrides_with = "utc")]
    pub(crate) local: bool,
    /// The ticket that this is about; it goes before the reason
    #[arg(long, global = true, value_name = "TICKET")]
    pub(crate) ticket: Option<String>,
    /// Answer every question with yes
    #[arg(long, short, global = true)]
    pub(crate) yes: bool,
    /// Ask nothing, as where there is no terminal
    #[arg(long, global = true, env = "WAYGATE_NO_INPUT", hide_env_values = true, value_parser = switch)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    #[arg(hide_default_value = true, value_name = "YES")]
    pub(crate) no_input: bool,
    /// Tell what would change, and change nothing
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,
    /// Wait until every instance that is not lost enforces the change, 30 seconds at most unless said, also where all was so
    /// already; exit 7 if not, or if nobody is there. Who is lost is named, and not waited for; nor is who cannot confirm
    #[arg(long, global = true, value_name = "DURATION", value_parser = wait)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "30s")]
    pub(crate) wait: Option<Duration>,
    /// How long one call may take: 10s, 500ms, or seconds
    #[arg(long, global = true, default_value = "10s", value_name = "DURATION", value_parser = moment::length)]
    #[arg(env = "WAYGATE_TIMEOUT", hide_env_values = true)]
    pub(crate) timeout: Duration,
    /// How often a call that only reads is tried again when nothing comes back
    #[arg(long, global = true, default_value = "0", value_name = "TIMES")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=10))]
    pub(crate) retries: u32,
    /// How long to try for a connection
    #[arg(long, global = true, default_value = "3s", value_name = "DURATION", value_parser = moment::length)]
    pub(crate) connect_timeout: Duration,
}

impl Global {
    pub(crate) fn output(&self) -> Output {
        // What is typed goes before what the environment says.
        if self.json { Output::Json } else { self.output }
    }

    /// How the command is to speak; a `rehearsal` tells what it does not do.
    pub(crate) fn manner(&self, plain: bool, rehearsal: bool) -> Manner {
        Manner {
            output: self.output(),
            colour: self.color,
            plain,
            headers: !self.no_headers,
            quiet: self.quiet,
            rehearsal,
        }
    }

    pub(crate) fn settings(self) -> Settings {
        Settings {
            server: self.server,
            context: self.context,
            token_file: self.token_file,
            ca: self.ca,
            insecure: self.insecure,
            retries: self.retries,
            wait: self.wait,
            timeout: self.timeout,
            connect_timeout: self.connect_timeout,
            yes: self.yes,
            no_input: self.no_input,
            dry_run: self.dry_run,
            verbose: self.verbose,
        }
    }
}

fn wait(text: &str) -> Result<Duration, String> {
    let wait = moment::length(text).ok().filter(|wait| *wait <= Duration::from_mins(1));
    wait.ok_or_else(|| "expected a duration up to a minute, such as `30s` or `500ms`".to_owned())
}

/// `true`, `1`, `yes` or `on`, and their opposites.
fn switch(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "" | "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("expected `true` or `false`".to_owned()),
    }
}
