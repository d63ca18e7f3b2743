//! Rate limits of everything, of services, of routes.

mod amount;
pub(super) mod detail;
mod edit;
mod fields;
mod foresight;
mod target;
mod usage;
mod words;

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;
use waygate_api::paths::path_key;
use waygate_core::{LocalKey, RateLimitPolicy, RouteKey, ServiceId, State};

pub(super) use self::edit::{ask, carry_out};
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::limits::target::Target;
use crate::dashboard::limits::usage::Usage;
use crate::dashboard::limits::words::{details, sentence};
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::route_name;
use crate::error::ApiError;
use crate::traffic::Window;

#[derive(Template)]
#[template(path = "limits.html")]
struct LimitsPage {
    frame: Frame,
    services: Vec<String>,
    filter: Filter,
    /// What is set for everything, and for the service that is looked at.
    cards: Vec<Card>,
    rows: Vec<Row>,
    /// Routes without a limit, of those that are looked at.
    unlimited: Vec<Bare>,
    more_unlimited: usize,
    /// There are too many to tell of each what is used of it.
    many: bool,
}

/// Which limits are wanted, as the address says it.
struct Filter {
    text: String,
    service: Option<ServiceId>,
    /// The name of a state; none for all of them.
    state: &'static str,
}

struct Card {
    title: &'static str,
    row: Option<Row>,
    path: String,
}

struct Row {
    target: Target,
    path: String,
    key: String,
    subject: String,
    service: String,
    sentence: String,
    algorithm: &'static str,
    details: Vec<String>,
    source: &'static str,
    on: bool,
    shadow: bool,
    /// How many requests to its routes were refused for a limit in 24 hours; `None` where nobody has counted.
    refused: Option<u64>,
    /// What of it is used; `None` where nobody has measured that.
    usage: Option<Usage>,
    stamp: String,
    changed_at: u64,
}

struct Bare {
    path: String,
    name: String,
    service: String,
}

/// How many routes without a limit are listed, and of how many limits is told what of them is used.
const MOST: usize = 50;
const MOST_USED: usize = 50;

pub(super) async fn list(visit: Visit) -> Result<Response, ApiError> {
    let state = visit.state();
    let filter = Filter::of(&visit, &state);
    let refused = Refused::of(&visit, &state);
    let row = |target: &Target| target.policy(&state).map(|policy| Row::of(&visit, target, policy, &refused));
    let mut cards = vec![Card { title: "Global Rate Limit", row: row(&Target::Global), path: Target::Global.path() }];
    if let Some(service) = &filter.service {
        let target = Target::Service(service.clone());
        cards.push(Card { title: "Service Rate Limit", row: row(&target), path: target.path() });
    }
    let (mut rows, mut unlimited) = (Vec::new(), Vec::new());
    for (name, known) in &state.services {
        if filter.service.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        rows.extend(row(&Target::Service(name.clone())));
        for local in known.route_limits.keys() {
            rows.extend(row(&Target::Route(RouteKey::new(name.clone(), local.clone()))));
        }
        for (local, route) in &known.routes {
            if !route.force_active && known.limit_of(local).is_none() {
                let key = RouteKey::new(name.clone(), local.clone());
                unlimited.push(Bare {
                    name: route_name(&key),
                    service: name.to_string(),
                    path: Target::Route(key).path(),
                });
            }
        }
    }
    rows.retain(|row| filter.takes(row));
    let used = cards.iter_mut().filter_map(|card| card.row.as_mut()).chain(rows.iter_mut());
    for row in used.take(MOST_USED) {
        row.usage = row.target.policy(&state).and_then(|policy| Usage::of(&visit, &state, &row.target, policy));
    }
    unlimited.retain(|bare| filter.takes_text(&[&bare.name, &bare.service]));
    let many = cards.iter().filter(|card| card.row.is_some()).count() + rows.len() > MOST_USED;
    let more_unlimited = unlimited.len().saturating_sub(MOST);
    unlimited.truncate(MOST);
    page(&LimitsPage {
        frame: Frame::of(&visit, &state, Section::Limits).await,
        services: state.services.keys().map(ToString::to_string).collect(),
        filter,
        cards,
        rows,
        unlimited,
        more_unlimited,
        many,
    })
}

impl Filter {
    fn of(visit: &Visit, state: &State) -> Self {
        let named = |name: &&&str| visit.parameters.filter("state") == Some(**name);
        Self {
            text: visit.parameters.filter("q").unwrap_or_default().trim().to_owned(),
            service: visit.parameters.service().ok().flatten().filter(|service| state.services.contains_key(service)),
            state: ["on", "paused", "shadow", "code"].iter().find(named).copied().unwrap_or_default(),
        }
    }

    fn is_set(&self) -> bool {
        !self.text.is_empty() || self.service.is_some() || !self.state.is_empty()
    }

    fn takes(&self, row: &Row) -> bool {
        let state = match self.state {
            "on" => row.on,
            "paused" => !row.on,
            "shadow" => row.shadow,
            "code" => row.source == CODE,
            _ => true,
        };
        state && self.takes_text(&[&row.subject, &row.service, &row.sentence, row.algorithm])
    }

    fn takes_text(&self, places: &[&str]) -> bool {
        let mut words = self.text.split_whitespace().map(str::to_lowercase);
        words.all(|word| places.iter().any(|place| place.to_lowercase().contains(&word)))
    }
}

/// How many requests were refused for a limit in 24 hours.
struct Refused(BTreeMap<Target, u64>);

impl Refused {
    fn of(visit: &Visit, state: &State) -> Self {
        let is_limited = |service: &ServiceId, local: Option<&LocalKey>| {
            let known = state.services.get(service);
            known.is_some_and(|known| {
                known.rate_limit.is_some() || local.is_some_and(|local| known.limit_of(local).is_some())
            })
        };
        let seen = visit
            .app
            .traffic
            .read(Window::Day.coarse(visit.now), is_limited, |service| state.services.contains_key(service));
        let mut counts = BTreeMap::new();
        for service in seen.services.iter().filter(|service| service.measured_seconds > 0) {
            let Ok(service) = service.service.parse::<ServiceId>() else { continue };
            let Some(known) = state.services.get(&service) else { continue };
            let routes = known.route_limits.keys().map(|local| RouteKey::new(service.clone(), local.clone()));
            counts.extend(routes.map(|key| (Target::Route(key), 0)));
            counts.insert(Target::Service(service), 0);
        }
        for route in &seen.routes {
            let Ok(service) = route.service.parse::<ServiceId>() else { continue };
            let local = format!("{}:{}", route.method, route.path).parse::<LocalKey>().ok();
            let known = state.services.get(&service).zip(local);
            let limiting = known.and_then(|(known, local)| Some(known.limit_of(&local)?.0.clone()));
            let limiting = limiting.map(|local| Target::Route(RouteKey::new(service.clone(), local)));
            for target in limiting.into_iter().chain([Target::Service(service)]) {
                counts.entry(target).and_modify(|sum| *sum += route.counts.limited);
            }
        }
        Self(counts)
    }
}

const CODE: &str = "code";

impl Row {
    fn of(visit: &Visit, target: &Target, policy: &RateLimitPolicy, refused: &Refused) -> Self {
        let (scope, subject, service) = match target {
            Target::Global => ("Everything", "All services".to_owned(), String::new()),
            Target::Service(service) => ("Service", service.to_string(), service.to_string()),
            Target::Route(key) => ("Route", route_name(key), key.service.to_string()),
        };
        let on = policy.is_on(|| visit.now);
        Self {
            target: target.clone(),
            path: target.path(),
            key: path_key(&format!("{scope} {service} {subject}")),
            subject,
            service,
            sentence: sentence(policy),
            algorithm: policy.algorithm.as_str(),
            details: details(policy),
            source: if policy.declared { CODE } else { "operator" },
            on,
            shadow: policy.enforcement.is_shadow(),
            refused: refused.0.get(target).copied(),
            usage: None,
            stamp: format!("{} {on}", policy.changed_at),
            changed_at: policy.changed_at.0,
        }
    }
}
