//! The file of settings.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};
use waygate_core::{Cidr, ServiceId};
use waygate_server::{Role, User};

use crate::cli::{Backend, Bounded, EXPIRIES, LIFETIMES, LIVENESSES, LogFormat, PORTS, STREAMS, Whole};
use crate::error::{CliError, CliResult};
use crate::input;

/// What `serve --config FILE` can say. What it leaves out is as without a file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileSettings {
    pub(super) host: Option<String>,
    #[serde(default, deserialize_with = "port")]
    pub(super) port: Option<u16>,
    #[serde(default, deserialize_with = "backend")]
    pub(super) backend: Option<Backend>,
    pub(super) secret_key: Option<SecretString>,
    #[serde(default, deserialize_with = "expiry")]
    pub(super) token_expiry: Option<u64>,
    #[serde(default, deserialize_with = "expiry")]
    pub(super) sdk_token_expiry: Option<u64>,
    #[serde(default, deserialize_with = "liveness")]
    pub(super) instance_liveness: Option<u64>,
    #[serde(default, deserialize_with = "streams")]
    pub(super) max_streams: Option<u32>,
    #[serde(default, deserialize_with = "lifetime")]
    pub(super) stream_lifetime: Option<u64>,
    pub(super) insecure_no_auth: Option<bool>,
    pub(super) webhook_allow_private: Option<bool>,
    pub(super) trusted_proxies: Option<Vec<Cidr>>,
    pub(super) allowed_hosts: Option<Vec<String>>,
    pub(super) tls_cert: Option<PathBuf>,
    pub(super) tls_key: Option<PathBuf>,
    pub(super) metrics_token: Option<SecretString>,
    pub(super) log_format: Option<LogFormat>,
    #[serde(default)]
    pub(super) users: Vec<FileUser>,
}

/// One `[[users]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileUser {
    pub(super) name: String,
    /// What `waygate hash-password` prints.
    password_hash: SecretString,
    role: Role,
    services: Option<BTreeSet<ServiceId>>,
}

/// What is a secret, whatever it is written as.
const SECRETS: [&str; 3] = ["secret_key", "metrics_token", "password_hash"];

impl FileSettings {
    /// Reads a file. A refusal names the line, and shows nothing of it: it may hold a secret.
    pub(super) fn read(path: &Path) -> CliResult<Self> {
        let text = input::text(path, input::NAMES)
            .map_err(|error| CliError::usage(format!("cannot read `{}`: {error}", path.display())))?;
        Self::parse(&text).map_err(|problem| CliError::usage(format!("`{}`, {problem}", path.display())))
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let before = text.get(..start).unwrap_or_default();
            let line = before.matches('\n').count();
            let key = text.lines().nth(line).and_then(key);
            let mut message = in_words(error.message());
            if key.is_some_and(|key| SECRETS.contains(&key)) && message.starts_with("invalid type") {
                "expected a text in quotes".clone_into(&mut message);
            }
            match key {
                Some(key) if !message.contains(&format!("`{key}`")) => format!("line {}, `{key}`: {message}", line + 1),
                _ => format!("line {}: {message}", line + 1),
            }
        })
    }
}

/// The name that a line sets.
fn key(line: &str) -> Option<&str> {
    let name = line.split_once('=')?.0.trim();
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some(name)
}

/// A message of the reader, in words of the file rather than of its types, and without the values of texts.
fn in_words(message: &str) -> String {
    let around = message.split_once("string \"").zip(message.rsplit_once("\", expected "));
    let message = match around {
        Some(((before, _), (_, wanted))) => format!("{before}a text, expected {wanted}"),
        None => message.split("string \"").next().unwrap_or_default().trim_end().to_owned(),
    };
    let kinds = [
        ("expected a string", "expected a text in quotes"),
        ("expected a boolean", "expected `true` or `false`"),
        ("expected a sequence", "expected a list in brackets"),
        ("expected path string", "expected a text in quotes"),
    ];
    kinds.into_iter().fold(message, |message, (kind, word)| message.replace(kind, word))
}

impl From<FileUser> for User {
    fn from(user: FileUser) -> Self {
        let known = Self::hashed(user.name, user.password_hash.expose_secret()).role(user.role);
        match user.services {
            Some(services) => known.services(services),
            None => known,
        }
    }
}

fn backend<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Backend>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    whole(deserializer, PORTS)
}

fn expiry<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    whole(deserializer, EXPIRIES)
}

fn liveness<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    whole(deserializer, LIVENESSES)
}

fn streams<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    whole(deserializer, STREAMS)
}

fn lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    whole(deserializer, LIFETIMES)
}

/// A number within bounds, which the refusal names whatever stands there.
fn whole<'de, D: Deserializer<'de>, N: Bounded>(deserializer: D, bounds: Whole<N>) -> Result<Option<N>, D::Error> {
    let taken = match toml::Value::deserialize(deserializer) {
        Ok(toml::Value::Integer(given)) => bounds.taken(given),
        _ => Err(bounds.wanted()),
    };
    taken.map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named_with_their_line_and_without_secrets() {
        for (text, expected) in [
            ("host = \"x\"\nprot = 1\n", "line 2: unknown field `prot`, expected one of `host`"),
            ("[[users]]\nname = \"a\"\npassword = \"tops3cret\"\n", "line 3: unknown field `password`"),
            (
                "[[users]]\nname = \"a\"\npassword_hash = \"h\"\nrole = \"boss\"\n",
                "line 4, `role`: unknown variant `boss`",
            ),
            ("\nport = \"tops3cret\"\n", "line 2, `port`: expected a whole number, from 0 to 65535"),
            ("port = 65536\n", "line 1, `port`: expected a whole number, from 0 to 65535; got `65536`"),
            ("token_expiry = -5\n", "line 1, `token_expiry`: expected seconds, from 1 to 3155760000; got `-5`"),
            ("token_expiry = 99999999999999999999\n", "line 1, `token_expiry`: expected seconds, from 1 to 3155760000"),
            ("max_streams = 0\n", "line 1, `max_streams`: expected a whole number, from 1 to 1000000; got `0`"),
            ("stream_lifetime = 1.5\n", "line 1, `stream_lifetime`: expected seconds, from 10 to 604800"),
            ("host = 1\n", "line 1, `host`: invalid type: integer `1`, expected a text in quotes"),
            ("tls_cert = 1\n", "line 1, `tls_cert`: invalid type: integer `1`, expected a text in quotes"),
            (
                "insecure_no_auth = \"yes\"\n",
                "line 1, `insecure_no_auth`: invalid type: a text, expected `true` or `false`",
            ),
            ("users = \"a:b\"\n", "line 1, `users`: invalid type: a text, expected a list in brackets"),
            ("host = \"a\"\nhost = \"b\"\n", "line 2, `host`: duplicate key"),
            ("backend = \"postgres://x\"\n", "line 1, `backend`: expected `memory`"),
            ("backend = \"redis://u:tops3cret@h/x\"\n", "line 1, `backend`: the address of Redis is not understood"),
            ("trusted_proxies = [\"10.0.0.0/33\"]\n", "line 1, `trusted_proxies`: expected an address or a range"),
            ("secret_key = tops3cret\n", "line 1, `secret_key`: "),
            ("secret_key = 123456789\n", "line 1, `secret_key`: expected a text in quotes"),
            ("metrics_token = 1.5\n", "line 1, `metrics_token`: expected a text in quotes"),
        ] {
            let problem = FileSettings::parse(text).unwrap_err();
            assert!(problem.starts_with(expected), "{problem}");
            assert!(!problem.contains("tops3cret"), "{problem}");
        }
        assert!(FileSettings::parse("").unwrap().users.is_empty());
    }
}
