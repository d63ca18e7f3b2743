//! A command as the API's list of commands that are one change.

use serde_json::{Map, Value, json};
use waygate_core::{
    Command, Environment, Lifecycle, LimitTarget, MaintenanceScope, MaintenanceSwitch, RateLimitSwitch, Switch,
};

/// `None` where there is none.
pub(super) fn call(command: &Command) -> Option<Vec<Value>> {
    if let Command::All(commands) = command {
        return commands
            .iter()
            .map(call)
            .collect::<Option<Vec<_>>>()
            .map(|lists| lists.into_iter().flatten().collect());
    }
    let mut fields = Map::new();
    let mut say = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    let reason = match command {
        Command::Route { route, to, reason, .. } => {
            say("route", json!(route));
            for (name, value) in fields_of(to)? {
                say(name, value);
            }
            reason
        }
        Command::Maintenance { scope, to, reason, .. } => {
            let of = match scope {
                MaintenanceScope::Global => "global",
                MaintenanceScope::Service(service) => {
                    say("service", json!(service));
                    "service"
                }
            };
            match to {
                MaintenanceSwitch::Off => {
                    say("action", json!(format!("{of}_maintenance_off")));
                }
                MaintenanceSwitch::On { exempt, include_force_active, until, enforcement } => {
                    say("action", json!(format!("{of}_maintenance_on")));
                    say("exempt_paths", json!(exempt.clone().unwrap_or_default()));
                    say("include_force_active", json!(include_force_active));
                    until.map(|until| say("until", json!(until)));
                    say("shadow", json!(enforcement.is_shadow()));
                }
                MaintenanceSwitch::Exemptions { .. } => return None,
            }
            reason
        }
        Command::RateLimit { target, to, reason, .. } => {
            let of = match target {
                LimitTarget::Global => "global_rl",
                LimitTarget::Service(service) => {
                    say("service", json!(service));
                    "svc_rl"
                }
                LimitTarget::Route(route) => {
                    say("route", json!(route));
                    "rl_policy"
                }
            };
            let verb = match to {
                RateLimitSwitch::Set(policy) => {
                    let Ok(Value::Object(written)) = serde_json::to_value(&**policy) else { return None };
                    let own = ["enabled", "enforcement", "declared", "overrides", "generation", "changed_at"];
                    for (name, value) in written.into_iter().filter(|(name, _)| !own.contains(&name.as_str())) {
                        say(&name, value);
                    }
                    say("key_strategy", json!(policy.key_strategy.to_string()));
                    say("shadow", json!(policy.enforcement.is_shadow()));
                    "set"
                }
                RateLimitSwitch::Pause => "disabled",
                RateLimitSwitch::Resume => "enabled",
                RateLimitSwitch::Delete => "deleted",
                // Not to be had as one of several.
                RateLimitSwitch::Reset => return None,
            };
            say("action", json!(format!("{of}_{verb}")));
            reason
        }
        _ => return None,
    };
    if !reason.is_empty() {
        say("reason", json!(reason));
    }
    let mut calls = vec![Value::Object(fields)];
    // To set a limit is to put it in force; one that is paused stays so here.
    if let Command::RateLimit { target, to: RateLimitSwitch::Set(policy), reason, .. } = command
        && !policy.enabled
    {
        let (target, reason) = (target.clone(), reason.clone());
        let pause =
            Command::RateLimit { target, to: RateLimitSwitch::Pause, reason, allow_unknown: false, expected: None };
        calls.extend(call(&pause)?);
    }
    Some(calls)
}

fn fields_of(to: &Switch) -> Option<Vec<(&'static str, Value)>> {
    Some(match to {
        Switch::Control { lifecycle, until, enforcement } => {
            let mut fields = Vec::new();
            match lifecycle {
                Lifecycle::Active => fields.push(("action", json!("enable"))),
                Lifecycle::Disabled => fields.push(("action", json!("disable"))),
                Lifecycle::Maintenance => fields.push(("action", json!("maintenance_on"))),
                Lifecycle::EnvGated(allowed) => {
                    let names: Vec<&str> = allowed.iter().map(Environment::as_str).collect();
                    fields.extend([("action", json!("env_gate")), ("envs", json!(names))]);
                }
            }
            fields.extend(until.map(|until| ("until", json!(until))));
            fields.extend(enforcement.is_shadow().then_some(("shadow", json!(true))));
            fields
        }
        Switch::Window { start, end, enforcement } => vec![
            ("action", json!("schedule")),
            ("start", json!(start)),
            ("end", json!(end)),
            ("shadow", json!(enforcement.is_shadow())),
        ],
        Switch::CancelWindows { id } => {
            let mut fields = vec![("action", json!("schedule_cancel"))];
            fields.extend(id.map(|id| ("id", json!(id))));
            fields
        }
        Switch::Deprecation(None) => vec![("action", json!("undeprecate"))],
        Switch::Deprecation(Some(announced)) => vec![
            ("action", json!("deprecate")),
            ("sunset_date", json!(announced.sunset)),
            ("successor_path", json!(announced.successor)),
        ],
        Switch::Declared => vec![("action", json!("as_declared"))],
        Switch::Restore(_) => return None,
    })
}
