//! What operators do, at random.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use waygate_core::{
    Command, Declaration, Enforcement, Lifecycle, LimitTarget, MaintenanceScope, MaintenanceSwitch, RateLimitPolicy,
    RateLimitSwitch, RouteSelector, ServiceId, Switch,
};

use crate::chance::Chance;

pub const SERVICES: [&str; 3] = ["pay", "orders", "ship"];
pub const PATHS: [&str; 6] = ["/a", "/b", "/c", "/d", "/e", "/f"];

/// A command by the clock of the server that carries it out.
pub fn command(chance: &mut Chance, now: Timestamp) -> Command {
    match chance.below(20) {
        0..8 => {
            Command::Route { route: route(chance), to: switch(chance, now), reason: reason(chance), expected: None }
        }
        8..11 => Command::Maintenance {
            scope: match chance.below(3) {
                0 => MaintenanceScope::Global,
                _ => MaintenanceScope::Service(service(chance)),
            },
            to: maintenance(chance, now),
            reason: reason(chance),
            allow_unknown: true,
            expected: None,
        },
        11..14 => rate_limit(chance, now),
        14 => Command::Register { service: service(chance), routes: declarations(chance) },
        15 => Command::RemoveRoute { route: route(chance), reason: reason(chance), expected: None },
        16 if chance.per_mille(300) => {
            Command::RemoveService { service: service(chance), reason: reason(chance), expected: None }
        }
        17 | 18 => {
            let commands = (0..=chance.below(3)).map(|_| Command::Route {
                route: route(chance),
                to: switch(chance, now),
                reason: reason(chance),
                expected: None,
            });
            Command::All(commands.collect())
        }
        _ => Command::Settle,
    }
}

fn service(chance: &mut Chance) -> ServiceId {
    chance.pick(&SERVICES).parse().expect("it is a name of a service")
}

fn route(chance: &mut Chance) -> RouteSelector {
    format!("{}:GET:{}", service(chance), chance.pick(&PATHS)).parse().expect("it selects a route")
}

fn reason(chance: &mut Chance) -> String {
    format!("reason {}", chance.below(5))
}

fn enforcement(chance: &mut Chance) -> Enforcement {
    if chance.per_mille(150) { Enforcement::Shadow } else { Enforcement::Enforce }
}

fn until(chance: &mut Chance, now: Timestamp) -> Option<Timestamp> {
    chance.per_mille(300).then(|| after(chance, now))
}

/// Up to ten minutes from now.
fn after(chance: &mut Chance, now: Timestamp) -> Timestamp {
    now + SignedDuration::try_from(chance.within(600_000)).unwrap_or_default() + SignedDuration::from_secs(1)
}

fn switch(chance: &mut Chance, now: Timestamp) -> Switch {
    match chance.below(6) {
        0 => {
            let start = after(chance, now);
            Switch::Window { start, end: after(chance, start), enforcement: enforcement(chance) }
        }
        1 => Switch::CancelWindows { id: None },
        _ => {
            let lifecycle = match chance.below(4) {
                0 => Lifecycle::Active,
                1 => Lifecycle::Maintenance,
                2 => Lifecycle::Disabled,
                _ => Lifecycle::EnvGated(BTreeSet::from(["test".parse().expect("it is an environment")])),
            };
            Switch::Control { lifecycle, until: until(chance, now), enforcement: enforcement(chance) }
        }
    }
}

fn maintenance(chance: &mut Chance, now: Timestamp) -> MaintenanceSwitch {
    let path = |chance: &mut Chance| chance.pick(&PATHS).parse().expect("it is a path");
    match chance.below(4) {
        0 => MaintenanceSwitch::On {
            exempt: chance.per_mille(500).then(|| vec![path(chance)]),
            include_force_active: chance.per_mille(500),
            until: until(chance, now),
            enforcement: enforcement(chance),
        },
        1 => MaintenanceSwitch::Exemptions { add: vec![path(chance)], remove: vec![path(chance)] },
        _ => MaintenanceSwitch::Off,
    }
}

fn rate_limit(chance: &mut Chance, now: Timestamp) -> Command {
    let target = match chance.below(4) {
        0 => LimitTarget::Global,
        1 => LimitTarget::Service(service(chance)),
        _ => LimitTarget::Route(route(chance)),
    };
    let to = match chance.below(6) {
        0 => RateLimitSwitch::Pause,
        1 => RateLimitSwitch::Resume,
        2 => RateLimitSwitch::Reset,
        3 => RateLimitSwitch::Delete,
        _ => {
            let limit = format!("{}/minute", chance.below(100) + 1).parse().expect("it is a limit");
            let (until, enforcement) = (until(chance, now), enforcement(chance));
            RateLimitSwitch::Set(Box::new(RateLimitPolicy { until, enforcement, ..RateLimitPolicy::new(limit) }))
        }
    };
    Command::RateLimit { target, to, reason: reason(chance), allow_unknown: true, expected: None }
}

fn declarations(chance: &mut Chance) -> Vec<Declaration> {
    let count = chance.below(3) + 1;
    (0..count)
        .map(|_| Declaration::active(format!("GET:{}", chance.pick(&PATHS)).parse().expect("it names a route")))
        .collect()
}
