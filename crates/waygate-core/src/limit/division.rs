//! Who holds which part of divided limits: leases, and how they pass from one replica to another.
//!
//! What a replica may enforce is never part of what another one may. So a part is given away only once the one that had
//! it has said that it enforces less, or once its lease has surely ended. A replica counts its lease from when it has
//! asked, so that it ends there before it does here, whatever the delays between.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::share::Part;

/// How long a replica that is told more and more, and confirms nothing, is told more.
const MOST_GRANTS: usize = 16;

/// The times that leases keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTerms {
    /// How long a replica may enforce its part without a word of the control plane.
    pub lease: Duration,
    /// How much longer it counts as held: for clocks that differ.
    pub margin: Duration,
    /// How long the half is kept for a replica whose lease has ended.
    pub reserve: Duration,
}

/// Who holds which part of one whole. Every change to it goes through one place at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Division {
    /// That of the newest grant.
    serial: u64,
    /// When somebody has asked last.
    asked: Timestamp,
    /// How many replicas there are that take no part, and enforce whatever they enforce.
    #[serde(default)]
    without: usize,
    holders: BTreeMap<String, Holder>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    /// What it may be enforcing, the newest last.
    grants: Vec<Grant>,
    /// Until when its lease lasts here; of one whose lease has ended, until when its half is kept for it.
    until: Timestamp,
    #[serde(default)]
    lapsed: bool,
    /// Nothing is to be kept for it.
    #[serde(default)]
    forgotten: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Grant {
    serial: u64,
    part: Part,
    /// It is the half of what was given: the lease has ended since.
    #[serde(default)]
    halved: bool,
}

/// What a replica is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// What it says the next time, to confirm it.
    pub serial: u64,
    pub part: Part,
    /// How long, from when it has asked.
    pub lease: Duration,
    /// It is all that is meant for it.
    pub complete: bool,
    /// Among how many it is divided.
    pub seats: usize,
}

/// One line of who holds what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held<'d> {
    pub who: &'d str,
    pub part: &'d Part,
    /// Its lease has ended, and this is kept for it.
    pub lapsed: bool,
}

impl LeaseTerms {
    /// Those where an instance counts as lost after `liveness`.
    pub fn of(liveness: Duration) -> Self {
        Self { lease: liveness * 2, margin: liveness / 2, reserve: liveness * 120 }
    }

    /// So long without anybody asking is an outage of the control plane, not of those who do not ask.
    fn outage(&self) -> Duration {
        self.lease
    }
}

impl Division {
    pub fn new(now: Timestamp) -> Self {
        Self { serial: 0, asked: now, without: 0, holders: BTreeMap::new() }
    }

    /// A replica asks for its part and says which grant it enforces, 0 for none. `without` others take no part.
    pub fn ask(&mut self, who: &str, enforced: u64, without: usize, terms: &LeaseTerms, now: Timestamp) -> Granted {
        self.settle(terms, now);
        self.without = without;
        let fresh = Holder { grants: Vec::new(), until: now, lapsed: false, forgotten: false };
        let holder = self.holders.entry(who.to_owned()).or_insert(fresh);
        // A serial that is not there was overtaken by a later word of the same replica.
        if let Some(position) = holder.grants.iter().position(|grant| grant.serial == enforced) {
            holder.grants.drain(..position);
        }
        let lapsed = std::mem::take(&mut holder.lapsed);
        holder.forgotten = false;
        let until = after(now, terms.lease + terms.margin);
        // It is put off in steps, lest everything be written at each word.
        if lapsed || until.duration_since(holder.until) >= signed(terms.lease / 6) {
            holder.until = until;
            self.asked = now;
        }
        let until = holder.until;
        let target = self.targets().remove(who).unwrap_or_default();
        let others = self.holders.iter().filter(|(other, _)| *other != who);
        let taken = Part::union(others.flat_map(|(_, holder)| holder.grants.iter().map(|grant| &grant.part)));
        let possible = target.minus(&taken);
        let complete = possible == target;
        let (serial, seats) = (self.serial + 1, self.seats());
        let Some(holder) = self.holders.get_mut(who) else {
            return Granted { serial: 0, part: Part::default(), lease: Duration::ZERO, complete, seats };
        };
        let is_news = holder.grants.last().is_none_or(|newest| newest.halved || newest.part != possible);
        if is_news && holder.grants.len() < MOST_GRANTS {
            holder.grants.push(Grant { serial, part: possible, halved: false });
            self.serial = serial;
        }
        let newest = holder.grants.last().cloned().unwrap_or(Grant { serial: 0, part: Part::default(), halved: false });
        let left = until.duration_since(now) - signed(terms.margin);
        let lease = Duration::try_from(left).unwrap_or_default().min(terms.lease);
        Granted { serial: newest.serial, part: newest.part, lease, complete, seats }
    }

    /// A replica has given up its part.
    pub fn leave(&mut self, who: &str) {
        self.holders.remove(who);
    }

    /// A replica is known to be gone: nothing is kept for it once its lease has ended.
    pub fn forget(&mut self, who: &str, terms: &LeaseTerms, now: Timestamp) {
        self.settle(terms, now);
        if let Some(holder) = self.holders.get_mut(who) {
            holder.forgotten = true;
        }
        self.holders.retain(|_, holder| !(holder.forgotten && holder.lapsed));
    }

    /// Who would be given something else, were it to ask.
    pub fn restless(&self, terms: &LeaseTerms, now: Timestamp) -> Vec<&str> {
        let mut settled = self.clone();
        settled.settle(terms, now);
        let targets = settled.targets();
        let taken = Part::union(settled.holders.values().flat_map(Holder::parts));
        let is_restless = |who: &str| {
            let (Some(target), Some(holder)) = (targets.get(who), settled.holders.get(who)) else { return false };
            let nothing = Part::default();
            let newest = holder.grants.last().map_or(&nothing, |grant| &grant.part);
            !newest.minus(target).is_empty() || !target.minus(newest).minus(&taken).is_empty()
        };
        self.holders.keys().map(String::as_str).filter(|who| is_restless(who)).collect()
    }

    /// Who holds what, as far as is known: the newest that each was given.
    pub fn held(&self) -> impl Iterator<Item = Held<'_>> {
        self.holders.iter().filter_map(|(who, holder)| {
            let newest = holder.grants.last()?;
            Some(Held { who, part: &newest.part, lapsed: holder.lapsed })
        })
    }

    /// Brings it to a time: leases end, and what was kept for those who are gone is free again.
    pub fn settle(&mut self, terms: &LeaseTerms, now: Timestamp) {
        for holder in self.holders.values_mut().filter(|holder| !holder.lapsed && holder.until <= now) {
            holder.lapsed = true;
            holder.until = after(holder.until, terms.reserve);
            for grant in holder.grants.iter_mut().filter(|grant| !grant.halved) {
                (grant.part, grant.halved) = (grant.part.half(), true);
            }
        }
        if now.duration_since(self.asked) > signed(terms.outage()) {
            // Nobody could ask. Whoever is still there comes back within a lease.
            let back = after(now, terms.lease);
            for holder in self.holders.values_mut().filter(|holder| holder.lapsed) {
                holder.until = holder.until.max(back);
            }
            self.asked = now;
        }
        self.holders.retain(|_, holder| holder.until > now && !(holder.forgotten && holder.lapsed));
    }

    /// What is meant for each whose lease lasts: equal parts, in order of their names, of all that is not kept for others.
    fn targets(&self) -> BTreeMap<&str, Part> {
        let kept = self.holders.values().filter(|holder| holder.lapsed).flat_map(Holder::parts);
        let free = Part::whole().minus(&Part::union(kept));
        let (measure, seats) = (u128::from(free.measure()), self.seats() as u128);
        let edge = |seat: usize| u64::try_from(measure * seat as u128 / seats.max(1)).unwrap_or_default();
        let present = self.holders.iter().filter(|(_, holder)| !holder.lapsed).map(|(who, _)| who.as_str());
        present.enumerate().map(|(seat, who)| (who, free.slice(edge(seat), edge(seat + 1)))).collect()
    }

    fn seats(&self) -> usize {
        self.without + self.holders.values().filter(|holder| !holder.lapsed).count()
    }
}

impl Holder {
    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.grants.iter().map(|grant| &grant.part)
    }
}

fn after(at: Timestamp, so_long: Duration) -> Timestamp {
    at.checked_add(so_long).unwrap_or(Timestamp::MAX)
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
