//! What a server is to be like: flags go before the environment, that before the file, that before the defaults.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use waygate_core::Cidr;
use waygate_server::{Credentials, StreamOptions, User};

use crate::cli::{Backend, LogFormat, Serve};
use crate::commands::serve::credentials;
use crate::commands::serve::file::FileSettings;
use crate::error::{CliError, CliResult};

/// Every setting of `serve`, decided.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) backend: Backend,
    pub(super) users: Credentials,
    pub(super) secret_key: Option<SecretString>,
    pub(super) token_expiry: Duration,
    pub(super) sdk_token_expiry: Duration,
    pub(super) instance_liveness: Duration,
    pub(super) streams: StreamOptions,
    pub(super) insecure_no_auth: bool,
    pub(super) webhook_allow_private: bool,
    pub(super) trusted_proxies: Vec<Cidr>,
    /// The names by which a server without authentication may be called.
    pub(super) allowed_hosts: Vec<String>,
    /// The files of the certificate and of its key.
    pub(super) tls: Option<(PathBuf, PathBuf)>,
    /// What lets a scraper read the metrics.
    pub(super) metrics_token: Option<SecretString>,
    pub(super) log_format: LogFormat,
}

/// Decides every setting. `serve` holds flags and environment, `auth` is `WAYGATE_AUTH`.
pub(super) fn resolve(serve: Serve, auth: Option<&str>, file: FileSettings) -> CliResult<Settings> {
    let users: Credentials = credentials::users(&serve.auth, auth)?.into_iter().collect();
    let users = file.users.into_iter().fold(users, |users, user| users.and_user(User::from(user)));
    let tls = match (serve.tls_cert.or(file.tls_cert), serve.tls_key.or(file.tls_key)) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            let both = "`--tls-cert` and `--tls-key`, or `tls_cert` and `tls_key` in the file";
            return Err(CliError::usage(format!("TLS takes both a certificate and its key: {both}")));
        }
    };
    let seconds = |given: Option<u64>, default: u64| Duration::from_secs(given.unwrap_or(default));
    let proxies = if serve.trusted_proxy.is_empty() { file.trusted_proxies } else { Some(serve.trusted_proxy) };
    let host = serve.host.or(file.host).unwrap_or_else(|| "127.0.0.1".to_owned());
    let hosts = if serve.allowed_host.is_empty() { file.allowed_hosts } else { Some(serve.allowed_host) };
    // Whoever listens on a name may be called by it.
    let own = Some(&host).filter(|host| host.contains('.') && host.parse::<IpAddr>().is_err()).cloned();
    let secret_key = serve.secret_key.map(SecretString::from).filter(is_given).or(file.secret_key).filter(is_given);
    let backend = serve.backend.or(file.backend).unwrap_or_else(|| Backend::File("waygate-state.json".into()));
    if matches!(backend, Backend::Redis(_)) && secret_key.is_none() {
        return Err(CliError::usage("a backend in Redis takes a secret key, the same for every server that shares it")
            .hint("give one: `--secret-key`, WAYGATE_SECRET_KEY"));
    }
    Ok(Settings {
        host,
        port: serve.port.or(file.port).unwrap_or(9000),
        backend,
        users,
        secret_key,
        token_expiry: seconds(serve.token_expiry.or(file.token_expiry), 86_400),
        sdk_token_expiry: seconds(serve.sdk_token_expiry.or(file.sdk_token_expiry), 31_536_000),
        instance_liveness: seconds(serve.instance_liveness.or(file.instance_liveness), 32),
        streams: streams(serve.max_streams.or(file.max_streams), serve.stream_lifetime.or(file.stream_lifetime)),
        insecure_no_auth: serve.insecure_no_auth.or(file.insecure_no_auth).unwrap_or(false),
        webhook_allow_private: serve.webhook_allow_private.or(file.webhook_allow_private).unwrap_or(false),
        trusted_proxies: proxies.unwrap_or_default(),
        allowed_hosts: hosts.unwrap_or_default().into_iter().chain(own).collect(),
        tls,
        metrics_token: serve
            .metrics_token
            .map(SecretString::from)
            .filter(is_given)
            .or(file.metrics_token)
            .filter(is_given),
        log_format: serve.log_format.or(file.log_format).unwrap_or_default(),
    })
}

fn streams(most: Option<u32>, lifetime: Option<u64>) -> StreamOptions {
    let defaults = StreamOptions::default();
    StreamOptions {
        most: most.map_or(defaults.most, |most| most as usize),
        lifetime: lifetime.map_or(defaults.lifetime, Duration::from_secs),
        ..defaults
    }
}

fn is_given(key: &SecretString) -> bool {
    !key.expose_secret().trim().is_empty()
}
