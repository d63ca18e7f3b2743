//! Rate limits: of routes, of services, of everything.

use clap::{Args, Subcommand};

use crate::cli::routes::{Ending, InService, Page, Why};

/// What a limit is set to.
#[derive(Debug, Args)]
pub(crate) struct LimitSettings {
    /// Such as 100/minute, "5/10 seconds", "10/second;100/minute" or unlimited
    pub(crate) limit: String,
    /// fixed_window, sliding_window, moving_window or token_bucket
    #[arg(long, short, value_name = "NAME")]
    pub(crate) algorithm: Option<String>,
    /// What counts as one caller: ip, user, api_key, global, header:NAME or custom
    #[arg(long, short, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// How many more pass at once
    #[arg(
        long,
        short,
        default_value_t = 0,
        value_name = "N",
        hide_default_value = true,
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(u32).range(0..=1_000_000_000)
    )]
    pub(crate) burst: u32,
    /// Is not limited: /path or METHOD:/path; repeat for more
    #[arg(long, short, value_name = "ROUTE")]
    pub(crate) exempt: Vec<String>,
    /// What happens to callers without the key: exempt, fallback_ip or block
    #[arg(long, value_name = "RULE")]
    pub(crate) on_missing_key: Option<String>,
    /// Each replica has the whole limit (per-replica), or a share of it that the control plane hands out (divided)
    #[arg(long, value_name = "RULE", value_parser = ["per-replica", "divided"])]
    pub(crate) share: Option<String>,
    /// What happens while the service's rate limit backend, or of a divided limit the control plane, is away: local, open
    /// or closed
    #[arg(long, value_name = "RULE")]
    pub(crate) on_backend_failure: Option<String>,
    /// Another limit for callers of a tier, as NAME=LIMIT; the first is for those without; repeat for more
    #[arg(long, value_name = "NAME=LIMIT")]
    pub(crate) tier: Vec<String>,
    /// Is not limited: an address or a range of them; repeat for more
    #[arg(long, value_name = "CIDR")]
    pub(crate) exempt_ip: Vec<String>,
    /// Is not limited: callers with this role; repeat for more
    #[arg(long, value_name = "ROLE")]
    pub(crate) exempt_role: Vec<String>,
    /// Count what would be denied, and deny nothing
    #[arg(long)]
    pub(crate) shadow: bool,
    #[command(flatten)]
    pub(crate) ending: Ending,
    /// Why; the audit log is told
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    /// Accept a service or route that the control plane knows nothing of yet
    #[arg(long)]
    pub(crate) allow_unknown: bool,
}

/// A route with a limit.
#[derive(Debug, Args)]
pub(crate) struct LimitedRoute {
    /// /path, METHOD:/path, ALL:/path or service:METHOD:/path
    pub(crate) route: String,
    #[command(flatten)]
    pub(crate) service: InService,
}

/// A route whose limit is switched, and why.
#[derive(Debug, Args)]
pub(crate) struct SwitchedLimit {
    #[command(flatten)]
    pub(crate) limited: LimitedRoute,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RouteLimitCommand {
    /// Limit a route; a path without a method is its one route, of several that for GET
    #[command(after_help = "Examples:
  waygate rl set GET:/api/payments 100/minute --service payments-service
  waygate rl set payments-service:ALL:/api/payments \"10/second;100/minute\" --key api_key")]
    Set {
        /// /path, METHOD:/path, ALL:/path or service:METHOD:/path
        route: String,
        #[command(flatten)]
        settings: Box<LimitSettings>,
        #[command(flatten)]
        service: InService,
    },
    /// Show the limit of a route
    Get(LimitedRoute),
    /// List the limits of routes
    List {
        #[command(flatten)]
        service: InService,
        #[command(flatten)]
        page: Page,
    },
    /// Show requests that were denied, latest first
    Hits {
        /// Only this route
        #[arg(long, short)]
        route: Option<String>,
        /// Go on with every further one as it is reported
        #[arg(long, short, conflicts_with = "page")]
        follow: bool,
        /// With --follow: accept a route or service that the control plane knows nothing of yet
        #[arg(long, requires = "follow")]
        allow_unknown: bool,
        #[command(flatten)]
        service: InService,
        #[command(flatten)]
        page: Page,
    },
    /// Pause the limit of a route: everything passes
    Disable(SwitchedLimit),
    /// Put the limit of a route in force again
    Enable(SwitchedLimit),
    /// Start the counts of a route afresh; a path without a method means all its limits
    Reset(SwitchedLimit),
    /// Take the limit of a route away; one that the code declares comes back
    Delete(SwitchedLimit),
}

#[derive(Debug, Subcommand)]
pub(crate) enum GlobalLimitCommand {
    /// Show the limit of everything
    Get,
    /// Limit all routes of all services together
    #[command(after_help = "Example:
  waygate grl set 1000/minute --exempt /health")]
    Set(Box<LimitSettings>),
    /// Pause the limit of everything
    Disable(Why),
    /// Put the limit of everything in force again
    Enable(Why),
    /// Start the counts afresh
    Reset(Why),
    /// Take the limit of everything away
    Delete(Why),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceLimitCommand {
    /// Show the limit of a service
    Get { service: String },
    /// Limit all routes of a service together
    #[command(after_help = "Examples:
  waygate srl set payments-service 1000/minute
  waygate srl set payments-service 2000/hour --burst 50 --exempt /health --exempt GET:/metrics")]
    Set {
        service: String,
        #[command(flatten)]
        settings: Box<LimitSettings>,
    },
    /// Pause the limit of a service
    Disable {
        service: String,
        #[command(flatten)]
        why: Why,
    },
    /// Put the limit of a service in force again
    Enable {
        service: String,
        #[command(flatten)]
        why: Why,
    },
    /// Start the counts afresh
    Reset {
        service: String,
        #[command(flatten)]
        why: Why,
    },
    /// Take the limit of a service away
    Delete {
        service: String,
        #[command(flatten)]
        why: Why,
    },
}
