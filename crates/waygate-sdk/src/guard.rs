//! From a request to what becomes of it: the decision, the limits, and what is left to do once there is an answer.
//!
//! The tower layer does this by itself; [`Waygate::admit`] is the same for frameworks that are not built on tower.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use waygate_core::{Charged, Decision, Denial, Deprecation, Pass, RequestFacts as _, RouteMethod, Snapshot};

use crate::caller::RequestHead;
use crate::denied::{Cause, Denied};
use crate::facts::HttpFacts;
use crate::gate::LimitHeaders;
use crate::metrics;
use crate::replica::Replica;
use crate::respond;
use crate::traffic::Outcome;
use crate::waygate::Waygate;

/// A request that may go on to its handler, from [`Waygate::admit`]. It has been counted.
#[derive(Debug, Default)]
#[must_use = "the answer is still to be given its headers"]
pub struct Admitted {
    /// Mostly nothing, and then it takes no room: what is admitted is moved about a lot.
    remaining: Option<Box<Remaining>>,
}

/// What is left to do once there is an answer.
#[derive(Debug)]
struct Remaining {
    deprecation: Option<Deprecation>,
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

impl Admitted {
    /// Gives the handler's answer what callers are told of limits and of a deprecation. A route that nobody has declared
    /// becomes known by it, unless the status is 405: then the router has no handler for the method.
    pub fn finish(mut self, status: StatusCode, headers: &mut HeaderMap) {
        self.apply(status, headers);
    }

    pub(crate) fn apply(&mut self, status: StatusCode, headers: &mut HeaderMap) {
        let Some(Remaining { deprecation, unknown, limits }) = self.remaining.take().map(|remaining| *remaining) else {
            return;
        };
        if let Some(deprecation) = deprecation {
            respond::announce(&deprecation, headers);
        }
        if let Some(limits) = limits {
            limits.write(headers);
        }
        if let Some(Unknown { method, template, replica }) = unknown
            && status != StatusCode::METHOD_NOT_ALLOWED
        {
            replica.observe(method, &template);
        }
    }
}

#[expect(clippy::result_large_err, reason = "the answer is what callers want, and it is moved once")]
impl Waygate {
    /// Does for one request what the [layer](Waygate::layer) does, for frameworks that are not built on tower: decides,
    /// charges the limits, counts. `Ok` lets it through to its handler; `Err` is the answer in the handler's stead, those
    /// of [`denied_with`](crate::WaygateBuilder::denied_with) included.
    ///
    /// `template` is that of the route as the framework's router has matched it; where that is not known, the path is
    /// matched against the templates that are. Waits for nothing but a
    /// [rate limit backend](crate::WaygateBuilder::rate_limit_backend).
    ///
    /// ```
    /// # use waygate_sdk::{RequestHead, Routes, Waygate};
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let waygate = Waygate::builder("http://localhost:9000", "orders-service").start()?;
    /// waygate.declare(Routes::new().get("/orders/{id}").disabled("hotfix"));
    /// let (head, _) = http::Request::get("/orders/7").body(())?.into_parts();
    /// match waygate.admit(RequestHead::from(&head), Some("/orders/{id}")).await {
    ///     Ok(admitted) => {
    ///         let mut answer = http::Response::new("order 7");
    ///         admitted.finish(answer.status(), answer.headers_mut());
    ///     }
    ///     Err(refusal) => assert_eq!(refusal.status(), 503),
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn admit(&self, request: RequestHead<'_>, template: Option<&str>) -> Result<Admitted, Response<Bytes>> {
        let template = || template.map(Cow::Borrowed);
        match self.check_request(request, template())? {
            Some(admitted) => Ok(admitted),
            None => self.check_request_shared(request, template()).await,
        }
    }

    /// What to do after the handler, or the answer in its stead. `None` where the counters are shared and have to
    /// be asked first, which takes its time: [`Waygate::check_request_shared`].
    pub(crate) fn check_request(
        &self,
        request: RequestHead<'_>,
        template: Option<Cow<'_, str>>,
    ) -> Result<Option<Admitted>, Response<Bytes>> {
        let gate = self.gate();
        let snapshot = self.replica().snapshot().load();
        let facts = HttpFacts::new(request, template, &gate.clock);
        let pass = self.decided(&snapshot, &facts, request)?;
        let charged = if pass.limits.is_empty() {
            None
        } else if gate.is_shared() {
            return Ok(None);
        } else {
            let caller = gate.callers.caller(request);
            Some(gate.charge(&pass.limits, &caller, request.method.as_str(), known_template(&snapshot, &facts)))
        };
        self.concluded(&snapshot, &facts, &pass, charged.as_ref(), request).map(Some)
    }

    /// The same with counters that are shared, from the decision on.
    pub(crate) async fn check_request_shared(
        &self,
        request: RequestHead<'_>,
        template: Option<Cow<'_, str>>,
    ) -> Result<Admitted, Response<Bytes>> {
        let gate = self.gate();
        let snapshot = self.replica().snapshot().load_full();
        let facts = HttpFacts::new(request, template, &gate.clock);
        let pass = self.decided(&snapshot, &facts, request)?;
        let (caller, method) = (gate.callers.caller(request), request.method.as_str());
        let charged = gate.charge_shared(&pass.limits, &caller, method, known_template(&snapshot, &facts)).await;
        self.concluded(&snapshot, &facts, &pass, Some(&charged), request)
    }

    /// What is let through, or the answer to what is not.
    fn decided<'s>(
        &self,
        snapshot: &'s Snapshot,
        facts: &HttpFacts<'_>,
        request: RequestHead<'_>,
    ) -> Result<Pass<'s>, Response<Bytes>> {
        match snapshot.decide(facts) {
            Decision::Forward(pass) => Ok(pass),
            Decision::Deny(denial) => {
                metrics::denied(&denial);
                let is_gated = matches!(denial, Denial::EnvGated { .. });
                let outcome = if is_gated { Outcome::Gated } else { Outcome::Blocked };
                Err(self.refused(Cause::Lifecycle(&denial), outcome, snapshot, facts, request))
            }
        }
    }

    fn concluded(
        &self,
        snapshot: &Snapshot,
        facts: &HttpFacts<'_>,
        pass: &Pass<'_>,
        charged: Option<&Charged<'_>>,
        request: RequestHead<'_>,
    ) -> Result<Admitted, Response<Bytes>> {
        metrics::concluded(pass, charged);
        let limits = match charged {
            None => None,
            Some(Charged::Admitted { tightest, .. }) => tightest.as_ref().map(LimitHeaders::of),
            Some(Charged::Exceeded(exceeded)) => {
                return Err(self.refused(Cause::Limit(exceeded), Outcome::Limited, snapshot, facts, request));
            }
        };
        let route = snapshot.route_of(facts);
        let is_shadowed = pass.shadow.is_some() || matches!(charged, Some(Charged::Admitted { shadow: Some(_), .. }));
        let outcome = if is_shadowed { Outcome::Shadow } else { Outcome::Allowed };
        self.gate().traffic.note(route, outcome);
        let unknown = match (facts.method(), facts.template()) {
            (Some(method), Some(template)) if is_observed(method) && route.is_none() => {
                Some(Unknown { method, template: template.to_owned(), replica: self.replica().clone() })
            }
            _ => None,
        };
        let is_over = pass.deprecation.is_none() && unknown.is_none() && limits.is_none();
        let remaining = || Box::new(Remaining { deprecation: pass.deprecation.cloned(), unknown, limits });
        Ok(Admitted { remaining: (!is_over).then(remaining) })
    }

    fn refused(
        &self,
        cause: Cause<'_>,
        outcome: Outcome,
        snapshot: &Snapshot,
        facts: &HttpFacts<'_>,
        request: RequestHead<'_>,
    ) -> Response<Bytes> {
        let route = snapshot.route_of(facts);
        self.gate().traffic.note(route, outcome);
        let denied = Denied::new(cause, request, outer_path(request), self.gate().clock.now());
        self.answers().answer(&denied, route)
    }
}

/// The template of the request's route, empty where there is none.
fn known_template<'f>(snapshot: &Snapshot, facts: &'f HttpFacts<'_>) -> &'f str {
    facts.template().filter(|template| snapshot.knows(facts.method(), template)).unwrap_or_default()
}

/// The concrete path as the caller has sent it, also below a mount point.
fn outer_path(request: RequestHead<'_>) -> &str {
    #[cfg(feature = "axum")]
    if let Some(path) = crate::axum::original_path(request) {
        return path;
    }
    request.uri.path()
}

/// Methods that a router may answer by itself, beside the service's handlers, do not make a route.
fn is_observed(method: RouteMethod) -> bool {
    matches!(method, RouteMethod::Get | RouteMethod::Post | RouteMethod::Put | RouteMethod::Patch | RouteMethod::Delete)
}
