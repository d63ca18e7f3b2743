//! Search over routes, services, changes and pages; the palette of the module, and a page without it.

use askama::Template;
use axum::response::Response;
use waygate_core::RouteKey;

use crate::dashboard::audit::latest;
use crate::dashboard::fleet::Fleet;
use crate::dashboard::fleet::pages::path_of;
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::routes::Row;
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::{routes_of, sentence};
use crate::error::ApiError;

/// How many results a group has.
const MOST: usize = 5;

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    frame: Frame,
    text: String,
    groups: Vec<Group>,
}

struct Group {
    name: &'static str,
    results: Vec<Found>,
}

struct Found {
    words: String,
    path: String,
    /// Opens a form.
    dialog: bool,
}

pub(super) async fn show(visit: Visit) -> Result<Response, ApiError> {
    let (state, fleet) = (visit.state(), Fleet::of(&visit).await);
    let text = visit.parameters.filter("q").unwrap_or_default().trim().to_owned();
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let fits = |place: &str| {
        let place = place.to_lowercase();
        !words.is_empty() && words.iter().all(|word| place.contains(word.as_str()))
    };
    let found = |words: String, path: String, dialog| Found { words, path, dialog };
    let (mut actions, mut routes, mut services) = (Vec::new(), Vec::new(), Vec::new());
    for (service, known) in &state.services {
        if fits(service.as_str()) {
            services.push(found(service.to_string(), routes_of(service.as_str()), false));
        }
        for (local, route) in &known.routes {
            if actions.len() >= MOST && routes.len() >= MOST {
                break;
            }
            let key = RouteKey::new(service.clone(), local.clone());
            let row = Row::of(&visit, &state, &fleet, &key, known, route);
            let name = format!("{} {} of {service}", row.method, row.path);
            if fits(&name) && routes.len() < MOST {
                routes.push(found(name.clone(), format!("/routes/{}", row.id), false));
            }
            if !visit.may_operate() || route.force_active {
                continue;
            }
            let others = [("maintenance", "Maintenance…"), ("env", "Env gate…"), ("schedule", "Schedule…")];
            for (act, word) in std::iter::once(row.likely).chain(others) {
                let action = format!("{word} {name}");
                if fits(&action) && actions.len() < MOST {
                    actions.push(found(action, format!("/routes/{}/{act}", row.id), true));
                }
            }
            let action = format!("Set limit… {name}");
            if fits(&action) && actions.len() < MOST {
                actions.push(found(action, format!("/limits/routes/{}/edit", row.id), true));
            }
        }
    }
    services.truncate(MOST);
    let number = text.strip_prefix('r').unwrap_or(&text).parse::<u64>().ok();
    let mut changes: Vec<Found> = number
        .map(|number| found(format!("Change r{number}"), format!("/changes/{number}"), false))
        .into_iter()
        .collect();
    if !words.is_empty() {
        let wanted = |_: &waygate_core::Commit, record: &waygate_core::Record| {
            !record.action.is_routine() && fits(&format!("{} {}", sentence(record), record.reason))
        };
        let latest = latest(&visit, MOST, wanted).await?;
        changes.extend(latest.into_iter().map(|entry| {
            found(
                format!("r{}: {} {}", entry.revision, entry.actor, entry.sentence),
                format!("/changes/{}", entry.revision),
                false,
            )
        }));
    }
    let instances = fleet.names().filter(|(service, id)| fits(&format!("{id} {service}"))).take(MOST);
    let instances =
        instances.map(|(service, id)| found(format!("{id} of {service}"), path_of(service, id), false)).collect();
    let pages = [
        ("Overview", "/"),
        ("Routes", "/routes"),
        ("Fleet", "/fleet"),
        ("Traffic", "/traffic"),
        ("Limits", "/limits"),
        ("Schedule", "/schedule"),
        ("Audit", "/audit"),
        ("Settings", "/settings"),
        ("Plan maintenance", "/schedule/new"),
        ("Emergency stop", "/stop"),
    ];
    let pages = pages
        .into_iter()
        .filter(|(name, path)| fits(name) && (visit.may_operate() || !matches!(*path, "/stop" | "/schedule/new")));
    let pages = pages
        .map(|(name, path)| found(name.to_owned(), path.to_owned(), matches!(path, "/stop" | "/schedule/new")))
        .collect();
    let groups = [
        Group { name: "Do", results: actions },
        Group { name: "Routes", results: routes },
        Group { name: "Services", results: services },
        Group { name: "Instances", results: instances },
        Group { name: "Changes", results: changes },
        Group { name: "Pages", results: pages },
    ];
    page(&SearchPage {
        frame: Frame::with(&visit, &state, Section::None, &fleet).await,
        text,
        groups: groups.into_iter().filter(|group| !group.results.is_empty()).collect(),
    })
}
