//! `env`: routes that answer only in some environments.

use jiff::Timestamp;
use serde::Serialize;
use waygate_api::paths;
use waygate_api::routes::{RouteState, SwitchRequest};
use waygate_core::{Environment, LifecycleKind};

use crate::cli::{EnvCommand, GatedRoute};
use crate::commands::lifecycle::{route_of, send};
use crate::commands::propagation;
use crate::context::Context;
use crate::error::{CliError, CliResult};
use crate::render;
use crate::render::route::word;

/// Body of `POST /api/routes/{path_key}/env`.
#[derive(Serialize)]
struct EnvBody {
    envs: Vec<String>,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    shadow: bool,
}

pub(crate) async fn run(context: &Context, command: EnvCommand) -> CliResult {
    match command {
        EnvCommand::Set { route, envs, reason, shadow, ending, service: scope } => {
            let route = route_of(&route, scope.name.as_deref())?;
            Environment::parse_all(envs.iter().map(String::as_str))
                .map_err(|error| CliError::usage(format!("`envs`: {error}")))?;
            let body = EnvBody { envs, reason, until: ending.at()?, shadow };
            send(context, &context.connect()?, &route, "env", &body, None).await
        }
        EnvCommand::Clear(route) => clear(context, route).await,
    }
}

/// Lets a gated route answer everywhere; a route that is not gated stays what it is.
async fn clear(context: &Context, GatedRoute { route, reason, service }: GatedRoute) -> CliResult {
    let route = route_of(&route, service.name.as_deref())?;
    let connection = context.connect()?;
    let now = connection.get::<RouteState>(&paths::route(&route.to_string(), None), &[]).await?;
    let state = now.value;
    if state.status != LifecycleKind::EnvGated {
        context.nothing_changed();
        let told = format!("{} is not limited to environments; it stays {}", state.path, word(state.status));
        context.printer.answer(
            now.raw.get(),
            || render::route::table(std::slice::from_ref(&state), false),
            |printer| printer.note(&told),
        );
        let service: Vec<&str> = state.service.as_deref().into_iter().collect();
        return propagation::of_what_is_stored(context, &connection, &service).await;
    }
    let body = SwitchRequest { reason, ..SwitchRequest::default() };
    send(context, &connection, &route, "enable", &body, None).await
}
