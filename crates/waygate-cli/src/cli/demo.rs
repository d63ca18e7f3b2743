//! A whole fleet in one process.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The port of the control plane; 0 picks a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
}
