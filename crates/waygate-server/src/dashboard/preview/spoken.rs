//! Commands as people type them: a command line, and a call of the API.

mod call;
mod line;

use serde_json::json;
use waygate_core::Command;

use self::call::call;
use self::line::{lines, quoted};
use super::origin;
use crate::dashboard::visit::Visit;

/// A command in every way in which it can be said. What has none is left out.
pub(in crate::dashboard) fn all(visit: &Visit, command: &Command) -> Vec<(&'static str, String)> {
    let mut said = Vec::new();
    let program = format!("waygate --server {}", quoted(&origin(visit)));
    let lines: Vec<String> = lines(command).iter().map(|words| format!("{program} {words}")).collect();
    if !lines.is_empty() {
        said.push(("a command line", lines.join(" && ")));
    }
    if let Some(commands) = call(command) {
        let body = quoted(&json!({ "commands": commands }).to_string());
        let url = quoted(&format!("{}{}", origin(visit), waygate_api::paths::BATCH));
        let head = "-H \"X-Waygate-Token: $WAYGATE_TOKEN\" -H 'content-type: application/json'";
        said.push(("a call of curl", format!("curl -X POST {url} {head} -d {body}")));
    }
    said
}

#[cfg(test)]
mod tests {
    use waygate_core::{
        Enforcement, Lifecycle, LimitTarget, MaintenanceScope, MaintenanceSwitch, RateLimitPolicy, RateLimitSwitch,
        RouteSelector, Switch,
    };

    use super::*;

    fn switch(to: Switch, reason: &str) -> Command {
        let route: RouteSelector = "pay:GET:/a/{id}".parse().unwrap();
        Command::Route { route, to, reason: reason.to_owned(), expected: None }
    }

    #[test]
    fn a_switch_is_said_for_a_shell_and_for_the_api() {
        let disable = switch(Switch::disable(), "it's broken");
        assert_eq!(lines(&disable).concat(), r"disable 'pay:GET:/a/{id}' --reason 'it'\''s broken'");
        assert_eq!(
            call(&disable).unwrap(),
            [json!({"action": "disable", "route": "pay:GET:/a/{id}", "reason": "it's broken"})]
        );
        let both = Command::All(vec![disable.clone(), disable.clone()]);
        assert_eq!(lines(&both).concat(), r"disable 'pay:GET:/a/{id}' 'pay:GET:/a/{id}' --reason 'it'\''s broken'");
        let mixed = Command::All(vec![disable, switch(Switch::enable(), "")]);
        assert!(lines(&mixed).is_empty());
        assert_eq!(call(&mixed).unwrap().len(), 2);
    }

    #[test]
    fn a_limit_is_said_with_what_differs_from_the_usual() {
        let policy = RateLimitPolicy::new("10/second;100/minute".parse().unwrap());
        let to = RateLimitSwitch::Set(Box::new(policy));
        let set = |target| Command::RateLimit {
            target,
            to: to.clone(),
            reason: String::new(),
            allow_unknown: false,
            expected: None,
        };
        let of_service = set(LimitTarget::Service("pay".parse().unwrap()));
        let said = lines(&of_service).concat();
        assert!(said.starts_with("srl set pay '10/second;100/minute' --algorithm fixed_window --key ip"), "{said}");
        let [fields] = &call(&set(LimitTarget::Global)).unwrap()[..] else { panic!("one command") };
        assert_eq!((&fields["action"], &fields["limit"]), (&json!("global_rl_set"), &json!("10/second;100/minute")));
        assert_eq!(fields.get("changed_at"), None);
    }
    #[test]
    fn what_a_shell_or_the_command_line_would_take_for_something_else_is_quoted() {
        assert_eq!(lines(&switch(Switch::disable(), "-x")), ["disable 'pay:GET:/a/{id}' --reason=-x"]);
        assert_eq!(lines(&switch(Switch::disable(), "=x")), ["disable 'pay:GET:/a/{id}' --reason '=x'"]);
        let service = Command::Maintenance {
            scope: MaintenanceScope::Service("x&y z".parse().unwrap()),
            to: MaintenanceSwitch::Off,
            reason: String::new(),
            allow_unknown: false,
            expected: None,
        };
        assert_eq!(lines(&service), ["sm disable 'x&y z'"]);
        let gate = Lifecycle::EnvGated(["-x".parse().unwrap()].into());
        let gate = Switch::Control { lifecycle: gate, until: None, enforcement: Enforcement::Enforce };
        assert!(lines(&switch(gate, "")).is_empty(), "an argument with a dash is none");
    }

    #[test]
    fn a_paused_limit_is_said_so_that_it_stays_paused() {
        let mut policy = RateLimitPolicy::new("7/minute".parse().unwrap());
        policy.enabled = false;
        let set = |policy: &RateLimitPolicy| Command::RateLimit {
            target: LimitTarget::Service("a b".parse().unwrap()),
            to: RateLimitSwitch::Set(Box::new(policy.clone())),
            reason: String::new(),
            allow_unknown: false,
            expected: None,
        };
        let [first, second] = &lines(&set(&policy))[..] else { panic!("two lines") };
        assert!(first.starts_with("srl set 'a b' 7/minute "), "{first}");
        assert_eq!(second, "srl disable 'a b'");
        let actions: Vec<_> = call(&set(&policy)).unwrap().into_iter().map(|call| call["action"].clone()).collect();
        assert_eq!(actions, [json!("svc_rl_set"), json!("svc_rl_disabled")]);
        policy.tier_resolver = Some("level".to_owned());
        assert!(lines(&set(&policy)).is_empty(), "the command line cannot say what names the tier");
    }
}
