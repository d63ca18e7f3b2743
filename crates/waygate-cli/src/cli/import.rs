//! Taking over another installation.

use clap::Args;
use waygate_core::ServiceId;

use super::Backend;

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// What to take over: a state file (.json, .yaml, .yml or .toml), or the redis:// URL that the PyPI package used
    #[arg(value_name = "FILE|URL")]
    pub(crate) source: Source,
    /// Where it goes: file:PATH, redis://…, as for `serve --backend`
    #[arg(long, value_name = "BACKEND", env = "WAYGATE_BACKEND", hide_env_values = true)]
    #[arg(default_value = "file:waygate-state.json")]
    pub(crate) into: Backend,
    /// The service of routes and limits that name none, as those of an application without a control plane
    #[arg(long, short, value_name = "ID")]
    pub(crate) service: Option<ServiceId>,
    /// Take the place of what is there; that is moved aside, not deleted
    #[arg(long)]
    pub(crate) replace: bool,
    /// Leave out what cannot be taken over, instead of refusing all of it
    #[arg(long)]
    pub(crate) skip_invalid: bool,
}

/// Where another installation keeps its state.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Source {
    File(std::path::PathBuf),
    /// It may hold a password, which is not shown.
    Redis(String),
}

impl std::str::FromStr for Source {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once("://") {
            Some(("redis" | "rediss", _)) => Self::Redis(text.to_owned()),
            _ => Self::File(text.strip_prefix("file:").unwrap_or(text).into()),
        })
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => formatter.debug_tuple("File").field(path).finish(),
            Self::Redis(_) => formatter.write_str("Redis"),
        }
    }
}
