//! Guarding axum routers: declarations beside the routes.
//!
//! [`GuardedRouter`] is axum's router with one more step at its end, [`GuardedRouter::guard`]; [`get`], [`post`] and
//! the others are axum's functions of these names, whose result also takes declarations.

mod endpoint;

use std::borrow::Cow;
use std::fmt;

use ::axum::Router;
use ::axum::extract::{MatchedPath, OriginalUri};

use crate::caller::RequestHead;
use crate::declare::{Routes, joined};
use crate::grpc;
use crate::tower::{Naming, WaygateLayer, WithBody};
use crate::waygate::Waygate;

pub use endpoint::{Endpoint, any, delete, get, patch, post, put};

/// A router whose routes carry declarations, on the way to becoming a guarded [`Router`].
///
/// ```
/// # use waygate_sdk::{Waygate, axum::{GuardedRouter, get}};
/// # #[tokio::main] async fn main() -> Result<(), waygate_sdk::BuildError> {
/// # let waygate = Waygate::builder("http://localhost:9000", "orders-service").start()?;
/// let orders = GuardedRouter::new()
///     .route("/", get(async || "all").post(async || "made").disabled("read only for now"))
///     .route("/{id}", get(async || "one").deprecated(Some("2030-01-01"), Some("/v2/orders")));
/// let app: axum::Router = GuardedRouter::new()
///     .route("/health", get(async || "ok").force_active())
///     .nest("/api/orders", orders)
///     .guard(&waygate);
/// # let _ = app; Ok(()) }
/// ```
pub struct GuardedRouter<S = ()> {
    router: Router<S>,
    /// What the guard does not touch.
    beside: Option<Router<S>>,
    routes: Routes,
    mount: String,
}

impl<S: Clone + Send + Sync + 'static> GuardedRouter<S> {
    pub fn new() -> Self {
        Self { router: Router::new(), beside: None, routes: Routes::new(), mount: String::new() }
    }

    /// Adds a route. Each of its methods is a route of its own to Waygate, active unless something else is declared.
    /// A plain [`MethodRouter`](::axum::routing::MethodRouter) is taken too; its routes become known with the first
    /// request to each.
    ///
    /// # Panics
    ///
    /// As [`Router::route`] does, for a path that is malformed or taken.
    #[must_use]
    pub fn route(mut self, path: &str, endpoint: impl Into<Endpoint<S>>) -> Self {
        let (router, methods) = endpoint.into().into_parts();
        for (method, traits) in methods {
            self.routes.add(method, path.to_owned(), traits);
        }
        self.router = self.router.route(path, router);
        self
    }

    /// Adds the routes of another router below a prefix; their names get the prefix too.
    ///
    /// # Panics
    ///
    /// As [`Router::nest`] does.
    #[must_use]
    pub fn nest(mut self, prefix: &str, other: Self) -> Self {
        self.routes.append(&joined(prefix, &other.mount), other.routes);
        self.router = self.router.nest(prefix, other.router);
        match other.beside {
            Some(beside) => self.beside_guard(prefix, beside),
            None => self,
        }
    }

    /// Adds the routes of another router.
    ///
    /// # Panics
    ///
    /// As [`Router::merge`] does.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.routes.append(&other.mount, other.routes);
        self.router = self.router.merge(other.router);
        if let Some(beside) = other.beside {
            self.beside = Some(self.beside.unwrap_or_default().merge(beside));
        }
        self
    }

    /// Gives the handlers their state; see [`Router::with_state`].
    #[must_use]
    pub fn with_state<S2>(self, state: S) -> GuardedRouter<S2> {
        let beside = self.beside.map(|beside| beside.with_state(state.clone()));
        GuardedRouter { router: self.router.with_state(state), beside, routes: self.routes, mount: self.mount }
    }

    /// Changes the axum router inside: layers, fallbacks, routes that shall become known by use. What is added here
    /// is guarded as well.
    #[must_use]
    pub fn map(mut self, change: impl FnOnce(Router<S>) -> Router<S>) -> Self {
        self.router = change(self.router);
        self
    }

    /// Mounts a router that the guard does not touch: its routes are neither guarded nor registered. For a control plane
    /// in the same program, which must be reachable to switch a maintenance off.
    ///
    /// # Panics
    ///
    /// As [`Router::nest`] does.
    #[must_use]
    pub fn beside_guard(mut self, prefix: &str, router: Router<S>) -> Self {
        self.beside = Some(self.beside.unwrap_or_default().nest(prefix, router));
        self
    }

    /// Names the routes as they are below a prefix, for a router that will be nested into a plain axum router there.
    /// Without it, routes are guarded just the same, under the names that they have in this router.
    #[must_use]
    pub fn mounted_at(mut self, prefix: &str) -> Self {
        prefix.trim_end_matches('/').clone_into(&mut self.mount);
        self
    }

    /// Declares the routes and puts the guard around them, fallbacks included. Layers that are added to the result
    /// lie outside of the guard: they see every request, also those that are stopped.
    pub fn guard(self, waygate: &Waygate) -> Router<S> {
        let mut named = Routes::new();
        named.append(&self.mount, self.routes);
        waygate.declare(named);
        let naming = Naming::Local { prefix: self.mount.into() };
        let guarded = self.router.layer(WaygateLayer::<WithBody>::named(waygate.clone(), naming));
        match self.beside {
            // In this order: of two routers without a fallback of their own, the merged-in one answers what is unknown.
            Some(beside) => beside.merge(guarded),
            None => guarded,
        }
    }
}

impl<S: Clone + Send + Sync + 'static> Default for GuardedRouter<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> fmt::Debug for GuardedRouter<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("GuardedRouter").field("routes", &self.routes).finish_non_exhaustive()
    }
}

/// The template that axum has matched, in the words of the declarations.
pub(crate) fn template<'r>(request: RequestHead<'r>, naming: &Naming) -> Option<Cow<'r, str>> {
    let matched = request.extensions.get::<MatchedPath>()?.as_str();
    // A gRPC service is one template to its router; what operators switch are its methods, by their paths.
    if matched.ends_with("/{*rest}") && grpc::is_grpc(request.headers) {
        return None;
    }
    let Naming::Local { prefix } = naming else {
        return Some(Cow::Borrowed(matched));
    };
    let local = match original_path(request) {
        Some(original) => without_segments(matched, segments_stripped(original, request.uri.path())),
        None => matched,
    };
    if prefix.is_empty() { Some(Cow::Borrowed(local)) } else { Some(Cow::Owned(joined(prefix, local))) }
}

/// The concrete path before any nesting took a prefix off.
pub(crate) fn original_path(request: RequestHead<'_>) -> Option<&str> {
    request.extensions.get::<OriginalUri>().map(|uri| uri.0.path())
}

/// How many segments of the concrete path nesting has taken off.
fn segments_stripped(original: &str, current: &str) -> usize {
    if original.len() <= current.len() && original != "/" && current != "/" {
        return 0;
    }
    let stripped = original.strip_suffix(current).unwrap_or(if current == "/" { original } else { "" });
    stripped.bytes().filter(|byte| *byte == b'/').count()
}

/// A template without its first segments.
fn without_segments(template: &str, count: usize) -> &str {
    let start = match count {
        0 => Some(0),
        _ => template.match_indices('/').nth(count).map(|(position, _)| position),
    };
    start.map_or("/", |start| &template[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mount_takes_off_is_taken_off_the_template() {
        for (original, current, template, local) in [
            ("/a/7", "/a/7", "/a/{id}", "/a/{id}"),
            ("/v1/a/7", "/a/7", "/v1/a/{id}", "/a/{id}"),
            ("/t/acme/a", "/a", "/t/{tenant}/a", "/a"),
            ("/v1", "/", "/v1", "/"),
            ("/v1/", "/", "/v1/", "/"),
            ("/", "/", "/", "/"),
            ("/a/", "/a/", "/a/", "/a/"),
        ] {
            let count = segments_stripped(original, current);
            assert_eq!(without_segments(template, count), local, "{original} {current}");
        }
    }
}
