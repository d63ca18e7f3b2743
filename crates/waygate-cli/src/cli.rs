//! What can be typed.

#![expect(clippy::doc_markdown, reason = "these comments are the help that terminals show")]

mod api;
mod backup;
mod blank;
mod declare;
#[cfg(feature = "demo")]
mod demo;
mod effect;
mod examples;
mod fleet;
mod global;
mod groups;
mod import;
mod limits;
mod reason;
mod routes;
mod serve;
mod session;
mod top;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use api::Api;
pub(crate) use backup::{Backup, Restore};
pub(crate) use blank::{blank, without_blank_variables};
pub(crate) use declare::{Apply, ApplyManner, Copy, Diff, Documents, Explain, Export, History, Kind, Rollback, Undo};
#[cfg(feature = "demo")]
pub(crate) use demo::Demo;
pub(crate) use effect::Effect;
pub(crate) use examples::command;
pub(crate) use fleet::{Audit, GlobalCommand, InstanceCommand, ScopeSwitch, ServiceCommand, Watch};
use global::Global;
pub(crate) use groups::grouped;
pub(crate) use import::{Import, Source};
pub(crate) use limits::{
    GlobalLimitCommand, LimitSettings, LimitedRoute, RouteLimitCommand, ServiceLimitCommand, SwitchedLimit,
};
use routes::InService;
pub(crate) use routes::{
    Closing, Ending, EnvCommand, GatedRoute, Page, RouteMaintenance, Schedule, ScheduleCommand, Status, Switch, Wait,
    Why,
};
pub(crate) use serve::{
    Backend, Bounded, EXPIRIES, LIFETIMES, LIVENESSES, LogFormat, PORTS, RedisAddress, STREAMS, Serve, Whole,
};
pub(crate) use session::{ConfigCommand, ContextCommand, Login, TokenCommand};
pub(crate) use top::Top;

use crate::completion::Shell;

/// Switch routes of your services on, off and into maintenance while they run.
#[derive(Debug, Parser)]
#[command(
    name = "waygate",
    version,
    max_term_width = 110,
    disable_help_subcommand = true,
    args_override_self = true,
    after_help = "From nothing to a route that is off in every instance (`waygate demo` has all of it in one process):
  waygate serve --auth admin:secret            # goes on; type the rest in another terminal
  waygate config set-url http://localhost:9000
  waygate login admin --password secret
  waygate token create --service payments-service > payments.token
    Start the service, which has the SDK, in a third terminal, with these variables:
    WAYGATE_SERVER_URL=http://localhost:9000 WAYGATE_APP_ID=payments-service
    WAYGATE_TOKEN=$(cat payments.token)
  waygate instances                            # the service is there
  waygate disable payments-service:GET:/api/payments --reason hotfix --wait
    \"1/1 instances enforcing\" is the proof: callers get 503 from now on.
  waygate enable payments-service:GET:/api/payments --wait

Examples:
  waygate disable GET:/api/payments --reason hotfix --until 30m
  waygate undo
  waygate global enable --reason \"Deploying v3\" --exempt /health

Exit codes:
  0 done        2 usage       4 login needed or refused   6 unreachable
  1 failed      3 not found   5 conflict                  7 not confirmed in time"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Choose the control plane, or show what is chosen
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Give servers names, and choose one by its name
    #[command(subcommand)]
    Context(ContextCommand),
    /// Log in; the token is kept in ~/.waygate/config.json
    #[command(after_help = "Examples:
  waygate login admin
  printf %s \"$PASSWORD\" | waygate login admin --password-stdin
  printf %s \"$TOKEN\" | waygate login --with-token
In CI no login is needed: set WAYGATE_SERVER_URL and WAYGATE_TOKEN")]
    Login(Login),
    /// Forget the token and end it
    Logout {
        /// The tokens of all servers
        #[arg(long)]
        all: bool,
    },
    /// Who the control plane takes you for
    Whoami,
    /// List the services
    Services,
    /// List the running instances of services, and what each enforces
    #[command(
        after_help = "Examples:
  waygate instances
  waygate instances payments-service -o json
  waygate instances forget 5b1c0f9e2a7d4e31",
        args_conflicts_with_subcommands = true
    )]
    Instances {
        #[command(subcommand)]
        command: Option<InstanceCommand>,
        /// Only of this service; also as --service
        #[arg(value_name = "SERVICE")]
        of: Option<String>,
        #[command(flatten)]
        service: InService,
    },
    /// Show the service that commands are limited to
    CurrentService,
    /// Show routes, what they are set to and what callers get
    #[command(after_help = "Examples:
  waygate status
  waygate status --service payments-service
  waygate status GET:/api/payments -o json
  waygate status --status disabled --match '/api/*' -o name
  waygate status /api/payments --check active && echo open")]
    Status(Status),
    /// Let a route answer again
    #[command(after_help = "Examples:
  waygate enable /api/payments
  waygate enable 'payments-service:*' --reason \"all clear\"
  waygate enable payments-service:GET:/api/payments --reason \"fix is out\"")]
    Enable(Switch),
    /// Let a route answer 503 until it is enabled
    #[command(after_help = "Examples:
  waygate disable GET:/api/payments --reason hotfix
  waygate disable /api/payments --service payments-service --for 2h
  waygate disable 'GET:/api/*' POST:/api/orders --until 18:00 --dry-run")]
    Disable(Closing),
    /// Put a route into maintenance
    #[command(after_help = "Examples:
  waygate maintenance GET:/api/payments --reason \"DB migration\" --until 1h30m
  waygate maintenance GET:/api/payments --start 2026-12-01T02:00Z --end 2026-12-01T04:00Z")]
    Maintenance(RouteMaintenance),
    /// Plan the maintenance of a route; list, show or cancel what is planned
    #[command(
        args_conflicts_with_subcommands = true,
        subcommand_negates_reqs = true,
        after_help = "Examples:
  waygate schedule GET:/api/payments --start \"tomorrow 02:00\" --end 2h --reason \"DB migration\"
  waygate schedule list
  waygate schedule cancel GET:/api/payments"
    )]
    Schedule(Schedule),
    /// Limit a route to environments
    #[command(subcommand)]
    Env(EnvCommand),
    /// Wait until a route is as it is to be, and every instance of its service enforces that
    #[command(after_help = "Examples:
  waygate wait GET:/api/payments --for active --within 30m
  waygate wait payments-service:/api/refunds --for maintenance
  waygate wait GET:/api/payments --for disabled --stored

Exit 7 where it is not so in time, an instance that can confirm it has not, or no instance is there.
Who is lost, and the Python client, which cannot confirm, are told of and not waited for: the line
begins with `stored:` then")]
    Wait(Wait),
    /// Show routes, then every change of them as it happens
    #[command(after_help = "Examples:
  waygate watch --service payments-service
  waygate watch 'GET:/api/*' -o jsonl")]
    Watch(Watch),
    /// Show which routes have requests now, and what becomes of them
    #[command(after_help = "Examples:
  waygate top
  waygate top --service payments-service
  waygate top --once -o json")]
    Top(Top),
    /// Show who did what, newest first
    #[command(
        visible_alias = "log",
        after_help = "Examples:
  waygate log --service payments-service --since 2026-12-01T10:00Z
  waygate log -f -o jsonl"
    )]
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
    /// Tell what a request would get, and why: asks the very function that services decide with
    #[command(after_help = "Examples:
  waygate explain GET /api/payments --service payments-service
  waygate explain GET /api/payments/42 --service payments-service --ip 10.0.0.7 --at 18:00")]
    Explain(Explain),
    /// Write down what operators have set, as a document
    #[command(after_help = "Examples:
  waygate export > waygate.yaml
  waygate export --service payments-service -o json
  waygate export --kind limits,maintenance")]
    Export(Export),
    /// Make everything as documents say, in one change or not at all
    #[command(after_help = "Examples:
  waygate apply -f waygate.yaml --dry-run
  waygate apply -f waygate/ --prune --yes
  waygate export --context staging | waygate apply -f - --context prod --skip-unknown

With --detailed-exitcode: 0 nothing had to change, 2 something has, 1 a failure")]
    Apply(Apply),
    /// Read what one control plane has, and make another so, in one change or not at all
    #[command(after_help = "Examples:
  waygate copy --from staging --to prod --service payments-service --dry-run
  waygate copy --from staging --to prod --kind limits --skip-unknown")]
    Copy(Copy),
    /// Show what `apply` would change; exit with 0 for nothing, 1 for something, more for a failure
    #[command(after_help = "Example:
  waygate diff -f waygate.yaml || echo drifted")]
    Diff(Diff),
    /// Check documents without a server
    #[command(after_help = "Example:
  waygate validate -f waygate.yaml")]
    Validate(Documents),
    /// Print the JSON Schema of documents
    #[command(after_help = "Example:
  waygate schema > waygate.schema.json")]
    Schema,
    /// Show the latest changes with their revisions
    #[command(after_help = "Examples:
  waygate history
  waygate history /api/payments --service payments-service --limit 5")]
    History(History),
    /// Take one change back: your latest, or the one that is named
    #[command(after_help = "Examples:
  waygate undo
  waygate undo 42 --dry-run")]
    Undo(Undo),
    /// Go back to what was at a revision or a time
    #[command(after_help = "Examples:
  waygate rollback --to 42 --dry-run
  waygate rollback --to 2026-12-01T10:00Z --service payments-service")]
    Rollback(Rollback),
    /// Make, list and end tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Print the address of the dashboard; on a terminal, open it
    #[command(after_help = "Example:
  waygate dashboard --print-url")]
    Dashboard {
        /// Only print it
        #[arg(long)]
        print_url: bool,
    },
    /// Find out what is in the way: configuration, connection, token, streams, instances, loose ends
    #[command(after_help = "Example:
  waygate doctor -o json")]
    Doctor,
    /// Print what a shell needs to complete commands, routes and services
    #[command(after_help = "Examples:
  source <(waygate completion bash)
  waygate completion zsh > ~/.zfunc/_waygate
  waygate completion fish > ~/.config/fish/completions/waygate.fish")]
    Completion {
        /// bash, zsh, fish, elvish or powershell
        #[arg(value_enum, hide_possible_values = true)]
        shell: Shell,
    },
    /// Write the manual pages into a directory
    #[command(after_help = "Example:
  waygate man ~/.local/share/man/man1")]
    Man { directory: PathBuf },
    /// Help on a command, or on a topic: routes, time, exit-codes, environment, output
    #[command(after_help = "Examples:
  waygate help exit-codes
  waygate help rl set")]
    Help {
        /// A command, or a topic
        words: Vec<String>,
    },
    /// List every command and what it takes, for tools
    #[command(after_help = "Example:
  waygate commands --json")]
    Commands {
        /// As the reference of the command line
        #[arg(long)]
        markdown: bool,
    },
    /// Make one call of the API, with the token of the session
    #[command(after_help = "Examples:
  waygate api GET /api/routes
  waygate api GET /api/audit -f limit=5 -f action=disable
  waygate api POST /api/global/exemptions -f 'add:=[\"/health\"]' -f reason=probes
  waygate api PATCH /api/webhooks/4 --input webhook.json

What the API has is at /api/openapi.json.")]
    Api(Api),
    /// Hash a password for a file of settings; it is asked for, or read from stdin
    HashPassword,
    /// Write the state and its log into one file, also while a server runs
    #[command(after_help = "Examples:
  waygate backup waygate-2026-12-01.backup
  waygate backup --from redis://localhost:6379/0 /var/backups/waygate.backup")]
    Backup(Backup),
    /// Make a store of what `waygate backup` has written; as a new history, so that every service starts over
    #[command(after_help = "Examples:
  waygate restore waygate-2026-12-01.backup --into file:waygate-state.json --replace
  waygate restore waygate.backup --into redis://localhost:6379/0 --dry-run")]
    Restore(Restore),
    /// Take over an installation of the PyPI package: routes, maintenance, rate limits and audit log
    #[command(after_help = "Examples:
  waygate import waygate-state.json --into file:waygate.json --dry-run
  waygate import redis://localhost:6379/0 --into redis://localhost:6379/0
  waygate import state.yaml --service payments-service --into file:waygate.json")]
    Import(Import),
    /// Try it: a control plane, two services and a little traffic in one process, in memory, on free ports
    #[cfg(feature = "demo")]
    #[command(after_help = "Example:
  waygate demo")]
    Demo(Demo),
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
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        command().debug_assert();
    }
}
