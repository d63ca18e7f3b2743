//! Callers by names that may be shown: told apart, and not given away.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use sha2::{Digest as _, Sha256};

use super::RateLimitPolicy;
use super::caller::{CallerFacts, Charge};
use crate::id::ServiceId;

/// How many bytes of a hash are shown.
const SHOWN: usize = 4;

impl RateLimitPolicy {
    /// By what it knows the caller of a request, as `name` makes it of the kind of the key (`ip`, `user`, `api_key`,
    /// `header`, `custom`, `global`) and the key. `None` where it charges nobody: the caller is exempt, or has no key.
    pub fn caller_of<T>(&self, facts: &impl CallerFacts, name: impl Fn(&'static str, &[u8]) -> T) -> Option<T> {
        let named = |_: Option<&str>, caller: &super::caller::Caller<'_>| {
            let (kind, key) = caller.parts();
            name(kind, key)
        };
        match self.charge(facts, named) {
            Charge::Subject(_, named) => Some(named),
            Charge::Exempt | Charge::Blocked(_) => None,
        }
    }
}

/// A caller, as [`RateLimitPolicy::caller_of`] knows him, by a name that may be shown. It is the same in all processes of
/// the service, and what he has sent cannot be read from it.
///
/// An address loses its last part: `192.0.2.0/24`, `2001:db8:1::/48`. Of any other key there is the kind and the beginning
/// of its SHA-256 with the service's id: `user 5f2c01ab`. Who has a key can find out whether that is it.
pub fn masked_caller(service: &ServiceId, kind: &str, key: &[u8]) -> String {
    match (kind, key) {
        ("global", _) => "everyone".to_owned(),
        ("ip", [4, a, b, c, ..]) => format!("{}/24", Ipv4Addr::new(*a, *b, *c, 0)),
        ("ip", [6, rest @ ..]) if 6 <= rest.len() => {
            let mut address = [0; 16];
            address[..6].copy_from_slice(&rest[..6]);
            format!("{}/48", Ipv6Addr::from(address))
        }
        ("no_ip" | "ip", _) => "no address".to_owned(),
        (kind, key) => {
            let mut hash = Sha256::new();
            for part in [b"waygate caller", service.as_str().as_bytes(), kind.as_bytes(), key] {
                hash.update(part);
                hash.update(b"\n");
            }
            let hash = hash.finalize();
            let shown = hash.iter().take(SHOWN).fold(String::with_capacity(2 * SHOWN), |mut shown, byte| {
                // Writing to a text cannot fail.
                let _ = write!(shown, "{byte:02x}");
                shown
            });
            format!("{kind} {shown}")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::net::IpAddr;

    use super::*;
    use crate::limit::KeyStrategy;

    struct Facts(&'static str);

    impl CallerFacts for Facts {
        fn client_ip(&self) -> Option<IpAddr> {
            self.0.parse().ok()
        }
        fn header(&self, name: &str) -> Option<&[u8]> {
            (name == "x-api-key").then_some(self.0.as_bytes())
        }
        fn user(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }
        fn custom_key(&self) -> Option<Cow<'_, str>> {
            None
        }
        fn tier(&self, _: &str) -> Option<Cow<'_, str>> {
            None
        }
        fn has_role(&self, _: &str) -> bool {
            false
        }
    }

    fn masked(by: KeyStrategy, caller: &'static str) -> Option<String> {
        let policy = RateLimitPolicy { key_strategy: by, ..RateLimitPolicy::new("1/minute".parse().unwrap()) };
        let service = "pay".parse().unwrap();
        policy.caller_of(&Facts(caller), |kind, key| masked_caller(&service, kind, key))
    }

    #[test]
    fn addresses_lose_their_last_part() {
        assert_eq!(masked(KeyStrategy::Ip, "203.0.113.77").unwrap(), "203.0.113.0/24");
        assert_eq!(masked(KeyStrategy::Ip, "2001:db8:1:2::3").unwrap(), "2001:db8:1::/48");
        assert_eq!(masked(KeyStrategy::Ip, "").unwrap(), "no address");
        assert_eq!(masked(KeyStrategy::Global, "203.0.113.77").unwrap(), "everyone");
    }

    #[test]
    fn other_keys_are_told_apart_and_not_told() {
        let one = masked(KeyStrategy::User, "alice").unwrap();
        // printf 'waygate caller\npay\nuser\nalice\n' | sha256sum
        assert_eq!(one, "user c4ce0cac");
        assert_ne!(masked(KeyStrategy::User, "bob").unwrap(), one);
        let key = masked(KeyStrategy::ApiKey, "sk-live-1").unwrap();
        assert!(key.starts_with("api_key ") && !key.contains("live"), "{key}");
        assert_eq!(masked(KeyStrategy::Custom, "alice"), None);
    }
}
