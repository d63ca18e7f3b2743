//! Whom a limit charges: keys, exemptions, tiers, addresses behind proxies.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Value, json};
use waygate_core::{
    CallerFacts, Charged, Cidr, Layer, LimitChain, LocalCounters, LocalKey, RateLimitPolicy, client_ip,
};

use crate::limits::policy;
use crate::world::{at, parsed};

/// A caller by what is known about him.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    pub(crate) ip: Option<IpAddr>,
    pub(crate) headers: BTreeMap<String, Vec<u8>>,
    pub(crate) user: Option<String>,
    pub(crate) custom: Option<String>,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) roles: Vec<String>,
}

impl Caller {
    pub(crate) fn at(ip: &str) -> Self {
        Self { ip: Some(parsed(ip)), ..Self::default() }
    }

    pub(crate) fn with_header(name: &str, value: &str) -> Self {
        Self { headers: [(name.to_owned(), value.into())].into(), ..Self::at("192.0.2.7") }
    }

    fn user(name: &str) -> Self {
        Self { user: Some(name.to_owned()), ..Self::at("192.0.2.7") }
    }

    fn on_plan(self, plan: &str) -> Self {
        Self { attributes: [("plan".to_owned(), plan.to_owned())].into(), ..self }
    }
}

impl CallerFacts for Caller {
    fn client_ip(&self) -> Option<IpAddr> {
        self.ip
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.get(&name.to_ascii_lowercase()).map(Vec::as_slice)
    }

    fn user(&self) -> Option<Cow<'_, str>> {
        self.user.as_deref().map(Cow::Borrowed)
    }

    fn custom_key(&self) -> Option<Cow<'_, str>> {
        self.custom.as_deref().map(Cow::Borrowed)
    }

    fn tier(&self, attribute: &str) -> Option<Cow<'_, str>> {
        self.attributes.get(attribute).map(|tier| Cow::Borrowed(tier.as_str()))
    }

    fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }
}

/// A policy of one request an hour, in force for one route.
struct OnePerHour {
    policy: RateLimitPolicy,
    route: LocalKey,
    counters: LocalCounters,
}

impl OnePerHour {
    fn with(mut fields: Value) -> Self {
        fields["limit"] = json!("1/hour");
        Self { policy: policy(fields), route: parsed("GET:/a"), counters: LocalCounters::new() }
    }

    fn charge(&self, caller: &Caller) -> Charged<'_> {
        let chain = LimitChain { route: Some((&self.route, &self.policy)), ..LimitChain::default() };
        self.counters.charge(&chain, caller, at(0))
    }

    /// How many of two requests pass: 2 where the caller is exempt, 1 where he is counted and new, 0 where he has
    /// been counted before.
    fn of_two(&self, caller: &Caller) -> usize {
        (0..2).filter(|_| matches!(self.charge(caller), Charged::Admitted { .. })).count()
    }
}

#[test]
fn addresses_are_grouped_as_subscribers_have_them() {
    let limit = OnePerHour::with(json!({}));
    assert_eq!(limit.of_two(&Caller::at("192.0.2.7")), 1);
    assert_eq!(limit.of_two(&Caller::at("192.0.2.8")), 1);
    assert_eq!(limit.of_two(&Caller::at("::ffff:192.0.2.7")), 0, "the same in IPv6 writing");
    assert_eq!(limit.of_two(&Caller::at("2001:db8::1")), 1);
    assert_eq!(limit.of_two(&Caller::at("2001:db8::ffff:1")), 0, "the same /64");
    assert_eq!(limit.of_two(&Caller::at("2001:db8:0:1::1")), 1);
    assert_eq!(limit.of_two(&Caller::default()), 1, "without an address");
}

#[test]
fn missing_keys_follow_the_policy_and_its_defaults() {
    let nobody = Caller::at("192.0.2.7");
    let header = json!({ "header": "X-Tenant" });
    for (strategy, by_default) in [(json!("user"), 2), (json!("custom"), 2), (json!("api_key"), 1), (header.clone(), 1)]
    {
        assert_eq!(OnePerHour::with(json!({ "key_strategy": strategy })).of_two(&nobody), by_default, "{strategy}");
        for (choice, passed) in [("exempt", 2), ("fallback_ip", 1), ("block", 0)] {
            let limit = OnePerHour::with(json!({ "key_strategy": strategy, "on_missing_key": choice }));
            assert_eq!(limit.of_two(&nobody), passed, "{strategy} {choice}");
        }
    }
    let limit = OnePerHour::with(json!({ "key_strategy": header, "on_missing_key": "block" }));
    assert_eq!(limit.of_two(&Caller::with_header("x-tenant", "")), 0, "an empty key is none");
    assert_eq!(limit.of_two(&Caller::with_header("x-tenant", "a")), 1);
    assert_eq!(limit.of_two(&Caller::with_header("x-tenant", "b")), 1);
    let Charged::Exceeded(exceeded) = limit.charge(&nobody) else { panic!("admitted") };
    assert!(exceeded.missing_key);
    assert_eq!(exceeded.standing.reset_after_seconds(), 3600, "no wait is enough; the period is told");
}

#[test]
fn keys_of_different_kinds_never_share_a_counter() {
    let limit = OnePerHour::with(json!({ "key_strategy": "user", "on_missing_key": "fallback_ip" }));
    assert_eq!(limit.of_two(&Caller::user("192.0.2.7")), 1);
    assert_eq!(limit.of_two(&Caller::at("192.0.2.7")), 1, "not the user of that name");
    assert_eq!(limit.of_two(&Caller::user("192.0.2.7")), 0);
    // Nor do layers, routes or tiers.
    let limit = OnePerHour::with(json!({ "key_strategy": "global" }));
    let other: LocalKey = parsed("GET:/ab");
    assert_eq!(limit.of_two(&Caller::at("192.0.2.7")), 1);
    for chain in [
        LimitChain { global: Some(&limit.policy), ..LimitChain::default() },
        LimitChain { service: Some(&limit.policy), ..LimitChain::default() },
        LimitChain { route: Some((&other, &limit.policy)), ..LimitChain::default() },
    ] {
        let charged = limit.counters.charge(&chain, &Caller::default(), at(0));
        assert!(matches!(charged, Charged::Admitted { .. }), "{charged:?}");
    }
}

#[test]
fn g50_global_keys_are_one_counter_for_all() {
    let limit = OnePerHour::with(json!({ "key_strategy": "global" }));
    assert_eq!(limit.of_two(&Caller::at("192.0.2.7")), 1);
    assert_eq!(limit.of_two(&Caller::at("2001:db8::1")), 0);
    assert_eq!(limit.of_two(&Caller::user("ada")), 0);
}

#[test]
fn exempt_callers_are_not_counted() {
    let limit = OnePerHour::with(json!({
        "exempt_ips": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"], "exempt_roles": ["admin"], "key_strategy": "global",
    }));
    for exempt in ["10.9.8.7", "::ffff:10.1.2.3", "2001:db8:1::1", "192.0.2.1"] {
        assert_eq!(limit.of_two(&Caller::at(exempt)), 2, "{exempt}");
    }
    let with_role = |role: &str| Caller { roles: vec![role.to_owned()], ..Caller::at("192.0.2.9") };
    assert_eq!(limit.of_two(&with_role("admin")), 2);
    assert_eq!(limit.of_two(&with_role("a")), 1);
    assert_eq!(limit.of_two(&Caller::at("11.0.0.1")), 0);
}

#[test]
fn tiers_have_their_own_limits_and_counters() {
    let tiers = json!([{ "name": "free", "limit": "1/hour" }, { "name": "pro", "limit": "3/hour" },
        { "name": "staff", "limit": "unlimited" }]);
    let policy = policy(json!({ "limit": "9/hour", "tiers": tiers, "key_strategy": "user" }));
    let counters = LocalCounters::new();
    let chain = LimitChain { service: Some(&policy), ..LimitChain::default() };
    let passed = |caller: &Caller| {
        (0..9).filter(|_| matches!(counters.charge(&chain, caller, at(0)), Charged::Admitted { .. })).count()
    };
    let ada = Caller::user("ada");
    assert_eq!(passed(&ada.clone().on_plan("pro")), 3);
    assert_eq!(passed(&ada.clone().on_plan("free")), 1);
    assert_eq!(passed(&ada.clone().on_plan("Pro")), 0, "an unknown tier is the first");
    assert_eq!(passed(&ada), 0, "no tier is the first");
    assert_eq!(passed(&ada.clone().on_plan("staff")), 9);
    let Charged::Exceeded(exceeded) = counters.charge(&chain, &ada, at(0)) else { panic!("admitted") };
    assert_eq!((exceeded.standing.tier, exceeded.standing.limit.as_str()), (Some("free"), "1/hour"));
    assert_eq!(exceeded.standing.layer, Layer::ServiceLimit);
}

#[test]
fn ranges_are_parsed_once_and_keep_their_text() {
    for (text, shown) in [
        ("10.1.2.3/8", "10.1.2.3/8"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("::/0", "::/0"),
    ] {
        let range: Cidr = text.parse().unwrap();
        assert_eq!(range.to_string(), shown);
        assert_eq!(serde_json::from_value::<Cidr>(json!(text)).unwrap(), range);
        assert_eq!(serde_json::to_value(range).unwrap(), json!(shown));
    }
    for bad in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "::/129", "::ffff:10.0.0.0/90", "a.b", "10.0.0", "/8"] {
        let error = bad.parse::<Cidr>().unwrap_err().to_string();
        assert!(error.starts_with("expected an address"), "{bad:?}: {error}");
    }
    let every_old: Cidr = parsed("0.0.0.0/0");
    assert!(every_old.contains(parsed("255.1.1.1")) && !every_old.contains(parsed("::1")));
    assert!(!parsed::<Cidr>("::/0").contains(parsed("1.2.3.4")), "IPv6 ranges hold no IPv4");
}

#[test]
fn g46_forwarded_headers_count_only_from_trusted_proxies() {
    let trusted: Vec<Cidr> = vec![parsed("10.0.0.0/8"), parsed("2001:db8::/32")];
    let client = |peer: &str, lines: &[&str], hops: usize| {
        client_ip(parsed(peer), lines.iter().map(|line| line.as_bytes()), &trusted, hops).to_string()
    };
    // From anybody else they mean nothing.
    assert_eq!(client("203.0.113.9", &["198.51.100.1"], 5), "203.0.113.9");
    assert_eq!(client_ip(parsed("10.0.0.1"), [&b"198.51.100.1"[..]], &[], 5), parsed::<IpAddr>("10.0.0.1"));
    // One proxy: what it wrote is rightmost; the rest was invented by the caller.
    assert_eq!(client("10.0.0.1", &["6.6.6.6, 198.51.100.1"], 1), "198.51.100.1");
    assert_eq!(client("10.0.0.1", &["6.6.6.6", "7.7.7.7, 198.51.100.1"], 5), "198.51.100.1");
    assert_eq!(client("10.0.0.1", &["198.51.100.1"], 0), "10.0.0.1");
    // Two proxies, each trusted; no further than the hops say.
    assert_eq!(client("10.0.0.1", &["6.6.6.6, 198.51.100.1", "10.0.0.2"], 2), "198.51.100.1");
    assert_eq!(client("10.0.0.1", &["6.6.6.6, 10.1.1.1, 10.0.0.2"], 2), "10.1.1.1");
    // All writings of addresses; what is none ends the reading.
    assert_eq!(client("::ffff:10.0.0.1", &["198.51.100.1:4711"], 1), "198.51.100.1");
    assert_eq!(client("2001:db8::1", &["\"[2001:db9::7]:443\""], 1), "2001:db9::7");
    assert_eq!(client("10.0.0.1", &["[2001:db9::7]"], 1), "2001:db9::7");
    assert_eq!(client("10.0.0.1", &["198.51.100.1, unknown"], 5), "10.0.0.1");
    assert_eq!(client("10.0.0.1", &["198.51.100.1, "], 5), "10.0.0.1");
    let odd: &[u8] = b"\xff\xfe, 198.51.100.1";
    assert_eq!(client_ip(parsed("10.0.0.1"), [odd], &trusted, 5), parsed::<IpAddr>("198.51.100.1"));
}

#[test]
fn g52_a_caller_cannot_mint_quota_by_headers() {
    let limit = OnePerHour::with(json!({ "exempt_ips": ["10.0.0.0/8"] }));
    let passed = (0..10).filter(|number| {
        let invented = format!("10.1.2.{number}");
        let ip = client_ip(parsed("203.0.113.9"), [invented.as_bytes()], &[], 1);
        matches!(limit.charge(&Caller { ip: Some(ip), ..Caller::default() }), Charged::Admitted { .. })
    });
    assert_eq!(passed.count(), 1);
}

#[test]
fn g54_answers_carry_integers_that_programs_can_use() {
    let policy = policy(json!({ "limit": "2/minute" }));
    let route: LocalKey = parsed("GET:/rl");
    let chain = LimitChain { route: Some((&route, &policy)), ..LimitChain::default() };
    let counters = LocalCounters::new();
    let caller = Caller::at("192.0.2.7");
    let Charged::Admitted { tightest: Some(standing), .. } = counters.charge(&chain, &caller, at(250)) else {
        panic!("denied")
    };
    let headers = |standing: waygate_core::Standing<'_>| {
        let (text, ends) = standing.header_values();
        let mut start = 0;
        let values = ends.map(|end| &text[std::mem::replace(&mut start, end)..end]);
        std::array::from_fn::<_, 5, _>(|index| format!("{}: {}", waygate_core::Standing::HEADERS[index], values[index]))
    };
    assert_eq!(
        headers(standing),
        [
            "x-ratelimit-limit: 2",
            "x-ratelimit-remaining: 1",
            "x-ratelimit-reset: 1800000061",
            "ratelimit-policy: \"route\";q=2;w=60",
            "ratelimit: \"route\";r=1;t=60",
        ]
    );
    counters.charge(&chain, &caller, at(250));
    let Charged::Exceeded(exceeded) = counters.charge(&chain, &caller, at(59_900)) else { panic!("admitted") };
    let answer = exceeded.response("/rl");
    assert_eq!((answer.status, answer.retry_after), (429, Some(1)), "less than a second is left");
    assert_eq!(
        answer.body,
        r#"{"error":{"code":"RATE_LIMIT_EXCEEDED","message":"Too many requests","limit":"2/minute","retry_after_seconds":1,"reset_at":"2027-01-15T08:01:00.25+00:00","path":"/rl","layer":"route_limit","policy":"GET:/rl"}}"#
    );
    assert_eq!(headers(exceeded.standing)[1], "x-ratelimit-remaining: 0");
    let global = LimitChain { global: Some(&policy), ..LimitChain::default() };
    let Charged::Admitted { tightest: Some(standing), .. } = counters.charge(&global, &caller, at(0)) else {
        panic!("denied")
    };
    assert_eq!((&*standing.policy_name(), &*headers(standing)[4]), ("global", r#"ratelimit: "global";r=1;t=60"#));
}
