//! What `top` can be told.

use clap::Args;

use crate::cli::routes::InService;

#[derive(Debug, Args)]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) service: InService,
    /// Print once and end, as where the output is no terminal
    #[arg(long)]
    pub(crate) once: bool,
    /// Whom limits have denied most in the last hour, instead of routes; nobody is named in full
    #[arg(long)]
    pub(crate) callers: bool,
}
