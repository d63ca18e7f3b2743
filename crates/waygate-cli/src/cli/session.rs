//! Which control plane, and who logs in.

use clap::{Args, Subcommand};

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
