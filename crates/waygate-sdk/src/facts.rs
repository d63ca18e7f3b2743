//! The facts of a request, taken from its head.

use std::borrow::Cow;

use jiff::Timestamp;
use waygate_core::{RequestFacts, RouteMethod};

use crate::caller::RequestHead;
use crate::clock::Clock;

/// What the decision asks of an HTTP request. Borrows from it.
#[derive(Debug)]
pub(crate) struct HttpFacts<'r> {
    method: Option<RouteMethod>,
    template: Option<Cow<'r, str>>,
    path: &'r str,
    clock: &'r Clock,
}

impl<'r> HttpFacts<'r> {
    /// With the template that a router has matched, in the words of the declarations.
    pub(crate) fn new(request: RequestHead<'r>, template: Option<Cow<'r, str>>, clock: &'r Clock) -> Self {
        Self { method: RouteMethod::of_request(request.method.as_str()), template, path: request.uri.path(), clock }
    }
}

impl RequestFacts for HttpFacts<'_> {
    fn method(&self) -> Option<RouteMethod> {
        self.method
    }

    fn template(&self) -> Option<&str> {
        self.template.as_deref()
    }

    fn path(&self) -> &str {
        self.path
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
