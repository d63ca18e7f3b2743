//! A service's document of OpenAPI, marked with what does not answer, with the feature `utoipa`.
//!
//! Each operation is asked about as a request would be, by [`Snapshot::decide`], so that the document says what callers get.

use jiff::Timestamp;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{Deprecated, OpenApi};
use waygate_core::{Decision, Denial, Deprecation, LifecycleKind, RequestFacts, RouteMethod, Snapshot};

use crate::waygate::Waygate;

const STATUS: &str = "x-waygate-status";
const REASON: &str = "x-waygate-reason";
const UNTIL: &str = "x-waygate-until";
const SUCCESSOR: &str = "x-waygate-successor";
/// As other tools for OpenAPI have it.
const SUNSET: &str = "x-sunset";

impl Waygate {
    /// Marks what does not answer, and what is announced to go away, in a service's document: what callers of this
    /// instance get now, maintenance of everything and of the service included. Whatever answers is left as it is.
    ///
    /// | on an operation | where |
    /// |---|---|
    /// | `x-waygate-status` | `maintenance`, `disabled`, `env_gated` (answers in other environments) or `deprecated` |
    /// | `x-waygate-reason` | the operator's, where there is one |
    /// | `x-waygate-until` | when it ends by itself, where that is known |
    /// | `deprecated: true` | disabled, and deprecated |
    /// | `x-sunset` | deprecated, with a sunset that reads as a date |
    /// | `x-waygate-successor` | deprecated, with a successor |
    /// | `description` | begins with a line that says the same to readers |
    ///
    /// Give it the document as it was generated, each time that it is asked for. Its paths are those of the router; names
    /// of parameters may differ.
    ///
    /// ```
    /// # use waygate_sdk::{Waygate, axum::{GuardedRouter, get}};
    /// # #[tokio::main] async fn main() -> Result<(), waygate_sdk::BuildError> {
    /// # let waygate = Waygate::builder("http://localhost:9000", "orders-service").start()?;
    /// # use utoipa::openapi::{Info, OpenApi, Paths};
    /// # let document = || OpenApi::new(Info::new("orders", "1"), Paths::new());
    /// use axum::Json;
    ///
    /// // With utoipa's macros, `document()` is `ApiDoc::openapi()`.
    /// let marked = waygate.clone();
    /// let app = GuardedRouter::new()
    ///     .route("/openapi.json", get(async move || Json(marked.openapi(document()))).force_active())
    ///     .guard(&waygate);
    /// # let _: axum::Router = app; Ok(()) }
    /// ```
    #[must_use]
    pub fn openapi(&self, mut document: OpenApi) -> OpenApi {
        let (snapshot, now) = (self.snapshot(), self.gate().clock.now());
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in operations(item) {
                let is_known = snapshot.knows(Some(method), path);
                mark(operation, &snapshot, &OperationFacts { method, path, is_known, now });
            }
        }
        document
    }
}

/// A request to an operation, for which nobody has filled in the parameters.
struct OperationFacts<'d> {
    method: RouteMethod,
    path: &'d str,
    /// The service has declared it with these very names of parameters.
    is_known: bool,
    now: Timestamp,
}

impl RequestFacts for OperationFacts<'_> {
    fn method(&self) -> Option<RouteMethod> {
        Some(self.method)
    }

    fn template(&self) -> Option<&str> {
        self.is_known.then_some(self.path)
    }

    fn path(&self) -> &str {
        self.path
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (RouteMethod, &mut Operation)> {
    let of_methods = [
        (RouteMethod::Get, &mut item.get),
        (RouteMethod::Put, &mut item.put),
        (RouteMethod::Post, &mut item.post),
        (RouteMethod::Delete, &mut item.delete),
        (RouteMethod::Options, &mut item.options),
        (RouteMethod::Head, &mut item.head),
        (RouteMethod::Patch, &mut item.patch),
    ];
    of_methods.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn mark(operation: &mut Operation, snapshot: &Snapshot, facts: &OperationFacts<'_>) {
    let key = snapshot.route_of(facts);
    let route = key.and_then(|key| snapshot.view().service.routes.get(key));
    let deprecation = route.and_then(|route| route.deprecation.as_ref());
    let denial = match snapshot.decide(facts) {
        Decision::Deny(denial) => Some(denial),
        Decision::Forward(_) => None,
    };
    let (status, reason, until) = match denial {
        Some(Denial::Maintenance { reason, until, .. }) => (LifecycleKind::Maintenance, reason, until),
        Some(Denial::Disabled { reason, until }) => (LifecycleKind::Disabled, reason, until),
        Some(Denial::EnvGated { .. }) => (LifecycleKind::EnvGated, "", None),
        None if deprecation.is_some() => (LifecycleKind::Deprecated, "", None),
        None => return,
    };
    let sunset = deprecation.and_then(Deprecation::sunset_at).map(|at| at.to_string());
    let until = until.map(|at| at.to_string());
    let text = match status {
        LifecycleKind::Deprecated => notice("Deprecated", ", answers until", sunset.as_deref()),
        LifecycleKind::Maintenance => notice("In maintenance", " until", until.as_deref()),
        LifecycleKind::EnvGated => notice("Not available in this environment", "", None),
        LifecycleKind::Disabled | LifecycleKind::Active => notice("Disabled", " until", until.as_deref()),
    };
    operation.description = Some(match operation.description.take() {
        Some(description) => format!("{text}\n\n{description}"),
        None => text,
    });
    if status == LifecycleKind::Disabled || deprecation.is_some() {
        operation.deprecated = Some(Deprecated::True);
    }
    let successor = deprecation.and_then(|deprecation| deprecation.successor.clone());
    let reason = Some(reason).filter(|reason| !reason.is_empty()).map(ToOwned::to_owned);
    let extensions = operation.extensions.get_or_insert_default();
    extensions.insert(STATUS.to_owned(), status.as_str().into());
    for (name, value) in [(REASON, reason), (UNTIL, until), (SUNSET, sunset), (SUCCESSOR, successor)] {
        if let Some(value) = value {
            extensions.insert(name.to_owned(), value.into());
        }
    }
}

/// A quotation in Markdown. The reason is not in it: it may be anything, and descriptions are shown as HTML.
fn notice(words: &str, until: &str, end: Option<&str>) -> String {
    match end {
        Some(end) => format!("> **{words}**{until} {end}"),
        None => format!("> **{words}**"),
    }
}
