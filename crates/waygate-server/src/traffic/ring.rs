//! The requests of one route: by second for 15 minutes, by minute for 24 hours.

use std::collections::VecDeque;

use waygate_api::traffic::Outcomes;

use super::{DAY, QUARTER};

/// How long seconds and minutes are kept, in seconds.
const SECONDS: i64 = QUARTER + 10;
const MINUTES: i64 = DAY + QUARTER;

/// Only what had requests is there, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Ring {
    seconds: VecDeque<Cell>,
    minutes: VecDeque<Cell>,
}

/// In small numbers: there are many.
#[derive(Debug, Clone, Copy)]
struct Cell {
    at: u32,
    counts: [u32; 5],
}

impl Ring {
    pub(super) fn add(&mut self, at: i64, counts: Outcomes, now: i64) {
        add(&mut self.seconds, at, counts, now - SECONDS);
        add(&mut self.minutes, at.div_euclid(60) * 60, counts, now - MINUTES);
    }

    /// What there was at that second and later: in minutes, or in seconds as far as they go.
    pub(super) fn since(&self, start: i64, in_minutes: bool) -> impl Iterator<Item = (i64, Outcomes)> {
        let cells = if in_minutes { &self.minutes } else { &self.seconds };
        let first = cells.partition_point(|cell| i64::from(cell.at) < start);
        cells.range(first..).map(|cell| (i64::from(cell.at), cell.outcomes()))
    }

    /// Whether nothing in it is young enough to be kept.
    pub(super) fn is_over(&self, now: i64) -> bool {
        self.minutes.back().is_none_or(|cell| i64::from(cell.at) < now - MINUTES)
    }
}

impl Cell {
    fn outcomes(&self) -> Outcomes {
        let [allowed, limited, blocked, gated, shadow] = self.counts.map(u64::from);
        Outcomes { allowed, limited, blocked, gated, shadow }
    }
}

fn add(cells: &mut VecDeque<Cell>, at: i64, counts: Outcomes, oldest: i64) {
    let Ok(second) = u32::try_from(at) else { return };
    let Outcomes { allowed, limited, blocked, gated, shadow } = counts;
    let more = [allowed, limited, blocked, gated, shadow].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    // Reports come late by seconds: the place is near the end.
    let place = cells.iter().rposition(|cell| cell.at <= second);
    match place {
        Some(place) if cells[place].at == second => {
            let sums = &mut cells[place].counts;
            for (sum, more) in sums.iter_mut().zip(more) {
                *sum = sum.saturating_add(more);
            }
        }
        place => cells.insert(place.map_or(0, |place| place + 1), Cell { at: second, counts: more }),
    }
    while cells.front().is_some_and(|cell| i64::from(cell.at) < oldest) {
        cells.pop_front();
    }
}
