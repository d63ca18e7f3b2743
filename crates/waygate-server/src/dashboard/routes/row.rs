//! One route, as lists and its own page show it: what callers get of it, and why.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use waygate_api::paths;
use waygate_core::{
    Effective, Environment, Lifecycle, LifecycleKind, Maintenance, Route, RouteKey, ServiceState, State, Temporary,
};

use crate::dashboard::fleet::{Fleet, Standing};
use crate::dashboard::routes::spark::{spark, sum};
use crate::dashboard::visit::Visit;
use crate::dashboard::words::{Kind, Moment};
use crate::traffic::Lately;

/// How much of a cause a list shows, in characters.
const LONGEST_CAUSE: usize = 300;
/// Stands where a limit would.
const NO_LIMIT: &str = "none";

/// One route of the list.
pub(in crate::dashboard) struct Row {
    pub(in crate::dashboard) key: RouteKey,
    /// The key in base64url: it names the route in addresses and in the page.
    pub(in crate::dashboard) id: String,
    /// A digest of the key, by which parts of the row name each other.
    pub(super) short: String,
    pub(in crate::dashboard) service: String,
    pub(in crate::dashboard) method: &'static str,
    pub(in crate::dashboard) path: String,
    pub(in crate::dashboard) kind: Kind,
    pub(in crate::dashboard) cause: String,
    pub(in crate::dashboard) limit: String,
    pub(in crate::dashboard) fleet: String,
    pub(in crate::dashboard) behind: bool,
    pub(in crate::dashboard) changed_at: u64,
    pub(in crate::dashboard) changed: String,
    /// Changes whenever anything that the row shows does.
    pub(in crate::dashboard) stamp: String,
    pub(in crate::dashboard) protected: bool,
    /// The likely thing to do: its name in the address, and its word.
    pub(in crate::dashboard) likely: (&'static str, &'static str),
    pub(in crate::dashboard) key_query: String,
    /// Who has changed it last and when, where that is known.
    pub(super) changed_by: Option<(String, String)>,
    lately: Option<Lately>,
}

impl Row {
    /// Looks up what its requests came to lately.
    pub(super) fn with_traffic(&mut self, visit: &Visit) {
        self.lately = visit.app.traffic.lately(&self.key.service, &self.key.local, visit.now);
    }

    /// The path in the parts between which it may be broken.
    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        let first = self
            .path
            .char_indices()
            .skip(1)
            .find(|(_, letter)| *letter == '/')
            .map_or(self.path.len(), |(at, _)| at + 1);
        let (first, rest) = self.path.split_at(first);
        std::iter::once(first).chain(rest.split_inclusive('/'))
    }

    /// The beginning of the cause: a list has no room for more, the page of the route has.
    pub(super) fn brief(&self) -> String {
        match self.cause.char_indices().nth(LONGEST_CAUSE) {
            Some((end, _)) => format!("{}…", &self.cause[..end]),
            None => self.cause.clone(),
        }
    }

    pub(super) fn spark(&self) -> Option<String> {
        self.lately.as_ref().map(spark)
    }

    /// How many requests there were lately; `None` where nobody has counted.
    pub(super) fn requests(&self) -> Option<u64> {
        self.lately.as_ref().map(|lately| sum(lately).total())
    }

    pub(in crate::dashboard) fn has_no_limit(&self) -> bool {
        self.limit == NO_LIMIT
    }

    /// Everything else that can be done.
    pub(super) fn actions(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let all = [
            ("enable", "Enable"),
            ("disable", "Disable…"),
            ("maintenance", "Maintenance…"),
            ("env", "Env gate…"),
            ("schedule", "Schedule…"),
            ("deprecate", "Deprecate…"),
            ("edit", "Set limit…"),
            ("commands", "As commands…"),
            ("history", "History"),
        ];
        let (likely, serving) = (self.likely.0, self.likely.0 == "disable");
        all.into_iter().filter(move |(name, _)| *name != likely && !(serving && *name == "enable"))
    }

    pub(in crate::dashboard) fn of(
        visit: &Visit,
        state: &State,
        fleet: &Fleet,
        key: &RouteKey,
        known: &ServiceState,
        route: &Route,
    ) -> Self {
        let Standing { words: applied, behind } = fleet.applied(key.service.as_str(), route.changed_at);
        let (kind, cause) = status_of(visit, state, known, key, route);
        let limit = known.limit_of(&key.local).map(|(_, policy)| {
            let limit = policy.limit.to_string();
            match (policy.enabled, policy.enforcement.is_shadow()) {
                (false, _) => format!("{limit}, paused"),
                (true, true) => format!("{limit}, counts only"),
                (true, false) => limit,
            }
        });
        // What lies over the route is ended where it was begun; here the route itself is switched.
        let serving = matches!(route.enforced_status(visit.now), LifecycleKind::Active | LifecycleKind::Deprecated);
        let limit = limit.unwrap_or_else(|| NO_LIMIT.to_owned());
        Self {
            key: key.clone(),
            id: paths::path_key(&key.to_string()),
            service: key.service.to_string(),
            method: key.local.method.as_str(),
            path: key.local.path.to_string(),
            stamp: digest(&(route.changed_at, kind.as_str(), &cause, &limit, &applied)),
            short: digest(key),
            kind,
            cause,
            limit,
            fleet: applied,
            behind,
            changed_at: route.changed_at.0,
            changed: format!("r{}", route.changed_at),
            protected: route.force_active,
            likely: if serving { ("disable", "Disable…") } else { ("enable", "Enable") },
            key_query: paths::percent_encoded(&key.to_string()),
            changed_by: None,
            lately: None,
        }
    }
}

/// A few signs that differ where the subject does: of a page's rows two are the same once in 200 million.
fn digest(subject: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    subject.hash(&mut hasher);
    URL_SAFE_NO_PAD.encode(&hasher.finish().to_be_bytes()[..5])
}

/// What callers get of a route, and why.
pub(in crate::dashboard) fn status_of(
    visit: &Visit,
    state: &State,
    known: &ServiceState,
    key: &RouteKey,
    route: &Route,
) -> (Kind, String) {
    let view =
        waygate_api::routes::RouteState::of(key, route, &state.global.maintenance, &known.maintenance, visit.now);
    let over = |maintenance: &Maintenance, what: &str| match &*maintenance.reason {
        "" => what.to_owned(),
        reason => format!("{what}: {reason}"),
    };
    let cause = match view.cause.as_deref() {
        Some("global_maintenance") => over(&state.global.maintenance, "Everything is in maintenance"),
        Some("service_maintenance") => over(&known.maintenance, "The service is in maintenance"),
        _ => own_cause(route, visit.now),
    };
    (Kind(view.effective), cause)
}

/// Why the route itself is as it is, whatever lies over it.
pub(in crate::dashboard) fn own_cause(route: &Route, now: jiff::Timestamp) -> String {
    let effective = route.effective(now);
    let mut parts = Vec::new();
    match effective {
        Effective::Window(_) => parts.push("planned window".to_owned()),
        Effective::Temporary(Temporary { control, .. }) | Effective::Base(control) => {
            if control.enforcement.is_shadow() {
                parts
                    .push(format!("counts as {}, stops nothing", Kind(control.lifecycle.kind()).word().to_lowercase()));
            }
            if let Lifecycle::EnvGated(allowed) = &control.lifecycle {
                let names: Vec<&str> = allowed.iter().map(Environment::as_str).collect();
                parts.push(format!("{} only", names.join(", ")));
            }
        }
    }
    if !effective.reason().is_empty() {
        parts.push(effective.reason().to_owned());
    }
    if let Some(until) = effective.until() {
        parts.push(format!("until {}", Moment(until).words()));
    }
    if let Some(deprecation) = &route.deprecation {
        parts.extend(deprecation.sunset.as_ref().map(|sunset| format!("sunset {sunset}")));
        parts.extend(deprecation.successor.as_ref().map(|successor| format!("use {successor}")));
    }
    if let Some(next) = route.windows.iter().find(|window| now < window.start) {
        parts.push(format!("maintenance planned for {}", Moment(next.start).words()));
    }
    parts.join(", ")
}
