//! The facts of a request, taken from its head.

use std::borrow::Cow;

use http::Request;
use jiff::Timestamp;
use waygate_core::{RequestFacts, RouteMethod};

use crate::clock;

/// What the decision asks of an HTTP request. Borrows from it.
#[derive(Debug)]
pub(crate) struct HttpFacts<'r> {
    method: Option<RouteMethod>,
    template: Option<Cow<'r, str>>,
    path: &'r str,
}

impl<'r> HttpFacts<'r> {
    /// With the template that a router has matched, in the words of the declarations.
    pub(crate) fn new<B>(request: &'r Request<B>, template: Option<Cow<'r, str>>) -> Self {
        Self { method: RouteMethod::of_request(request.method().as_str()), template, path: request.uri().path() }
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
        clock::now()
    }
}
