//! Copies of a store, and what is made of them.

use std::path::PathBuf;

use clap::Args;

use super::Backend;

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file to write; one that is there already is not touched
    pub(crate) file: PathBuf,
    /// Where the state is kept: file:PATH, redis://…, as for `serve --backend`; a server may run on it
    #[arg(long, value_name = "BACKEND", env = "WAYGATE_BACKEND", hide_env_values = true)]
    #[arg(default_value = "file:waygate-state.json")]
    pub(crate) from: Backend,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// What `waygate backup` has written
    pub(crate) file: PathBuf,
    /// Where it goes: file:PATH, redis://…, as for `serve --backend`; no server may run on a file
    #[arg(long, value_name = "BACKEND", env = "WAYGATE_BACKEND", hide_env_values = true, required = true)]
    pub(crate) into: Backend,
    /// Take the place of what is there; that is moved aside, not deleted
    #[arg(long)]
    pub(crate) replace: bool,
}
