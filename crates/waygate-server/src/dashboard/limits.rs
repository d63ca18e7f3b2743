//! Rate limits of everything, of services, of routes.

mod edit;
mod target;

use askama::Template;
use axum::response::Response;
use waygate_api::paths::path_key;
use waygate_core::{RateLimitPolicy, RouteKey, Share};

pub(super) use self::edit::{ask, carry_out};
use crate::dashboard::frame::{Frame, Section};
use crate::dashboard::limits::target::Target;
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::{Moment, counted, route_name};
use crate::error::ApiError;

#[derive(Template)]
#[template(path = "limits.html")]
struct LimitsPage {
    frame: Frame,
    services: Vec<String>,
    service: Option<String>,
    /// What is set for everything, and for the service that is looked at.
    cards: Vec<Card>,
    rows: Vec<Row>,
    /// Routes without a limit, of those that are looked at.
    unlimited: Vec<Bare>,
    more_unlimited: usize,
}

struct Card {
    title: &'static str,
    row: Option<Row>,
    path: String,
}

struct Row {
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
    stamp: String,
    changed_at: u64,
}

struct Bare {
    path: String,
    name: String,
    service: String,
}

/// How many routes without a limit are listed.
const MOST: usize = 50;

pub(super) async fn list(visit: Visit) -> Result<Response, ApiError> {
    let state = visit.state();
    let service = visit.parameters.service().ok().flatten().filter(|service| state.services.contains_key(service));
    let row = |target: &Target| target.policy(&state).map(|policy| Row::of(&visit, target, policy));
    let mut cards = vec![Card { title: "Global Rate Limit", row: row(&Target::Global), path: Target::Global.path() }];
    if let Some(service) = &service {
        let target = Target::Service(service.clone());
        cards.push(Card { title: "Service Rate Limit", row: row(&target), path: target.path() });
    }
    let (mut rows, mut unlimited) = (Vec::new(), Vec::new());
    for (name, known) in state.services.iter().filter(|(name, _)| service.as_ref().is_none_or(|only| only == *name)) {
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
    let more_unlimited = unlimited.len().saturating_sub(MOST);
    unlimited.truncate(MOST);
    page(&LimitsPage {
        frame: Frame::of(&visit, &state, Section::Limits).await,
        services: state.services.keys().map(ToString::to_string).collect(),
        service: service.map(|service| service.to_string()),
        cards,
        rows,
        unlimited,
        more_unlimited,
    })
}

impl Row {
    fn of(visit: &Visit, target: &Target, policy: &RateLimitPolicy) -> Self {
        let (scope, subject, service) = match target {
            Target::Global => ("Everything", "All services".to_owned(), String::new()),
            Target::Service(service) => ("Service", service.to_string(), service.to_string()),
            Target::Route(key) => ("Route", route_name(key), key.service.to_string()),
        };
        let on = policy.is_on(|| visit.now);
        Self {
            path: target.path(),
            key: path_key(&format!("{scope} {service} {subject}")),
            subject,
            service,
            sentence: sentence(policy),
            algorithm: policy.algorithm.as_str(),
            details: details(policy),
            source: if policy.declared { "code" } else { "operator" },
            on,
            shadow: policy.enforcement.is_shadow(),
            stamp: format!("{} {on}", policy.changed_at),
            changed_at: policy.changed_at.0,
        }
    }
}

/// The limit in words.
fn sentence(policy: &RateLimitPolicy) -> String {
    let caller = match policy.key_strategy.to_string().as_str() {
        "ip" => "per client address".to_owned(),
        "user" => "per user".to_owned(),
        "api_key" => "per API key".to_owned(),
        "global" => "for all callers together".to_owned(),
        "custom" => "per key of the service's own".to_owned(),
        header => format!("per value of {}", header.trim_start_matches("header:")),
    };
    let burst = if policy.burst == 0 { String::new() } else { format!(", burst {}", policy.burst) };
    format!("{} {caller}{burst}", policy.limit)
}

fn details(policy: &RateLimitPolicy) -> Vec<String> {
    let mut details = Vec::new();
    if let Some(until) = policy.until {
        details.push(format!("ends {}", Moment(until).words()));
    }
    if policy.share == Share::Divided {
        details.push("divided among the instances".to_owned());
    }
    for tier in &policy.tiers {
        details.push(format!("tier {}: {}", tier.name, tier.limit));
    }
    for (count, what) in [
        (policy.exempt_ips.len(), "exempt address range"),
        (policy.exempt_roles.len(), "exempt role"),
        (policy.exempt_routes.len(), "exempt route"),
    ] {
        if count > 0 {
            details.push(counted(count, what));
        }
    }
    if policy.overrides.is_some() {
        details.push("stands in for a limit of the service's code, which comes back when this is removed".to_owned());
    }
    details
}
