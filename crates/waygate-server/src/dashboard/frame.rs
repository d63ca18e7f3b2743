//! What surrounds every page: navigation, what is out of the ordinary for all, who is signed in, the last change.

mod card;
mod strips;

use waygate_api::routes::RouteState;
use waygate_core::{LifecycleKind, LocalKey, Route, RouteKey, ServiceId, ServiceState, State};

pub(super) use self::card::Card;
pub(super) use self::strips::Strip;
use crate::auth::Rights;
use crate::dashboard::assets::assets;
use crate::dashboard::fleet::Fleet;
use crate::dashboard::visit::Visit;
use crate::dashboard::words::routes_of;

/// The page's place in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Routes,
    Fleet,
    Traffic,
    Limits,
    Schedule,
    Audit,
    Settings,
    /// On its way to somewhere else.
    None,
}

/// What has its own place at the foot of a small screen.
const TABS: [&str; 4] = ["Overview", "Routes", "Fleet", "Audit"];

pub(super) struct Frame {
    pub(super) base: String,
    pub(super) style: &'static str,
    pub(super) script: &'static str,
    pub(super) icon: &'static str,
    pub(super) theme: Option<&'static str>,
    pub(super) keys: bool,
    pub(super) utc: bool,
    pub(super) revision: u64,
    pub(super) links: Vec<Link>,
    /// `None` where there is no authentication.
    pub(super) user: Option<User>,
    /// The token that forms bear; empty where none is needed.
    pub(super) csrf: String,
    pub(super) may_operate: bool,
    pub(super) strips: Vec<Strip>,
    pub(super) card: Option<Card>,
}

pub(super) struct Link {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) current: bool,
    /// How many things there are out of the ordinary, and what they are.
    pub(super) exceptions: Option<(usize, &'static str)>,
}

pub(super) struct User {
    pub(super) name: String,
    pub(super) role: &'static str,
}

impl Frame {
    /// The frame of a page of that section, over the state that the page shows.
    pub(super) async fn of(visit: &Visit, state: &State, section: Section) -> Self {
        Self::with(visit, state, section, &Fleet::of(visit).await).await
    }

    /// The same, where the fleet is known already.
    pub(super) async fn with(visit: &Visit, state: &State, section: Section, fleet: &Fleet) -> Self {
        let assets = assets();
        let required = visit.app.authority.is_required();
        let role = match visit.principal.rights {
            Rights::Person(role) => role.as_str(),
            Rights::Service => "service",
        };
        Self {
            base: visit.base.clone(),
            style: &assets.style,
            script: &assets.script,
            icon: &assets.icon,
            theme: visit.preferences.theme,
            keys: visit.preferences.keys,
            utc: visit.preferences.utc,
            revision: state.cursor.revision.0,
            links: links(visit, state, section, fleet),
            user: required.then(|| User { name: visit.principal.actor.to_string(), role }),
            csrf: visit.app.authority.form_token(&visit.principal).unwrap_or_default(),
            may_operate: visit.may_operate(),
            strips: strips::all(visit, state).await,
            card: Card::of(visit, state, fleet).await,
        }
    }

    /// The overview.
    pub(super) fn home(&self) -> &str {
        if self.base.is_empty() { "/" } else { &self.base }
    }

    /// The address of a page. A mounted dashboard's overview has no slash at its end.
    pub(super) fn link(&self, path: &str) -> String {
        if path == "/" { self.home().to_owned() } else { format!("{}{path}", self.base) }
    }

    /// The address of a service's routes.
    pub(super) fn routes_of(&self, service: &str) -> String {
        format!("{}{}", self.base, routes_of(service))
    }

    /// The links that there is room for on a small screen.
    pub(super) fn tabs(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(|link| TABS.contains(&link.name))
    }

    /// The links that there is no room for, behind one more.
    pub(super) fn others(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(|link| !TABS.contains(&link.name))
    }

    /// Whether the page is one of those.
    pub(super) fn is_other(&self) -> bool {
        self.others().any(|link| link.current)
    }
}

fn links(visit: &Visit, state: &State, section: Section, fleet: &Fleet) -> Vec<Link> {
    let routes = || state.services.values().flat_map(|service| service.routes.values());
    let all = state
        .services
        .iter()
        .flat_map(|(service, known)| known.routes.iter().map(move |(local, route)| (service, known, local, &**route)));
    let stopped = all.filter(|(service, known, local, route)| is_stopped(visit, state, (service, known), local, route));
    let upcoming = routes().flat_map(|route| &route.windows).filter(|window| visit.now < window.start);
    let link = |name, path, own, exceptions: Option<(usize, &'static str)>| Link {
        name,
        path,
        current: section == own,
        exceptions: exceptions.filter(|(count, _)| *count > 0),
    };
    vec![
        link("Overview", "/", Section::Overview, None),
        link("Routes", "/routes", Section::Routes, Some((stopped.count(), "not active"))),
        link("Fleet", "/fleet", Section::Fleet, Some((fleet.exceptions(), "behind or lost"))),
        link("Traffic", "/traffic", Section::Traffic, None),
        link("Limits", "/limits", Section::Limits, None),
        link("Schedule", "/schedule", Section::Schedule, Some((upcoming.count(), "planned"))),
        link("Audit", "/audit", Section::Audit, None),
        link("Settings", "/settings", Section::Settings, None),
    ]
}

/// Whether requests to a route are stopped, by itself or by what lies over it.
fn is_stopped(
    visit: &Visit,
    state: &State,
    (service, known): (&ServiceId, &ServiceState),
    local: &LocalKey,
    route: &Route,
) -> bool {
    let over = [&state.global.maintenance, &known.maintenance];
    let kind = if over.iter().any(|maintenance| maintenance.is_on(|| visit.now)) {
        let key = RouteKey::new(service.clone(), local.clone());
        RouteState::of(&key, route, over[0], over[1], visit.now).effective
    } else if route.force_active {
        LifecycleKind::Active
    } else {
        route.enforced_status(visit.now)
    };
    !matches!(kind, LifecycleKind::Active | LifecycleKind::Deprecated)
}
