//! The names by which a server without authentication may be called.
//!
//! A page of another site can have its own name lead to this machine (DNS rebinding); the browser takes the two for one
//! origin then, and there is no token that it would lack. What gives it away is the name in `Host`.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::StatusCode;
use axum::http::uri::Authority;
use waygate_api::error::ErrorCode;

use crate::edge::Client;
use crate::error::ApiError;

/// Names besides addresses, `localhost` and what is no name of the public DNS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AllowedHosts {
    /// In lower case, without a final dot.
    names: BTreeSet<String>,
    /// Each begins with a dot.
    suffixes: Vec<String>,
    any: bool,
}

impl AllowedHosts {
    /// Reads names: `waygate.example`, `*.example` for whatever ends so, `*` for every name.
    pub(crate) fn of(names: &[String]) -> Result<Self, String> {
        let mut allowed = Self::default();
        for name in names {
            if name.trim() == "*" {
                allowed.any = true;
                continue;
            }
            let plain = bare(name.trim());
            match plain.strip_prefix('*') {
                Some(suffix) if suffix.len() > 1 && suffix.starts_with('.') && is_name(&suffix[1..]) => {
                    allowed.suffixes.push(suffix.to_owned());
                }
                None if is_name(&plain) => {
                    allowed.names.insert(plain);
                }
                _ => return Err(format!("`{name}` is no host; expected `waygate.example`, `*.example` or `*`")),
            }
        }
        Ok(allowed)
    }

    /// Refuses a request that was sent to a name that may be anybody's. One that names no host comes from no browser.
    pub(crate) fn require(&self, client: &Client) -> Result<(), ApiError> {
        let Some(host) = client.host.as_deref().filter(|host| !host.is_empty()) else { return Ok(()) };
        if host.parse::<Authority>().is_ok_and(|authority| self.takes(authority.host())) {
            return Ok(());
        }
        let shown: String = host.chars().take(100).collect();
        let mut refusal = ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            ErrorCode::HostNotAllowed,
            format!(
                "the `Host` header names `{shown}`; without authentication this server answers to addresses, to \
                 `localhost`, to names without a dot and to its allowed hosts (`--allowed-host`) only"
            ),
        );
        refusal.body.field = Some("host".to_owned());
        Err(refusal)
    }

    fn takes(&self, host: &str) -> bool {
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if self.any || bracketed.is_some_and(|inside| inside.parse::<Ipv6Addr>().is_ok()) {
            return true;
        }
        let host = bare(host);
        host.parse::<Ipv4Addr>().is_ok()
            // Nobody can have a name without a dot in the public DNS.
            || !host.contains('.')
            || host.ends_with(".localhost")
            || self.names.contains(&host)
            || self.suffixes.iter().any(|suffix| host.ends_with(suffix.as_str()))
    }
}

fn bare(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

fn is_name(text: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !text.is_empty() && text.chars().all(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g40_names_that_may_be_anybody_s_are_told_apart() {
        let names = ["Waygate.Example.", "*.corp.example"].map(ToOwned::to_owned);
        let allowed = AllowedHosts::of(&names).unwrap();
        let takes = |host: &str| allowed.require(&Client { host: Some(host.to_owned()), ..Client::default() }).is_ok();
        for own in [
            "127.0.0.1:9000",
            "192.0.2.7",
            "[::1]:9000",
            "localhost",
            "LOCALHOST.:9000",
            "a.localhost:1",
            "waygate-server:9000",
            "waygate.example:9000",
            "WAYGATE.example.",
            "a.b.corp.example",
            "",
        ] {
            assert!(takes(own), "{own}");
        }
        for other in [
            "evil.example",
            "evil.example:9000",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "corp.example",
            "xcorp.example",
            "waygate.example.evil.example",
            "localhost.evil.example",
            "[::1",
            "a b",
        ] {
            assert!(!takes(other), "{other}");
        }
        assert!(AllowedHosts::of(&["*".to_owned()]).unwrap().takes("evil.example"));
        for bad in ["", "http://waygate.example", "waygate.example:9000", "*example", "*.", "a b"] {
            assert!(AllowedHosts::of(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }
}
