//! Rate limits of all three scopes.

use serde_json::{Value, json};
use waygate_api::document::{LimitDocument, ServiceDocument};

use crate::commands::declare::plan::{Plan, Planner, Unnamed, whole_key};
use crate::moment;

/// What is limited.
pub(super) enum Subject<'s> {
    Global,
    Service(&'s str),
    Route(String),
}

impl Planner<'_> {
    pub(super) fn route_limits(&self, service: &str, now: &ServiceDocument, wanted: &ServiceDocument, plan: &mut Plan) {
        for (key, limit) in &wanted.route_limits {
            let is_known = now.route_limits.contains_key(key) || now.routes.keys().any(|route| is_of(key, route));
            if !is_known && self.unnamed != Unnamed::IsOfLater {
                plan.unknown.push(format!("{} rate limit", whole_key(service, key)));
                continue;
            }
            self.limit(&Subject::Route(whole_key(service, key)), now.route_limits.get(key), Some(limit), plan);
        }
        for (key, limit) in now.route_limits.iter().filter(|(key, _)| !wanted.route_limits.contains_key(*key)) {
            self.limit(&Subject::Route(whole_key(service, key)), Some(limit), None, plan);
        }
    }

    pub(super) fn limit(
        &self,
        subject: &Subject<'_>,
        now: Option<&LimitDocument>,
        wanted: Option<&LimitDocument>,
        plan: &mut Plan,
    ) {
        let wanted = wanted.filter(|wanted| wanted.settings.until.is_none_or(|until| self.now < until));
        let mut commands = Vec::new();
        match (now, wanted) {
            (None, None) => return,
            (Some(_), None) if self.unnamed == Unnamed::Stays => return,
            (Some(_), None) => commands.push(subject.command("deleted", json!({ "reason": self.reason }))),
            (now, Some(wanted)) => {
                if now.is_none_or(|now| now.settings != wanted.settings) {
                    let mut fields = serde_json::to_value(&wanted.settings).unwrap_or_default();
                    fields["reason"] = json!(self.reason);
                    commands.push(subject.command("set", fields));
                }
                let paused = now.is_some_and(|now| now.paused && now.settings == wanted.settings);
                if paused != wanted.paused {
                    let what = if wanted.paused { "disabled" } else { "enabled" };
                    commands.push(subject.command(what, json!({ "reason": self.reason })));
                }
            }
        }
        if commands.is_empty() {
            return;
        }
        self.allowing(&mut commands);
        plan.push(subject.words(), told(now), told(wanted), commands, now.and_then(|now| now.changed_at));
    }
}

/// Whether a limit is that of a route: of its key, or of all methods of its path.
fn is_of(limit: &str, route: &str) -> bool {
    let path = |key: &str| key.find('/').map(|at| key[at..].to_owned());
    let is_of_all = limit.starts_with('/') || limit.starts_with("ALL:");
    limit == route || (is_of_all && path(limit) == path(route))
}

impl Subject<'_> {
    fn command(&self, what: &str, mut fields: Value) -> Value {
        let (action, field) = match self {
            Self::Global => (format!("global_rl_{what}"), None),
            Self::Service(service) => (format!("svc_rl_{what}"), Some(("service", *service))),
            Self::Route(key) => (format!("rl_policy_{what}"), Some(("route", key.as_str()))),
        };
        fields["action"] = json!(action);
        if let Some((name, value)) = field {
            fields[name] = json!(value);
        }
        fields
    }

    fn words(&self) -> String {
        match self {
            Self::Global => "global rate limit".to_owned(),
            Self::Service(service) => format!("{service} rate limit"),
            Self::Route(key) => format!("{key} rate limit"),
        }
    }
}

fn told(limit: Option<&LimitDocument>) -> String {
    let Some(LimitDocument { settings, paused, .. }) = limit else { return "none".to_owned() };
    let mut parts = vec![settings.limit.clone()];
    parts.extend(settings.algorithm.clone());
    parts.extend(settings.key_strategy.as_ref().map(|key| format!("by {key}")));
    if settings.burst > 0 {
        parts.push(format!("burst {}", settings.burst));
    }
    if !settings.exempt_routes.is_empty() {
        parts.push(format!("exempt {}", settings.exempt_routes.join(" ")));
    }
    if settings.shadow {
        parts.push("shadow".to_owned());
    }
    if *paused {
        parts.push("paused".to_owned());
    }
    parts.extend(settings.until.map(|until| format!("until {}", moment::shown(until))));
    parts.join(", ")
}
