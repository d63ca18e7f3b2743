//! Counters that lie outside of the process: what they are asked, and that their answer comes to what the counters of
//! a process say.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use waygate_core::{
    Charged, Enforcement, Layer, LimitChain, LocalCounters, LocalKey, Meter, RateLimitPolicy, SharedCharge, Step,
    Timestamp, Usage,
};

use super::{limit, limits, policy};
use crate::limits_caller::Caller;
use crate::limits_vectors::{self, pauses};
use crate::world::{at, parsed};

type Key = Vec<Vec<u8>>;

fn ask<'s>(chain: &LimitChain<'s>, caller: &Caller) -> SharedCharge<'s, Key> {
    chain.shared(&parsed("pay"), caller, |parts| parts.iter().map(|part| part.to_vec()).collect())
}

fn keys(chain: &LimitChain<'_>, caller: &Caller) -> Vec<Key> {
    ask(chain, caller).limits().map(|limit| limit.key.clone()).collect()
}

/// Shared counters as they are defined: ask all, count in all or in none.
#[derive(Default)]
struct Counters(HashMap<Key, Vec<Usage>>);

impl Counters {
    fn charge<'s>(&mut self, chain: &LimitChain<'s>, caller: &Caller, now: Timestamp) -> Charged<'s> {
        let charge = ask(chain, caller);
        if let Some(known) = charge.known(now) {
            return known;
        }
        let allows = |steps: &[Step]| steps.iter().all(|step| step.allowed);
        let meters = |policy, limit| Meter::of(policy, limit).collect::<Vec<_>>();
        let mut steps: Vec<Vec<Step>> = Vec::new();
        for asked in charge.limits() {
            let meters = meters(asked.policy, asked.limit);
            let usages = self.0.entry(asked.key.clone());
            let usages = usages.or_insert_with(|| meters.iter().map(|meter| Usage::new(meter.algorithm)).collect());
            steps.push(usages.iter().zip(&meters).map(|(usage, meter)| usage.peek(meter, now)).collect());
        }
        let shadow = |policy: &RateLimitPolicy| policy.enforcement == Enforcement::Shadow;
        let admitted = charge.limits().zip(&steps).all(|(limit, steps)| shadow(limit.policy) || allows(steps));
        for (asked, steps) in charge.limits().zip(&mut steps).filter(|(_, steps)| admitted && allows(steps)) {
            let usages = self.0.get_mut(asked.key).unwrap();
            for ((usage, meter), step) in usages.iter_mut().zip(meters(asked.policy, asked.limit)).zip(steps) {
                *step = Step { allowed: true, ..usage.commit(&meter, now) };
            }
        }
        charge.charged(now, admitted, steps.iter().map(Vec::as_slice))
    }
}

proptest! {
    #[test]
    fn shared_counters_come_to_what_the_counters_of_a_process_say(
        limits in [limits(), limits(), limits()],
        more in [any::<(bool, bool, bool)>(), any::<(bool, bool, bool)>(), any::<(bool, bool, bool)>()],
        pauses in pauses(),
    ) {
        let mut more = more.into_iter();
        let policies = limits.map(|(algorithm, burst, quotas)| {
            let (shadow, by_user, block) = more.next().unwrap_or_default();
            let terms: Vec<_> = quotas.iter().map(|(amount, period)| format!("{amount}/{period} seconds")).collect();
            policy(json!({
                "limit": terms.join(";"), "algorithm": algorithm, "burst": burst,
                "enforcement": if shadow { "shadow" } else { "enforce" },
                "key_strategy": if by_user { "user" } else { "ip" },
                "on_missing_key": if block { "block" } else { "exempt" },
            }))
        });
        let key: LocalKey = parsed("GET:/a");
        let chain =
            LimitChain { global: Some(&policies[0]), service: Some(&policies[1]), route: Some((&key, &policies[2])) };
        let (local, mut shared, mut now) = (LocalCounters::new(), Counters::default(), 0);
        let callers = [
            Caller::at("192.0.2.7"),
            Caller { user: Some("ada".to_owned()), ..Caller::at("192.0.2.8") },
        ];
        for (request, pause) in pauses.into_iter().enumerate() {
            now += pause;
            let (caller, now) = (&callers[request % 2], limits_vectors::at(now));
            let blocked = ask(&chain, caller).known(now).is_some();
            let (expected, said) = (local.charge(&chain, caller, now), shared.charge(&chain, caller, now));
            if blocked {
                // Nobody is asked, so the other limits have no say in which wait is told.
                prop_assert_eq!(super::passes(&said), super::passes(&expected));
            } else {
                prop_assert_eq!(said, expected);
            }
        }
    }
}

#[test]
fn a_counter_is_named_by_all_that_makes_it_another() {
    let (policy, a, b): (_, LocalKey, LocalKey) = (limit("9/hour"), parsed("GET:/a"), parsed("GET:/b"));
    let caller = Caller::at("192.0.2.7");
    let with = |more: Value| {
        let mut value = json!({"limit": "9/hour"});
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        super::policy(value)
    };
    let route = |key, policy, caller: &Caller| {
        keys(&LimitChain { route: Some((key, policy)), ..LimitChain::default() }, caller)
    };
    let own = route(&a, &policy, &caller);
    let edited = with(json!({"limit": "7/hour;1/second", "algorithm": "token_bucket", "changed_at": 9}));
    assert_eq!(route(&a, &edited, &caller), own, "counts survive edits");
    let named = Caller { user: Some("192.0.2.7".to_owned()), ..caller.clone() };
    let others = [
        keys(&LimitChain { service: Some(&policy), ..LimitChain::default() }, &caller),
        keys(&LimitChain { global: Some(&policy), ..LimitChain::default() }, &caller),
        route(&b, &policy, &caller),
        route(&a, &policy, &Caller::at("192.0.2.8")),
        route(&a, &policy, &Caller::default()),
        route(&a, &with(json!({"generation": 1})), &caller),
        route(&a, &with(json!({"tiers": [{"name": "free", "limit": "9/hour"}]})), &caller),
        route(&a, &with(json!({"key_strategy": "global"})), &caller),
        route(&a, &with(json!({"key_strategy": "user"})), &named),
        own,
    ];
    for (position, key) in others.iter().enumerate() {
        assert_eq!(key.len(), 1);
        assert!(!others[..position].contains(key), "{key:?}");
    }
    let elsewhere = |chain: LimitChain<'_>| {
        let key = |parts: &[&[u8]]| parts.concat();
        let of = |service: &str| {
            let charge = chain.shared(&parsed(service), &caller, key);
            charge.limits().next().map(|limit| limit.key.clone())
        };
        (of("pay"), of("orders"))
    };
    let (pay, orders) = elsewhere(LimitChain { service: Some(&policy), ..LimitChain::default() });
    assert_ne!(pay, orders);
    let (pay, orders) = elsewhere(LimitChain { global: Some(&policy), ..LimitChain::default() });
    assert_eq!(pay, orders, "a global limit is one for all services that share the counters");
}

#[test]
fn g18_policies_decide_where_there_is_no_answer() {
    let (outer, inner) = (limit("9/hour"), limit("5/hour;2/minute"));
    let (key, caller): (LocalKey, _) = (parsed("GET:/a"), Caller::at("192.0.2.7"));
    let chain = LimitChain { global: Some(&outer), service: None, route: Some((&key, &inner)) };
    let charge = ask(&chain, &caller);
    assert_eq!(charge.known(at(0)), None);
    assert_eq!(charge.only(&[1]), LimitChain { route: Some((&key, &inner)), ..LimitChain::default() });
    assert_eq!(charge.only(&[0, 1]), chain);
    let Some(Charged::Exceeded(refused)) = charge.refused(1, at(0), Duration::from_secs(1)) else {
        panic!("it is refused");
    };
    assert_eq!((refused.standing.layer, refused.standing.reset_after_seconds()), (Layer::RouteLimit, 1));
    assert_eq!(refused.response("/a").status, 429);
    assert_eq!(charge.refused(2, at(0), Duration::from_secs(1)), None);
    // A limit that was not asked, because another was known to deny.
    let wait = Step { allowed: false, remaining: 0, reset_after: Duration::from_secs(7) };
    let Charged::Exceeded(denied) = charge.charged(at(0), false, [&[][..], &[wait, wait]]) else {
        panic!("it is denied");
    };
    assert_eq!((denied.standing.layer, denied.standing.reset_after_seconds()), (Layer::RouteLimit, 7));
}
