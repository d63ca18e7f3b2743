//! Callers that are browsers: their session cookie, and the proof that a request comes from our own pages.

use axum::http::header::{COOKIE, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use jiff::Timestamp;
use subtle::ConstantTimeEq as _;
use waygate_api::headers;
use waygate_core::TokenId;

use crate::auth::secret::{Secret, hex};
use crate::edge::Client;
use crate::error::ApiError;

const SESSION: &str = "waygate_session";
/// Browsers take a cookie of such a name from this very host by TLS only (RFC 6265bis, 4.1.3.2).
const SECURE_SESSION: &str = "__Host-waygate_session";
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Makes and checks the CSRF tokens of sessions.
#[derive(Debug)]
pub(crate) struct CsrfTokens(Secret);

/// What a browser says about where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provenance {
    OwnPage,
    /// No browser, or one that says nothing.
    Unknown,
    Foreign,
}

impl CsrfTokens {
    pub(crate) fn new(secret: &Secret) -> Self {
        Self(secret.derive("waygate csrf token"))
    }

    pub(crate) fn of(&self, session: &TokenId) -> String {
        hex(&self.0.digest(&[session.as_str().as_bytes()])[..16])
    }

    /// The same, looking different each time: for pages, which are compressed together with what others may choose.
    pub(crate) fn masked(&self, session: &TokenId) -> Option<String> {
        let mut mask = [0_u8; 16];
        getrandom::fill(&mut mask).ok()?;
        let hidden: Vec<u8> =
            self.0.digest(&[session.as_str().as_bytes()]).iter().zip(mask).map(|(own, mask)| own ^ mask).collect();
        Some(format!("{}{}", hex(&mask), hex(&hidden)))
    }

    /// Whether it is the session's token, masked or not, told in constant time.
    pub(crate) fn fits(&self, session: &TokenId, given: &[u8]) -> bool {
        let own = self.of(session);
        match given.split_at_checked(own.len()) {
            Some((mask, hidden)) if hidden.len() == own.len() => {
                unmasked(mask, hidden).is_some_and(|token| own.as_bytes().ct_eq(token.as_bytes()).into())
            }
            _ => own.as_bytes().ct_eq(given).into(),
        }
    }

    /// [`ApiError::forbidden`] unless the request bears its session's token.
    pub(crate) fn require(&self, session: &TokenId, head: &HeaderMap) -> Result<(), ApiError> {
        let given = head.get(headers::CSRF).map(HeaderValue::as_bytes).unwrap_or_default();
        if self.fits(session, given) {
            return Ok(());
        }
        let name = headers::CSRF;
        Err(ApiError::forbidden(format!(
            "a change by a browser's session needs its token as `{name}`; `GET /api/auth/me` tells it"
        )))
    }
}

fn unmasked(mask: &[u8], hidden: &[u8]) -> Option<String> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let token = mask.iter().zip(hidden).map(|(mask, hidden)| char::from_digit(digit(mask)? ^ digit(hidden)?, 16));
    token.collect()
}

/// The token in the session cookie. Under TLS only the cookie that no other host can have set counts.
pub(crate) fn session_cookie<'h>(head: &'h HeaderMap, client: &Client) -> Option<&'h str> {
    let name = cookie_name(client);
    head.get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(given, value)| *given == name && !value.is_empty())
        .map(|(_, value)| value.trim_matches('"'))
}

/// Sets the session cookie until `expires`.
pub(crate) fn set_cookie(token: &str, expires: Timestamp, now: Timestamp, client: &Client) -> Option<HeaderValue> {
    cookie(token, expires.duration_since(now).as_secs().max(0), client)
}

/// Takes the session cookie back.
pub(crate) fn clear_cookie(client: &Client) -> Option<HeaderValue> {
    cookie("", 0, client)
}

fn cookie(token: &str, seconds: i64, client: &Client) -> Option<HeaderValue> {
    let secure = if client.secure { "; Secure" } else { "" };
    let name = cookie_name(client);
    let text = format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn cookie_name(client: &Client) -> &'static str {
    if client.secure { SECURE_SESSION } else { SESSION }
}

/// [`ApiError::forbidden`] for a change that a page of another site has a browser send.
pub(crate) fn refuse_foreign(method: &Method, head: &HeaderMap, client: &Client) -> Result<(), ApiError> {
    if method.is_safe() || provenance(head, client) != Provenance::Foreign {
        return Ok(());
    }
    Err(ApiError::forbidden("a page of another site may not change anything here"))
}

/// Browsers add `Sec-Fetch-Site` and `Origin` by themselves; no page can forge them.
pub(crate) fn provenance(head: &HeaderMap, client: &Client) -> Provenance {
    if let Some(site) = head.get(FETCH_SITE) {
        let own = matches!(site.as_bytes(), b"same-origin" | b"none");
        return if own { Provenance::OwnPage } else { Provenance::Foreign };
    }
    match head.get(ORIGIN) {
        None => Provenance::Unknown,
        Some(origin) if is_own(origin, client) => Provenance::OwnPage,
        Some(_) => Provenance::Foreign,
    }
}

fn is_own(origin: &HeaderValue, client: &Client) -> bool {
    let Some(origin) = origin.to_str().ok().and_then(|text| text.parse::<Uri>().ok()) else { return false };
    let Some(scheme) = origin.scheme_str() else { return false };
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    let bare = |host: &str| host.strip_suffix(default_port).unwrap_or(host).to_ascii_lowercase();
    let host = client.host.as_deref().map(bare);
    // A proxy that is not configured may have ended TLS in front; what came by TLS must not be asked for without.
    let scheme_fits = if client.secure { scheme == "https" } else { matches!(scheme, "http" | "https") };
    scheme_fits && origin.authority().map(|authority| bare(authority.as_str())) == host && host.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(secure: bool, host: &str) -> Client {
        Client { address: None, secure, host: Some(host.to_owned()) }
    }

    fn head(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn g44_a_masked_token_looks_different_each_time_and_is_the_same() {
        let tokens = CsrfTokens::new(&Secret::random().unwrap());
        let session: TokenId = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let (one, other) = (tokens.masked(&session).unwrap(), tokens.masked(&session).unwrap());
        assert_ne!(one, other);
        for good in [&one, &other, &tokens.of(&session)] {
            assert!(tokens.fits(&session, good.as_bytes()), "{good}");
        }
        let foreign = "fedcba9876543210fedcba9876543210".parse().unwrap();
        for bad in ["", "x", &one[1..], &tokens.masked(&foreign).unwrap(), &"z".repeat(64), &"é".repeat(32)] {
            assert!(!tokens.fits(&session, bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn g44_only_our_own_pages_are_our_own() {
        let of = |pairs: &[(&'static str, &'static str)], client: &Client| provenance(&head(pairs), client);
        let plain = client(false, "localhost:9000");
        let tls = client(true, "waygate.example");
        assert_eq!(of(&[], &plain), Provenance::Unknown);
        for own in ["http://localhost:9000", "https://LOCALHOST:9000"] {
            assert_eq!(of(&[("origin", own)], &plain), Provenance::OwnPage, "{own}");
        }
        assert_eq!(of(&[("origin", "https://waygate.example:443")], &tls), Provenance::OwnPage);
        for foreign in
            ["null", "http://localhost", "http://localhost:9001", "http://evil.example:9000", "localhost:9000"]
        {
            assert_eq!(of(&[("origin", foreign)], &plain), Provenance::Foreign, "{foreign}");
        }
        for foreign in ["http://waygate.example", "https://a.waygate.example", "https://waygate.example:8443"] {
            assert_eq!(of(&[("origin", foreign)], &tls), Provenance::Foreign, "{foreign}");
        }
        for site in ["cross-site", "same-site", ""] {
            let pairs = [("sec-fetch-site", site), ("origin", "http://localhost:9000")];
            assert_eq!(of(&pairs, &plain), Provenance::Foreign, "{site}");
        }
        assert_eq!(of(&[("sec-fetch-site", "same-origin")], &plain), Provenance::OwnPage);
    }

    #[test]
    fn g44_under_tls_only_the_cookie_of_this_very_host_counts() {
        let jar = head(&[("cookie", "a=b; waygate_session=one; __Host-waygate_session=two")]);
        assert_eq!(session_cookie(&jar, &client(false, "x")), Some("one"));
        assert_eq!(session_cookie(&jar, &client(true, "x")), Some("two"));
        let now = Timestamp::UNIX_EPOCH;
        let cookie = |secure| set_cookie("t", now + jiff::SignedDuration::from_secs(60), now, &client(secure, "x"));
        let text = cookie(true).unwrap();
        assert_eq!(
            text.to_str().unwrap(),
            "__Host-waygate_session=t; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        assert!(text.is_sensitive());
        let text = cookie(false).unwrap();
        assert_eq!(text.to_str().unwrap(), "waygate_session=t; Path=/; Max-Age=60; HttpOnly; SameSite=Lax");
    }
}
