//! What is out of the ordinary for everything or for a service, or is about to be, over every page.

use jiff::SignedDuration;
use waygate_core::{Commit, Maintenance, Revision, RouteKey, State, Window};
use waygate_store::HistoryQuery;

use crate::api::audit::may_see;
use crate::dashboard::visit::Visit;
use crate::dashboard::words::{Moment, counted, distance, route_name};

/// How long before a window begins it is told of.
const SOON: SignedDuration = SignedDuration::from_mins(15);
/// How many routes that stay reachable are named.
const NAMED: usize = 5;

/// Something that holds for everything, or for a whole service.
pub(in crate::dashboard) struct Strip {
    pub(in crate::dashboard) title: String,
    pub(in crate::dashboard) reason: String,
    pub(in crate::dashboard) details: String,
    /// It is not so yet, or only counts.
    pub(in crate::dashboard) is_quiet: bool,
    /// What can be done about it: where, and the word for it.
    pub(in crate::dashboard) act: (String, &'static str),
    /// That is a form.
    pub(in crate::dashboard) is_form: bool,
}

pub(super) async fn all(visit: &Visit, state: &State) -> Vec<Strip> {
    let global = ("Everything is in maintenance".to_owned(), &state.global.maintenance, "/maintenance".to_owned());
    let services = state.services.iter().map(|(service, known)| {
        (format!("{service} is in maintenance"), &known.maintenance, format!("/maintenance/{service}"))
    });
    let mut strips = Vec::new();
    for (title, maintenance, end) in std::iter::once(global).chain(services) {
        if maintenance.is_on(|| visit.now) {
            strips.push(of(visit, title, maintenance, end).await);
        }
    }
    strips.extend(soon(visit, state));
    strips
}

async fn of(visit: &Visit, title: String, maintenance: &Maintenance, end: String) -> Strip {
    let is_shadow = maintenance.enforcement.is_shadow();
    let reason = if maintenance.reason.is_empty() { "no reason given".into() } else { maintenance.reason.clone() };
    Strip {
        title: if is_shadow { format!("{title} (counts only)") } else { title },
        reason,
        details: details(visit, maintenance).await,
        is_quiet: is_shadow,
        act: (end, "End it…"),
        is_form: true,
    }
}

/// Since when it is so and by whom, what it lets through, and when it ends.
async fn details(visit: &Visit, maintenance: &Maintenance) -> String {
    let changed = maintenance.changed_at;
    let query = HistoryQuery { before: changed.0.checked_add(1).map(Revision), limit: 1 };
    let history = visit.app.control.history(query).await.ok();
    // Who did it is for those to know who may see it in the log.
    let seen = |commit: &Commit| commit.draft.records.iter().any(|record| may_see(&visit.principal, record));
    let made = history.and_then(|page| page.commits.into_iter().next());
    let made = made.filter(|commit| commit.revision() == changed && seen(commit));
    let mut details = vec![match made {
        Some(commit) => {
            let cause = &commit.draft.cause;
            format!("r{changed}, {} by {}.", distance(cause.at, visit.now), cause.actor)
        }
        None => format!("Since r{changed}."),
    }];
    if let Some(until) = maintenance.until {
        details.push(format!("Ends {}.", Moment(until).words()));
    }
    if maintenance.include_force_active {
        details.push("Protected routes are stopped too.".to_owned());
    }
    let named: Vec<String> = maintenance.exempt.iter().take(NAMED).map(ToString::to_string).collect();
    let more = maintenance.exempt.len() - named.len();
    if !named.is_empty() {
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        details.push(format!("Reachable: {}{more}.", named.join(", ")));
    }
    details.join(" ")
}

/// The windows that stop requests and begin within a quarter of an hour.
fn soon(visit: &Visit, state: &State) -> Option<Strip> {
    let latest = visit.now.checked_add(SOON).ok()?;
    let is_soon =
        |window: &&Window| !window.enforcement.is_shadow() && visit.now < window.start && window.start <= latest;
    let mut begin = Vec::new();
    for (service, known) in &state.services {
        for (local, route) in &known.routes {
            let windows = route.windows.iter().filter(is_soon);
            begin.extend(windows.map(|window| (window.start, RouteKey::new(service.clone(), local.clone()))));
        }
    }
    begin.sort();
    let (start, key) = begin.first()?;
    let more = begin.len() - 1;
    let more = if more == 0 { String::new() } else { format!(" and {}", counted(more, "more window")) };
    Some(Strip {
        title: format!("Maintenance begins {}", distance(*start, visit.now)),
        reason: format!("{} of {}{more}", route_name(key), key.service),
        details: String::new(),
        is_quiet: true,
        act: ("/schedule".to_owned(), "See what is planned"),
        is_form: false,
    })
}
