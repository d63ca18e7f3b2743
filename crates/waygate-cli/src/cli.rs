//! What can be typed.

#![expect(clippy::doc_markdown, reason = "these comments are the help that terminals show")]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::printer::Format;

/// Switch routes of your services on, off and into maintenance while they run.
#[derive(Debug, Parser)]
#[command(
    name = "waygate",
    version,
    max_term_width = 110,
    disable_help_subcommand = true,
    args_override_self = true,
    after_help = "Examples:
  waygate config set-url http://localhost:9000
  waygate login admin
  waygate status --service payments-service
  waygate disable GET:/api/payments --reason hotfix --until 30m
  waygate global enable --reason \"Deploying v3\" --exempt /health

Exit codes: 0 done · 1 failed · 2 usage · 3 not found · 4 login needed or refused · 5 conflict · 6 unreachable"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The control plane to talk to, before every other choice
    #[arg(long, short = 'S', global = true, value_name = "URL", help_heading = "Global options")]
    pub(crate) server: Option<String>,
    /// How answers are shown
    #[arg(long, short, global = true, value_enum, default_value_t, env = "WAYGATE_OUTPUT", hide_env_values = true)]
    #[arg(help_heading = "Global options", value_name = "FORMAT")]
    pub(crate) output: Format,
    /// Short for `--output json`
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// How long one call may take, in seconds
    #[arg(long, global = true, default_value_t = 10, value_name = "SECONDS", help_heading = "Global options")]
    #[arg(env = "WAYGATE_TIMEOUT", hide_env_values = true, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Choose the control plane, or show what is chosen
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Log in; the token is kept in ~/.waygate/config.json
    #[command(after_help = "Examples:
  waygate login admin
  printf %s \"$PASSWORD\" | waygate login admin --password-stdin")]
    Login(Login),
    /// Forget the token and end it
    Logout,
    /// Who the control plane takes you for
    Whoami,
    /// List the services
    Services,
    /// Show the service that commands are limited to
    CurrentService,
    /// Show routes, what they are set to and what callers get
    #[command(after_help = "Examples:
  waygate status
  waygate status --service payments-service
  waygate status GET:/api/payments -o json")]
    Status(Status),
    /// Let a route answer again
    #[command(after_help = "Examples:
  waygate enable /api/payments
  waygate enable payments-service:GET:/api/payments --reason \"fix is out\"")]
    Enable(Switch),
    /// Let a route answer 503 until it is enabled
    #[command(after_help = "Examples:
  waygate disable GET:/api/payments --reason hotfix
  waygate disable /api/payments --service payments-service --until 2h")]
    Disable(TimedSwitch),
    /// Put a route into maintenance
    #[command(after_help = "Examples:
  waygate maintenance GET:/api/payments --reason \"DB migration\" --until 1h30m
  waygate maintenance GET:/api/payments --start 2026-12-01T02:00Z --end 2026-12-01T04:00Z")]
    Maintenance(RouteMaintenance),
    /// Plan the maintenance of a route; list or cancel what is planned
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Schedule(Schedule),
    /// Limit a route to environments
    #[command(subcommand)]
    Env(EnvCommand),
    /// Show who did what, newest first
    #[command(visible_alias = "log")]
    Audit(Audit),
    /// Maintenance of everything: every route of every service
    #[command(subcommand)]
    Global(GlobalCommand),
    /// Maintenance of one service: all its routes
    #[command(subcommand, visible_alias = "sm")]
    ServiceMaintenance(ServiceCommand),
    /// Run the control plane
    #[command(after_help = "Examples:
  waygate serve --backend memory
  waygate serve --auth admin:secret --backend file:waygate-state.json")]
    Serve(Serve),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Choose the control plane
    SetUrl {
        /// Such as http://localhost:9000
        url: String,
    },
    /// Show the chosen server, who is logged in there, and where that is kept
    Show,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Asked for when left out
    pub(crate) username: Option<String>,
    /// Visible to others on this machine; better asked for, or --password-stdin
    #[arg(long, short, conflicts_with = "password_stdin")]
    pub(crate) password: Option<String>,
    /// Read the password from stdin
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// Limits a command to one service.
#[derive(Debug, Args)]
pub(crate) struct InService {
    /// Only routes of this service
    #[arg(long = "service", short = 's', env = "WAYGATE_SERVICE", value_name = "SERVICE")]
    pub(crate) name: Option<String>,
}

/// Which part of a list.
#[derive(Debug, Args)]
pub(crate) struct Page {
    /// Which page, from 1
    #[arg(long, short, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) page: Option<u32>,
    /// How many on a page; 20 on a terminal
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) per_page: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Only this route: /path, METHOD:/path or service:METHOD:/path
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) route: Option<String>,
    #[command(flatten)]
    pub(crate) service: InService,
    #[command(flatten)]
    pub(crate) page: Page,
}

/// A route and why it is switched.
#[derive(Debug, Args)]
pub(crate) struct Switch {
    /// /path, METHOD:/path, service:/path or service:METHOD:/path
    pub(crate) route: String,
    /// Why; callers and the audit log are told
    #[arg(long, short, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) service: InService,
}

#[derive(Debug, Args)]
pub(crate) struct TimedSwitch {
    #[command(flatten)]
    pub(crate) switch: Switch,
    /// When it ends by itself: 30m, 1h30m, 2d or 2026-12-01T10:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RouteMaintenance {
    #[command(flatten)]
    pub(crate) switch: TimedSwitch,
    /// When a planned maintenance begins
    #[arg(long, value_name = "TIME", requires = "end", conflicts_with = "until")]
    pub(crate) start: Option<String>,
    /// When it ends; a duration counts from the start
    #[arg(long, value_name = "TIME", requires = "start", conflicts_with = "until")]
    pub(crate) end: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Schedule {
    #[command(subcommand)]
    pub(crate) command: Option<ScheduleCommand>,
    /// /path, METHOD:/path, service:/path or service:METHOD:/path
    #[arg(required = true)]
    pub(crate) route: Option<String>,
    /// When the maintenance begins: 2h, 2026-12-01T02:00Z
    #[arg(long, value_name = "TIME", required = true)]
    pub(crate) start: Option<String>,
    /// When it ends; a duration counts from the start
    #[arg(long, value_name = "TIME", required = true)]
    pub(crate) end: Option<String>,
    /// Why; callers and the audit log are told
    #[arg(long, short, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) service: InService,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// List the routes with planned maintenance
    List {
        #[command(flatten)]
        service: InService,
    },
    /// Take the planned maintenance of a route back
    Cancel {
        /// The route
        route: String,
        #[command(flatten)]
        service: InService,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum EnvCommand {
    /// Let a route answer only in these environments
    Set {
        /// The route
        route: String,
        /// Such as: dev staging
        #[arg(required = true)]
        envs: Vec<String>,
        /// Why; the audit log is told
        #[arg(long, short, default_value = "", hide_default_value = true)]
        reason: String,
        #[command(flatten)]
        service: InService,
    },
    /// Let a gated route answer everywhere again
    Clear(Switch),
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// Only this route
    #[arg(long)]
    pub(crate) route: Option<String>,
    #[command(flatten)]
    pub(crate) service: InService,
    /// Only what this person or service did
    #[arg(long)]
    pub(crate) actor: Option<String>,
    /// Only this action, such as disable or global_maintenance_on
    #[arg(long)]
    pub(crate) action: Option<String>,
    #[command(flatten)]
    pub(crate) page: Page,
}

/// How a whole scope is put into maintenance.
#[derive(Debug, Args)]
pub(crate) struct ScopeSwitch {
    /// Why; callers and the audit log are told
    #[arg(long, short, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    /// Goes on answering: /path or METHOD:/path; repeat for more
    #[arg(long, short, value_name = "ROUTE")]
    pub(crate) exempt: Vec<String>,
    /// Block even the routes that are declared to be always on
    #[arg(long, overrides_with = "no_include_force_active")]
    pub(crate) include_force_active: bool,
    #[arg(long, hide = true, overrides_with = "include_force_active")]
    pub(crate) no_include_force_active: bool,
    /// When it ends by itself: 30m, 1h30m, 2d or 2026-12-01T10:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GlobalCommand {
    /// Show whether everything is in maintenance
    Status,
    /// BLOCK every route of every service
    #[command(after_help = "Example:
  waygate global enable --reason \"Deploying v3\" --exempt /health --exempt /ready")]
    Enable(ScopeSwitch),
    /// Restore every route of every service
    Disable {
        /// Why; the audit log is told
        #[arg(long, short, default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Let a route answer during a maintenance of everything; never switches it on or off
    ExemptAdd { route: String },
    /// Take an exemption back; never switches the maintenance on or off
    ExemptRemove { route: String },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Show whether a service is in maintenance
    Status { service: String },
    /// BLOCK every route of a service
    #[command(after_help = "Example:
  waygate sm enable payments-service --reason \"DB migration\" --exempt /health")]
    Enable {
        service: String,
        #[command(flatten)]
        switch: ScopeSwitch,
        /// Accept a service that the control plane knows nothing of yet
        #[arg(long)]
        allow_unknown: bool,
    },
    /// Restore the routes of a service
    Disable {
        service: String,
        /// Why; the audit log is told
        #[arg(long, short, default_value = "", hide_default_value = true)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1", env = "WAYGATE_HOST", hide_env_values = true)]
    pub(crate) host: String,
    /// The port to listen on; 0 picks a free one
    #[arg(long, default_value_t = 9000, env = "WAYGATE_PORT", hide_env_values = true)]
    pub(crate) port: u16,
    /// Where state is kept: memory, or file:PATH
    #[arg(long, default_value = "file:waygate-state.json", env = "WAYGATE_BACKEND", hide_env_values = true)]
    #[arg(value_parser = backend)]
    pub(crate) backend: Backend,
    /// Who may log in, as USER:PASSWORD; repeat for more. WAYGATE_AUTH takes user:pw,user2:pw2 and keeps it out of `ps`
    #[arg(long, value_name = "USER:PASSWORD")]
    pub(crate) auth: Vec<String>,
    /// Tokens stay valid over restarts while this stays the same
    #[arg(long, value_name = "TEXT", env = "WAYGATE_SECRET_KEY", hide_env_values = true)]
    pub(crate) secret_key: Option<String>,
    /// How long tokens of people last, in seconds
    #[arg(long, default_value_t = 86_400, value_name = "SECONDS", env = "WAYGATE_TOKEN_EXPIRY")]
    #[arg(hide_env_values = true, value_parser = clap::value_parser!(u64).range(1..=3_155_760_000))]
    pub(crate) token_expiry: u64,
    /// How long tokens of services last, in seconds
    #[arg(long, default_value_t = 31_536_000, value_name = "SECONDS", env = "WAYGATE_SDK_TOKEN_EXPIRY")]
    #[arg(hide_env_values = true, value_parser = clap::value_parser!(u64).range(1..=3_155_760_000))]
    pub(crate) sdk_token_expiry: u64,
    /// Serve without authentication where others can reach it
    #[arg(long, env = "WAYGATE_INSECURE_NO_AUTH", hide_env_values = true, value_parser = switch)]
    pub(crate) insecure_no_auth: bool,
}

/// Where a control plane keeps its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Backend {
    Memory,
    File(PathBuf),
}

fn backend(text: &str) -> Result<Backend, String> {
    match text.split_once(':') {
        None if text == "memory" => Ok(Backend::Memory),
        Some(("file", path)) if !path.is_empty() => Ok(Backend::File(path.into())),
        Some(("redis" | "rediss", _)) => {
            Err("the Redis backend comes with a later release; expected `memory` or `file:PATH`".into())
        }
        _ => Err("expected `memory` or `file:PATH`".into()),
    }
}

/// A switch in the environment: what says no, or nothing, is off.
fn switch(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "" | "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("expected `true`, `yes`, `on`, `1`, `false`, `no`, `off` or `0`".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn g19_switches_of_the_environment_that_say_no_are_off() {
        for off in ["", "0", "false", "No", " OFF "] {
            assert_eq!(switch(off), Ok(false), "{off}");
        }
        for on in ["1", "true", "YES", "on"] {
            assert_eq!(switch(on), Ok(true), "{on}");
        }
        assert!(switch("maybe").is_err());
    }

    #[test]
    fn backends_are_read() {
        assert_eq!(backend("memory"), Ok(Backend::Memory));
        assert_eq!(backend("file:/tmp/a:b"), Ok(Backend::File("/tmp/a:b".into())));
        assert!(backend("redis://redis:6379/0").unwrap_err().contains("later release"));
        for bad in ["", "file:", "postgres://x", "waygate.json"] {
            assert!(backend(bad).is_err(), "{bad}");
        }
    }
}
