//! Who is at the other end of a connection, and what of a request's head about it is believed.

mod host;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request};
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use waygate_core::{Cidr, client_ip};

pub(crate) use host::AllowedHosts;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// How many proxies a request may have come through.
const MOST_HOPS: usize = 16;

/// What is known of the way to this server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edge {
    /// The proxies whose `X-Forwarded-*` are believed.
    pub(crate) trusted_proxies: Vec<Cidr>,
    /// The server's own connections are TLS.
    pub(crate) tls: bool,
    /// The names by which it may be called as long as it asks for no token.
    pub(crate) allowed_hosts: AllowedHosts,
}

/// The caller of a request, as far as the connection tells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    /// `None` where the embedding program does not tell.
    pub(crate) address: Option<IpAddr>,
    /// It came by TLS, to this server or to a trusted proxy.
    pub(crate) secure: bool,
    /// The host and port that the caller asked for.
    pub(crate) host: Option<String>,
}

impl Edge {
    pub(crate) fn client(&self, request: &Request) -> Client {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        self.client_of(peer, request.headers())
    }

    fn client_of(&self, peer: Option<IpAddr>, head: &HeaderMap) -> Client {
        let trusted = peer.is_some_and(|peer| self.trusted_proxies.iter().any(|range| range.contains(peer)));
        // The nearest proxy is the one that is trusted, and it appends.
        let forwarded = |name: HeaderName| {
            let last = head.get_all(name).iter().next_back()?.to_str().ok()?;
            last.rsplit(',').next().map(str::trim).filter(|text| trusted && !text.is_empty())
        };
        let forwarded_for = || head.get_all(FORWARDED_FOR).iter().map(http::HeaderValue::as_bytes);
        let host = || head.get(HOST)?.to_str().ok();
        Client {
            address: peer.map(|peer| client_ip(peer, forwarded_for(), &self.trusted_proxies, MOST_HOPS)),
            secure: self.tls || forwarded(FORWARDED_PROTO).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")),
            host: forwarded(FORWARDED_HOST).or_else(host).map(ToOwned::to_owned),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn g46_forwarded_headers_are_believed_only_from_configured_proxies() {
        let edge = Edge { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..Edge::default() };
        let head = head(&[
            ("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.1.1.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "waygate.example"),
            ("host", "inner:9000"),
        ]);
        let proxied = edge.client_of(Some("10.0.0.1".parse().unwrap()), &head);
        assert_eq!(proxied.address, Some("198.51.100.7".parse().unwrap()), "what the caller invented is not reached");
        assert_eq!((proxied.secure, proxied.host.as_deref()), (true, Some("waygate.example")));
        let direct = edge.client_of(Some("203.0.113.1".parse().unwrap()), &head);
        assert_eq!(direct.address, Some("203.0.113.1".parse().unwrap()));
        assert_eq!((direct.secure, direct.host.as_deref()), (false, Some("inner:9000")));
        let unknown = edge.client_of(None, &head);
        assert_eq!((unknown.address, unknown.secure), (None, false));
    }
}
