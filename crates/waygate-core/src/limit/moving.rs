//! The moving window: a log of when requests passed.

use std::collections::VecDeque;

use super::meter::{Meter, Nanos, is_ahead};

/// When requests passed.
///
/// Up to a capacity of [`MovingLog::EXACT`] each request has its own time. Above it times are rounded up to the
/// 1,024th part of the period, so that a log has about 1,024 cells at most whatever the capacity; a request then counts for
/// up to that part longer than a period, never shorter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MovingLog {
    latest: Cell,
    // Apart, because most callers of a flood come once.
    older: Option<Box<Older>>,
}

/// Requests of the same time, 16 bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cell {
    at: Nanos,
    count: u64,
}

/// The cells before the latest, oldest first, and the sum of their counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Older {
    cells: VecDeque<Cell>,
    total: u64,
}

impl MovingLog {
    /// The largest capacity that is logged exactly.
    const EXACT: u64 = 1024;
    const MOST_CELLS: usize = 1026;

    pub(crate) fn used(&self, meter: &Meter, now: Nanos) -> u64 {
        if self.latest.is_over(meter, now) {
            return 0;
        }
        let older = self.older.as_ref().map_or(0, |older| {
            let gone = older.cells.iter().take_while(|cell| cell.is_over(meter, now));
            older.total - gone.map(|cell| cell.count).sum::<u64>()
        });
        older + self.latest.count
    }

    pub(crate) fn until_at_most(&self, target: u64, meter: &Meter, now: Nanos) -> u64 {
        let older = self.older.as_deref();
        let mut left = older.map_or(0, |older| older.total) + self.latest.count;
        let cells = older.into_iter().flat_map(|older| &older.cells).chain([&self.latest]);
        for cell in cells {
            left -= cell.count;
            if left <= target {
                return (cell.at + meter.period() + 1).saturating_sub(now);
            }
        }
        0
    }

    pub(crate) fn add(&mut self, meter: &Meter, now: Nanos, may_grow: bool) {
        if let Some(older) = &mut self.older {
            older.forget(meter, now);
        }
        let at = rounded_up(meter, now);
        if self.latest.is_over(meter, now) {
            self.latest = Cell { at, count: 1 };
        } else if self.latest.at >= at || !self.has_room(may_grow) {
            self.latest.at = self.latest.at.max(at);
            self.latest.count += 1;
        } else {
            self.older.get_or_insert_default().push(self.latest);
            self.latest = Cell { at, count: 1 };
        }
    }

    pub(crate) fn rebase(&mut self, meter: &Meter, now: Nanos) {
        if is_ahead(self.latest.at, now, meter.period()) {
            let older = self.older.iter_mut().flat_map(|older| &mut older.cells);
            for cell in older.chain([&mut self.latest]) {
                cell.at = cell.at.min(now);
            }
        }
    }

    pub(crate) fn expires_at(&self, meter: &Meter) -> Nanos {
        self.latest.at + meter.period() + 1
    }

    /// The memory of its older cells, in cells, without what the allocator adds.
    pub(crate) fn older_cells(&self) -> usize {
        self.older.as_ref().map_or(0, |older| older.cells.capacity() + size_of::<Older>().div_ceil(Self::CELL_BYTES))
    }

    pub(crate) const CELL_BYTES: usize = size_of::<Cell>();

    fn has_room(&self, may_grow: bool) -> bool {
        let (length, capacity) =
            self.older.as_ref().map_or((0, 0), |older| (older.cells.len(), older.cells.capacity()));
        length < Self::MOST_CELLS && (length < capacity || may_grow)
    }
}

impl Older {
    fn push(&mut self, cell: Cell) {
        let length = self.cells.len();
        if length == self.cells.capacity() {
            // From one upwards: most callers of most services are few.
            self.cells.reserve_exact(length.clamp(1, MovingLog::MOST_CELLS - length));
        }
        self.total += cell.count;
        self.cells.push_back(cell);
    }

    fn forget(&mut self, meter: &Meter, now: Nanos) {
        while let Some(cell) = self.cells.pop_front_if(|cell| cell.is_over(meter, now)) {
            self.total -= cell.count;
        }
    }
}

impl Cell {
    /// A request that is exactly a period old still counts.
    fn is_over(&self, meter: &Meter, now: Nanos) -> bool {
        self.count == 0 || self.at + meter.period() < now
    }
}

fn rounded_up(meter: &Meter, now: Nanos) -> Nanos {
    if meter.capacity() <= MovingLog::EXACT { now } else { now.next_multiple_of(meter.period() / 1024) }
}
