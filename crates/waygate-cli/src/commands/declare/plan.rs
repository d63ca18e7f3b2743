//! From what is there to what is wanted: the commands that lead there, subject by subject.

mod limits;
mod routes;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use waygate_api::document::{Document, MaintenanceDocument, ServiceDocument};
use waygate_core::Revision;

use crate::moment;
pub(super) use routes::unset;

/// What happens to what a document does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unnamed {
    /// It stays.
    Stays,
    /// Within the parts that the document has, it goes back to its default.
    GoesBack,
    /// It had not been there, or nobody had set it: what operators have set of it since goes. For documents of the past.
    IsOfLater,
}

/// One subject that changes.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    pub(crate) subject: String,
    pub(crate) before: String,
    pub(crate) after: String,
    /// It stays as it is, for what it is about has gone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) left_out: bool,
    #[serde(skip)]
    pub(crate) commands: Vec<Value>,
}

/// All of them, in the order of their subjects.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    /// What is wanted of services and routes that are not known.
    pub(crate) unknown: Vec<String>,
    /// What operators had set in the past of routes that have gone since, and that nobody can set now.
    pub(crate) gone: Vec<String>,
    /// The services that it is about, of those that are known; where there are none, it is about all.
    pub(crate) services: Option<Vec<String>>,
}

/// Makes plans.
pub(crate) struct Planner<'p> {
    pub(crate) now: Timestamp,
    pub(crate) unnamed: Unnamed,
    /// The reason of what has none of its own.
    pub(crate) reason: &'p str,
}

impl Planner<'_> {
    pub(crate) fn plan(&self, current: &Document, wanted: &Document) -> Plan {
        let mut plan = Plan::default();
        if wanted.global.is_none() {
            let known = wanted.services.keys().filter(|name| current.services.contains_key(*name));
            plan.services = Some(known.cloned().collect());
        }
        let nothing = ServiceDocument::default();
        if let Some(global) = &wanted.global {
            let now = current.global.clone().unwrap_or_default();
            self.maintenance(None, now.maintenance.as_ref(), global.maintenance.as_ref(), &mut plan);
            self.limit(&limits::Subject::Global, now.rate_limit.as_ref(), global.rate_limit.as_ref(), &mut plan);
        }
        let mut names: BTreeSet<&String> = wanted.services.keys().collect();
        if self.unnamed == Unnamed::IsOfLater {
            names.extend(current.services.keys());
        }
        for name in names {
            let service = wanted.services.get(name).unwrap_or(&nothing);
            let Some(now) = current.services.get(name) else {
                self.unknown(name, service, &mut plan);
                continue;
            };
            self.maintenance(Some(name), now.maintenance.as_ref(), service.maintenance.as_ref(), &mut plan);
            let subject = limits::Subject::Service(name);
            self.limit(&subject, now.rate_limit.as_ref(), service.rate_limit.as_ref(), &mut plan);
            self.routes(name, now, service, &mut plan);
            self.route_limits(name, now, service, &mut plan);
        }
        plan
    }

    /// Takes down what is wanted of a service that is not known. Of the past, its maintenance and its limits come back, for
    /// those can be set for what is yet to come.
    fn unknown(&self, name: &str, wanted: &ServiceDocument, plan: &mut Plan) {
        let nothing = ServiceDocument::default();
        if self.unnamed == Unnamed::IsOfLater {
            self.maintenance(Some(name), None, wanted.maintenance.as_ref(), plan);
            self.limit(&limits::Subject::Service(name), None, wanted.rate_limit.as_ref(), plan);
            self.routes(name, &nothing, wanted, plan);
            self.route_limits(name, &nothing, wanted, plan);
            return;
        }
        let before = plan.unknown.len();
        let off = MaintenanceDocument::default();
        if wanted.maintenance.as_ref().is_some_and(|wanted| !same(&off, wanted)) {
            plan.unknown.push(format!("{name} maintenance"));
        }
        if wanted.rate_limit.is_some() {
            plan.unknown.push(format!("{name} rate limit"));
        }
        self.routes(name, &nothing, wanted, plan);
        plan.unknown.extend(wanted.route_limits.keys().map(|key| format!("{} rate limit", whole_key(name, key))));
        if plan.unknown.len() == before {
            plan.unknown.push(format!("service {name}"));
        }
    }

    /// Takes what was of the past for what is yet to come, where it is not known now.
    fn allowing(&self, commands: &mut [Value]) {
        if self.unnamed == Unnamed::IsOfLater {
            for command in commands {
                command["allow_unknown"] = json!(true);
            }
        }
    }

    fn maintenance(
        &self,
        service: Option<&str>,
        now: Option<&MaintenanceDocument>,
        wanted: Option<&MaintenanceDocument>,
        plan: &mut Plan,
    ) {
        let off = MaintenanceDocument::default();
        let wanted = match (wanted, self.unnamed) {
            (Some(wanted), _) => wanted,
            (None, Unnamed::GoesBack | Unnamed::IsOfLater) => &off,
            (None, Unnamed::Stays) => return,
        };
        let now = now.unwrap_or(&off);
        let over = wanted.until.is_some_and(|until| until <= self.now);
        let ended = MaintenanceDocument { exempt: wanted.exempt.clone(), ..off.clone() };
        let wanted = if over { &ended } else { wanted };
        if same(now, wanted) {
            return;
        }
        let word = if service.is_some() { "service" } else { "global" };
        let action = |what: &str| format!("{word}_maintenance_{what}");
        let mut commands = Vec::new();
        if wanted.enabled {
            commands.push(json!({
                "action": action("on"),
                "reason": wanted.reason,
                "exempt_paths": wanted.exempt,
                "include_force_active": wanted.include_force_active,
                "until": wanted.until,
                "shadow": wanted.shadow,
            }));
        } else {
            if now.enabled {
                commands.push(json!({ "action": action("off"), "reason": self.reason }));
            }
            let missing = |of: &[String], from: &[String]| -> Vec<String> {
                of.iter().filter(|key| !from.contains(key)).cloned().collect()
            };
            let (add, remove) = (missing(&wanted.exempt, &now.exempt), missing(&now.exempt, &wanted.exempt));
            if !add.is_empty() || !remove.is_empty() {
                commands.push(json!({ "action": action("edit"), "add": add, "remove": remove, "reason": self.reason }));
            }
        }
        if let Some(service) = service {
            for command in &mut commands {
                command["service"] = json!(service);
            }
        }
        self.allowing(&mut commands);
        let subject = service.map_or_else(|| "global maintenance".to_owned(), |name| format!("{name} maintenance"));
        plan.push(subject, told(now), told(wanted), commands, now.changed_at);
    }
}

impl Plan {
    /// A step whose first command expects its subject to be as it was seen: what somebody else has changed meanwhile is
    /// not overwritten.
    fn push(
        &mut self,
        subject: String,
        before: String,
        after: String,
        mut commands: Vec<Value>,
        seen: Option<Revision>,
    ) {
        for command in &mut commands {
            if let Value::Object(fields) = command {
                fields.retain(|_, value| !value.is_null());
            }
        }
        if let (Some(seen), Some(first)) = (seen, commands.first_mut()) {
            first["expected_revision"] = json!(seen);
        }
        self.steps.push(Step { subject, before, after, left_out: false, commands });
    }

    /// The steps, and what is left out.
    pub(crate) fn told(&self) -> Vec<Step> {
        let unknown = || "not known".to_owned();
        let left_out = self.gone.iter().map(|subject| Step {
            subject: subject.clone(),
            before: unknown(),
            after: unknown(),
            left_out: true,
            commands: Vec::new(),
        });
        self.steps.iter().cloned().chain(left_out).collect()
    }

    pub(crate) fn commands(&self) -> Vec<Value> {
        self.steps.iter().flat_map(|step| step.commands.iter().cloned()).collect()
    }
}

/// The whole key; of a path alone every method is meant, which has to be said where one route is looked for.
fn whole_key(service: &str, key: &str) -> String {
    if key.starts_with('/') { format!("{service}:ALL:{key}") } else { format!("{service}:{key}") }
}

fn same(now: &MaintenanceDocument, wanted: &MaintenanceDocument) -> bool {
    let plain = |told: &MaintenanceDocument| {
        let mut told = MaintenanceDocument { changed_at: None, ..told.clone() };
        told.exempt.sort();
        told.exempt.dedup();
        told
    };
    plain(now) == plain(wanted)
}

fn told(maintenance: &MaintenanceDocument) -> String {
    let mut parts = vec![if maintenance.enabled { "ON" } else { "OFF" }.to_owned()];
    if !maintenance.reason.is_empty() {
        parts.push(maintenance.reason.clone());
    }
    if !maintenance.exempt.is_empty() {
        parts.push(format!("exempt {}", maintenance.exempt.join(" ")));
    }
    if maintenance.include_force_active {
        parts.push("force_active too".to_owned());
    }
    if maintenance.shadow {
        parts.push("shadow".to_owned());
    }
    parts.extend(maintenance.until.map(|until| format!("until {}", moment::shown(until))));
    parts.join(", ")
}
