//! What is wanted, as documents; and what was, as history.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::routes::InService;

/// Where a document is.
#[derive(Debug, Args)]
pub(crate) struct Documents {
    /// A YAML or JSON file, a directory of them, or - for stdin; repeat for more
    #[arg(long = "filename", short = 'f', value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) service: InService,
    /// As it was at a revision
    #[arg(long, value_name = "REVISION")]
    pub(crate) revision: Option<u64>,
    /// Only these: routes, limits, maintenance, or global for what holds for everything
    #[arg(long = "kind", value_name = "KINDS", value_enum, value_delimiter = ',', hide_possible_values = true)]
    pub(crate) kinds: Vec<Kind>,
}

/// What documents are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Routes,
    Limits,
    Maintenance,
    /// Whatever holds for everything.
    Global,
}

/// From one control plane to another.
#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// The context that is read
    #[arg(long = "from", value_name = "CONTEXT")]
    pub(crate) origin: String,
    /// The context that is changed
    #[arg(long = "to", value_name = "CONTEXT")]
    pub(crate) target: String,
    #[command(flatten)]
    pub(crate) service: InService,
    /// Only these: routes, limits, maintenance, or global for what holds for everything
    #[arg(long = "kind", value_name = "KINDS", value_enum, value_delimiter = ',', hide_possible_values = true)]
    pub(crate) kinds: Vec<Kind>,
    #[command(flatten)]
    pub(crate) manner: ApplyManner,
}

/// How a document is made true.
#[derive(Debug, Args)]
pub(crate) struct ApplyManner {
    /// What the documents' services and global part do not name goes back to its default
    #[arg(long)]
    pub(crate) prune: bool,
    /// Leave out services and routes that the control plane does not know
    #[arg(long)]
    pub(crate) skip_unknown: bool,
    /// Why; the audit log is told where the document gives no reason of its own
    #[arg(long, short, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) documents: Documents,
    #[command(flatten)]
    pub(crate) manner: ApplyManner,
    /// Exit with 0 where nothing had to change, 2 where something has, 1 for every failure
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    #[command(flatten)]
    pub(crate) documents: Documents,
    /// What the documents' services and global part do not name counts as its default
    #[arg(long)]
    pub(crate) prune: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// GET, POST, …
    #[arg(value_name = "METHOD")]
    pub(crate) verb: String,
    /// The path of the request, from /
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) service: InService,
    /// The address that the request comes from
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) ip: Option<String>,
    /// The environment of the service, which gates compare with
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<String>,
    /// When the request is made: 2h, 18:00 or 2026-12-01T10:00Z; now when left out
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// Only of this route
    pub(crate) route: Option<String>,
    #[command(flatten)]
    pub(crate) service: InService,
    /// How many at most
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// The change: a revision, or the id of an entry of the log; your latest one when left out
    pub(crate) change: Option<String>,
    /// Why; the audit log is told where there was no reason before
    #[arg(long, short, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// A revision, or a time: 1h (ago), 18:00 or 2026-12-01T10:00Z
    #[arg(long, value_name = "REVISION")]
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) service: InService,
    /// Why; the audit log is told where there was no reason before
    #[arg(long, short, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
}
