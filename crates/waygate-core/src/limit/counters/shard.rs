//! One shard of the counters: a table with a cap.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::CounterMemory;
use crate::limit::caller::Subject;
use crate::limit::meter::{Meter, Nanos, SECOND, Step, Usage, Used};
use crate::limit::moving::MovingLog;

/// A 64th of the counters.
#[derive(Debug)]
pub(super) struct Shard {
    own: Table,
    /// Counters of the callers for whom there was no room, one for each policy, tier and quota that had such.
    shared: Table,
    most: usize,
    /// Whether callers who are not yet counted have to share.
    is_full: bool,
    swept_at: Nanos,
    /// The older cells of all logs.
    cells: usize,
}

type Table = HashMap<Subject, Counter, BuildHasherDefault<Passed>>;

/// Passes on what a subject is hashed to: that is a keyed hash already.
#[derive(Debug, Default)]
struct Passed(u64);

impl Hasher for Passed {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        // A table tells its places apart by the highest bits, of which the shard has left little.
        self.0.rotate_right(20)
    }
}

#[derive(Debug)]
struct Counter {
    usage: Usage,
    expires_at: Nanos,
}

/// How many older cells logs may have together, for each counter that there may be.
const CELLS_EACH: usize = 2;
/// Removing what has expired costs a pass over the shard: at most once a second, and once a minute without need.
const SWEEP_AT_MOST_EVERY: u64 = SECOND;
const SWEEP_AT_LEAST_EVERY: u64 = 60 * SECOND;

impl Shard {
    pub(super) fn new(most: usize) -> Self {
        Self { own: Table::default(), shared: Table::default(), most, is_full: false, swept_at: 0, cells: 0 }
    }

    /// Finds out whether there is room for another caller, and removes what has expired where that may make some. Comes
    /// before all else under one lock, so that a caller keeps the same counter between asking and counting.
    pub(super) fn make_room(&mut self, now: Nanos) {
        let since = now.abs_diff(self.swept_at);
        // Also before the table doubles.
        let is_tight = self.own.len() >= self.most || self.own.len() == self.own.capacity();
        if since >= SWEEP_AT_LEAST_EVERY || (is_tight && since >= SWEEP_AT_MOST_EVERY) {
            self.sweep(now);
        }
        self.is_full = self.own.len() >= self.most;
    }

    /// Where the counter stands before a request, where it denies it.
    pub(super) fn denial(
        &mut self,
        key: Subject,
        shared: impl FnOnce() -> Subject,
        meter: &Meter,
        now: Nanos,
    ) -> Option<Step> {
        let counter = match self.own.get_mut(&key) {
            None if self.is_full => self.shared.get_mut(&shared()),
            own => own,
        };
        let Some(counter) = counter else {
            return Usage::new(meter.algorithm).denial(meter, now);
        };
        counter.usage.rebase(meter, now);
        let denial = counter.usage.denial(meter, now);
        if denial.is_some() {
            // An edit may have made the period longer, and who is only denied is not counted any more.
            counter.expires_at = counter.expires_at.max(counter.usage.expires_at(meter));
        }
        denial
    }

    /// Counts a request that was allowed, and says where the counter stands after it.
    pub(super) fn count(&mut self, key: Subject, shared: impl FnOnce() -> Subject, meter: &Meter, now: Nanos) -> Step {
        let may_grow = self.cells < self.most.saturating_mul(CELLS_EACH);
        let fresh = || Counter { usage: Usage::new(meter.algorithm), expires_at: 0 };
        let counter = if self.is_full && !self.own.contains_key(&key) {
            self.shared.entry(shared()).or_insert_with(fresh)
        } else {
            self.own.entry(key).or_insert_with(fresh)
        };
        let cells = counter.cells();
        counter.usage.add(meter, now, may_grow);
        counter.expires_at = counter.usage.expires_at(meter);
        self.cells = self.cells + counter.cells() - cells;
        counter.usage.step(meter, now)
    }

    pub(super) fn memory(&self) -> CounterMemory {
        CounterMemory {
            counters: self.own.len(),
            shared: self.shared.len(),
            bytes: table_bytes(&self.own) + table_bytes(&self.shared) + self.cells * MovingLog::CELL_BYTES,
        }
    }

    fn sweep(&mut self, now: Nanos) {
        self.swept_at = now;
        for table in [&mut self.own, &mut self.shared] {
            table.retain(|_, counter| now < counter.expires_at);
            if table.len() < table.capacity() / 4 {
                table.shrink_to(table.len() * 2);
            }
        }
        let counters = [&self.own, &self.shared].into_iter().flat_map(HashMap::values);
        self.cells = counters.map(Counter::cells).sum();
    }
}

impl Counter {
    /// The older cells of its log.
    fn cells(&self) -> usize {
        match &self.usage.0 {
            Used::Moving(log) => log.older_cells(),
            _ => 0,
        }
    }
}

fn table_bytes(table: &Table) -> usize {
    // A table is a power of two of places, of which seven eighths are used, with a byte of its own for each.
    let places = if table.capacity() == 0 { 0 } else { (table.capacity() * 8 / 7).next_power_of_two() };
    places * (size_of::<(Subject, Counter)>() + 1)
}
