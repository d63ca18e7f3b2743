//! A small control plane without a store: plans, commits, applies, and remembers history.

use waygate_core::{
    Cause, Change, Command, CommandError, Commit, Control, Cursor, Decision, Declaration, Draft, Environment,
    MaintenanceScope, MaintenanceSwitch, Plan, Platform, Record, RequestFacts, Route, RouteMethod, ServiceId, Snapshot,
    State, Switch, Timestamp, plan,
};

/// A parsed value, for literals.
pub(crate) fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// So many milliseconds after the beginning of the tests' time.
pub(crate) fn at(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + millisecond).unwrap()
}

pub(crate) fn commit_after(state: &State, records: Vec<Record>, now: Timestamp) -> Commit {
    let id = format!("draft-{:016}", state.cursor.revision.0).try_into().unwrap();
    let cause = Cause { actor: parsed("ada"), platform: Platform::Cli, at: now, undoes: None };
    Commit::after(&state.cursor, Draft { id, cause, records })
}

pub(crate) fn empty_state() -> State {
    State::new(Cursor::start_of(parsed("0123456789abcdef")))
}

/// A state with its whole history.
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) commits: Vec<Commit>,
    /// The state after each number of commits.
    pub(crate) states: Vec<State>,
}

impl World {
    pub(crate) fn new() -> Self {
        let state = empty_state();
        Self { states: vec![state.clone()], state, commits: Vec::new() }
    }

    /// One service `pay` with these routes, declared as plainly active.
    pub(crate) fn with_routes(keys: &[&str]) -> Self {
        let mut world = Self::new();
        let routes = keys.iter().map(|key| Declaration::active(parsed(key))).collect();
        world.run(&Command::Register { service: parsed("pay"), routes }, at(0));
        world
    }

    /// Carries a command out; a plan without records commits nothing.
    pub(crate) fn try_run(&mut self, command: &Command, now: Timestamp) -> Result<Plan, CommandError> {
        let plan = plan(&self.state, command, now)?;
        if !plan.records.is_empty() {
            self.commit(plan.records.clone(), now);
        }
        Ok(plan)
    }

    pub(crate) fn run(&mut self, command: &Command, now: Timestamp) -> Plan {
        self.try_run(command, now).unwrap()
    }

    pub(crate) fn commit(&mut self, records: Vec<Record>, now: Timestamp) {
        let commit = commit_after(&self.state, records, now);
        self.state.apply(&commit).unwrap();
        self.commits.push(commit);
        self.states.push(self.state.clone());
    }

    pub(crate) fn change(&mut self, change: Change) {
        let record =
            Record { action: waygate_core::Action::Register, reason: String::new(), before: Vec::new(), change };
        self.commit(vec![record], at(0));
    }

    pub(crate) fn switch(&mut self, route: &str, to: Switch, reason: &str, now: Timestamp) -> Plan {
        self.run(&switch(route, to, reason), now)
    }

    pub(crate) fn maintain(&mut self, scope: MaintenanceScope, to: MaintenanceSwitch, reason: &str) -> Plan {
        self.run(&maintain(scope, to, reason), at(0))
    }

    pub(crate) fn route(&self, key: &str) -> &Route {
        self.state.route(&parsed(key)).unwrap()
    }

    pub(crate) fn snapshot(&self, environment: Option<&str>) -> Snapshot {
        Snapshot::compile(self.state.service_view(&parsed("pay")), environment.map(parsed::<Environment>))
    }
}

pub(crate) fn switch(route: &str, to: Switch, reason: &str) -> Command {
    Command::Route { route: parsed(route), to, reason: reason.to_owned(), expected: None }
}

pub(crate) fn planned(start: Timestamp, end: Timestamp) -> Switch {
    Switch::Window { start, end, enforcement: waygate_core::Enforcement::Enforce }
}

pub(crate) fn maintain(scope: MaintenanceScope, to: MaintenanceSwitch, reason: &str) -> Command {
    Command::Maintenance { scope, to, reason: reason.to_owned(), allow_unknown: false, expected: None }
}

pub(crate) fn register(service: &str, routes: Vec<Declaration>) -> Command {
    Command::Register { service: parsed(service), routes }
}

/// A maintenance of everything that is blocked.
pub(crate) fn on(exempt: &[&str]) -> MaintenanceSwitch {
    MaintenanceSwitch::On {
        exempt: Some(exempt.iter().map(|key| parsed(key)).collect()),
        include_force_active: false,
        until: None,
        enforcement: waygate_core::Enforcement::Enforce,
    }
}

pub(crate) fn service(name: &str) -> ServiceId {
    parsed(name)
}

pub(crate) fn of_service(name: &str) -> MaintenanceScope {
    MaintenanceScope::Service(service(name))
}

pub(crate) fn declared(key: &str, control: Control) -> Declaration {
    Declaration { control, ..Declaration::active(parsed(key)) }
}

/// A request, as an adapter would see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) method: Option<RouteMethod>,
    pub(crate) template: Option<&'static str>,
    pub(crate) path: &'static str,
    pub(crate) now: Timestamp,
}

impl Request {
    /// `METHOD /path`, matched by the core.
    pub(crate) fn to(line: &'static str) -> Self {
        let (method, path) = line.split_once(' ').unwrap();
        Self { method: RouteMethod::of_request(method), template: None, path, now: at(0) }
    }

    pub(crate) fn at(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }
}

impl RequestFacts for Request {
    fn method(&self) -> Option<RouteMethod> {
        self.method
    }

    fn template(&self) -> Option<&str> {
        self.template
    }

    fn path(&self) -> &str {
        self.path
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

/// A decision in a few words, for tables.
pub(crate) fn told(decision: &Decision<'_>) -> String {
    use waygate_core::Denial;
    let denial = |denial: &Denial<'_>| match denial {
        Denial::Maintenance { layer, reason, .. } => format!("{} maintenance: {reason}", layer.as_str()),
        Denial::Disabled { reason, .. } => format!("disabled: {reason}"),
        Denial::EnvGated { current, .. } => format!("gated: {}", current.map_or("unset", Environment::as_str)),
    };
    match decision {
        Decision::Deny(denied) => denial(denied),
        Decision::Forward(pass) => {
            let mut text = "forward".to_owned();
            let limits = pass.limits;
            for (name, charged) in [
                ("global", limits.global.is_some()),
                ("service", limits.service.is_some()),
                ("route", limits.route.is_some()),
            ] {
                if charged {
                    text = format!("{text} +{name}");
                }
            }
            if let Some(shadow) = &pass.shadow {
                text = format!("{text} (shadow {})", denial(shadow));
            }
            text
        }
    }
}
