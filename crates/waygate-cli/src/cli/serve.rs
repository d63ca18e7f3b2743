//! The control plane's settings.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use clap::builder::TypedValueParser;
use waygate_core::Cidr;

pub(crate) const PORTS: Whole<u16> = Whole { least: 0, most: u16::MAX, of: "a whole number" };
/// Of tokens; a hundred years.
pub(crate) const EXPIRIES: Whole<u64> = Whole { least: 1, most: 3_155_760_000, of: "seconds" };
pub(crate) const LIVENESSES: Whole<u64> = Whole { least: 1, most: 86_400, of: "seconds" };
pub(crate) const STREAMS: Whole<u32> = Whole { least: 1, most: 1_000_000, of: "a whole number" };
pub(crate) const LIFETIMES: Whole<u64> = Whole { least: 10, most: 604_800, of: "seconds" };

/// Which numbers a setting takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole<N> {
    least: N,
    most: N,
    of: &'static str,
}

/// A number of such a setting.
pub(crate) trait Bounded:
    Copy + FromStr + PartialOrd + TryFrom<i64> + fmt::Display + fmt::Debug + Send + Sync + 'static
{
}

impl<N> Bounded for N where
    N: Copy + FromStr + PartialOrd + TryFrom<i64> + fmt::Display + fmt::Debug + Send + Sync + 'static
{
}

impl<N: Bounded> Whole<N> {
    /// Reads flags and variables.
    fn parser(self) -> impl TypedValueParser<Value = N> {
        move |text: &str| text.trim().parse().ok().filter(|number| self.has(number)).ok_or_else(|| self.wanted())
    }

    /// Takes what a file has.
    pub(crate) fn taken(self, given: i64) -> Result<N, String> {
        N::try_from(given)
            .ok()
            .filter(|number| self.has(number))
            .ok_or_else(|| format!("{}; got `{given}`", self.wanted()))
    }

    fn has(&self, number: &N) -> bool {
        (self.least..=self.most).contains(number)
    }

    pub(crate) fn wanted(&self) -> String {
        format!("expected {}, from {} to {}", self.of, self.least, self.most)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// A TOML file with these settings and the tables `users`; flags and the environment go before it
    #[arg(long, value_name = "FILE", env = "WAYGATE_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
    /// The address to listen on [default: 127.0.0.1]
    #[arg(long, env = "WAYGATE_HOST", hide_env_values = true)]
    pub(crate) host: Option<String>,
    /// The port to listen on; 0 picks a free one [default: 9000]
    #[arg(long, env = "WAYGATE_PORT", hide_env_values = true, value_parser = PORTS.parser())]
    pub(crate) port: Option<u16>,
    /// Where state is kept: memory, file:PATH, or redis://HOST:PORT/DB, rediss://… or redis+sentinel://HOST,HOST/NAME with --secret-key [default: file:waygate-state.json]
    #[arg(long, env = "WAYGATE_BACKEND", hide_env_values = true)]
    pub(crate) backend: Option<Backend>,
    /// Who may log in, as USER:PASSWORD; repeat for more. WAYGATE_AUTH takes user:pw,user2:pw2 and keeps it out of `ps`
    #[arg(long, value_name = "USER:PASSWORD")]
    pub(crate) auth: Vec<String>,
    /// Tokens stay valid over restarts while this stays the same
    #[arg(long, value_name = "TEXT", env = "WAYGATE_SECRET_KEY", hide_env_values = true)]
    pub(crate) secret_key: Option<String>,
    /// How long tokens of people last, in seconds [default: 86400]
    #[arg(long, value_name = "SECONDS", env = "WAYGATE_TOKEN_EXPIRY")]
    #[arg(hide_env_values = true, value_parser = EXPIRIES.parser())]
    pub(crate) token_expiry: Option<u64>,
    /// How long tokens of services last, in seconds [default: 31536000]
    #[arg(long, value_name = "SECONDS", env = "WAYGATE_SDK_TOKEN_EXPIRY")]
    #[arg(hide_env_values = true, value_parser = EXPIRIES.parser())]
    pub(crate) sdk_token_expiry: Option<u64>,
    /// After how long without a sign of life an instance of a service counts as lost, in seconds [default: 32]
    #[arg(long, value_name = "SECONDS", env = "WAYGATE_INSTANCE_LIVENESS")]
    #[arg(hide_env_values = true, value_parser = LIVENESSES.parser())]
    pub(crate) instance_liveness: Option<u64>,
    /// How many streams of services are open at a time; whoever comes then is asked to come back later [default: 10000]
    #[arg(long, value_name = "NUMBER", env = "WAYGATE_MAX_STREAMS")]
    #[arg(hide_env_values = true, value_parser = STREAMS.parser())]
    pub(crate) max_streams: Option<u32>,
    /// How long a stream lives before its client is asked to open it anew, in seconds, give or take a fifth [default: 3600]
    #[arg(long, value_name = "SECONDS", env = "WAYGATE_STREAM_LIFETIME")]
    #[arg(hide_env_values = true, value_parser = LIFETIMES.parser())]
    pub(crate) stream_lifetime: Option<u64>,
    /// Serve without authentication where others can reach it
    #[arg(long, env = "WAYGATE_INSECURE_NO_AUTH", hide_env_values = true, value_parser = switch)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "YES")]
    pub(crate) insecure_no_auth: Option<bool>,
    /// Let webhooks go to private, loopback and link-local addresses
    #[arg(long, env = "WAYGATE_WEBHOOK_ALLOW_PRIVATE", hide_env_values = true, value_parser = switch)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "YES")]
    pub(crate) webhook_allow_private: Option<bool>,
    /// A proxy whose X-Forwarded-* is believed: an address or a range; repeat for more
    #[arg(long, value_name = "CIDR", env = "WAYGATE_TRUSTED_PROXY", hide_env_values = true, value_delimiter = ',')]
    pub(crate) trusted_proxy: Vec<Cidr>,
    /// Without authentication: a name by which the server may be called besides addresses, localhost and names without a dot; repeat for more
    #[arg(long, value_name = "NAME", env = "WAYGATE_ALLOWED_HOST", hide_env_values = true, value_delimiter = ',')]
    pub(crate) allowed_host: Vec<String>,
    /// The certificate chain to serve TLS with, in PEM
    #[arg(long, value_name = "FILE", env = "WAYGATE_TLS_CERT", hide_env_values = true)]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's key, in PEM
    #[arg(long, value_name = "FILE", env = "WAYGATE_TLS_KEY", hide_env_values = true)]
    pub(crate) tls_key: Option<PathBuf>,
    /// A token with which GET /metrics can be read, and nothing else; without, people read it with theirs
    #[arg(long, value_name = "TEXT", env = "WAYGATE_METRICS_TOKEN", hide_env_values = true)]
    pub(crate) metrics_token: Option<String>,
    /// How the log on stderr is written: text, or json with one object a line [default: text]
    #[arg(long, value_name = "FORMAT", env = "WAYGATE_LOG_FORMAT", hide_env_values = true)]
    pub(crate) log_format: Option<LogFormat>,
    /// Check every setting, say what would be served, and end; nothing is opened or made
    #[arg(long)]
    pub(crate) check_config: bool,
}

/// How a log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object on each line.
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("expected `text` or `json`"),
        }
    }
}

/// Where a control plane keeps its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Backend {
    Memory,
    File(PathBuf),
    Redis(RedisAddress),
}

/// The URL of a Redis. It may hold a password, which is not shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RedisAddress(pub(crate) String);

impl fmt::Debug for RedisAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RedisAddress")
    }
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "memory" => Ok(Backend::Memory),
            Some(("file", path)) if !path.is_empty() => Ok(Backend::File(path.into())),
            Some(("redis" | "rediss" | "redis+sentinel" | "rediss+sentinel", _)) => {
                waygate_store::RedisStore::describe_url(text).map_err(|error| error.to_string())?;
                Ok(Backend::Redis(RedisAddress(text.to_owned())))
            }
            _ => {
                Err("expected `memory`, `file:PATH`, `redis://HOST:PORT/DB` or `redis+sentinel://HOST,HOST/NAME`"
                    .into())
            }
        }
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
        let read = |text: &str| text.parse::<Backend>();
        assert_eq!(read("memory"), Ok(Backend::Memory));
        assert_eq!(read("file:/tmp/a:b"), Ok(Backend::File("/tmp/a:b".into())));
        let redis = read("rediss://user:tops3cret@redis:6379/0").unwrap();
        assert_eq!(redis, Backend::Redis(RedisAddress("rediss://user:tops3cret@redis:6379/0".to_owned())));
        assert!(!format!("{redis:?}").contains("tops3cret"));
        for bad in ["", "file:", "postgres://x", "waygate.json"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
