//! `env`: routes that answer only in some environments.

use serde::Serialize;
use waygate_api::paths;
use waygate_api::routes::{RouteState, SwitchRequest};
use waygate_core::{Environment, LifecycleKind};

use crate::cli::{EnvCommand, Switch};
use crate::context::{Context, selector, service};
use crate::error::{CliError, CliResult};
use crate::render::route::word;

/// Body of `POST /api/routes/{path_key}/env`.
#[derive(Serialize)]
struct EnvBody {
    envs: Vec<String>,
    reason: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    shadow: bool,
}

pub(crate) async fn run(context: &Context, command: EnvCommand) -> CliResult {
    match command {
        EnvCommand::Set { route, envs, reason, shadow, service: scope } => {
            let route = selector(&route, service(scope.name.as_deref())?.as_ref())?;
            Environment::parse_all(envs.iter().map(String::as_str))
                .map_err(|error| CliError::usage(format!("`envs`: {error}")))?;
            let body = EnvBody { envs, reason, shadow };
            super::lifecycle::send(context, &context.connect()?, &route, "env", &body).await
        }
        EnvCommand::Clear(switch) => clear(context, switch).await,
    }
}

/// Lets a gated route answer everywhere; a route that is not gated stays what it is.
async fn clear(context: &Context, switch: Switch) -> CliResult {
    let route = selector(&switch.route, service(switch.service.name.as_deref())?.as_ref())?;
    let connection = context.connect()?;
    let now: RouteState = connection.get(&paths::route(&route.to_string(), None), &[]).await?.value;
    if now.status != LifecycleKind::EnvGated {
        context.printer.note(&format!("{} is not limited to environments; it stays {}", now.path, word(now.status)));
        return Ok(());
    }
    let body = SwitchRequest { reason: switch.reason, ..SwitchRequest::default() };
    super::lifecycle::send(context, &connection, &route, "enable", &body).await
}
