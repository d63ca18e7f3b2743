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

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token for a service; it is shown this once
    #[command(after_help = "Example:
  waygate token create --service payments-service --expires 90d > payments.token")]
    Create {
        /// The id of the service that it is bound to
        #[arg(long)]
        service: String,
        /// When it ends: 12h, 90d or 2027-01-01T00:00Z; left out, a year or what the server is set to
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// List the tokens that are in use
    List {
        /// Only of this service
        #[arg(long)]
        service: Option<String>,
        /// Only of this holder
        #[arg(long)]
        holder: Option<String>,
    },
    /// End a token and its open streams, on every node
    Revoke { id: String },
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
