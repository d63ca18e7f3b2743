//! `demo`: the control plane, two services with the real SDK, and a little traffic, in one process and in memory.

mod services;
mod traffic;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use waygate_server::Server;
use waygate_store::MemoryStore;

use crate::cli::Demo;
use crate::commands::serve::stop_signal;
use crate::context::{Context, variable};
use crate::error::{CliError, CliResult};

pub(crate) async fn run(context: &Context, demo: Demo) -> CliResult {
    let store = MemoryStore::new().map_err(|error| failed(&error))?;
    // Only this machine reaches it, so nobody needs to log in.
    let server = Server::builder().backend(Arc::new(store)).build().await.map_err(|error| failed(&error))?;
    let (listener, address) = listen(demo.port).await?;
    let url = format!("http://{address}");
    let (stop, ending) = (stop_signal()?, CancellationToken::new());
    let serving = tokio::spawn(server.serve(listener, ending.clone().cancelled_owned()));
    let payments = services::payments(&url, listen(0).await?).map_err(|error| failed(&error))?;
    let orders = services::orders(&url, listen(0).await?).map_err(|error| failed(&error))?;
    context.printer.text(&words(&url, &payments.url(), &orders.url()));

    let services = [payments, orders];
    tokio::select! {
        () = stop => {}
        ended = traffic::run(context, &services) => ended?,
    }
    for service in services {
        service.stop().await;
    }
    ending.cancel();
    serving.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
}

async fn listen(port: u16) -> CliResult<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await;
    let listener =
        listener.map_err(|error| CliError::failed(format!("cannot listen on `127.0.0.1:{port}`: {error}")))?;
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    Ok((listener, address))
}

/// Where everything is, and what to try. Commands stand on lines of their own.
fn words(url: &str, payments: &str, orders: &str) -> String {
    let waygate = program();
    format!(
        "the control plane and its dashboard: {url}
payments-service: {payments}/api/payments
orders-service: {orders}/api/orders

Three things to try, in another terminal or on the dashboard:

  1. payments are in maintenance, as their code says; open them:
     {waygate} --server {url} enable payments-service:GET:/api/payments --reason done
  2. switch one route off, and see it here at once:
     {waygate} --server {url} disable orders-service:GET:/api/orders --reason hotfix --wait
  3. stop everything but what is always on, and let it go on again:
     {waygate} --server {url} global enable --reason deploying --yes
     {waygate} --server {url} global disable

What the services answer is told below whenever it changes. Ctrl-C ends all of it; nothing is kept.
"
    )
}

/// How this program is called in a shell: by its name where that finds it, which it does not right after `cargo run`, and where a
/// program of the same name comes first.
fn program() -> String {
    let name = "waygate".to_owned();
    let Ok(own) = std::env::current_exe() else { return name };
    let real = |path: &Path| path.canonicalize().ok();
    let folders = variable("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join(&name)).find(|path| path.is_file());
    if found.is_some_and(|found| real(&found) == real(&own)) {
        return name;
    }
    let here = std::env::current_dir().unwrap_or_default();
    let path = own.strip_prefix(&here).unwrap_or(&own).display().to_string();
    let is_plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@".contains(c));
    if is_plain { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

fn failed(error: &dyn std::fmt::Display) -> CliError {
    CliError::failed(format!("the demonstration cannot go on: {error}"))
}
