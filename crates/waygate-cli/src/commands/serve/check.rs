//! `serve --check-config`: everything but the store and the port.

use std::sync::Arc;

use secrecy::SecretString;
use waygate_store::MemoryStore;

use crate::cli::{Backend, RedisAddress};
use crate::commands::serve::build;
use crate::commands::serve::settings::Settings;
use crate::context::Context;
use crate::error::{CliError, CliResult};

/// Nothing is ever sealed with it.
const STAND_IN: &str = "in place of the key, for as long as a check takes";

/// Builds the server over nothing, as it would be built over the store: users, hashes, keys and certificates are read.
pub(super) async fn run(context: &Context, mut settings: Settings) -> CliResult {
    let failed = |error: &dyn std::fmt::Display| CliError::failed(error.to_string());
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let access = if settings.users.is_none() { "everybody may do everything" } else { "people log in" };
    let metrics = if settings.metrics_token.is_some() { ", scrapers have a token" } else { "" };
    let backend = match &settings.backend {
        Backend::Memory => "memory".to_owned(),
        Backend::File(path) if path.is_dir() => {
            return Err(CliError::usage(format!("`backend`: `{}` is a directory, not a file", path.display())));
        }
        Backend::File(path) => format!("file:{}", path.display()),
        Backend::Redis(RedisAddress(url)) => {
            waygate_store::RedisStore::describe_url(url).map_err(|error| failed(&error))?
        }
    };
    let said = format!(
        "the settings are sound: {scheme}://{}:{}, state in {backend}, {access}{metrics}",
        settings.host, settings.port
    );
    // A key that is kept beside the state is not looked for, and not missed.
    settings.secret_key.get_or_insert_with(|| SecretString::from(STAND_IN.to_owned()));
    let store = MemoryStore::new().map_err(|error| failed(&error))?;
    let server = build(settings, Arc::new(store)).await?;
    server.stop().await.map_err(|error| failed(&error))?;
    context.printer.data(None, &said);
    Ok(())
}
