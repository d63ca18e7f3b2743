//! What an installation comes to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use waygate_core::{
    Action, Cause, Change, Draft, DraftId, LocalKey, Maintenance, MaintenanceScope, Platform, RateLimitPolicy, Record,
    Revision, Route, RouteKey, RouteMethod, RouteSelector, Scope, ServiceId, Timestamp,
};

use crate::commands::import::entries::{AuditState, Installation, PolicyState, RouteState};
use crate::commands::import::{audit, limits, routes};
use crate::error::{CliError, CliResult};
use crate::render::count::counted;

/// What the names of records that are no routes begin with.
const RESERVED: &str = "__waygate:";
/// How many records one commit holds at the most.
const BATCH: usize = 500;
/// Who imports, in the audit log.
const ACTOR: &str = "import";

/// Everything that is taken over, in our terms, and what is to be said about it.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) routes: BTreeMap<RouteKey, Route>,
    pub(super) maintenance: BTreeMap<MaintenanceScope, Maintenance>,
    pub(super) limits: BTreeMap<String, (Scope, RateLimitPolicy)>,
    /// Oldest first.
    pub(super) audit: Vec<Record>,
    /// What is other than before, or left out on purpose.
    pub(super) notes: Vec<String>,
    /// What cannot be taken over.
    pub(super) problems: Vec<String>,
}

/// How many of each.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Counts {
    services: usize,
    routes: usize,
    /// Switches of maintenance that are on.
    maintenance: usize,
    rate_limits: usize,
    audit: usize,
}

impl Taken {
    /// Reads everything. `default` is the service of what names none.
    pub(super) fn of(installation: Installation, default: Option<&ServiceId>, now: Timestamp) -> Self {
        let Installation { states, policies, audit, others } = installation;
        let mut taken = Self { notes: others, ..Self::default() };
        for (key, value) in states {
            let read = match key.strip_prefix(RESERVED) {
                Some(name) => taken.take_reserved(name, &value),
                None => taken.take_route(&key, &value, default, now),
            };
            taken.note_problem(&key, read);
        }
        for (key, value) in policies {
            let read = taken.take_policy(&value, default);
            taken.note_problem(&format!("rate limit {key}"), read);
        }
        let mut entries = Vec::new();
        for value in audit {
            let id = value.get("id").and_then(Value::as_str).unwrap_or("without an id").to_owned();
            let read = parsed::<AuditState>(&value).and_then(audit::entry).map(|entry| entries.push(entry));
            taken.note_problem(&format!("audit entry {id}"), read);
        }
        entries.sort_by_key(|(at, _)| *at);
        taken.audit = entries.into_iter().map(|(_, record)| record).collect();
        taken
    }

    fn note_problem(&mut self, subject: &str, read: Result<(), String>) {
        if let Err(problem) = read {
            self.problems.push(format!("{subject}: {problem}"));
        }
    }

    fn take_route(
        &mut self,
        key: &str,
        value: &Value,
        default: Option<&ServiceId>,
        now: Timestamp,
    ) -> Result<(), String> {
        // The SDK of that package pushes such names by mistake; no request ever matches them.
        if key.contains(RESERVED)
            || key.split_once(':').is_some_and(|(first, rest)| rest.starts_with(&format!("{first}:")))
        {
            self.notes.push(format!("{key}: no route has such a name; it is left out"));
            return Ok(());
        }
        let state: RouteState = parsed(value)?;
        let selector: RouteSelector = key.parse().map_err(|problem| format!("{problem}"))?;
        let own = state.service.as_deref().filter(|service| !service.is_empty());
        let own: Option<ServiceId> =
            own.map(|own| own.parse().map_err(|problem| format!("`service`: {problem}"))).transpose()?;
        let service = selector.service.or(own).or_else(|| default.cloned()).ok_or_else(nameless)?;
        let local = LocalKey::new(selector.method.unwrap_or(RouteMethod::Any), selector.path);
        let (route, notes) = routes::route(&state, now)?;
        self.notes.extend(notes.into_iter().map(|note| format!("{key}: {note}")));
        self.routes.insert(RouteKey::new(service, local), route);
        Ok(())
    }

    /// A record that holds JSON in the place of its reason.
    fn take_reserved(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let of_service = |kind: &str| name.strip_prefix(kind)?.strip_suffix("__");
        if let Some(scope) = maintenance_scope(name, of_service("svc_global:"))? {
            let maintenance = routes::maintenance(within_reason(value)?)?;
            self.maintenance.insert(scope, maintenance);
            return Ok(());
        }
        let scope = match (name, of_service("svc_rl:")) {
            ("global_rl__", _) => Scope::Global,
            (_, Some(service)) => Scope::Service(service.parse().map_err(|problem| format!("{problem}"))?),
            _ => return Err("a record of this name is not known".to_owned()),
        };
        // The record stays behind, empty, when the limit is deleted.
        if value.get("reason").and_then(Value::as_str).is_some_and(|text| !text.is_empty() && text != "null") {
            self.put_limit(scope, limits::policy(&within_reason(value)?)?);
        }
        Ok(())
    }

    fn take_policy(&mut self, value: &Value, default: Option<&ServiceId>) -> Result<(), String> {
        let state: PolicyState = parsed(value)?;
        let path = state.path.as_deref().unwrap_or_default();
        let selector: RouteSelector = path.parse().map_err(|problem| format!("`path`: {problem}"))?;
        let named = state
            .method
            .as_deref()
            .map(|name| RouteMethod::from_name(name).ok_or_else(|| format!("`method`: `{name}` is none")));
        let method = selector.method.or(named.transpose()?).unwrap_or(RouteMethod::Any);
        let service = selector.service.or_else(|| default.cloned()).ok_or_else(nameless)?;
        let key = RouteKey::new(service, LocalKey::new(method, selector.path));
        let policy = limits::policy(&state)?;
        self.put_limit(Scope::Route(key), policy);
        Ok(())
    }

    fn put_limit(&mut self, scope: Scope, policy: RateLimitPolicy) {
        self.limits.insert(scope.to_string(), (scope, policy));
    }

    pub(super) fn counts(&self) -> Counts {
        let services: BTreeSet<&ServiceId> = self.routes.keys().map(|key| &key.service).collect();
        Counts {
            services: services.len(),
            routes: self.routes.len(),
            maintenance: self.maintenance.values().filter(|maintenance| maintenance.enabled).count(),
            rate_limits: self.limits.len(),
            audit: self.audit.len(),
        }
    }

    /// One line for each part of the state.
    pub(super) fn lines(&self) -> Vec<String> {
        let on = self.maintenance.iter().filter(|(_, maintenance)| maintenance.enabled);
        let on = on.map(|(scope, maintenance)| format!("maintenance\t{scope}\t{}", maintenance.reason));
        let routes = self.routes.iter().map(|(key, route)| {
            let status = route.recorded_status().as_str();
            format!("route\t{key}\t{status}\t{}", route.base.reason)
        });
        let limits = self.limits.iter().map(|(scope, (_, policy))| format!("rate limit\t{scope}\t{}", policy.limit));
        on.chain(routes).chain(limits).map(|line| line.trim_end().replace('\t', "  ")).collect()
    }

    /// Everything as drafts: the log of before, then the state, and a note of the import itself as the newest entry.
    pub(super) fn drafts(&self, source: &str, now: Timestamp) -> CliResult<Vec<Draft>> {
        let mut drafts = Vec::new();
        let first_of_state = self.audit.len().div_ceil(BATCH) as u64 + 1;
        let mut state: Vec<Change> = Vec::new();
        let changed_at = |index: usize| Revision(first_of_state + (index / BATCH) as u64);
        for (scope, maintenance) in &self.maintenance {
            let maintenance = Maintenance { changed_at: changed_at(state.len()), ..maintenance.clone() };
            state.push(Change::MaintenanceSet { scope: scope.clone(), maintenance });
        }
        for (key, route) in &self.routes {
            let at = changed_at(state.len());
            let mut route = Route { changed_at: at, ..route.clone() };
            for window in &mut route.windows {
                window.planned_at = at;
            }
            state.push(Change::RouteSet { key: key.clone(), route: Arc::new(route) });
        }
        for (scope, policy) in self.limits.values() {
            let policy = RateLimitPolicy { changed_at: changed_at(state.len()), ..policy.clone() };
            state.push(Change::RateLimitSet { scope: scope.clone(), policy: Arc::new(policy) });
        }
        let record = |action, reason, change| Record { action, reason, change, before: Vec::new() };
        let mut records: Vec<Record> =
            state.into_iter().map(|change| record(Action::Register, String::new(), change)).collect();
        let noted = Change::Noted { subject: source.to_owned(), imported: None };
        records.push(record(Action::Import, self.counts().to_string(), noted));
        for records in self.audit.chunks(BATCH).chain(records.chunks(BATCH)) {
            drafts.push(Draft { id: draft_id()?, cause: cause(now)?, records: records.to_vec() });
        }
        Ok(drafts)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { services, routes, maintenance, rate_limits, audit } = self;
        write!(
            formatter,
            "{} of {}, {}, {} and {}",
            counted(*routes, "route"),
            counted(*services, "service"),
            counted(*maintenance, "maintenance mode"),
            counted(*rate_limits, "rate limit"),
            if *audit == 1 { "1 audit entry".to_owned() } else { format!("{audit} audit entries") },
        )
    }
}

fn maintenance_scope(name: &str, service: Option<&str>) -> Result<Option<MaintenanceScope>, String> {
    match (name, service) {
        ("global__", _) => Ok(Some(MaintenanceScope::Global)),
        (_, Some(service)) => service
            .parse()
            .map(|service| Some(MaintenanceScope::Service(service)))
            .map_err(|problem| format!("{problem}")),
        _ => Ok(None),
    }
}

fn parsed<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|problem| problem.to_string())
}

fn within_reason<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    let text = value.get("reason").and_then(Value::as_str).unwrap_or_default();
    serde_json::from_str(text).map_err(|problem| format!("the settings within its `reason`: {problem}"))
}

fn nameless() -> String {
    "it names no service; `--service ID` says whose it is".to_owned()
}

fn cause(now: Timestamp) -> CliResult<Cause> {
    let actor = ACTOR.parse().map_err(|problem| CliError::failed(format!("{problem}")))?;
    Ok(Cause { actor, platform: Platform::Cli, at: now, undoes: None })
}

fn draft_id() -> CliResult<DraftId> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| CliError::failed(format!("the system gives no random bytes: {error}")))?;
    let text = format!("{:032x}", u128::from_be_bytes(bytes));
    DraftId::try_from(text).map_err(|problem| CliError::failed(problem.to_string()))
}
