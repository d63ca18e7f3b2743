//! The file of settings.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};
use waygate_core::{Cidr, ServiceId};
use waygate_server::{Role, User};

use crate::cli::{Backend, LogFormat};
use crate::error::{CliError, CliResult};

/// What `serve --config FILE` can say. What it leaves out is as without a file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileSettings {
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    #[serde(default, deserialize_with = "backend")]
    pub(super) backend: Option<Backend>,
    pub(super) secret_key: Option<SecretString>,
    pub(super) token_expiry: Option<u64>,
    pub(super) sdk_token_expiry: Option<u64>,
    pub(super) instance_liveness: Option<u64>,
    pub(super) max_streams: Option<u32>,
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

impl FileSettings {
    /// Reads a file. A refusal names the line, and shows nothing of it: it may hold a secret.
    pub(super) fn read(path: &Path) -> CliResult<Self> {
        let text = fs::read_to_string(path)
            .map_err(|error| CliError::usage(format!("cannot read `{}`: {error}", path.display())))?;
        Self::parse(&text).map_err(|problem| CliError::usage(format!("`{}`, {problem}", path.display())))
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = 1 + text.get(..start).unwrap_or_default().matches('\n').count();
            // The values of strings are quoted in messages about their kind.
            let message = error.message();
            let around = message.split_once("string \"").zip(message.rsplit_once("\", expected "));
            match around {
                Some(((before, _), (_, wanted))) => format!("line {line}: {before}a text, expected {wanted}"),
                None => format!("line {line}: {}", message.split("string \"").next().unwrap_or_default().trim_end()),
            }
        })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named_with_their_line_and_without_secrets() {
        for (text, expected) in [
            ("host = \"x\"\nprot = 1\n", "line 2: unknown field `prot`, expected one of `host`"),
            ("[[users]]\nname = \"a\"\npassword = \"tops3cret\"\n", "line 3: unknown field `password`"),
            ("[[users]]\nname = \"a\"\npassword_hash = \"h\"\nrole = \"boss\"\n", "line 4: unknown variant `boss`"),
            ("\nport = \"tops3cret\"\n", "line 2: invalid type: a text, expected u16"),
            ("backend = \"postgres://x\"\n", "line 1: expected `memory`"),
            ("trusted_proxies = [\"10.0.0.0/33\"]\n", "line 1: expected an address or a range"),
            ("secret_key = tops3cret\n", "line 1: "),
        ] {
            let problem = FileSettings::parse(text).unwrap_err();
            assert!(problem.starts_with(expected), "{problem}");
            assert!(!problem.contains("tops3cret"), "{problem}");
        }
        assert!(FileSettings::parse("").unwrap().users.is_empty());
    }
}
