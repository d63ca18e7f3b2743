//! A service, its routes, and requests to them. Also used where instructions are counted.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use waygate_core::{
    Algorithm, CallerFacts, Control, LocalKey, RateLimitPolicy, RequestFacts, Revision, Route, RouteMethod,
    ServiceView, Timestamp,
};

const METHODS: [RouteMethod; 4] = [RouteMethod::Get, RouteMethod::Post, RouteMethod::Put, RouteMethod::Delete];

/// A request whose template the framework has told.
pub(crate) struct Request {
    pub(crate) method: RouteMethod,
    pub(crate) template: String,
    pub(crate) caller: Caller,
    pub(crate) now: Timestamp,
}

/// Somebody at an address.
pub(crate) struct Caller(IpAddr);

impl RequestFacts for Request {
    fn method(&self) -> Option<RouteMethod> {
        Some(self.method)
    }

    fn template(&self) -> Option<&str> {
        Some(&self.template)
    }

    fn path(&self) -> &str {
        &self.template
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl CallerFacts for Caller {
    fn client_ip(&self) -> Option<IpAddr> {
        Some(self.0)
    }

    fn header(&self, _: &str) -> Option<&[u8]> {
        None
    }

    fn user(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn custom_key(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn tier(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }

    fn has_role(&self, _: &str) -> bool {
        false
    }
}

/// A service with so many routes, four methods for each path, all of them active.
pub(crate) fn view(routes: usize) -> ServiceView {
    let active = Arc::new(Route {
        declared: Control::default(),
        declared_deprecation: None,
        base: Control::default(),
        switched: false,
        temporary: None,
        windows: Vec::new(),
        last_window: 0,
        deprecation: None,
        force_active: false,
        changed_at: Revision(1),
    });
    let mut view = ServiceView::default();
    let service = Arc::make_mut(&mut view.service);
    for number in 0..routes {
        let key = LocalKey::new(METHODS[number % 4], template(number).parse().unwrap());
        // One allocation each, as where they come in by commits.
        service.routes.insert(key, Arc::new((*active).clone()));
    }
    view
}

/// The same with a limit on all, on the service and on each route, that nobody reaches.
pub(crate) fn limited(routes: usize, algorithm: Algorithm) -> ServiceView {
    let policy = Arc::new(RateLimitPolicy { algorithm, ..RateLimitPolicy::new("100/second".parse().unwrap()) });
    let mut view = view(routes);
    Arc::make_mut(&mut view.global).rate_limit = Some(policy.clone());
    let service = Arc::make_mut(&mut view.service);
    service.rate_limit = Some(policy.clone());
    service.route_limits = service.routes.keys().map(|key| (key.clone(), policy.clone())).collect();
    view
}

/// A request to each of so many routes, in an order that no cache foresees. Of 64 callers, one each millisecond.
pub(crate) fn requests(routes: usize) -> Vec<Request> {
    let mut requests: Vec<Request> = (0..routes)
        .map(|number| Request {
            method: METHODS[number % 4],
            template: template(number),
            caller: Caller(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 0))),
            now: at(0),
        })
        .collect();
    let mut state = 88_172_645_463_325_252_u64;
    for index in (1..requests.len()).rev() {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        requests.swap(index, usize::try_from(state % (index as u64 + 1)).unwrap());
    }
    for (number, request) in requests.iter_mut().enumerate() {
        request.caller = caller(number);
    }
    requests
}

pub(crate) fn caller(number: usize) -> Caller {
    Caller(IpAddr::V4(Ipv4Addr::new(192, 0, 2, u8::try_from(number % 64).unwrap())))
}

/// So many milliseconds after the beginning.
pub(crate) fn at(millisecond: usize) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + i64::try_from(millisecond).unwrap()).unwrap()
}

fn template(number: usize) -> String {
    format!("/api/v1/accounts/{{account}}/resource-{}/{{id}}", number / 4)
}
