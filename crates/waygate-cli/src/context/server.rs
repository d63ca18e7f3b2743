//! Which control plane, and who said so.

use std::fmt;
use std::path::PathBuf;

use waygate_api::client::ServerUrl;

/// The server of a command.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) url: ServerUrl,
    pub(crate) source: Source,
}

/// Who chose the server, from the strongest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Flag,
    /// A context that this command names.
    NamedContext(String),
    Environment,
    Project(PathBuf),
    /// The context in use.
    Context(String),
    Config(PathBuf),
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => formatter.write_str("--server"),
            Self::NamedContext(name) | Self::Context(name) => write!(formatter, "the context `{name}`"),
            Self::Environment => formatter.write_str("WAYGATE_SERVER_URL"),
            Self::Project(path) | Self::Config(path) => path.display().fmt(formatter),
            Self::Default => formatter.write_str("the default; choose one with `waygate config set-url URL`"),
        }
    }
}

impl Server {
    /// The URL, and the context that has chosen it.
    pub(crate) fn place(&self) -> String {
        match &self.source {
            Source::Context(name) | Source::NamedContext(name) => format!("{} (context {name})", self.url),
            _ => self.url.to_string(),
        }
    }

    /// Whether it is this very machine.
    pub(crate) fn is_near(&self) -> bool {
        let host = self.url.origin().split("://").nth(1).unwrap_or_default();
        let host = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(host, _)| host);
        host == "localhost" || host == "[::1]" || host.starts_with("127.")
    }
}
