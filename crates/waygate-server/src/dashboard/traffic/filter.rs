//! What of the traffic is wanted, as the address says it.

use waygate_api::paths::percent_encoded;
use waygate_core::{LocalKey, RouteSelector, ServiceId, State};

use crate::dashboard::chart::marks::Concern;
use crate::dashboard::visit::Visit;
use crate::traffic::{Span, Window};

/// The ranges that there are links to.
const RANGES: [Window; 4] = [Window::Quarter, Window::Hour, Window::SixHours, Window::Day];

pub(super) struct Filter {
    pub(super) service: Option<ServiceId>,
    /// As it was written.
    pub(super) route_text: String,
    route: Option<RouteSelector>,
    /// The name of an outcome, or nothing.
    pub(super) outcome: String,
    pub(super) window: Window,
    /// As they were written, where a stretch was named that makes sense.
    pub(super) from: String,
    pub(super) to: String,
    pub(super) span: Span,
    /// What of the address makes no sense.
    pub(super) problem: Option<String>,
}

/// A link to another range.
pub(super) struct Range {
    pub(super) name: &'static str,
    pub(super) href: String,
    pub(super) current: bool,
}

impl Filter {
    /// What makes no sense is said, and as if it were not there.
    pub(super) fn of(visit: &Visit, state: &State) -> Self {
        let text = |name| visit.parameters.filter(name).unwrap_or_default().trim().to_owned();
        let window = visit.parameters.filter("window").and_then(Window::parse).unwrap_or(Window::Quarter);
        let mut filter = Self {
            service: visit.parameters.service().ok().flatten().filter(|of| state.services.contains_key(of)),
            route_text: text("route"),
            route: None,
            outcome: text("outcome"),
            window,
            from: String::new(),
            to: String::new(),
            span: window.fine(visit.now),
            problem: None,
        };
        filter.outcome =
            Some(filter.outcome).filter(|kind| super::OUTCOMES.contains(&kind.as_str())).unwrap_or_default();
        if !filter.route_text.is_empty() {
            match filter.route_text.parse() {
                Ok(route) => filter.route = Some(route),
                Err(problem) => filter.problem = Some(format!("The route: {problem}.")),
            }
        }
        if visit.parameters.filter("from").is_some() {
            let (from, to) = (visit.parameters.time("from").ok().flatten(), visit.parameters.time("to").ok().flatten());
            match from.and_then(|from| Span::between(from, to.unwrap_or(visit.now), visit.now)) {
                Some(span) => (filter.span, filter.from, filter.to) = (span, text("from"), text("to")),
                None => {
                    filter.problem = Some("Nothing lies between these times in the last 24 hours.".to_owned());
                }
            }
        }
        filter
    }

    pub(super) fn takes_service(&self, of: &ServiceId) -> bool {
        let of_route = self.route.as_ref().and_then(|route| route.service.as_ref());
        [self.service.as_ref(), of_route].into_iter().flatten().all(|only| only == of)
    }

    /// Whether requests of a route are wanted, or those of no known route.
    pub(super) fn takes(&self, service: &ServiceId, key: Option<&LocalKey>) -> bool {
        let fits = |route: &RouteSelector, key: &LocalKey| {
            route.path == key.path && route.method.is_none_or(|method| method == key.method)
        };
        self.takes_service(service) && self.route.as_ref().is_none_or(|route| key.is_some_and(|key| fits(route, key)))
    }

    pub(super) fn concern(&self) -> Concern<'_> {
        Concern { service: self.service.as_ref(), route: self.route.as_ref() }
    }

    pub(super) fn is_of(&self, service: &str) -> bool {
        self.service.as_ref().is_some_and(|only| only.as_str() == service)
    }

    pub(super) fn is_set(&self) -> bool {
        self.service.is_some() || self.route.is_some() || !self.outcome.is_empty()
    }

    pub(super) fn is_custom(&self) -> bool {
        !self.from.is_empty()
    }

    pub(super) fn ranges(&self, base: &str) -> Vec<Range> {
        let range = |window: Window| Range {
            name: window.as_str(),
            href: format!("{base}/traffic{}", self.query(Some(window))),
            current: !self.is_custom() && window == self.window,
        };
        RANGES.map(range).into()
    }

    /// The query of the same with another range, or with the same one.
    pub(super) fn query(&self, window: Option<Window>) -> String {
        let service = self.service.as_ref().map(ServiceId::as_str).unwrap_or_default();
        let (from, to) = if window.is_none() { (self.from.as_str(), self.to.as_str()) } else { ("", "") };
        let range = if from.is_empty() { window.unwrap_or(self.window).as_str() } else { "" };
        let named = [
            ("service", service),
            ("route", &self.route_text),
            ("outcome", &self.outcome),
            ("window", range),
            ("from", from),
            ("to", to),
        ];
        let set = named.iter().filter(|(_, value)| !value.is_empty());
        let parts: Vec<String> = set.map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
        format!("?{}", parts.join("&"))
    }
}
