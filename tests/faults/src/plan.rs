//! What happens when, from a seed: the same seed is the same trouble at the same times.

use std::time::Duration;

use simulation::chance::Chance;

use crate::proxy::Mode;

/// How many of each there are.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub nodes: usize,
    pub services: usize,
    pub pythons: usize,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `kill -9`.
    KillNode(usize),
    StartNode(usize),
    KillRedis,
    StartRedis,
    KillService(usize),
    StartService(usize),
    /// Between a node and Redis.
    Store {
        node: usize,
        mode: Mode,
    },
    /// Between some services and a node.
    Services {
        services: Vec<usize>,
        node: usize,
        mode: Mode,
    },
    Python {
        python: usize,
        mode: Mode,
    },
    /// Between those who make changes and a node.
    Writers {
        node: usize,
        mode: Mode,
    },
}

/// The trouble of a run, in the order of its times.
pub fn draw(seed: u64, length: Duration, size: Size, has_redis_links: bool) -> Vec<(Duration, Event)> {
    let mut chance = Chance::new(seed);
    let mut events = Vec::new();
    let end = millis(length);
    let mut at = 1000;
    while at < end {
        let over = (at + 500 + chance.below(6000)).min(end);
        let (begins, ends) = pair(&mut chance, size, has_redis_links);
        events.push((Duration::from_millis(at as u64), begins));
        events.push((Duration::from_millis(over as u64), ends));
        at += 300 + chance.below(1700);
    }
    events.sort_by_key(|(at, _)| *at);
    events
}

fn pair(chance: &mut Chance, size: Size, has_redis_links: bool) -> (Event, Event) {
    let node = chance.below(size.nodes);
    let mode = *chance.pick(&Mode::FAULTS);
    match chance.below(20) {
        0..3 => (Event::KillNode(node), Event::StartNode(node)),
        3..5 if has_redis_links => (Event::KillRedis, Event::StartRedis),
        5..7 => {
            let service = chance.below(size.services);
            (Event::KillService(service), Event::StartService(service))
        }
        7..11 if has_redis_links => (Event::Store { node, mode }, Event::Store { node, mode: Mode::Pass }),
        11..13 if size.pythons > 0 => {
            let python = chance.below(size.pythons);
            (Event::Python { python, mode }, Event::Python { python, mode: Mode::Pass })
        }
        13..15 => (Event::Writers { node, mode }, Event::Writers { node, mode: Mode::Pass }),
        _ => {
            let services: Vec<usize> = (0..size.services).filter(|_| chance.per_mille(500)).collect();
            let begins = Event::Services { services: services.clone(), node, mode };
            (begins, Event::Services { services, node, mode: Mode::Pass })
        }
    }
}

fn millis(duration: Duration) -> usize {
    usize::try_from(duration.as_millis()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_trouble_and_all_of_it_ends() {
        let size = Size { nodes: 3, services: 20, pythons: 2 };
        let draw = |seed| draw(seed, Duration::from_mins(1), size, true);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let kinds = |wanted: fn(&Event) -> bool| draw(1).iter().filter(|(_, event)| wanted(event)).count();
        assert_eq!(
            kinds(|event| matches!(event, Event::KillNode(_))),
            kinds(|event| matches!(event, Event::StartNode(_)))
        );
        assert!(draw(1).len() > 60 && draw(1).is_sorted_by_key(|(at, _)| *at));
    }
}
