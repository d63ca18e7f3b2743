//! What a form would do: found out without doing it, with the same for a terminal.

mod spoken;

use waygate_core::{Command, MaintenanceScope};

pub(super) use self::spoken::all as commands;
use crate::dashboard::difference::{Difference, differences, limit, maintenance, route};
use crate::dashboard::visit::Visit;
use crate::dashboard::words::counted;
use crate::error::ApiError;

/// Of how many routes, limits and maintenances the differences are listed.
const MOST: usize = 10;

/// What a command would come to.
pub(super) struct Preview {
    /// What is to be known of it beside.
    pub(super) notes: Vec<String>,
    /// What would be changed, field by field.
    pub(super) parts: Vec<(String, Vec<Difference>)>,
    /// How many more there are.
    pub(super) more: usize,
    /// The same for a terminal, by what it is.
    pub(super) commands: Vec<(&'static str, String)>,
}

impl Preview {
    pub(super) async fn of(visit: &Visit, command: Command) -> Result<Self, ApiError> {
        let before = visit.state();
        let applied = visit.app.preview(&visit.principal, command.clone()).await?;
        let after = &*applied.state;
        let mut parts: Vec<(String, Vec<Difference>)> = Vec::new();
        let mut tell = |name: String, is: serde_json::Value, will_be: serde_json::Value| {
            let rows = differences(&is, &will_be, None);
            if !rows.is_empty() && parts.iter().all(|(known, _)| *known != name) {
                parts.push((name, rows));
            }
        };
        for key in &applied.routes {
            tell(key.to_string(), route(&before, key), route(after, key));
        }
        for scope in &applied.limits {
            tell(format!("Rate limit of {scope}"), limit(&before, scope), limit(after, scope));
        }
        for scope in scopes(&command) {
            tell(name(&scope), maintenance(&before, &scope), maintenance(after, &scope));
        }
        let mut notes = applied.warnings.clone();
        notes.extend(applied.ended.iter().map(|ended| format!("It ends {ended}.")));
        if !applied.changed {
            notes.push("Nothing would change: it is so already.".to_owned());
        }
        let more = parts.len().saturating_sub(MOST);
        parts.truncate(MOST);
        Ok(Self { notes, parts, more, commands: commands(visit, &command) })
    }

    /// How much it would change, in words.
    pub(super) fn words(&self) -> String {
        format!("Nothing is changed yet. It would change {}.", counted(self.parts.len() + self.more, "thing"))
    }
}

/// Whose maintenance a command is about.
fn scopes(command: &Command) -> Vec<MaintenanceScope> {
    match command {
        Command::Maintenance { scope, .. } => vec![scope.clone()],
        Command::All(commands) => commands.iter().flat_map(scopes).collect(),
        _ => Vec::new(),
    }
}

fn name(scope: &MaintenanceScope) -> String {
    match scope {
        MaintenanceScope::Global => "Maintenance of everything".to_owned(),
        MaintenanceScope::Service(service) => format!("Maintenance of {service}"),
    }
}

/// The address at which the visitor has found the control plane.
pub(super) fn origin(visit: &Visit) -> String {
    let scheme = if visit.client.secure { "https" } else { "http" };
    format!("{scheme}://{}{}", visit.client.host.as_deref().unwrap_or("localhost:9000"), visit.base)
}
