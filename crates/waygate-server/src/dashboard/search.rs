//! Search over routes, services, changes and pages; the palette of the module, and a page without it.

use askama::Template;
use axum::response::Response;
use waygate_core::RouteKey;

use crate::dashboard::fleet::Fleet;
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::routes::Row;
use crate::dashboard::visit::{Visit, page};
use crate::error::ApiError;

/// How many results a group has.
const MOST: usize = 8;

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
            services.push(found(service.to_string(), format!("/routes?service={service}"), false));
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
            let action = format!("{} {name}", row.likely.1);
            if fits(&action) && visit.may_operate() && !route.force_active && actions.len() < MOST {
                actions.push(found(action, format!("/routes/{}/{}", row.id, row.likely.0), true));
            }
        }
    }
    services.truncate(MOST);
    let number = text.strip_prefix('r').unwrap_or(&text).parse::<u64>().ok();
    let changes = number.map(|number| found(format!("Change r{number}"), format!("/changes/{number}"), false));
    let pages = [
        ("Overview", "/"),
        ("Routes", "/routes"),
        ("Fleet", "/fleet"),
        ("Limits", "/limits"),
        ("Schedule", "/schedule"),
        ("Audit", "/audit"),
        ("Settings", "/settings"),
        ("Emergency stop", "/stop"),
    ];
    let pages = pages.into_iter().filter(|(name, _)| fits(name));
    let pages = pages.map(|(name, path)| found(name.to_owned(), path.to_owned(), path == "/stop")).collect();
    let groups = [
        Group { name: "Do", results: actions },
        Group { name: "Routes", results: routes },
        Group { name: "Services", results: services },
        Group { name: "Changes", results: changes.into_iter().collect() },
        Group { name: "Pages", results: pages },
    ];
    page(&SearchPage {
        frame: Frame::with(&visit, &state, Section::None, &fleet).await,
        text,
        groups: groups.into_iter().filter(|group| !group.results.is_empty()).collect(),
    })
}
