//! A state compiled for fast reading, and the cell through which it is swapped.

mod paths;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;

use crate::decide::Layer;
use crate::id::Environment;
use crate::lifecycle::{Control, Effective, Lifecycle, Route, Temporary};
use crate::limit::RateLimitPolicy;
use crate::maintenance::Maintenance;
use crate::route::{LocalKey, RouteMethod};
use crate::snapshot::paths::PathMatchers;
use crate::state::ServiceView;
use crate::unheard::{Unheard, WhenUnknown};

/// What one service enforces: an immutable compilation of its view of the state, for one environment.
///
/// It is rebuilt whole on each commit; reading it takes no lock and does not allocate.
#[derive(Debug)]
pub struct Snapshot {
    view: ServiceView,
    environment: Option<Environment>,
    routes: Vec<RouteEntry>,
    by_template: HashMap<Box<str>, MethodTable, RandomState>,
    by_path: PathMatchers,
    /// Neither everything nor the service is in maintenance or limited: a plain route is all that counts.
    pub(crate) is_quiet: bool,
    /// For requests that no known route is for; open unless nothing was ever heard of the control plane.
    pub(crate) when_unknown: WhenUnknown,
}

/// For each method where its route is.
type MethodTable = [Slot; RouteMethod::COUNT];

/// The position of a route, and whether it is plain: whether it lets every request through, by itself and without
/// saying or counting anything. A look at the route itself, which is seldom in a cache, is saved then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot(u32);

/// One route, with everything precomputed that does not depend on the request.
#[derive(Debug)]
pub(crate) struct RouteEntry {
    pub(crate) key: LocalKey,
    pub(crate) route: Arc<Route>,
    /// The policy with the key that it counts under.
    pub(crate) limit: Option<(LocalKey, Arc<RateLimitPolicy>)>,
    exempt_from_global: bool,
    exempt_from_service: bool,
    /// The base control lets every request through, and nothing about the route depends on the time.
    pub(crate) open: bool,
    /// What the route answers in place of the control plane's word, where that was never heard.
    pub(crate) when_unknown: WhenUnknown,
}

impl Snapshot {
    /// Compiles a service's view for an environment. Without an environment every env gate is shut.
    pub fn compile(view: ServiceView, environment: Option<Environment>) -> Self {
        Self::compile_unheard(view, environment, &Unheard::default())
    }

    /// The same for a service that has never heard of its control plane: `view` is what it declares, and whatever would
    /// answer by that falls under the choices for the unknown.
    pub fn compile_unheard(view: ServiceView, environment: Option<Environment>, unheard: &Unheard) -> Self {
        let routes: Vec<RouteEntry> = view
            .service
            .routes
            .iter()
            .map(|(key, route)| RouteEntry::new(&view, environment.as_ref(), unheard.choice(key), key, route))
            .collect();
        let mut by_template: HashMap<Box<str>, MethodTable, RandomState> =
            HashMap::with_capacity_and_hasher(routes.len(), RandomState::default());
        for (position, entry) in routes.iter().enumerate() {
            let table = by_template.entry(entry.key.path.as_str().into()).or_insert([Slot::EMPTY; RouteMethod::COUNT]);
            table[entry.key.method as usize] = Slot::new(position, entry.is_plain());
        }
        let by_path = PathMatchers::default();
        let is_quiet = is_quiet(&view);
        Self { view, environment, routes, by_template, by_path, is_quiet, when_unknown: unheard.default }
    }

    /// What was compiled.
    pub fn view(&self) -> &ServiceView {
        &self.view
    }

    /// The environment that gates compare with.
    pub fn environment(&self) -> Option<&Environment> {
        self.environment.as_ref()
    }

    pub(crate) fn global_maintenance(&self) -> &Maintenance {
        &self.view.global.maintenance
    }

    pub(crate) fn service_maintenance(&self) -> &Maintenance {
        &self.view.service.maintenance
    }

    /// The route of a template: its own method, for `HEAD` else `GET` (whose handler answers it), else any method.
    pub(crate) fn entry(&self, method: Option<RouteMethod>, template: &str) -> Option<&RouteEntry> {
        self.entry_at(self.slot(method, template)?)
    }

    pub(crate) fn entry_at(&self, slot: Slot) -> Option<&RouteEntry> {
        self.routes.get(slot.position())
    }

    /// Where the route is that [`Snapshot::entry`] gives.
    #[inline]
    pub(crate) fn slot(&self, method: Option<RouteMethod>, template: &str) -> Option<Slot> {
        let table = self.by_template.get(template)?;
        let at = |method: RouteMethod| Some(table[method as usize]).filter(|slot| slot.position() != Slot::NOWHERE);
        method
            .and_then(at)
            .or_else(|| if method == Some(RouteMethod::Head) { at(RouteMethod::Get) } else { None })
            .or_else(|| at(RouteMethod::Any))
    }

    /// Whether requests of this method to a template fall under a route.
    pub fn knows(&self, method: Option<RouteMethod>, template: &str) -> bool {
        self.entry(method, template).is_some()
    }
}

impl Default for Snapshot {
    /// Nothing is known: everything is let through.
    fn default() -> Self {
        Self::compile(ServiceView::default(), None)
    }
}

impl Slot {
    const PLAIN: u32 = 1 << 31;
    const NOWHERE: usize = (Self::PLAIN - 1) as usize;
    const EMPTY: Self = Self(Self::PLAIN - 1);

    fn new(position: usize, is_plain: bool) -> Self {
        match u32::try_from(position) {
            Ok(position) if position < Self::EMPTY.0 => Self(if is_plain { position | Self::PLAIN } else { position }),
            _ => Self::EMPTY,
        }
    }

    const fn position(self) -> usize {
        (self.0 & !Self::PLAIN) as usize
    }

    pub(crate) const fn is_plain(self) -> bool {
        self.0 & Self::PLAIN != 0
    }
}

/// Whether nothing is set but on routes.
fn is_quiet(ServiceView { global, service }: &ServiceView) -> bool {
    let is_off = |maintenance: &Maintenance| !maintenance.enabled;
    is_off(&global.maintenance)
        && is_off(&service.maintenance)
        && global.rate_limit.is_none()
        && service.rate_limit.is_none()
}

impl RouteEntry {
    /// See [`Slot`].
    fn is_plain(&self) -> bool {
        let is_mute = !self.route.force_active && self.route.deprecation.is_none() && self.limit.is_none();
        self.open && is_mute && self.when_unknown == WhenUnknown::Open
    }

    /// Whether every request to it is exempt from the maintenance of a layer.
    pub(crate) fn is_exempt_from(&self, layer: Layer) -> bool {
        match layer {
            Layer::GlobalMaintenance => self.exempt_from_global,
            _ => self.exempt_from_service,
        }
    }

    fn new(
        view: &ServiceView,
        environment: Option<&Environment>,
        when_unknown: WhenUnknown,
        key: &LocalKey,
        route: &Arc<Route>,
    ) -> Self {
        let method = (key.method != RouteMethod::Any).then_some(key.method);
        let exempt = |maintenance: &Maintenance| maintenance.exempts(method, key.path.as_str());
        Self {
            exempt_from_global: exempt(&view.global.maintenance),
            exempt_from_service: exempt(&view.service.maintenance),
            open: !route.is_timed() && lets_through(&route.base, environment),
            limit: view.service.limit_of(key).map(|(key, policy)| (key.clone(), policy.clone())),
            key: key.clone(),
            route: route.clone(),
            when_unknown,
        }
    }
}

/// Whether a control lets requests through in an environment.
pub(crate) fn lets_through(control: &Control, environment: Option<&Environment>) -> bool {
    match &control.lifecycle {
        Lifecycle::Active => true,
        Lifecycle::Maintenance | Lifecycle::Disabled => false,
        Lifecycle::EnvGated(allowed) => environment.is_some_and(|environment| allowed.contains(environment)),
    }
}

impl Route {
    /// Whether requests are let through at `now` in an environment, as far as this route's lifecycle alone decides.
    /// What is in shadow shuts nothing.
    pub fn is_open(&self, now: jiff::Timestamp, environment: Option<&Environment>) -> bool {
        let passes = |control: &Control| control.enforcement.is_shadow() || lets_through(control, environment);
        match self.effective(now) {
            Effective::Window(_) => false,
            Effective::Temporary(Temporary { control, .. }) if control.enforcement.is_shadow() => passes(&self.base),
            Effective::Temporary(temporary) => passes(&temporary.control),
            Effective::Base(control) => passes(control),
        }
    }
}

/// Holds the snapshot in force. Readers take it without waiting; a writer swaps it whole.
#[derive(Debug, Default)]
pub struct SnapshotCell(ArcSwap<Snapshot>);

impl SnapshotCell {
    pub fn new(snapshot: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// The snapshot in force, for the length of one decision.
    pub fn load(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.0.load()
    }

    /// The snapshot in force, to keep.
    pub fn load_full(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Puts another snapshot in force, for every request that is decided from now on.
    pub fn store(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(routes: &[&str]) -> Snapshot {
        let mut view = ServiceView::default();
        let service = Arc::make_mut(&mut view.service);
        for key in routes {
            let route = Route {
                declared: Control::default(),
                declared_deprecation: None,
                base: Control::default(),
                switched: false,
                temporary: None,
                windows: Vec::new(),
                last_window: 0,
                deprecation: None,
                force_active: false,
                changed_at: crate::Revision(1),
            };
            service.routes.insert(key.parse().unwrap(), Arc::new(route));
        }
        Snapshot::compile(view, None)
    }

    #[test]
    fn overlapping_templates_match_the_most_specific() {
        let snapshot = snapshot(&[
            "GET:/users/{id}",
            "POST:/users/{name}",
            "GET:/users/me",
            "GET:/files/{p:path}",
            "GET:/x/{*rest}",
        ]);
        assert_eq!(snapshot.match_path("/users/me"), Some("/users/me"));
        assert!(matches!(snapshot.match_path("/users/7"), Some("/users/{id}" | "/users/{name}")));
        assert_eq!(snapshot.match_path("/files/a/b"), Some("/files/{p:path}"));
        assert_eq!(snapshot.match_path("/x/a/b"), Some("/x/{*rest}"));
        assert_eq!(snapshot.match_path("/nope"), None);
    }

    #[test]
    fn what_cannot_be_matched_is_listed() {
        let snapshot = snapshot(&[
            "GET:/a/{id}",
            "POST:/a/{name}",
            "/a/{other}",
            "GET:/b/{*rest}",
            "GET:/b/{*rest}/tail",
            "DELETE:/b/{*rest}/tail",
            "GET:/c/{",
        ]);
        let unmatched: Vec<String> = snapshot.unmatched().into_iter().map(ToString::to_string).collect();
        assert_eq!(unmatched, ["GET:/b/{*rest}/tail", "DELETE:/b/{*rest}/tail", "GET:/c/{"]);
        assert_eq!(snapshot.match_path("/b/x/tail"), Some("/b/{*rest}"));
    }

    #[test]
    fn head_falls_back_to_get_and_everything_to_any() {
        let snapshot = snapshot(&["GET:/a", "/b", "HEAD:/c", "GET:/c"]);
        let found = |method, template: &str| snapshot.entry(Some(method), template).map(|entry| entry.key.to_string());
        assert_eq!(found(RouteMethod::Head, "/a").as_deref(), Some("GET:/a"));
        assert_eq!(found(RouteMethod::Post, "/a"), None);
        assert_eq!(found(RouteMethod::Head, "/b").as_deref(), Some("/b"));
        assert_eq!(found(RouteMethod::Head, "/c").as_deref(), Some("HEAD:/c"));
        assert!(snapshot.entry(None, "/b").is_some());
    }
}
