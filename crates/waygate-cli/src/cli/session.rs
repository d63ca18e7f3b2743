//! Which control plane, and who logs in.

use clap::{Args, Subcommand};

use crate::credentials::Confirm;

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
pub(crate) enum ContextCommand {
    /// Give a server a name, and rules for its changes; those of a name that is there stay unless they are given
    #[command(after_help = "Example:
  waygate context add prod --url https://waygate.example --confirm always --require-reason")]
    Add {
        /// Such as prod
        name: String,
        /// Such as `https://waygate.example`
        #[arg(long)]
        url: String,
        /// When changes ask back: auto (large ones, where somebody can answer), always (every one; without a terminal `--yes` is
        /// needed), or never
        #[arg(long, value_enum, value_name = "WHEN", hide_possible_values = true)]
        confirm: Option<Confirm>,
        /// Every change of routes, maintenance and limits needs a reason; `--require-reason=false` takes that back
        #[arg(long, value_name = "YES", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
        require_reason: Option<bool>,
    },
    /// Choose the server by its name
    Use { name: String },
    /// List them
    List,
    /// Show the one in use
    Show,
    /// Forget a name; of the one in use also that its server is chosen. The login there stays
    Remove { name: String },
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
    /// Keep a token that is read from stdin, instead of asking for a password
    #[arg(long, conflicts_with_all = ["username", "password", "password_stdin", "no_store"])]
    pub(crate) with_token: bool,
    /// Print the token instead of keeping it
    #[arg(long)]
    pub(crate) no_store: bool,
}
