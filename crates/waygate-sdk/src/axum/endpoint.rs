//! What lies at one path: handlers by method, each with its declarations.

use std::convert::Infallible;
use std::fmt;

use ::axum::handler::Handler;
use ::axum::routing::{self, MethodRouter};
use waygate_core::RouteMethod;

use crate::declare::{Traits, declarations};

/// The handlers of one path. A declaration is about the method named before it:
/// `get(list).force_active().post(create).disabled("read only")` leaves `GET` alone when it disables `POST`.
pub struct Endpoint<S = ()> {
    router: MethodRouter<S>,
    methods: Vec<(RouteMethod, Traits)>,
    /// Takes what is declared before any method is named.
    nothing: Traits,
}

macro_rules! methods {
    ($($function:ident, $method:ident, $name:literal;)*) => {
        impl<S: Clone + Send + Sync + 'static> Endpoint<S> {
            $(
                #[doc = concat!("Adds the handler of ", $name, ".")]
                ///
                /// # Panics
                ///
                /// When there is one already.
                #[must_use]
                pub fn $function<H, T>(mut self, handler: H) -> Self
                where
                    H: Handler<T, S>,
                    T: 'static,
                {
                    self.router = self.router.$function(handler);
                    self.named(RouteMethod::$method)
                }
            )*
        }

        $(
            #[doc = concat!("A path with a handler of ", $name, ".")]
            pub fn $function<H, T, S>(handler: H) -> Endpoint<S>
            where
                H: Handler<T, S>,
                T: 'static,
                S: Clone + Send + Sync + 'static,
            {
                Endpoint::from(MethodRouter::new()).$function(handler)
            }
        )*
    };
}

methods! {
    get, Get, "`GET` requests, which answers `HEAD` requests too";
    post, Post, "`POST` requests";
    put, Put, "`PUT` requests";
    patch, Patch, "`PATCH` requests";
    delete, Delete, "`DELETE` requests";
}

/// A path with one handler for every method; to Waygate it is one route, named by its path alone.
pub fn any<H, T, S>(handler: H) -> Endpoint<S>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    Endpoint::from(routing::any(handler)).named(RouteMethod::Any)
}

impl<S> Endpoint<S> {
    declarations!();

    /// Changes the axum method router inside, to put layers on it.
    #[must_use]
    pub fn map(mut self, change: impl FnOnce(MethodRouter<S>) -> MethodRouter<S>) -> Self {
        self.router = change(self.router);
        self
    }

    pub(crate) fn into_parts(self) -> (MethodRouter<S>, Vec<(RouteMethod, Traits)>) {
        (self.router, self.methods)
    }

    fn named(mut self, method: RouteMethod) -> Self {
        self.methods.push((method, Traits::default()));
        self
    }

    fn last(&mut self) -> &mut Traits {
        match self.methods.last_mut() {
            Some((_, traits)) => traits,
            None => &mut self.nothing,
        }
    }
}

impl<S> From<MethodRouter<S, Infallible>> for Endpoint<S> {
    fn from(router: MethodRouter<S, Infallible>) -> Self {
        Self { router, methods: Vec::new(), nothing: Traits::default() }
    }
}

impl<S> fmt::Debug for Endpoint<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Endpoint").field("methods", &self.methods).finish_non_exhaustive()
    }
}
