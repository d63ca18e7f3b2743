//! What a client compares with the control plane to know that it has missed nothing.

use proptest::collection::vec;
use proptest::prelude::*;
use waygate_core::{Digest, DigestKind, ServiceView, State};

use crate::random::{SERVICES, steps};
use crate::world::{World, at, parsed};

fn kinds(one: &str, other: &str) -> Vec<DigestKind> {
    one.parse::<Digest>().unwrap().differing(other.parse().unwrap()).collect()
}

#[test]
fn the_digest_of_nothing_is_written_as_it_always_was() {
    // Clients of other versions come to the same text.
    let text = "maintenance=734ba9eb29c64cfa,rate_limits=0000000000000000,routes=0000000000000000";
    assert_eq!(Digest::of(&ServiceView::default()).to_string(), text);
    assert_eq!(text.parse::<Digest>().unwrap(), Digest::of(&ServiceView::default()));
}

#[test]
fn kinds_that_one_side_does_not_know_are_not_compared() {
    assert_eq!(kinds("routes=1,flags=2", "flags=3,routes=1"), []);
    assert_eq!(kinds("routes=1", "routes=2,maintenance=3"), [DigestKind::Routes]);
    assert_eq!(kinds("", "routes=2"), []);
    assert_eq!(kinds("a text of next year", "routes=2"), []);
    assert!("routes=many".parse::<Digest>().is_err());
}

/// The elements of a view, without what a digest does not look at.
fn elements(view: &ServiceView) -> Vec<(String, u64)> {
    let routes = view.service.routes.iter().map(|(key, route)| (format!("route {key}"), route.changed_at.0));
    let limits = view.service.route_limits.iter().map(|(key, limit)| (format!("limit {key}"), limit.changed_at.0));
    let scopes = [("global", &view.global.rate_limit), ("service", &view.service.rate_limit)];
    let scopes =
        scopes.into_iter().filter_map(|(key, limit)| Some((format!("limit of {key}"), limit.as_ref()?.changed_at.0)));
    let switches = [("global", &view.global.maintenance), ("service", &view.service.maintenance)];
    let switches = switches.map(|(key, switch)| (format!("maintenance of {key}"), switch.changed_at.0));
    routes.chain(limits).chain(scopes).chain(switches).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn views_of_other_elements_have_other_digests(steps in steps()) {
        let mut world = World::new();
        let mut now = 0;
        for step in &steps {
            now += step.later;
            let _ = world.try_run(&step.command, at(now));
        }
        for service in SERVICES {
            let views: Vec<ServiceView> =
                world.states.iter().map(|state: &State| state.service_view(&parsed(service))).collect();
            for (one, other) in views.iter().zip(&views[1..]) {
                let same = elements(one) == elements(other);
                let agree = Digest::of(one).differing(Digest::of(other)).next().is_none();
                prop_assert_eq!(same, agree, "{:?} and {:?}", one, other);
            }
        }
    }

    #[test]
    fn digests_round_trip_as_text(sums in vec(any::<u64>(), 3)) {
        let text = format!("maintenance={:016x},rate_limits={:016x},routes={:016x}", sums[0], sums[1], sums[2]);
        prop_assert_eq!(text.parse::<Digest>().unwrap().to_string(), text);
    }
}
