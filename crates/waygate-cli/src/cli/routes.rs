//! Routes, one at a time or listed.

use std::time::Duration;

use clap::{Args, Subcommand};
use waygate_core::LifecycleKind;

use crate::moment;

/// Limits a command to one service.
#[derive(Debug, Args)]
pub(crate) struct InService {
    /// Only routes of this service
    #[arg(long = "service", short = 's', env = "WAYGATE_SERVICE", value_name = "SERVICE", hide_env_values = true)]
    pub(crate) name: Option<String>,
}

/// Why something is done.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// Why; the audit log is told
    #[arg(long, short, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
}

/// When a switch ends by itself.
#[derive(Debug, Args)]
pub(crate) struct Ending {
    /// When it ends by itself: 30m, 1h30m, 2d, 18:00 or 2026-12-01T10:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// How long it lasts: 90s, 30m, 1h30m or 2d
    #[arg(long = "for", id = "duration", value_name = "DURATION", conflicts_with = "until")]
    pub(crate) duration: Option<String>,
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
    /// Only routes that callers find so: active, maintenance, disabled, env_gated or deprecated; repeat for more
    #[arg(long = "status", value_name = "STATUS", value_parser = kind)]
    pub(crate) kinds: Vec<LifecycleKind>,
    /// Only routes that fit a pattern, such as 'GET:/api/*'; a star stands for anything
    #[arg(long = "match", value_name = "PATTERN")]
    pub(crate) pattern: Option<String>,
    /// Only routes that were changed since then: 1h (ago), 18:00 or 2026-12-01T10:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) changed_since: Option<String>,
    /// Print nothing but what is otherwise, and exit with 1 then: a gate for scripts
    #[arg(long, value_name = "STATUS", value_parser = kind)]
    pub(crate) check: Option<LifecycleKind>,
}

fn kind(text: &str) -> Result<LifecycleKind, String> {
    let kinds = [
        LifecycleKind::Active,
        LifecycleKind::Maintenance,
        LifecycleKind::Disabled,
        LifecycleKind::EnvGated,
        LifecycleKind::Deprecated,
    ];
    let wanted = text.trim().to_ascii_lowercase().replace('-', "_");
    kinds
        .into_iter()
        .find(|kind| kind.as_str() == wanted)
        .ok_or_else(|| format!("expected one of {}", kinds.map(LifecycleKind::as_str).join(", ")))
}

#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// /path, METHOD:/path, service:/path or service:METHOD:/path
    pub(crate) route: String,
    /// What callers are to find: active, maintenance, disabled, env_gated or deprecated
    #[arg(long = "for", value_name = "STATUS", value_parser = kind, default_value = "active")]
    pub(crate) wanted: LifecycleKind,
    /// How long to wait in all; exit 7 after it (--timeout bounds each question)
    #[arg(long, value_name = "DURATION", value_parser = moment::length, default_value = "1m")]
    pub(crate) within: Duration,
    /// Only until the control plane says so; whether it has arrived at the instances is not asked
    #[arg(long)]
    pub(crate) stored: bool,
    #[command(flatten)]
    pub(crate) service: InService,
}

/// Routes and why they are switched.
#[derive(Debug, Args)]
pub(crate) struct Switch {
    /// /path, METHOD:/path, service:/path or service:METHOD:/path; several, or patterns such as 'GET:/api/*'; - reads
    /// them from stdin
    #[arg(required = true, value_name = "ROUTE", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) routes: Vec<String>,
    /// Take every method of a path
    #[arg(long)]
    pub(crate) all_methods: bool,
    /// Why; callers and the audit log are told
    #[arg(long, short, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) ending: Ending,
    #[command(flatten)]
    pub(crate) service: InService,
}

#[derive(Debug, Args)]
pub(crate) struct Closing {
    #[command(flatten)]
    pub(crate) switch: Switch,
    /// Count what would be blocked, do not block
    #[arg(long)]
    pub(crate) shadow: bool,
}

/// A gated route, and why it is to be open.
#[derive(Debug, Args)]
pub(crate) struct GatedRoute {
    /// The route
    pub(crate) route: String,
    /// Why; callers and the audit log are told
    #[arg(long, short, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) service: InService,
}

#[derive(Debug, Args)]
pub(crate) struct RouteMaintenance {
    #[command(flatten)]
    pub(crate) closing: Closing,
    /// When a planned maintenance begins
    #[arg(long, value_name = "TIME", requires = "end", conflicts_with_all = ["until", "duration"])]
    pub(crate) start: Option<String>,
    /// When it ends; a duration counts from the start
    #[arg(long, value_name = "TIME", requires = "start", conflicts_with_all = ["until", "duration"])]
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
    /// Show what is planned for one route and what of it ends by itself
    Show {
        /// The route
        route: String,
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
        why: Why,
        #[command(flatten)]
        service: InService,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum EnvCommand {
    /// Let a route answer only in these environments
    #[command(after_help = "Example:
  waygate env set GET:/api/debug dev staging --for 2d")]
    Set {
        /// The route
        route: String,
        /// Such as: dev staging
        #[arg(required = true, value_delimiter = ',')]
        envs: Vec<String>,
        /// Why; the audit log is told
        #[arg(long, short, default_value = "", hide_default_value = true)]
        reason: String,
        /// Count what would be blocked, do not block
        #[arg(long)]
        shadow: bool,
        #[command(flatten)]
        ending: Ending,
        #[command(flatten)]
        service: InService,
    },
    /// Let a gated route answer everywhere again
    Clear(GatedRoute),
}
