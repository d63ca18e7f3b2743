//! How far calls get: the name, the port, TLS, and whether it is a control plane that answers.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use waygate_api::paths;

use crate::commands::doctor::Findings;
use crate::context::{Context, Server};
use crate::error::{CliError, CliResult, ExitStatus};

/// Goes one step after the other; whether all could be gone.
pub(super) async fn walk(context: &Context, server: &Server, found: &mut Findings) -> bool {
    let origin = server.url.origin();
    let (scheme, authority) = origin.split_once("://").unwrap_or(("http", &origin));
    let is_secure = scheme == "https";
    // A proxy resolves and connects instead of this machine.
    if !is_proxied() {
        let default = if is_secure { ":443" } else { ":80" };
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let place = if has_port { authority.to_owned() } else { format!("{authority}{default}") };
        let addresses = match name(context, &place).await {
            Ok(addresses) => addresses,
            Err(error) => {
                found.bad("name", &error);
                return false;
            }
        };
        let shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
        found.good("name", format!("{authority} is {}", shown.join(", ")));
        if let Err(error) = port(context, &addresses).await {
            found.bad("port", &error);
            return false;
        }
        found.good("port", "it takes connections");
    }
    if let Err(error) = reachable(context, server).await {
        found.bad("connection", &error);
        return false;
    }
    let told = match (is_secure, context.settings.insecure) {
        (true, false) => "a control plane answers, over TLS",
        (true, true) => "a control plane answers, over TLS whose certificate was not checked",
        (false, _) => "a control plane answers, without TLS",
    };
    found.good("connection", told);
    true
}

fn is_proxied() -> bool {
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .into_iter()
        .any(|name| crate::context::variable(name).is_some_and(|value| !value.is_empty()))
}

async fn name(context: &Context, place: &str) -> CliResult<Vec<SocketAddr>> {
    let unknown = |why: String| CliError::new(ExitStatus::Unreachable, format!("cannot resolve `{place}`: {why}"));
    match timeout(context.settings.connect_timeout, lookup_host(place)).await {
        Ok(Ok(addresses)) => Ok(addresses.collect()),
        Ok(Err(error)) => Err(unknown(error.to_string())),
        Err(_) => Err(unknown("no answer in time".to_owned())),
    }
}

/// Whether one of the addresses takes connections.
async fn port(context: &Context, addresses: &[SocketAddr]) -> CliResult {
    let mut why = "it has no address".to_owned();
    for address in addresses {
        match timeout(context.settings.connect_timeout, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => why = format!("{address}: {error}"),
            Err(_) => why = format!("{address}: no answer in time"),
        }
    }
    Err(CliError::new(ExitStatus::Unreachable, format!("cannot connect: {why}")))
}

/// Whether a control plane answers there; where it does not, whether it does one level below.
async fn reachable(context: &Context, server: &Server) -> CliResult {
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
