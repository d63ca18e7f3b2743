//! What surrounds every page: navigation, what is out of the ordinary for all, who is signed in, the last change.

use jiff::SignedDuration;
use waygate_core::{LifecycleKind, Maintenance, State};
use waygate_store::HistoryQuery;

use crate::auth::Rights;
use crate::dashboard::assets::assets;
use crate::dashboard::fleet::Fleet;
use crate::dashboard::undo::way_back;
use crate::dashboard::visit::Visit;
use crate::dashboard::words::{Moment, counted, sentence};

/// When a change that is not applied everywhere is told as a warning.
const LATE: SignedDuration = SignedDuration::from_secs(5);

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

/// Something that holds for everything, or for a whole service.
pub(super) struct Strip {
    pub(super) title: String,
    pub(super) reason: String,
    pub(super) details: String,
    /// It only counts.
    pub(super) shadow: bool,
    /// Where it is ended.
    pub(super) end: String,
}

/// A change that the visitor has just made.
pub(super) struct Card {
    pub(super) revision: u64,
    pub(super) sentence: String,
    pub(super) propagation: String,
    pub(super) late: bool,
    pub(super) may_undo: bool,
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
            strips: strips(visit, state),
            card: card(visit, state, fleet).await,
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

    /// The links that there is room for on a small screen; the last leads to the others.
    pub(super) fn tabs(&self) -> impl Iterator<Item = &Link> {
        let wanted = ["Overview", "Routes", "Fleet", "Audit", "Settings"];
        self.links.iter().filter(move |link| wanted.contains(&link.name))
    }
}

fn links(visit: &Visit, state: &State, section: Section, fleet: &Fleet) -> Vec<Link> {
    let routes = || state.services.values().flat_map(|service| service.routes.values());
    let stopped = routes().filter(|route| {
        let kind = route.enforced_status(visit.now);
        !matches!(kind, LifecycleKind::Active | LifecycleKind::Deprecated)
    });
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

fn strips(visit: &Visit, state: &State) -> Vec<Strip> {
    let strip = |maintenance: &Maintenance, title: String, end: String| {
        maintenance.is_on(|| visit.now).then(|| Strip {
            title,
            reason: if maintenance.reason.is_empty() {
                "no reason given".to_owned()
            } else {
                maintenance.reason.clone()
            },
            details: details(maintenance),
            shadow: maintenance.enforcement.is_shadow(),
            end,
        })
    };
    let global = strip(&state.global.maintenance, "Everything is in maintenance".to_owned(), "/maintenance".to_owned());
    let services = state.services.iter().filter_map(|(service, known)| {
        strip(&known.maintenance, format!("{service} is in maintenance"), format!("/maintenance/{service}"))
    });
    global.into_iter().chain(services).collect()
}

/// What a maintenance lets through, and when it ends.
fn details(maintenance: &Maintenance) -> String {
    let mut details = vec![format!("Since r{}.", maintenance.changed_at)];
    if let Some(until) = maintenance.until {
        details.push(format!("Ends {}.", Moment(until).words()));
    }
    if maintenance.include_force_active {
        details.push("Protected routes are stopped too.".to_owned());
    }
    if !maintenance.exempt.is_empty() {
        details.push(format!("{} stay reachable.", counted(maintenance.exempt.len(), "exempt route")));
    }
    details.join(" ")
}

/// The change that the visitor comes from, by the revision in the address.
async fn card(visit: &Visit, state: &State, fleet: &Fleet) -> Option<Card> {
    let revision: u64 = visit.parameters.filter("done")?.parse().ok()?;
    let before = Some(waygate_core::Revision(revision.checked_add(1)?));
    let page = visit.app.control.history(HistoryQuery { before, limit: 1 }).await.ok()?;
    let commit = page.commits.first().filter(|commit| commit.revision().0 == revision)?;
    let first = commit.draft.records.first()?;
    let more = commit.draft.records.len() - 1;
    let mut sentence = format!("{} {}", commit.draft.cause.actor, sentence(first));
    if more > 0 {
        sentence = format!("{sentence}, and {more} more");
    }
    let (propagation, complete) = fleet.propagation(commit);
    let may_undo = visit.may_operate() && way_back(state, commit, "").is_ok();
    let late = !complete && visit.now.duration_since(commit.draft.cause.at) > LATE;
    Some(Card { revision, sentence, propagation, late, may_undo })
}
