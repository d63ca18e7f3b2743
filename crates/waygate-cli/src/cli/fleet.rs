//! Everything at once, one service at once, and what was done.

use clap::{Args, Subcommand};

use crate::cli::routes::{Ending, InService, Page, Why};

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
    /// Not before: 1h (ago), 18:00, yesterday 18:00 or 2026-12-01T10:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Before: 10m (ago), 18:00, yesterday 18:00 or 2026-12-01T10:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Go on with every further entry as it is written, over losses of the connection
    #[arg(long, short, conflicts_with_all = ["page", "until"])]
    pub(crate) follow: bool,
    /// With --follow: accept a route or service that the control plane knows nothing of yet
    #[arg(long, requires = "follow")]
    pub(crate) allow_unknown: bool,
    #[command(flatten)]
    pub(crate) page: Page,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Only routes that fit a pattern, such as 'GET:/api/*'
    pub(crate) pattern: Option<String>,
    #[command(flatten)]
    pub(crate) service: InService,
    /// Wait for routes or a service that the control plane knows nothing of yet
    #[arg(long)]
    pub(crate) allow_unknown: bool,
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
    #[command(flatten)]
    pub(crate) ending: Ending,
    /// Count what would be blocked, do not block
    #[arg(long)]
    pub(crate) shadow: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum InstanceCommand {
    /// Forget an instance that was lost or has left, and what is kept for it of divided limits
    Forget {
        id: String,
        #[command(flatten)]
        service: InService,
    },
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
    ExemptAdd {
        route: String,
        #[command(flatten)]
        why: Why,
    },
    /// Take an exemption back; never switches the maintenance on or off
    ExemptRemove {
        route: String,
        #[command(flatten)]
        why: Why,
    },
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
    /// Let a route answer during a maintenance of the service; never switches it on or off
    ExemptAdd {
        service: String,
        route: String,
        #[command(flatten)]
        why: Why,
    },
    /// Take an exemption back; never switches the maintenance on or off
    ExemptRemove {
        service: String,
        route: String,
        #[command(flatten)]
        why: Why,
    },
}
