//! Who sends a request, as limits ask about it.

use std::borrow::Cow;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Request, Uri};
use waygate_core::{CallerFacts, Cidr, client_ip};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The head of a request, to find out who sends it.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'r> {
    pub method: &'r Method,
    pub uri: &'r Uri,
    pub headers: &'r HeaderMap,
    /// What earlier layers of the service have found out.
    pub extensions: &'r Extensions,
}

impl<'r, B> From<&'r Request<B>> for RequestHead<'r> {
    fn from(request: &'r Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}

impl<'r> From<&'r Parts> for RequestHead<'r> {
    fn from(head: &'r Parts) -> Self {
        Self { method: &head.method, uri: &head.uri, headers: &head.headers, extensions: &head.extensions }
    }
}

/// The address of the direct peer, as an extension of the request: for servers that tell it in no other way.
///
/// ```
/// # let mut request = http::Request::new(());
/// # let address: std::net::SocketAddr = "127.0.0.1:4711".parse()?;
/// request.extensions_mut().insert(waygate_sdk::PeerAddress(address.ip()));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

/// Finds out who sends a request, for limits that count by user, by a key of your own, or by tier; given to
/// [`WaygateBuilder::identity`](crate::WaygateBuilder::identity). Every method has a default, and is called only where
/// a limit asks. Layers that find the caller out must lie outside of the guard.
///
/// ```
/// use std::borrow::Cow;
/// use waygate_sdk::{Identity, RequestHead};
///
/// /// What the service's authentication puts into the request's extensions.
/// #[derive(Clone)]
/// struct Account { id: String, plan: String, roles: Vec<String> }
///
/// struct Accounts;
///
/// impl Identity for Accounts {
///     fn user<'r>(&'r self, request: RequestHead<'r>) -> Option<Cow<'r, str>> {
///         Some(Cow::Borrowed(&request.extensions.get::<Account>()?.id))
///     }
///
///     fn tier<'r>(&'r self, request: RequestHead<'r>, attribute: &str) -> Option<Cow<'r, str>> {
///         let account = request.extensions.get::<Account>()?;
///         (attribute == "plan").then_some(Cow::Borrowed(&account.plan))
///     }
///
///     fn has_role(&self, request: RequestHead<'_>, role: &str) -> bool {
///         request.extensions.get::<Account>().is_some_and(|account| account.roles.iter().any(|own| own == role))
///     }
/// }
///
/// # #[tokio::main] async fn main() -> Result<(), waygate_sdk::BuildError> {
/// let waygate = waygate_sdk::Waygate::builder("http://localhost:9000", "orders-service").identity(Accounts).start()?;
/// # Ok(()) }
/// ```
pub trait Identity: Send + Sync + 'static {
    /// The address of the direct peer. By default a [`PeerAddress`] among the extensions of the request, or what axum's
    /// `into_make_service_with_connect_info::<SocketAddr>()` has found out; without, there is none, and all callers count
    /// as one.
    fn peer(&self, request: RequestHead<'_>) -> Option<IpAddr> {
        connected_peer(request.extensions)
    }

    /// The id of the user, for the key `user`.
    fn user<'r>(&'r self, _request: RequestHead<'r>) -> Option<Cow<'r, str>> {
        None
    }

    /// A key of the service's own, for the key `custom`.
    fn custom_key<'r>(&'r self, _request: RequestHead<'r>) -> Option<Cow<'r, str>> {
        None
    }

    /// The value of an attribute, `plan` unless the limit names another, that says which tier the caller has.
    fn tier<'r>(&'r self, _request: RequestHead<'r>, _attribute: &str) -> Option<Cow<'r, str>> {
        None
    }

    /// Whether the caller has a role, for limits that exempt some.
    fn has_role(&self, _request: RequestHead<'_>, _role: &str) -> bool {
        false
    }
}

/// Nobody is known by more than the address.
pub(crate) struct ByAddress;

impl Identity for ByAddress {}

/// How callers are told apart.
pub(crate) struct Callers {
    pub(crate) identity: Box<dyn Identity>,
    pub(crate) trusted_proxies: Vec<Cidr>,
    pub(crate) hops: usize,
    /// It has been said that there is no address.
    pub(crate) warned: AtomicBool,
    /// It has been said that the service's own functions panic.
    pub(crate) panicked: AtomicBool,
}

/// One caller.
pub(crate) struct Caller<'r> {
    callers: &'r Callers,
    head: RequestHead<'r>,
}

impl Callers {
    pub(crate) fn caller<'r>(&'r self, head: RequestHead<'r>) -> Caller<'r> {
        Caller { callers: self, head }
    }
}

impl Caller<'_> {
    /// What the service's own function says. Where it panics, that is nothing, and the limit goes on without.
    fn asked<'s, T: Default>(&'s self, question: impl FnOnce(&'s dyn Identity) -> T) -> T {
        let answer = catch_unwind(AssertUnwindSafe(|| question(&*self.callers.identity)));
        answer.unwrap_or_else(|_| {
            if !self.callers.panicked.swap(true, Ordering::Relaxed) {
                tracing::error!("the service's `Identity` panics; limits take what it was asked for as missing");
            }
            T::default()
        })
    }
}

impl CallerFacts for Caller<'_> {
    fn client_ip(&self) -> Option<IpAddr> {
        let Callers { trusted_proxies, hops, warned, .. } = self.callers;
        let Some(peer) = self.asked(|identity| identity.peer(self.head)) else {
            if !warned.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "a limit asks for the caller's address and there is none: all callers count as one; serve with \
                     `into_make_service_with_connect_info::<SocketAddr>()` or give an `Identity`"
                );
            }
            return None;
        };
        let forwarded = self.head.headers.get_all(FORWARDED_FOR).iter().map(http::HeaderValue::as_bytes);
        Some(client_ip(peer, forwarded, trusted_proxies, *hops))
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.head.headers.get(name).map(http::HeaderValue::as_bytes)
    }

    fn user(&self) -> Option<Cow<'_, str>> {
        self.asked(|identity| identity.user(self.head))
    }

    fn custom_key(&self) -> Option<Cow<'_, str>> {
        self.asked(|identity| identity.custom_key(self.head))
    }

    fn tier(&self, attribute: &str) -> Option<Cow<'_, str>> {
        self.asked(|identity| identity.tier(self.head, attribute))
    }

    fn has_role(&self, role: &str) -> bool {
        self.asked(|identity| identity.has_role(self.head, role))
    }
}

fn connected_peer(extensions: &Extensions) -> Option<IpAddr> {
    let told = extensions.get::<PeerAddress>().map(|peer| peer.0);
    #[cfg(feature = "axum")]
    let told = told.or_else(|| {
        let connected = extensions.get::<::axum::extract::ConnectInfo<std::net::SocketAddr>>()?;
        Some(connected.0.ip())
    });
    told
}
