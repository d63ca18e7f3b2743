//! `serve`: the control plane itself.

mod credentials;
mod secret;

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use waygate_server::{Credentials, Server, WebhookOptions};
use waygate_store::{FileStore, MemoryStore, Store};

use crate::cli::{Backend, Serve};
use crate::context::{Context, given_variable, text_variable};
use crate::error::{CliError, CliResult};

/// What is logged where `WAYGATE_LOG` and `RUST_LOG` say nothing.
const LOGGED: &str = "warn,waygate=info,waygate_server=info,waygate_store=info";

pub(crate) async fn run(context: &Context, serve: Serve) -> CliResult {
    log_to_stderr()?;
    let users = credentials::users(&serve.auth, given_variable("WAYGATE_AUTH")?.as_deref())?;
    let addresses = resolved(&serve.host, serve.port).await?;
    let local = addresses.iter().all(|address| address.ip().is_loopback());
    if users.is_empty() && !local && !serve.insecure_no_auth {
        return Err(CliError::usage(format!(
            "`{}` can be reached from elsewhere and nobody needs to log in",
            serve.host
        ))
        .hint("name who may log in: `--auth USER:PASSWORD`, or WAYGATE_AUTH")
        .hint("or say that this is meant: `--insecure-no-auth`"));
    }
    if users.is_empty() {
        tracing::warn!("no --auth: everybody who reaches this server may switch routes");
    }
    let store = open(&serve.backend).await?;
    let secret_key = match serve.secret_key.filter(|key| !key.trim().is_empty()) {
        Some(key) => Some(key),
        None => kept_secret(&serve.backend)?,
    };
    let mut builder = Server::builder()
        .backend(store)
        .auth(users.into_iter().collect::<Credentials>())
        .webhooks(WebhookOptions { allow_private: serve.webhook_allow_private, ..WebhookOptions::default() })
        .token_expiry(Duration::from_secs(serve.token_expiry))
        .sdk_token_expiry(Duration::from_secs(serve.sdk_token_expiry));
    if let Some(key) = secret_key {
        builder = builder.secret_key(key);
    }
    let server = builder.build().await.map_err(|error| CliError::failed(format!("cannot start: {error}")))?;
    let listener = TcpListener::bind(addresses.as_slice())
        .await
        .map_err(|error| CliError::failed(format!("cannot listen on `{}:{}`: {error}", serve.host, serve.port)))?;
    let address = listener.local_addr().map_err(|error| CliError::failed(format!("cannot listen: {error}")))?;
    let stop = stop_signal()?;
    context.printer.data(None, &format!("waygate listening on http://{address}"));
    server.serve(listener, stop).await.map_err(|error| CliError::failed(format!("the server has failed: {error}")))
}

fn log_to_stderr() -> CliResult {
    let filter = match text_variable("WAYGATE_LOG")? {
        Some(filter) => Some(filter),
        None => text_variable("RUST_LOG")?,
    };
    let filter = EnvFilter::try_new(filter.as_deref().unwrap_or(LOGGED)).map_err(|error| {
        CliError::usage(format!(
            "WAYGATE_LOG and RUST_LOG take a filter such as `info` or `warn,waygate_server=debug`: {error}"
        ))
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && !crate::context::wants_plain())
        .try_init()
        .map_err(|error| CliError::failed(format!("cannot log: {error}")))
}

async fn resolved(host: &str, port: u16) -> CliResult<Vec<SocketAddr>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = tokio::net::lookup_host((bare, port))
        .await
        .map_err(|error| CliError::usage(format!("`--host {host}` is no address of this machine: {error}")))?;
    Ok(addresses.collect())
}

async fn open(backend: &Backend) -> CliResult<Arc<dyn Store>> {
    match backend {
        Backend::Memory => {
            let store = MemoryStore::new().map_err(|error| CliError::failed(error.to_string()))?;
            Ok(Arc::new(store))
        }
        Backend::File(path) => {
            let store = FileStore::open(path).await.map_err(|error| CliError::failed(error.to_string()))?;
            Ok(Arc::new(store))
        }
    }
}

/// The secret beside the state file; none in memory, where the server makes one for itself.
fn kept_secret(backend: &Backend) -> CliResult<Option<String>> {
    match backend {
        Backend::Memory => Ok(None),
        Backend::File(path) => {
            let mut name = path.as_os_str().to_owned();
            name.push(".secret");
            let path = Path::new(&name);
            secret::kept_at(path).map(Some).map_err(|error| {
                CliError::failed(format!("cannot keep a secret key in `{}`: {error}", path.display()))
                    .hint("or give one: `--secret-key`, WAYGATE_SECRET_KEY")
            })
        }
    }
}

/// Ends with the first SIGINT or SIGTERM.
#[cfg(unix)]
fn stop_signal() -> CliResult<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let cannot = |error: std::io::Error| CliError::failed(format!("cannot listen for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "on Unix it can fail")]
fn stop_signal() -> CliResult<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
