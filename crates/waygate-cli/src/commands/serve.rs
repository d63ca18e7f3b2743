//! `serve`: the control plane itself.

mod check;
mod credentials;
mod file;
mod limits;
mod log;
#[cfg(test)]
mod reference;
mod secret;
mod settings;
#[cfg(feature = "otlp")]
mod traces;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpListener;
use waygate_server::{Server, WebhookOptions};
use waygate_store::{FileStore, MemoryStore, RedisOptions, RedisStore, Store};

use crate::cli::{Backend, Serve};
use crate::commands::serve::file::FileSettings;
use crate::commands::serve::settings::Settings;
use crate::context::{Context, given_variable};
use crate::error::{CliError, CliResult};
use crate::input;

pub(crate) async fn run(context: &Context, serve: Serve) -> CliResult {
    let check_only = serve.check_config;
    let file = serve.config.as_deref().map(FileSettings::read).transpose()?.unwrap_or_default();
    let mut settings = settings::resolve(serve, given_variable("WAYGATE_AUTH")?.as_deref(), file)?;
    let told = log::begin(settings.log_format)?;
    let addresses = resolved(&settings.host, settings.port).await?;
    let open_to_all = settings.users.is_none();
    let local = addresses.iter().all(|address| address.ip().to_canonical().is_loopback());
    if open_to_all && !local && !settings.insecure_no_auth {
        return Err(CliError::usage(format!(
            "`{}` can be reached from elsewhere and nobody needs to log in",
            settings.host
        ))
        .hint("name who may log in: `--auth USER:PASSWORD`, WAYGATE_AUTH, or [[users]] in the file of `--config`")
        .hint("or say that this is meant: `--insecure-no-auth`"));
    }
    if check_only {
        return check::run(context, settings).await;
    }
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let host = settings.host.clone();
    let port = settings.port;
    let store = open(&settings.backend).await?;
    settings.secret_key = match settings.secret_key.take() {
        Some(key) => Some(key),
        None => kept_secret(&settings.backend)?.map(SecretString::from),
    };
    let server = build(settings, store).await?;
    let listener = TcpListener::bind(addresses.as_slice())
        .await
        .map_err(|error| CliError::failed(format!("cannot listen on `{host}:{port}`: {error}")))?;
    let address = listener.local_addr().map_err(|error| CliError::failed(format!("cannot listen: {error}")))?;
    let stop = stop_signal()?;
    if open_to_all {
        tracing::warn!("no --auth: everybody who reaches this server may switch routes");
    }
    context.printer.data(None, &format!("waygate listening on {scheme}://{address}"));
    let served = server.serve(listener, stop).await;
    told.await;
    served.map_err(|error| CliError::failed(format!("the server has failed: {error}")))
}

async fn build(settings: Settings, store: Arc<dyn Store>) -> CliResult<Server> {
    let mut builder = Server::builder()
        .streams(settings.streams)
        .max_connections(limits::connections_for(settings.streams.most))
        .backend(store)
        .auth(settings.users)
        .webhooks(WebhookOptions { allow_private: settings.webhook_allow_private, ..WebhookOptions::default() })
        .trusted_proxies(settings.trusted_proxies)
        .allowed_hosts(settings.allowed_hosts)
        .token_expiry(settings.token_expiry)
        .sdk_token_expiry(settings.sdk_token_expiry)
        .instance_liveness(settings.instance_liveness);
    if let Some((certificate, key)) = &settings.tls {
        builder = builder.tls(pem("tls_cert", certificate)?, pem("tls_key", key)?);
    }
    if let Some(token) = &settings.metrics_token {
        builder = builder.metrics_token(token.expose_secret());
    }
    if let Some(key) = settings.secret_key {
        builder = builder.secret_key(key.expose_secret());
    }
    builder.build().await.map_err(|error| CliError::failed(format!("cannot start: {error}")))
}

fn pem(setting: &str, path: &Path) -> CliResult<Vec<u8>> {
    let text = input::text(path, input::NAMES).map(String::into_bytes);
    text.map_err(|error| CliError::usage(format!("`{setting}`: cannot read `{}`: {error}", path.display())))
}

async fn resolved(host: &str, port: u16) -> CliResult<Vec<SocketAddr>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = tokio::net::lookup_host((bare, port)).await.map_err(|error| {
        CliError::usage(format!("`host` is `{host}`, which is no address of this machine: {error}"))
    })?;
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
        Backend::Redis(address) => {
            let store = RedisStore::connect(&address.0, RedisOptions::default());
            Ok(Arc::new(store.await.map_err(|error| CliError::failed(error.to_string()))?))
        }
    }
}

/// The secret beside the state file; none in memory, where the server makes one for itself, nor in Redis, where it has
/// to be given.
fn kept_secret(backend: &Backend) -> CliResult<Option<String>> {
    match backend {
        Backend::Memory | Backend::Redis(_) => Ok(None),
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
pub(crate) fn stop_signal() -> CliResult<impl Future<Output = ()> + Send + 'static> {
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
pub(crate) fn stop_signal() -> CliResult<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
