//! The moving window: a log of when requests passed.

use std::collections::VecDeque;

use super::meter::{Meter, Nanos, is_ahead};

/// When requests passed, oldest first.
///
/// Up to a capacity of [`MovingLog::EXACT`] each request has its own time. Above it times are rounded up to the
/// 1,024th part of the period, so that a log has at most 1,026 cells of 16 bytes whatever the capacity; a request
/// then counts for up to that part longer than a period, never shorter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MovingLog {
    cells: VecDeque<Cell>,
    total: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    at: Nanos,
    count: u32,
}

impl MovingLog {
    /// The largest capacity that is logged exactly.
    pub(crate) const EXACT: u64 = 1024;
    const MOST_CELLS: usize = 1026;

    pub(crate) fn used(&self, meter: &Meter, now: Nanos) -> u64 {
        let gone = self.cells.iter().take_while(|cell| is_over(cell, meter, now));
        self.total - gone.map(|cell| u64::from(cell.count)).sum::<u64>()
    }

    pub(crate) fn until_at_most(&self, target: u64, meter: &Meter, now: Nanos) -> u64 {
        let mut left = self.total;
        for cell in &self.cells {
            left = left.saturating_sub(u64::from(cell.count));
            if left <= target {
                return (cell.at + meter.period() + 1).saturating_sub(now);
            }
        }
        0
    }

    pub(crate) fn add(&mut self, meter: &Meter, now: Nanos, may_grow: bool) {
        while let Some(cell) = self.cells.front().filter(|cell| is_over(cell, meter, now)) {
            self.total -= u64::from(cell.count);
            self.cells.pop_front();
        }
        self.total += 1;
        let at = rounded_up(meter, now);
        let is_full = self.cells.len() >= Self::MOST_CELLS || (self.cells.len() == self.cells.capacity() && !may_grow);
        match self.cells.back_mut() {
            Some(latest) if (is_full || latest.at >= at) && latest.count < u32::MAX => {
                latest.at = latest.at.max(at);
                latest.count += 1;
            }
            _ => self.push(Cell { at, count: 1 }),
        }
    }

    pub(crate) fn rebase(&mut self, meter: &Meter, now: Nanos) {
        if self.cells.back().is_some_and(|latest| is_ahead(latest.at, now, meter.period())) {
            for cell in &mut self.cells {
                cell.at = cell.at.min(now);
            }
        }
    }

    pub(crate) fn expires_at(&self, meter: &Meter) -> Nanos {
        self.cells.back().map_or(0, |latest| latest.at + meter.period() + 1)
    }

    /// How many cells it has room for.
    pub(crate) fn room(&self) -> usize {
        self.cells.capacity()
    }

    /// Its memory, without what the allocator adds.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.room() * size_of::<Cell>()
    }

    fn push(&mut self, cell: Cell) {
        if self.cells.len() == self.cells.capacity() {
            // From one upwards: most callers of most services are few.
            let length = self.cells.len();
            self.cells.reserve_exact(length.min(Self::MOST_CELLS.saturating_sub(length)).max(1));
        }
        self.cells.push_back(cell);
    }
}

/// A request that is exactly a period old still counts.
fn is_over(cell: &Cell, meter: &Meter, now: Nanos) -> bool {
    cell.at + meter.period() < now
}

fn rounded_up(meter: &Meter, now: Nanos) -> Nanos {
    if meter.capacity() <= MovingLog::EXACT { now } else { now.next_multiple_of(meter.period() / 1024) }
}
