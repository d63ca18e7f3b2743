//! Commands as people type them: a command line, and a call of the API.

mod call;
mod line;

use serde_json::json;
use waygate_core::Command;

use self::call::call;
use self::line::{line, quoted};
use super::origin;
use crate::dashboard::visit::Visit;

/// A command in every way in which it can be said. What has none is left out.
pub(super) fn all(visit: &Visit, command: &Command) -> Vec<(&'static str, String)> {
    let mut said = Vec::new();
    if let Some(words) = line(command) {
        said.push(("a command line", format!("waygate --server {} {words}", quoted(&origin(visit)))));
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
    use waygate_core::{LimitTarget, RateLimitPolicy, RateLimitSwitch, RouteSelector, Switch};

    use super::*;

    fn switch(to: Switch, reason: &str) -> Command {
        let route: RouteSelector = "pay:GET:/a/{id}".parse().unwrap();
        Command::Route { route, to, reason: reason.to_owned(), expected: None }
    }

    #[test]
    fn a_switch_is_said_for_a_shell_and_for_the_api() {
        let disable = switch(Switch::disable(), "it's broken");
        assert_eq!(line(&disable).unwrap(), r"disable 'pay:GET:/a/{id}' --reason 'it'\''s broken'");
        assert_eq!(
            call(&disable).unwrap(),
            [json!({"action": "disable", "route": "pay:GET:/a/{id}", "reason": "it's broken"})]
        );
        let both = Command::All(vec![disable.clone(), disable.clone()]);
        assert_eq!(line(&both).unwrap(), r"disable 'pay:GET:/a/{id}' 'pay:GET:/a/{id}' --reason 'it'\''s broken'");
        let mixed = Command::All(vec![disable, switch(Switch::enable(), "")]);
        assert_eq!(line(&mixed), None);
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
        let said = line(&of_service).unwrap();
        assert!(said.starts_with("srl set pay '10/second;100/minute' --algorithm fixed_window --key ip"), "{said}");
        let [fields] = &call(&set(LimitTarget::Global)).unwrap()[..] else { panic!("one command") };
        assert_eq!((&fields["action"], &fields["limit"]), (&json!("global_rl_set"), &json!("10/second;100/minute")));
        assert_eq!(fields.get("changed_at"), None);
    }
}
