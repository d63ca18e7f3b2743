//! The way to the server, step by step: its name, and its port.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use waygate_api::paths;

use super::Findings;
use crate::context::{Context, Server, variable};
use crate::error::{CliError, CliResult, ExitStatus};

/// Whether there is a way at all.
pub(super) async fn examine(context: &Context, server: &Server, found: &mut Findings) -> bool {
    let proxies = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    if let Some(proxy) = proxies.into_iter().find(|name| variable(name).is_some()) {
        found.good("name", format!("left to the proxy of {proxy}"));
        return true;
    }
    let Some((host, port)) = place(server) else { return true };
    let unreachable = |text: String| {
        CliError::new(ExitStatus::Unreachable, text).hint(format!("the URL comes from {}", server.source))
    };
    let patience = context.settings.connect_timeout;
    let addresses: Vec<SocketAddr> = match timeout(patience, lookup_host((host.as_str(), port))).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => {
            found.bad("name", &unreachable(format!("`{host}` is not known: {error}")));
            return false;
        }
        Err(_) => {
            found.bad("name", &unreachable(format!("nobody says within {patience:?} what `{host}` is")));
            return false;
        }
    };
    let shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    found.good("name", format!("{host} is {}", shown.join(", ")));
    let mut refused = Vec::new();
    for address in addresses {
        match timeout(patience, TcpStream::connect(address)).await {
            Ok(Ok(_)) => {
                found.good("port", format!("{address} answers"));
                return true;
            }
            Ok(Err(error)) => refused.push(format!("{address}: {error}")),
            Err(_) => refused.push(format!("{address}: nothing within {patience:?}")),
        }
    }
    found.bad("port", &unreachable(refused.join("; ")));
    false
}

/// Whether a control plane answers there; where it does not, whether it does one level below.
pub(super) async fn reachable(context: &Context, server: &Server) -> CliResult {
    let connection = context.connect_to(server.clone(), None)?;
    let Err(error) = connection.get::<Value>(paths::HEALTHZ, &[]).await else { return Ok(()) };
    let mounted = server.url.join("/waygate").parse();
    if error.status != ExitStatus::Unreachable
        && let Ok(url) = mounted
    {
        let below = context.connect_to(Server { url, source: server.source.clone() }, None)?;
        if below.get::<Value>(paths::HEALTHZ, &[]).await.is_ok() {
            return Err(error.hint(format!("a control plane is mounted at {}", below.server.url)));
        }
    }
    Err(error)
}

/// Host and port, as the scheme has it where none is given.
fn place(server: &Server) -> Option<(String, u16)> {
    let origin = server.url.origin();
    let (scheme, rest) = origin.split_once("://")?;
    let standard = if scheme == "https" { 443 } else { 80 };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => (host, port.parse().ok()?),
        _ => (rest, standard),
    };
    Some((host.trim_start_matches('[').trim_end_matches(']').to_owned(), port))
}
