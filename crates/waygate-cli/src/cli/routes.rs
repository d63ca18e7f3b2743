//! Routes, one at a time or listed.

use clap::{Args, Subcommand};

/// Limits a command to one service.
#[derive(Debug, Args)]
pub(crate) struct InService {
    /// Only routes of this service
    #[arg(long = "service", short = 's', env = "WAYGATE_SERVICE", value_name = "SERVICE", hide_env_values = true)]
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
    /// Count what would be blocked, do not block
    #[arg(long)]
    pub(crate) shadow: bool,
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
    /// List what is planned and what ends by itself, and who planned it
    List {
        #[command(flatten)]
        service: InService,
    },
    /// Take the planned maintenance of a route back
    Cancel {
        /// The route
        route: String,
        /// Only the window of this id, as the list shows it
        #[arg(long)]
        id: Option<u32>,
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
        /// Count what would be blocked, do not block
        #[arg(long)]
        shadow: bool,
        #[command(flatten)]
        service: InService,
    },
    /// Let a gated route answer everywhere again
    Clear(Switch),
}
