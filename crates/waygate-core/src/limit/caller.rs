//! Who is charged: from the facts about a caller to a counter.

use std::borrow::Cow;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::IpAddr;

use super::address::caller_bytes;
use super::{KeyStrategy, LimitExpression, OnMissingKey, RateLimitPolicy};
use crate::decide::Layer;
use crate::route::LocalKey;

/// What a limit may ask about the caller of a request. Implementations borrow from the request; nothing is asked that
/// is not needed. An empty text is as good as none.
pub trait CallerFacts {
    /// The address that the request comes from, as [`client_ip`](crate::client_ip) tells it. `None` where there is
    /// none, as on a Unix socket: all such callers are one.
    fn client_ip(&self) -> Option<IpAddr>;

    /// The first value of a request header, whose name is compared without regard to case.
    fn header(&self, name: &str) -> Option<&[u8]>;

    /// The id of the user, as earlier layers of the service have found it out.
    fn user(&self) -> Option<Cow<'_, str>>;

    /// The key that the service's own function finds.
    fn custom_key(&self) -> Option<Cow<'_, str>>;

    /// The value of a request attribute that names the caller's tier.
    fn tier(&self, attribute: &str) -> Option<Cow<'_, str>>;

    /// Whether the caller has a role.
    fn has_role(&self, role: &str) -> bool;
}

/// The attribute that names the tier where a policy does not say.
pub const DEFAULT_TIER_RESOLVER: &str = "plan";

/// The header of the strategy `api_key`.
pub const API_KEY_HEADER: &str = "x-api-key";

/// A caller of one policy as its counters know him: 128 bits, made of hashes whose keys no caller knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subject {
    /// Also says which shard.
    pub(crate) high: u64,
    pub(crate) low: u64,
}

/// Whom a policy charges for a request, and by which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charge<'s, T> {
    /// The caller is exempt, or his limit is `unlimited`.
    Exempt,
    /// The caller has no key, and the policy blocks such callers.
    Blocked(Limit<'s>),
    /// By what the counters know the caller.
    Subject(Limit<'s>, T),
}

/// The limit that applies to a caller: the policy's own, or that of his tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit<'s> {
    pub(crate) expression: &'s LimitExpression,
    pub(crate) tier: Option<&'s str>,
}

/// Hashes callers into counters. Made anew in each process.
#[derive(Debug, Default)]
pub(crate) struct SubjectHasher {
    /// For what operators write: fast.
    rules: foldhash::quality::RandomState,
    /// For what callers send: a keyed `SipHash`, not to be aimed at, and too wide for an accident among as many callers as
    /// are counted at a time.
    callers: RandomState,
}

/// What a caller goes by. The kinds never share a counter.
pub(crate) enum Caller<'k> {
    Everyone,
    Address([u8; 17]),
    NoAddress,
    User(&'k str),
    ApiKey(&'k [u8]),
    Header(&'k [u8]),
    Custom(&'k str),
    /// Those for whom there is no room.
    Crowd,
}

impl KeyStrategy {
    /// What happens to a request without the key where the policy does not say: those who have not logged in, or for
    /// whom the service's own function finds nothing, are exempt; those who leave a header off are counted by
    /// address, lest leaving it off be a way out.
    pub fn default_on_missing_key(&self) -> OnMissingKey {
        match self {
            Self::User | Self::Custom => OnMissingKey::Exempt,
            Self::Ip | Self::ApiKey | Self::Global | Self::Header(_) => OnMissingKey::FallbackIp,
        }
    }
}

impl Caller<'_> {
    /// What he goes by, in words that are the same in all processes.
    pub(crate) fn parts(&self) -> (&'static str, &[u8]) {
        match self {
            Self::Everyone => ("global", &[]),
            Self::Address(bytes) => ("ip", bytes),
            Self::NoAddress => ("no_ip", &[]),
            Self::User(user) => ("user", user.as_bytes()),
            Self::ApiKey(key) => ("api_key", key),
            Self::Header(value) => ("header", value),
            Self::Custom(key) => ("custom", key.as_bytes()),
            Self::Crowd => ("crowd", &[]),
        }
    }

    /// The same in this process alone, shorter.
    fn kind(&self) -> u8 {
        match self {
            Self::Everyone => 0,
            Self::Address(_) => 1,
            Self::NoAddress => 2,
            Self::User(_) => 3,
            Self::ApiKey(_) => 4,
            Self::Header(_) => 5,
            Self::Custom(_) => 6,
            Self::Crowd => 7,
        }
    }
}

impl Hash for Subject {
    /// A part is enough: it is a hash itself.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.low);
    }
}

impl SubjectHasher {
    /// The callers of a policy for whom there is no room, together.
    pub(crate) fn crowd(
        &self,
        layer: Layer,
        route: Option<&LocalKey>,
        policy: &RateLimitPolicy,
        tier: Option<&str>,
    ) -> Subject {
        self.subject(layer, route, policy.generation, tier, self.caller(&Caller::Crowd))
    }

    /// A caller, whoever charges him: the same for all policies that go by the same.
    pub(crate) fn caller(&self, caller: &Caller<'_>) -> u64 {
        let mut hasher = self.callers.build_hasher();
        hasher.write(caller.parts().1);
        hasher.write_u8(caller.kind());
        hasher.finish()
    }

    /// A caller of one policy. What operators write is mixed in fast: no caller can aim at what he does not know.
    pub(crate) fn subject(
        &self,
        layer: Layer,
        route: Option<&LocalKey>,
        generation: u64,
        tier: Option<&str>,
        caller: u64,
    ) -> Subject {
        let rules = self.rules.hash_one((layer, route, generation, tier));
        Subject { high: caller ^ rules, low: caller.wrapping_add(rules.rotate_left(32)) }
    }
}

impl RateLimitPolicy {
    /// Whom it charges: exempt callers and tiers come first, then `unlimited`, then the key. `name` makes of a tier and
    /// a caller what the counters know him by.
    pub(crate) fn charge<T>(
        &self,
        facts: &impl CallerFacts,
        name: impl Fn(Option<&str>, &Caller<'_>) -> T,
    ) -> Charge<'_, T> {
        if is_exempt(self, facts) {
            return Charge::Exempt;
        }
        let limit = self.limit_of(facts);
        if limit.expression.quotas().is_empty() {
            return Charge::Exempt;
        }
        let charge = |caller: &Caller<'_>| Charge::Subject(limit, name(limit.tier, caller));
        let by_address =
            || charge(&facts.client_ip().map_or(Caller::NoAddress, |ip| Caller::Address(caller_bytes(ip))));
        let found = match &self.key_strategy {
            KeyStrategy::Ip => Some(by_address()),
            KeyStrategy::Global => Some(charge(&Caller::Everyone)),
            KeyStrategy::User => given(facts.user()).map(|user| charge(&Caller::User(&user))),
            KeyStrategy::Custom => given(facts.custom_key()).map(|key| charge(&Caller::Custom(&key))),
            KeyStrategy::ApiKey => header(facts, API_KEY_HEADER).map(|key| charge(&Caller::ApiKey(key))),
            KeyStrategy::Header(name) => header(facts, name).map(|value| charge(&Caller::Header(value))),
        };
        let on_missing = || self.on_missing_key.unwrap_or(self.key_strategy.default_on_missing_key());
        found.unwrap_or_else(|| match on_missing() {
            OnMissingKey::Exempt => Charge::Exempt,
            OnMissingKey::FallbackIp => by_address(),
            OnMissingKey::Block => Charge::Blocked(limit),
        })
    }

    /// The limit that applies to a caller: without tiers the policy's own, with tiers that of the tier the caller's
    /// attribute names exactly, else that of the first.
    fn limit_of(&self, facts: &impl CallerFacts) -> Limit<'_> {
        let Some(first) = self.tiers.first() else {
            return Limit { expression: &self.limit, tier: None };
        };
        let named = facts.tier(self.tier_resolver.as_deref().unwrap_or(DEFAULT_TIER_RESOLVER));
        let named = named.and_then(|name| self.tiers.iter().find(|tier| tier.name == name));
        let tier = named.unwrap_or(first);
        Limit { expression: &tier.limit, tier: Some(&tier.name) }
    }
}

fn is_exempt(policy: &RateLimitPolicy, facts: &impl CallerFacts) -> bool {
    let by_address = || {
        let address = facts.client_ip();
        address.is_some_and(|address| policy.exempt_ips.iter().any(|range| range.contains(address)))
    };
    let by_role = || policy.exempt_roles.iter().any(|role| facts.has_role(role));
    (!policy.exempt_ips.is_empty() && by_address()) || by_role()
}

fn given(text: Option<Cow<'_, str>>) -> Option<Cow<'_, str>> {
    text.filter(|text| !text.is_empty())
}

fn header<'f>(facts: &'f impl CallerFacts, name: &str) -> Option<&'f [u8]> {
    facts.header(name).filter(|value| !value.is_empty())
}
