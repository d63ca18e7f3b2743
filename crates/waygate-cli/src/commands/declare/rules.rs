//! The rules of the server, without a server: its own code reads and plans what a document comes to.

use jiff::Timestamp;
use serde_json::{Value, json};
use waygate_api::document::{Document, RouteDocument, ServiceDocument};
use waygate_core::{
    Cause, Command, CommandError, Commit, Cursor, Declaration, Draft, Platform, ServiceId, State, plan,
};
use waygate_server::batch_command;

use crate::commands::declare::plan::{Planner, Unnamed, unset};
use crate::error::{CliError, CliResult};

/// The commands that make it so where every service and route is known and nothing is set.
///
/// # Errors
///
/// What the server would refuse, after what it is about.
pub(super) fn checked(wanted: &Document, now: Timestamp) -> CliResult<Vec<Value>> {
    let state = known(wanted, now).map_err(|problem| CliError::usage(problem.to_string()))?;
    let plan = Planner { now, unnamed: Unnamed::Stays, reason: "" }.plan(&bare(wanted), wanted);
    for step in &plan.steps {
        let refused = |problem: String| CliError::usage(format!("{}: {problem}", step.subject));
        let read = |command: &Value| {
            let mut command = command.clone();
            command["allow_unknown"] = json!(true);
            batch_command(&command, now)
        };
        let commands = step.commands.iter().map(read).collect::<Result<Vec<Command>, _>>().map_err(refused)?;
        waygate_core::plan(&state, &Command::All(commands), now).map_err(|problem| refused(told(problem)))?;
    }
    Ok(plan.commands())
}

/// Without which of the commands it is: the subject says enough.
fn told(problem: CommandError) -> String {
    match problem {
        CommandError::OneOfAll { refusal, .. } => refusal.to_string(),
        other => other.to_string(),
    }
}

/// A document of the same services and routes, nothing of which is set.
fn bare(wanted: &Document) -> Document {
    let service = |service: &ServiceDocument| {
        let routes = service
            .routes
            .iter()
            .map(|(key, told)| (key.clone(), RouteDocument { force_active: told.force_active, ..unset() }));
        let limits = service.route_limits.keys().map(|key| (key.clone(), unset()));
        ServiceDocument { routes: limits.chain(routes).collect(), ..ServiceDocument::default() }
    };
    Document {
        services: wanted.services.iter().map(|(name, told)| (name.clone(), service(told))).collect(),
        ..Document::default()
    }
}

/// A state that knows its services and routes.
fn known(wanted: &Document, now: Timestamp) -> Result<State, Box<dyn std::error::Error>> {
    let mut state = State::new(Cursor::start_of("0123456789abcdef".parse()?));
    let cause = Cause { actor: "validate".parse()?, platform: Platform::Cli, at: now, undoes: None };
    for (name, told) in &wanted.services {
        let service: ServiceId = name.parse()?;
        let keys = told.routes.keys().map(|key| key.parse().map(Declaration::active));
        let routes = keys.collect::<Result<Vec<Declaration>, _>>()?;
        let records = plan(&state, &Command::Register { service, routes }, now)?.records;
        let draft = Draft { id: "validate-validate".to_owned().try_into()?, cause: cause.clone(), records };
        state.apply(&Commit::after(&state.cursor, draft))?;
    }
    Ok(state)
}
