//! From a request to what becomes of it: the decision, the limits, and what is left to do once there is an answer.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use waygate_core::{Charged, Decision, Denial, Deprecation, Pass, RequestFacts as _, RouteMethod, Snapshot};

use super::Naming;
use crate::clock;
use crate::facts::HttpFacts;
use crate::gate::LimitHeaders;
use crate::metrics;
use crate::replica::Replica;
use crate::respond;
use crate::traffic::{Outcome, Traffic};
use crate::waygate::Waygate;

/// What decides about the requests of a layer.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    pub(super) waygate: Waygate,
    pub(super) naming: Naming,
}

/// What is left to do once the inner service has answered.
#[derive(Debug, Default)]
pub(super) struct Afterwards {
    deprecation: Option<Box<Deprecation>>,
    unknown: Option<Unknown>,
    limits: Option<LimitHeaders>,
}

/// A matched route that is not known yet. Whether it exists for this method shows in the answer.
#[derive(Debug)]
struct Unknown {
    method: RouteMethod,
    template: String,
    replica: Arc<Replica>,
}

impl Guard {
    /// What to do after the inner service, or the answer in its stead. `None` where the counters are shared and have to
    /// be asked first, which takes its time: [`Guard::check_shared`].
    pub(super) fn check<Q, B: From<Bytes>>(&self, request: &Request<Q>) -> Result<Option<Afterwards>, Response<B>> {
        let (replica, gate) = (self.waygate.replica(), self.waygate.gate());
        let snapshot = replica.snapshot().load();
        let facts = HttpFacts::new(request, self.template(request));
        let pass = decided(&snapshot, &facts, &gate.traffic, request)?;
        let charged = if pass.limits.is_empty() {
            None
        } else if gate.is_shared() {
            return Ok(None);
        } else {
            let (caller, method) = (gate.callers.caller(request), request.method().as_str());
            Some(gate.charge(&pass.limits, &caller, method, known_template(&snapshot, &facts)))
        };
        self.concluded(&snapshot, &facts, &pass, charged.as_ref(), request).map(Some)
    }

    /// The same with counters that are shared, from the decision on. Gives the request back.
    pub(super) async fn check_shared<Q, B: From<Bytes>>(
        self,
        request: Request<Q>,
    ) -> Result<(Request<Q>, Afterwards), Response<B>> {
        let (replica, gate) = (self.waygate.replica(), self.waygate.gate());
        let snapshot = replica.snapshot().load_full();
        let facts = HttpFacts::new(&request, self.template(&request));
        let pass = decided(&snapshot, &facts, &gate.traffic, &request)?;
        let (caller, method) = (gate.callers.caller(&request), request.method().as_str());
        let charged = gate.charge_shared(&pass.limits, &caller, method, known_template(&snapshot, &facts)).await;
        let afterwards = self.concluded(&snapshot, &facts, &pass, Some(&charged), &request)?;
        Ok((request, afterwards))
    }

    fn concluded<Q, B: From<Bytes>>(
        &self,
        snapshot: &Snapshot,
        facts: &HttpFacts<'_>,
        pass: &Pass<'_>,
        charged: Option<&Charged<'_>>,
        request: &Request<Q>,
    ) -> Result<Afterwards, Response<B>> {
        metrics::concluded(pass, charged);
        let traffic = &self.waygate.gate().traffic;
        let limits = match charged {
            None => None,
            Some(Charged::Admitted { tightest, .. }) => tightest.as_ref().map(LimitHeaders::of),
            Some(Charged::Exceeded(exceeded)) => {
                traffic.note(snapshot.route_of(facts), Outcome::Limited);
                return Err(respond::exceeded(exceeded, request.method(), outer_path(request)));
            }
        };
        let route = snapshot.route_of(facts);
        let is_shadowed = pass.shadow.is_some() || matches!(charged, Some(Charged::Admitted { shadow: Some(_), .. }));
        traffic.note(route, if is_shadowed { Outcome::Shadow } else { Outcome::Allowed });
        let unknown = match (facts.method(), facts.template()) {
            (Some(method), Some(template)) if is_observed(method) && route.is_none() => {
                let replica = self.waygate.replica().clone();
                Some(Unknown { method, template: template.to_owned(), replica })
            }
            _ => None,
        };
        Ok(Afterwards { deprecation: pass.deprecation.cloned().map(Box::new), unknown, limits })
    }

    #[cfg(feature = "axum")]
    fn template<'r, B>(&self, request: &'r Request<B>) -> Option<Cow<'r, str>> {
        crate::axum::template(request, &self.naming)
    }

    #[cfg(not(feature = "axum"))]
    fn template<'r, B>(&self, _: &'r Request<B>) -> Option<Cow<'r, str>> {
        match self.naming {
            Naming::Full => None,
        }
    }
}

impl Afterwards {
    pub(super) fn apply<B>(&mut self, response: &mut Response<B>) {
        if let Some(deprecation) = self.deprecation.take() {
            respond::announce(&deprecation, response.headers_mut());
        }
        if let Some(limits) = self.limits.take() {
            limits.write(response.headers_mut());
        }
        if let Some(Unknown { method, template, replica }) = self.unknown.take()
            && response.status() != StatusCode::METHOD_NOT_ALLOWED
        {
            replica.observe(method, &template);
        }
    }
}

/// What is let through, or the answer to what is not.
fn decided<'s, Q, B: From<Bytes>>(
    snapshot: &'s Snapshot,
    facts: &HttpFacts<'_>,
    traffic: &Traffic,
    request: &Request<Q>,
) -> Result<Pass<'s>, Response<B>> {
    match snapshot.decide(facts) {
        Decision::Forward(pass) => Ok(pass),
        Decision::Deny(denial) => {
            metrics::denied(&denial);
            let is_gated = matches!(denial, Denial::EnvGated { .. });
            traffic.note(snapshot.route_of(facts), if is_gated { Outcome::Gated } else { Outcome::Blocked });
            Err(respond::denial(&denial, request.method(), outer_path(request), clock::now()))
        }
    }
}

/// The template of the request's route, empty where there is none.
fn known_template<'f>(snapshot: &Snapshot, facts: &'f HttpFacts<'_>) -> &'f str {
    facts.template().filter(|template| snapshot.knows(facts.method(), template)).unwrap_or_default()
}

/// The concrete path as the caller has sent it, also below a mount point.
fn outer_path<B>(request: &Request<B>) -> &str {
    #[cfg(feature = "axum")]
    if let Some(path) = crate::axum::original_path(request) {
        return path;
    }
    request.uri().path()
}

/// Methods that a router may answer by itself, beside the service's handlers, do not make a route.
fn is_observed(method: RouteMethod) -> bool {
    matches!(method, RouteMethod::Get | RouteMethod::Post | RouteMethod::Put | RouteMethod::Patch | RouteMethod::Delete)
}
