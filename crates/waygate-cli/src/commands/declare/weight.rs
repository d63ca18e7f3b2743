//! What a plan reaches, and how it is agreed to: by the rules of the commands that do the same.

use serde_json::Value;
use waygate_core::{LimitExpression, RouteKey};

use crate::commands::confirm::{self, Weight};
use crate::commands::declare::plan::Step;
use crate::commands::reach::Subjects;
use crate::context::Connection;

/// From the harmless to what wants a word typed.
enum Gravity {
    None,
    Ask,
    /// The name of the service.
    Service(String),
    /// The name of the server.
    Server,
}

/// How the steps are agreed to; `None` where nothing is asked.
pub(super) fn of(steps: &[Step], connection: &Connection) -> Option<Weight> {
    let server = || Some(Weight::Retype(confirm::server_word(connection)));
    let (mut asks, mut service) = (steps.len() > 1, None);
    for command in steps.iter().flat_map(|step| &step.commands) {
        match gravity(command) {
            Gravity::None => {}
            Gravity::Ask => asks = true,
            Gravity::Service(name) if service.as_ref().is_none_or(|known| *known == name) => service = Some(name),
            Gravity::Server | Gravity::Service(_) => return server(),
        }
    }
    service.map(Weight::Retype).or_else(|| asks.then_some(Weight::Ask))
}

fn gravity(command: &Value) -> Gravity {
    match text(command, "action") {
        "global_maintenance_on" => Gravity::Server,
        "global_rl_set" if admits_nothing(text(command, "limit")) => Gravity::Server,
        "service_maintenance_on" if command["include_force_active"] == true => {
            Gravity::Service(text(command, "service").to_owned())
        }
        "service_maintenance_on" | "global_rl_set" | "svc_rl_set" => Gravity::Ask,
        _ => Gravity::None,
    }
}

/// Whether a limit lets no request pass at all.
pub(crate) fn admits_nothing(limit: &str) -> bool {
    limit.parse().is_ok_and(|limit: LimitExpression| limit.quotas().iter().any(|of| of.amount == 0))
}

/// What the steps are about.
pub(super) fn subjects(steps: &[Step]) -> Subjects {
    let mut subjects = Subjects::default();
    for command in steps.iter().flat_map(|step| &step.commands) {
        let (service, route) = (text(command, "service"), text(command, "route"));
        if let Ok(key) = route.parse::<RouteKey>() {
            subjects.routes.insert((key.service.to_string(), key.local.to_string()));
        } else if !service.is_empty() {
            subjects.services.insert(service.to_owned());
        } else {
            subjects.everything = true;
        }
    }
    subjects
}

fn text<'c>(command: &'c Value, field: &str) -> &'c str {
    command[field].as_str().unwrap_or_default()
}
