//! A brake on guessing passwords.
//!
//! Failures are counted per address and per user. Past a few free ones, each further attempt has to wait, twice as
//! long each time: an address up to [`ADDRESS_LONGEST`], a user up to [`USER_LONGEST`] only, since whoever fails for a
//! user need not be that user. Where the user's right password has come from, only what failed for this very user from
//! there counts, and no more than for a user: many people may share an address. So a stranger delays a user's login by
//! seconds, and never a session.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::auth::secret::Secret;

/// Failures that cost nothing.
const ADDRESS_FREE: u32 = 5;
const USER_FREE: u32 = 10;
/// The longest waits.
const ADDRESS_LONGEST: SignedDuration = SignedDuration::from_secs(60);
const USER_LONGEST: SignedDuration = SignedDuration::from_secs(8);
/// Failures are forgotten after so long without another.
const FORGOTTEN: SignedDuration = SignedDuration::from_mins(15);
/// How many addresses and how many users are kept in mind; the longest quiet give way.
const MOST: usize = 4096;
/// How many good addresses are remembered for one user.
const MOST_GOOD: usize = 8;

/// Counts failures; see the module.
#[derive(Debug)]
pub(super) struct Throttle {
    names: Secret,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    addresses: HashMap<IpAddr, Failures>,
    users: HashMap<[u8; 16], User>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    /// Of the last failure or success.
    last: Timestamp,
}

#[derive(Debug, Default)]
struct User {
    failures: Failures,
    /// Addresses from which the right password has come, and what has failed for this user from there since.
    good: Vec<(IpAddr, Failures)>,
}

impl Throttle {
    pub(super) fn new(secret: &Secret) -> Self {
        Self { names: secret.derive("waygate throttled names"), memory: Mutex::default() }
    }

    /// How many seconds to wait before trying this name from this address; `None`: it may be tried now.
    pub(super) fn wait(&self, name: &str, address: Option<IpAddr>, now: Timestamp) -> Option<u64> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let address = address.map(subscriber);
        let user = memory.users.get(&self.key(name));
        if let Some((_, failures)) = user.and_then(|user| user.good.iter().find(|(known, _)| address == Some(*known))) {
            return failures.wait(ADDRESS_FREE, USER_LONGEST, now);
        }
        let by_address = address
            .and_then(|address| memory.addresses.get(&address))
            .and_then(|failures| failures.wait(ADDRESS_FREE, ADDRESS_LONGEST, now));
        by_address.max(user.and_then(|user| user.failures.wait(USER_FREE, USER_LONGEST, now)))
    }

    pub(super) fn failed(&self, name: &str, address: Option<IpAddr>, now: Timestamp) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let address = address.map(subscriber);
        if let Some(address) = address {
            remembered(&mut memory.addresses, address, |failures| failures.last).add(now);
        }
        let user = remembered(&mut memory.users, self.key(name), |user| user.failures.last);
        user.failures.add(now);
        for (_, failures) in user.good.iter_mut().filter(|(known, _)| address == Some(*known)) {
            failures.add(now);
        }
    }

    /// The right password: failures for this user are forgotten. Those of the address are not, so that whoever has a
    /// password of his own cannot buy guesses at others with it.
    pub(super) fn succeeded(&self, name: &str, address: Option<IpAddr>, now: Timestamp) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let user = remembered(&mut memory.users, self.key(name), |user| user.failures.last);
        user.failures = Failures { count: 0, last: now };
        if let Some(address) = address.map(subscriber) {
            user.good.retain(|(known, _)| *known != address);
            user.good.truncate(MOST_GOOD - 1);
            user.good.insert(0, (address, Failures::default()));
        }
    }

    /// Names may be of any length; what is kept of them is not.
    fn key(&self, name: &str) -> [u8; 16] {
        let mut key = [0; 16];
        key.copy_from_slice(&self.names.digest(&[name.as_bytes()])[..16]);
        key
    }

    #[cfg(test)]
    fn len(&self) -> (usize, usize) {
        let memory = self.memory.lock().unwrap();
        (memory.addresses.len(), memory.users.len())
    }
}

impl Default for Failures {
    fn default() -> Self {
        Self { count: 0, last: Timestamp::MIN }
    }
}

impl Failures {
    fn add(&mut self, now: Timestamp) {
        self.count = if now.duration_since(self.last) > FORGOTTEN { 1 } else { self.count.saturating_add(1) };
        self.last = now;
    }

    fn wait(self, free: u32, longest: SignedDuration, now: Timestamp) -> Option<u64> {
        let since = now.duration_since(self.last);
        if self.count < free || since > FORGOTTEN {
            return None;
        }
        let doublings = (self.count - free).min(16);
        let pause = SignedDuration::from_secs(1_i64 << doublings).min(longest);
        let left = pause.checked_sub(since).filter(SignedDuration::is_positive)?;
        let begun = u64::from(left.subsec_nanos() > 0);
        Some(left.as_secs().unsigned_abs() + begun)
    }
}

/// What counts as one caller: an IPv4 address, or the /64 of an IPv6 address, which is what one subscriber has.
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

/// The entry of a key; when there is no room for a new one, the longest quiet gives way.
fn remembered<K: Copy + Eq + Hash, V: Default>(
    map: &mut HashMap<K, V>,
    key: K,
    last: impl Fn(&V) -> Timestamp,
) -> &mut V {
    if map.len() >= MOST
        && !map.contains_key(&key)
        && let Some(quiet) = map.iter().min_by_key(|(_, value)| last(value)).map(|(key, _)| *key)
    {
        map.remove(&quiet);
    }
    map.entry(key).or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle() -> Throttle {
        Throttle::new(&Secret::of("a key"))
    }

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + milliseconds).unwrap()
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// How many of the attempts in a row from one address were let through, one each `step` milliseconds.
    fn attempts(throttle: &Throttle, name: &str, from: Option<IpAddr>, count: i64, step: i64) -> u32 {
        let mut checked = 0;
        for attempt in 0..count {
            let now = at(attempt * step);
            if throttle.wait(name, from, now).is_none() {
                throttle.failed(name, from, now);
                checked += 1;
            }
        }
        checked
    }

    #[test]
    fn g43_guessing_slows_down_and_quiet_is_forgotten() {
        let throttle = throttle();
        assert_eq!(attempts(&throttle, "admin", Some(address(1)), 60, 2), ADDRESS_FREE);
        assert_eq!(throttle.wait("admin", Some(address(1)), at(120)), Some(1));
        // An hour of guessing as fast as it gets: one a minute in the end.
        let busy = Throttle::new(&Secret::of("a key"));
        let checked = attempts(&busy, "admin", Some(address(1)), 36_000, 100);
        assert!((60..80).contains(&checked), "{checked}");
        assert_eq!(busy.wait("admin", Some(address(1)), at(3_600_000 + 960_000)), None);
    }

    #[test]
    fn g43_a_stranger_does_not_lock_a_user_out() {
        let throttle = throttle();
        throttle.succeeded("admin", Some(address(9)), at(0));
        for stranger in 1..=100 {
            throttle.failed("admin", Some(address(stranger)), at(0));
        }
        assert_eq!(throttle.wait("admin", Some(address(9)), at(1)), None, "known from there");
        let elsewhere = throttle.wait("admin", Some(address(200)), at(1)).unwrap();
        assert!(elsewhere <= USER_LONGEST.as_secs().unsigned_abs(), "{elsewhere}");
        assert_eq!(throttle.wait("admin", Some(address(200)), at(8_001)), None);
        assert_eq!(throttle.wait("alice", Some(address(200)), at(1)), None, "nobody else waits");
    }

    /// An office, or everybody behind a proxy that is not configured.
    #[test]
    fn g43_a_stranger_at_the_same_address_locks_nobody_out() {
        let throttle = throttle();
        throttle.succeeded("admin", Some(address(1)), at(0));
        for number in 0..100 {
            throttle.failed(&format!("user-{number}"), Some(address(1)), at(0));
        }
        assert_eq!(throttle.wait("admin", Some(address(1)), at(1)), None, "known from there");
        assert!(throttle.wait("bob", Some(address(1)), at(1)).is_some(), "never seen there");
        // Whoever guesses at the known user from there is slowed down, but the user need not wait for a minute.
        assert_eq!(attempts(&throttle, "admin", Some(address(1)), 60, 2), ADDRESS_FREE);
        let hour = attempts(&throttle, "admin", Some(address(1)), 36_000, 100);
        assert!((400..500).contains(&hour), "{hour}");
        assert!(throttle.wait("admin", Some(address(1)), at(3_600_000)).is_none_or(|wait| wait <= 8));
        throttle.succeeded("admin", Some(address(1)), at(3_600_000));
        assert_eq!(throttle.wait("admin", Some(address(1)), at(3_600_000)), None);
    }

    #[test]
    fn g43_a_password_of_one_s_own_buys_no_guesses() {
        let throttle = throttle();
        for _ in 0..ADDRESS_FREE {
            throttle.failed("admin", Some(address(1)), at(0));
            throttle.succeeded("eve", Some(address(1)), at(0));
        }
        assert_eq!(throttle.wait("admin", Some(address(1)), at(1)), Some(1));
    }

    #[test]
    fn g43_memory_is_bounded_whatever_is_tried() {
        let throttle = throttle();
        for number in 0..10_000_u32 {
            let from = IpAddr::from(number.to_be_bytes());
            throttle.failed(&format!("{number}{}", "x".repeat(200)), Some(from), at(i64::from(number)));
        }
        assert_eq!(throttle.len(), (MOST, MOST));
        // One IPv6 subscriber is one caller.
        for host in 0..6_u16 {
            let from = IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, host]);
            throttle.failed(&format!("user-{host}"), Some(from), at(10_000));
        }
        let neighbour = IpAddr::from([0x2001, 0xdb8, 0, 1, 9, 9, 9, 9]);
        assert!(throttle.wait("admin", Some(neighbour), at(10_000)).is_some());
    }
}
