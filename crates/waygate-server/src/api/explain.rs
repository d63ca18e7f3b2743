//! Why a request gets what it gets, told by the function that services decide with.

use std::net::IpAddr;

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use waygate_api::explain::{ExplainedLimit, ExplainedStep, Explanation};
use waygate_core::{
    Decision, Denial, Environment, Layer, LimitChain, RateLimitPolicy, RequestFacts, RouteKey, RouteMethod, Snapshot,
    Verdict,
};

use crate::api::answer;
use crate::api::names::Parameters;
use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::error::ApiError;

/// A request that has not been made.
struct Supposed<'p> {
    method: Option<RouteMethod>,
    path: &'p str,
    at: Timestamp,
}

impl RequestFacts for Supposed<'_> {
    fn method(&self) -> Option<RouteMethod> {
        self.method
    }

    fn template(&self) -> Option<&str> {
        None
    }

    fn path(&self) -> &str {
        self.path
    }

    fn now(&self) -> Timestamp {
        self.at
    }
}

/// The state is that of now, whatever the time of the request: what windows and ends make of it is what is told.
pub(super) async fn show(
    State(app): State<App>,
    principal: Principal,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let expected = |field: &str, what: &str| ApiError::invalid_field(field, format!("expected {what}"));
    let service = parameters.service()?.ok_or_else(|| expected("service", "the service that takes the request"))?;
    principal.require_read(&service)?;
    let path = parameters.filter("path").filter(|path| path.starts_with('/'));
    let path = path.ok_or_else(|| expected("path", "the path of the request, from `/`"))?;
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let method = parameters.filter("method").unwrap_or("GET").to_uppercase();
    let at = parameters.time("at")?.unwrap_or_else(clock::now);
    let environment = parameters.filter("environment").map(str::parse::<Environment>).transpose();
    let environment = environment.map_err(|problem| ApiError::invalid_field("environment", problem))?;
    let address = parameters.filter("ip").map(str::parse::<IpAddr>).transpose();
    let address = address.map_err(|_| expected("ip", "an address such as `10.0.0.7`"))?;
    let state = app.control.current();
    if !state.services.contains_key(&service) {
        return Err(ApiError::unknown_service(&service, &state));
    }
    let snapshot = Snapshot::compile(state.service_view(&service), environment);
    let named = RouteMethod::from_name(&method).filter(|method| *method != RouteMethod::Any);
    let request = Supposed { method: named, path, at };
    let mut trace = Vec::new();
    let decision = snapshot.decide_traced(&request, &mut trace);
    let denial = match &decision {
        Decision::Deny(denial) => Some(*denial),
        Decision::Forward(_) => None,
    };
    let answer = denial.map(|denial| denial.response(path, at));
    let body = answer.as_ref().and_then(|answer| serde_json::from_str::<serde_json::Value>(&answer.body).ok());
    let explanation = Explanation {
        route: snapshot.route_of(&request).map(|local| RouteKey::new(service.clone(), local.clone()).to_string()),
        service: service.to_string(),
        method,
        path: path.to_owned(),
        at,
        revision: state.cursor.revision,
        outcome: if denial.is_some() { "deny" } else { "forward" }.to_owned(),
        status: answer.as_ref().map_or(200, |answer| answer.status),
        code: body.and_then(|body| body["error"]["code"].as_str().map(ToOwned::to_owned)),
        reason: denial.and_then(reason).filter(|reason| !reason.is_empty()),
        steps: trace.iter().map(|(layer, verdict)| step(*layer, *verdict)).collect(),
        limits: match &decision {
            Decision::Forward(pass) => limits(&pass.limits, address),
            Decision::Deny(_) => Vec::new(),
        },
    };
    Ok(answer::read(&state, explanation))
}

fn step(layer: Layer, verdict: Verdict<'_>) -> ExplainedStep {
    let (name, denial) = match verdict {
        Verdict::Pass => ("pass", None),
        Verdict::Exempt => ("exempt", None),
        Verdict::ForceActive => ("force_active", None),
        Verdict::Shadow(denial) => ("shadow", Some(denial)),
        Verdict::Deny(denial) => ("deny", Some(denial)),
        Verdict::Charge => ("charge", None),
    };
    ExplainedStep {
        layer: layer.as_str().to_owned(),
        verdict: name.to_owned(),
        detail: denial.map(told),
        until: denial.and_then(|denial| match denial {
            Denial::Maintenance { until, .. } | Denial::Disabled { until, .. } => until,
            Denial::EnvGated { .. } => None,
        }),
    }
}

fn told(denial: Denial<'_>) -> String {
    let with = |what: &str, reason: &str| {
        if reason.is_empty() { what.to_owned() } else { format!("{what}: {reason}") }
    };
    match denial {
        Denial::Maintenance { reason, .. } => with("maintenance", reason),
        Denial::Disabled { reason, .. } => with("disabled", reason),
        Denial::EnvGated { current, allowed } => {
            let allowed: Vec<&str> = allowed.iter().map(Environment::as_str).collect();
            let current = current.map_or("of no environment", Environment::as_str);
            format!("answers in {}; this service is {current}", allowed.join(", "))
        }
    }
}

fn reason(denial: Denial<'_>) -> Option<String> {
    match denial {
        Denial::Maintenance { reason, .. } | Denial::Disabled { reason, .. } => Some(reason.to_owned()),
        Denial::EnvGated { .. } => None,
    }
}

fn limits(chain: &LimitChain<'_>, address: Option<IpAddr>) -> Vec<ExplainedLimit> {
    let explained = |layer: Layer, policy: &RateLimitPolicy| ExplainedLimit {
        layer: layer.as_str().to_owned(),
        limit: policy.limit.to_string(),
        algorithm: policy.algorithm.as_str().to_owned(),
        key_strategy: policy.key_strategy.to_string(),
        exempt: address.is_some_and(|address| policy.exempt_ips.iter().any(|range| range.contains(address))),
        shadow: policy.enforcement.is_shadow(),
    };
    let global = chain.global.map(|policy| explained(Layer::GlobalLimit, policy));
    let service = chain.service.map(|policy| explained(Layer::ServiceLimit, policy));
    let route = chain.route.map(|(_, policy)| explained(Layer::RouteLimit, policy));
    global.into_iter().chain(service).chain(route).collect()
}
