//! The control plane's settings.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1", env = "WAYGATE_HOST", hide_env_values = true)]
    pub(crate) host: String,
    /// The port to listen on; 0 picks a free one
    #[arg(long, default_value_t = 9000, env = "WAYGATE_PORT", hide_env_values = true)]
    pub(crate) port: u16,
    /// Where state is kept: memory, or file:PATH
    #[arg(long, default_value = "file:waygate-state.json", env = "WAYGATE_BACKEND", hide_env_values = true)]
    #[arg(value_parser = backend)]
    pub(crate) backend: Backend,
    /// Who may log in, as USER:PASSWORD; repeat for more. WAYGATE_AUTH takes user:pw,user2:pw2 and keeps it out of `ps`
    #[arg(long, value_name = "USER:PASSWORD")]
    pub(crate) auth: Vec<String>,
    /// Tokens stay valid over restarts while this stays the same
    #[arg(long, value_name = "TEXT", env = "WAYGATE_SECRET_KEY", hide_env_values = true)]
    pub(crate) secret_key: Option<String>,
    /// How long tokens of people last, in seconds
    #[arg(long, default_value_t = 86_400, value_name = "SECONDS", env = "WAYGATE_TOKEN_EXPIRY")]
    #[arg(hide_env_values = true, value_parser = clap::value_parser!(u64).range(1..=3_155_760_000))]
    pub(crate) token_expiry: u64,
    /// How long tokens of services last, in seconds
    #[arg(long, default_value_t = 31_536_000, value_name = "SECONDS", env = "WAYGATE_SDK_TOKEN_EXPIRY")]
    #[arg(hide_env_values = true, value_parser = clap::value_parser!(u64).range(1..=3_155_760_000))]
    pub(crate) sdk_token_expiry: u64,
    /// Serve without authentication where others can reach it
    #[arg(long, env = "WAYGATE_INSECURE_NO_AUTH", hide_env_values = true, value_parser = switch)]
    pub(crate) insecure_no_auth: bool,
    /// Let webhooks go to private, loopback and link-local addresses
    #[arg(long, env = "WAYGATE_WEBHOOK_ALLOW_PRIVATE", hide_env_values = true, value_parser = switch)]
    pub(crate) webhook_allow_private: bool,
}

/// Where a control plane keeps its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Backend {
    Memory,
    File(PathBuf),
}

fn backend(text: &str) -> Result<Backend, String> {
    match text.split_once(':') {
        None if text == "memory" => Ok(Backend::Memory),
        Some(("file", path)) if !path.is_empty() => Ok(Backend::File(path.into())),
        Some(("redis" | "rediss", _)) => {
            Err("the Redis backend comes with a later release; expected `memory` or `file:PATH`".into())
        }
        _ => Err("expected `memory` or `file:PATH`".into()),
    }
}

/// A switch in the environment: what says no, or nothing, is off.
fn switch(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "" | "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("expected `true`, `yes`, `on`, `1`, `false`, `no`, `off` or `0`".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g19_switches_of_the_environment_that_say_no_are_off() {
        for off in ["", "0", "false", "No", " OFF "] {
            assert_eq!(switch(off), Ok(false), "{off}");
        }
        for on in ["1", "true", "YES", "on"] {
            assert_eq!(switch(on), Ok(true), "{on}");
        }
        assert!(switch("maybe").is_err());
    }

    #[test]
    fn backends_are_read() {
        assert_eq!(backend("memory"), Ok(Backend::Memory));
        assert_eq!(backend("file:/tmp/a:b"), Ok(Backend::File("/tmp/a:b".into())));
        assert!(backend("redis://redis:6379/0").unwrap_err().contains("later release"));
        for bad in ["", "file:", "postgres://x", "waygate.json"] {
            assert!(backend(bad).is_err(), "{bad}");
        }
    }
}
