//! The counters of one replica.

mod shard;

use std::array;
use std::cell::OnceCell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use self::shard::Shard;
use super::caller::{Caller, CallerFacts, Charge, Limit, Subject, SubjectHasher};
use super::charged::{Charged, Exceeded, longer};
use super::line::{LAYERS, Line as AnyLine};
use super::meter::{Meter, Nanos, Step, nanos};
use crate::decide::LimitChain;

/// The counters of one service in one process, of all its limits.
///
/// A counter belongs to a policy (its layer, its route, its generation), a tier, a caller and the position of a quota
/// in the limit; not to the amount or the period. So counts survive edits and new snapshots, and a policy of a new
/// generation starts afresh: that is a reset.
///
/// # Memory
/// Callers choose their keys, so memory is bounded whatever they send. A key is 16 bytes of a hash, a counter is 64
/// bytes with its place in the table (more with `moving_window`, see below), and there are at most 896,000 of them by
/// default: 64 shards of 14,000, at most 64 MiB. Counters that say nothing more, because their period is over, make room
/// first. Where there is none, a caller who is not yet counted is not let through uncounted, nor does he push others
/// out: with all such callers of the policy whose keys fall into the same shard he shares one counter with the
/// policy's limit. So flooding with keys gains an attacker at most 64 callers' worth beyond the counters that he fills,
/// and those who are counted notice nothing.
///
/// The logs of `moving_window` have beside the latest request one cell of 16 bytes for each other one of the last period,
/// at most 1,026, and together two for each counter that there may be (by default 28 MiB). Where these are used up, logs
/// stop growing and count a request as of the latest one, which denies more and never admits more.
#[derive(Debug)]
pub struct LocalCounters {
    shards: Box<[Mutex<Shard>; SHARDS]>,
    hasher: SubjectHasher,
}

/// How much counters take up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CounterMemory {
    /// Counters of their own, of callers who have used something lately.
    pub counters: usize,
    /// Counters that are shared for want of room.
    pub shared: usize,
    /// Their tables and logs, without what the allocator adds.
    pub bytes: usize,
}

const SHARDS: usize = 64;
type Line<'s> = AnyLine<'s, Subject>;

/// The shards that a request needs, each locked once, always in the same order.
struct Locked<'c> {
    now: Nanos,
    indices: [usize; LAYERS],
    guards: [Option<MutexGuard<'c, Shard>>; LAYERS],
}

/// Where a caller stands with a quota after a request.
struct Counted<'l, 's> {
    limit: &'l Limit<'s>,
    meter: Meter,
    step: Step,
}

impl LocalCounters {
    /// The most counters by default.
    pub const DEFAULT_MOST: usize = 896_000;

    pub fn new() -> Self {
        Self::with_most(Self::DEFAULT_MOST)
    }

    /// With room for about `most` counters, at least one in each of 64 shards.
    pub fn with_most(most: usize) -> Self {
        let each = (most / SHARDS).max(1);
        let shards = Box::new(array::from_fn(|_| Mutex::new(Shard::new(each))));
        Self { shards, hasher: SubjectHasher::default() }
    }

    /// Charges a request of `facts`' caller to all limits of the chain: all are asked first, and it is counted only if
    /// all admit it. Limits in shadow are asked and counted likewise, and deny nothing.
    ///
    /// No other request comes between asking and counting. Nothing is allocated for callers who are already counted, but
    /// for the growth of a `moving_window`'s log, and where what has expired is removed: at most once a second, at least
    /// once a minute in each shard.
    pub fn charge<'s>(&self, chain: &LimitChain<'s>, facts: &impl CallerFacts, now: Timestamp) -> Charged<'s> {
        // Most policies go by the address, which is hashed once for all of them.
        let address = OnceCell::new();
        let hashed = |caller: &Caller<'_>| match caller {
            Caller::Address(_) => *address.get_or_init(|| self.hasher.caller(caller)),
            caller => self.hasher.caller(caller),
        };
        let lines = Line::all(chain, |layer, route, policy| {
            policy.charge(facts, |tier, caller| {
                self.hasher.subject(layer, route, policy.generation, tier, hashed(caller))
            })
        });
        let mut locked = self.lock(&lines, nanos(now));
        let mut denial = None;
        let mut shadow = None;
        let mut counted = [false; LAYERS];
        for (line, counted) in lines.iter().zip(&mut counted) {
            let Some(line) = line else { continue };
            match self.exceeded(line, &mut locked, now) {
                None => *counted = true,
                exceeded if line.is_shadow() => shadow = longer(shadow, exceeded),
                exceeded => denial = longer(denial, exceeded),
            }
        }
        if let Some(denial) = denial {
            return Charged::Exceeded(denial);
        }
        let mut tightest: Option<(Counted<'_, 's>, &Line<'s>)> = None;
        for (line, counted) in lines.iter().zip(counted) {
            let Some(line) = line.as_ref().filter(|_| counted) else { continue };
            self.count(line, &mut locked, |counted| {
                if !line.is_shadow() && tightest.as_ref().is_none_or(|(known, _)| counted.step.is_tighter(&known.step))
                {
                    tightest = Some((counted, line));
                }
            });
        }
        let tightest = tightest.map(|(Counted { limit, meter, step }, line)| line.standing(limit, &meter, step, now));
        Charged::Admitted { tightest, shadow }
    }

    /// How much is taken up now. Waits for each shard in turn: for metrics, not for each request.
    pub fn memory(&self) -> CounterMemory {
        let shards = self.shards.iter().map(|shard| lock(shard).memory());
        shards.fold(CounterMemory::default(), |sum, one| CounterMemory {
            counters: sum.counters + one.counters,
            shared: sum.shared + one.shared,
            bytes: sum.bytes + one.bytes,
        })
    }

    fn lock<'c>(&'c self, lines: &[Option<Line<'_>>; LAYERS], now: Nanos) -> Locked<'c> {
        let mut indices = [usize::MAX; LAYERS];
        for (index, line) in indices.iter_mut().zip(lines) {
            if let Some(Charge::Subject(_, subject)) = line.as_ref().map(|line| &line.charge) {
                *index = shard_of(subject);
            }
        }
        indices.sort_unstable();
        let guards = array::from_fn(|position| {
            let repeated = position > 0 && indices[position - 1] == indices[position];
            let mut shard = self.shards.get(indices[position]).filter(|_| !repeated).map(lock)?;
            shard.make_room(now);
            Some(shard)
        });
        Locked { now, indices, guards }
    }

    /// Asks each quota of a policy, and says which denies for the longest time.
    fn exceeded<'s>(&self, line: &Line<'s>, locked: &mut Locked<'_>, now: Timestamp) -> Option<Exceeded<'s>> {
        match &line.charge {
            Charge::Exempt => None,
            Charge::Blocked(_) => line.blocked(now),
            Charge::Subject(limit, subject) => {
                let instant = locked.now;
                let shard = locked.shard(subject)?;
                let mut longest = None;
                for (position, meter) in Meter::of(line.policy, limit.expression).enumerate() {
                    let crowd = || self.crowd(line, limit, position);
                    if let Some(step) = shard.denial(at_position(*subject, position), crowd, &meter, instant) {
                        let standing = line.standing(limit, &meter, step, now);
                        longest = longer(longest, Some(Exceeded { standing, missing_key: false }));
                    }
                }
                longest
            }
        }
    }

    /// Counts a request with each quota of a policy, and tells where the caller stands with it.
    fn count<'l, 's>(&self, line: &'l Line<'s>, locked: &mut Locked<'_>, mut tell: impl FnMut(Counted<'l, 's>)) {
        let Charge::Subject(limit, subject) = &line.charge else { return };
        let instant = locked.now;
        let Some(shard) = locked.shard(subject) else { return };
        for (position, meter) in Meter::of(line.policy, limit.expression).enumerate() {
            let crowd = || self.crowd(line, limit, position);
            let step = shard.count(at_position(*subject, position), crowd, &meter, instant);
            tell(Counted { limit, meter, step });
        }
    }

    /// The counter of all those of a policy for whom there is no room.
    fn crowd(&self, line: &Line<'_>, limit: &Limit<'_>, position: usize) -> Subject {
        at_position(self.hasher.crowd(line.layer, line.route, line.policy, limit.tier), position)
    }
}

impl Default for LocalCounters {
    fn default() -> Self {
        Self::new()
    }
}

impl Locked<'_> {
    fn shard(&mut self, subject: &Subject) -> Option<&mut Shard> {
        let position = self.indices.iter().position(|index| *index == shard_of(subject))?;
        self.guards[position].as_deref_mut()
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // A shard is whole between any two steps, so that a panic elsewhere under the lock harms nothing.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The top bits choose the shard; the table within it uses others.
fn shard_of(subject: &Subject) -> usize {
    (subject.high >> 58) as usize
}

/// The counter of a quota by its position in the limit, in the same shard.
fn at_position(subject: Subject, position: usize) -> Subject {
    // An odd number, so that no two positions meet, and each bit has its part.
    let apart = (position as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Subject { low: subject.low.wrapping_add(apart), ..subject }
}
