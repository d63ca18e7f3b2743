//! What can be typed.

#![expect(clippy::doc_markdown, reason = "these comments are the help that terminals show")]

mod fleet;
mod limits;
mod routes;
mod serve;
mod session;

use clap::{Args, Parser, Subcommand};

pub(crate) use fleet::{Audit, GlobalCommand, ScopeSwitch, ServiceCommand};
pub(crate) use limits::{GlobalLimitCommand, LimitSettings, LimitedRoute, RouteLimitCommand, ServiceLimitCommand};
pub(crate) use routes::{EnvCommand, Page, RouteMaintenance, Schedule, ScheduleCommand, Status, Switch, TimedSwitch};
pub(crate) use serve::{Backend, Serve};
pub(crate) use session::{ConfigCommand, Login, TokenCommand};

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

Exit codes:
  0 done        2 usage       4 login needed or refused   6 unreachable
  1 failed      3 not found   5 conflict"
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
    /// How answers are shown: table or json
    #[arg(long, short, global = true, value_enum, default_value_t, env = "WAYGATE_OUTPUT", hide_env_values = true)]
    #[arg(help_heading = "Global options", value_name = "FORMAT", hide_possible_values = true)]
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
    /// Rate limits of routes
    #[command(subcommand, visible_alias = "rl")]
    RateLimits(RouteLimitCommand),
    /// The rate limit of everything: all routes of all services together
    #[command(subcommand, visible_alias = "grl")]
    GlobalRateLimit(GlobalLimitCommand),
    /// The rate limit of one service: all its routes together
    #[command(subcommand, visible_alias = "srl")]
    ServiceRateLimit(ServiceLimitCommand),
    /// Make, list and end tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Hash a password for a file of settings; it is asked for, or read from stdin
    HashPassword,
    /// Run the control plane
    #[command(after_help = "Examples:
  waygate serve --backend memory
  waygate serve --auth admin:secret --backend file:waygate-state.json
  WAYGATE_SECRET_KEY=… waygate serve --auth admin:secret --backend redis://localhost:6379/0
  waygate serve --config waygate.toml --tls-cert cert.pem --tls-key key.pem")]
    Serve(Serve),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
