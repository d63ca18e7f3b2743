//! What a service declares about its routes.

use waygate_core::{
    Control, Declaration, Deprecation, Environment, Lifecycle, LocalKey, PathTemplate, RateLimitPolicy, RouteMethod,
    WhenUnknown,
};

use crate::answers::Answer;
use crate::clock;
use crate::limit::RateLimit;

/// What is declared of one route beside its name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traits {
    control: Control,
    deprecation: Option<Deprecation>,
    force_active: bool,
    rate_limit: Option<Box<RateLimitPolicy>>,
    when_unknown: Option<WhenUnknown>,
    answer: Option<Answer>,
}

/// A route as its service declares it.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    /// What the control plane is told.
    pub(crate) declaration: Declaration,
    /// What only counts where it was never heard of.
    pub(crate) when_unknown: Option<WhenUnknown>,
    /// What is answered in place of the standard answer, where a request is denied.
    pub(crate) answer: Option<Answer>,
}

impl Traits {
    pub(crate) fn declared(self, method: RouteMethod, path: PathTemplate) -> Declared {
        let declaration = Declaration {
            key: LocalKey::new(method, path),
            control: self.control,
            deprecation: self.deprecation,
            force_active: self.force_active,
            window: None,
            rate_limit: self.rate_limit,
        };
        Declared { declaration, when_unknown: self.when_unknown, answer: self.answer }
    }

    pub(crate) fn force_active(&mut self) {
        self.force_active = true;
    }

    pub(crate) fn when_unknown(&mut self, choice: WhenUnknown) {
        self.when_unknown = Some(choice);
    }

    pub(crate) fn denied_with(&mut self, answer: Answer) {
        self.answer = Some(answer);
    }

    pub(crate) fn rate_limit(&mut self, limit: RateLimit) {
        let policy = limit.into_policy().inspect_err(|error| tracing::error!(%error, "a limit is left out"));
        self.rate_limit = policy.ok().map(Box::new);
    }

    pub(crate) fn control(&mut self, lifecycle: Lifecycle, reason: &str) {
        self.control = Control::new(lifecycle, reason);
    }

    pub(crate) fn env_only<'a>(&mut self, environments: impl IntoIterator<Item = &'a str>) {
        // A name that cannot be an environment can match none: leaving it out changes nothing but the log.
        let allowed = environments
            .into_iter()
            .filter_map(|name| {
                name.parse::<Environment>()
                    .inspect_err(|error| tracing::error!(%error, "an environment of `env_only` is left out"))
                    .ok()
            })
            .collect();
        self.control = Control::new(Lifecycle::EnvGated(allowed), "");
    }

    pub(crate) fn deprecated(&mut self, sunset: Option<&str>, successor: Option<&str>) {
        self.deprecation = Some(Deprecation {
            since: clock::now(),
            sunset: sunset.map(ToOwned::to_owned),
            successor: successor.map(ToOwned::to_owned),
        });
    }
}

/// The declarations, for each type that has a `last(&mut self) -> &mut Traits`: the method named before.
macro_rules! declarations {
    () => {
        /// The route named before always answers: no maintenance (unless it says `include_force_active`), no
        /// switch and no limit stops it. For health checks.
        #[must_use]
        pub fn force_active(mut self) -> Self {
            self.last().force_active();
            self
        }

        /// What the route named before answers while the control plane was never heard of and nothing was kept from
        /// before, in place of
        /// [`WaygateBuilder::when_unknown`]($crate::WaygateBuilder::when_unknown). What is declared to be shut is
        /// shut nevertheless, and what is `force_active` answers.
        #[must_use]
        pub fn when_unknown(mut self, choice: waygate_core::WhenUnknown) -> Self {
            self.last().when_unknown(choice);
            self
        }

        /// The route named before is limited, until an operator sets another limit: `.rate_limit("5/minute")`.
        #[must_use]
        pub fn rate_limit(mut self, limit: impl Into<$crate::RateLimit>) -> Self {
            self.last().rate_limit(limit.into());
            self
        }

        /// What the route named before answers when a request to it is denied, by whatever layer, in place of
        /// [`WaygateBuilder::denied_with`]($crate::WaygateBuilder::denied_with), where it says more of it.
        #[must_use]
        pub fn denied_with<B: Into<bytes::Bytes>>(
            mut self,
            answer: impl Fn(&$crate::Denied<'_>) -> http::Response<B> + Send + Sync + 'static,
        ) -> Self {
            self.last().denied_with($crate::answers::Answer::new(answer));
            self
        }

        /// The route named before is in maintenance (503 with the reason) until an operator enables it.
        #[must_use]
        pub fn maintenance(mut self, reason: &str) -> Self {
            self.last().control(waygate_core::Lifecycle::Maintenance, reason);
            self
        }

        /// The route named before is switched off (503 with the reason) until an operator enables it.
        #[must_use]
        pub fn disabled(mut self, reason: &str) -> Self {
            self.last().control(waygate_core::Lifecycle::Disabled, reason);
            self
        }

        /// The route named before answers only where the SDK's environment is one of these, elsewhere 403. Without
        /// an environment it answers nowhere.
        #[must_use]
        pub fn env_only<'a>(mut self, environments: impl IntoIterator<Item = &'a str>) -> Self {
            self.last().env_only(environments);
            self
        }

        /// The route named before answers with the headers `Deprecation`, `Sunset` (where `sunset` reads as a date)
        /// and a `Link` to its successor.
        #[must_use]
        pub fn deprecated(mut self, sunset: Option<&str>, successor: Option<&str>) -> Self {
            self.last().deprecated(sunset, successor);
            self
        }
    };
}
#[cfg(feature = "axum")]
pub(crate) use declarations;

/// Routes with what is declared of them, for services that do not use [`GuardedRouter`](crate::axum::GuardedRouter).
///
/// What follows a route's name is about that route: method *and* path.
///
/// ```
/// use waygate_sdk::Routes;
/// let routes = Routes::new()
///     .get("/health").force_active()
///     .get("/api/payments").maintenance("Payment processor upgrade")
///     .post("/api/payments");
/// # let _ = routes;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Routes {
    routes: Vec<(RouteMethod, String, Traits)>,
    /// Takes what is said before any route is named.
    nothing: Traits,
}

impl Routes {
    pub fn new() -> Self {
        Self::default()
    }

    /// Names a route: a method, and the path template as the framework's router has it.
    #[must_use]
    pub fn route(mut self, method: RouteMethod, path: &str) -> Self {
        self.add(method, path.to_owned(), Traits::default());
        self
    }

    /// Names a `GET` route, which answers `HEAD` too.
    #[must_use]
    pub fn get(self, path: &str) -> Self {
        self.route(RouteMethod::Get, path)
    }

    /// Names a `POST` route.
    #[must_use]
    pub fn post(self, path: &str) -> Self {
        self.route(RouteMethod::Post, path)
    }

    /// Names a `PUT` route.
    #[must_use]
    pub fn put(self, path: &str) -> Self {
        self.route(RouteMethod::Put, path)
    }

    /// Names a `PATCH` route.
    #[must_use]
    pub fn patch(self, path: &str) -> Self {
        self.route(RouteMethod::Patch, path)
    }

    /// Names a `DELETE` route.
    #[must_use]
    pub fn delete(self, path: &str) -> Self {
        self.route(RouteMethod::Delete, path)
    }

    /// Names a route for every method of a path.
    #[must_use]
    pub fn any(self, path: &str) -> Self {
        self.route(RouteMethod::Any, path)
    }

    declarations!();

    pub(crate) fn add(&mut self, method: RouteMethod, path: String, traits: Traits) {
        self.routes.push((method, path, traits));
    }

    /// Takes the routes of another list over, below a prefix.
    #[cfg(feature = "axum")]
    pub(crate) fn append(&mut self, prefix: &str, other: Self) {
        let below = other.routes.into_iter().map(|(method, path, traits)| (method, joined(prefix, &path), traits));
        self.routes.extend(below);
    }

    pub(crate) fn into_declarations(self) -> impl Iterator<Item = Declared> {
        self.routes.into_iter().filter_map(|(method, path, traits)| {
            let path = path
                .parse()
                .inspect_err(|error| tracing::error!(%error, "a route cannot be declared and stays unguarded"))
                .ok()?;
            Some(traits.declared(method, path))
        })
    }

    fn last(&mut self) -> &mut Traits {
        match self.routes.last_mut() {
            Some((_, _, traits)) => traits,
            None => &mut self.nothing,
        }
    }
}

/// The template of a route below a prefix, as axum forms it: nesting `/` below `/api` gives `/api`.
#[cfg(feature = "axum")]
pub(crate) fn joined(prefix: &str, path: &str) -> String {
    let prefix_without_slash = prefix.trim_end_matches('/');
    match path {
        "/" if !prefix.is_empty() && prefix != "/" => prefix.to_owned(),
        _ => format!("{prefix_without_slash}{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_declaration_is_about_the_route_named_before() {
        let routes = Routes::new()
            .disabled("said of nothing")
            .get("/a")
            .force_active()
            .post("/a")
            .maintenance("m")
            .any("/b")
            .env_only(["dev", "", "staging"])
            .get("no slash");
        let declared: Vec<Declaration> = routes.into_declarations().map(|declared| declared.declaration).collect();
        let keys: Vec<String> = declared.iter().map(|route| route.key.to_string()).collect();
        assert_eq!(keys, ["GET:/a", "POST:/a", "/b"]);
        assert!(declared[0].force_active && !declared[1].force_active);
        assert_eq!(declared[1].control, Control::new(Lifecycle::Maintenance, "m"));
        let allowed = Environment::parse_all(["dev", "staging"]).unwrap();
        assert_eq!(declared[2].control.lifecycle, Lifecycle::EnvGated(allowed));
    }

    #[cfg(feature = "axum")]
    #[test]
    fn prefixes_join_as_in_the_router() {
        for (prefix, path, expected) in [
            ("/api", "/x", "/api/x"),
            ("/api", "/", "/api"),
            ("/api/", "/x", "/api/x"),
            ("", "/x", "/x"),
            ("/", "/", "/"),
        ] {
            assert_eq!(joined(prefix, path), expected);
        }
    }
}
