//! What one service has reported.

use std::collections::{HashMap, VecDeque};

use waygate_core::LocalKey;

use super::DAY;
use super::callers::Callers;
use super::ring::Ring;

/// How far apart two signs of life of a service that counts may be, in seconds, for it to count in between.
const SIGNS_APART: i64 = 45;
/// How long before its first sign a service counts: a report tells of the seconds before it.
pub(super) const BEFORE: i64 = 5;

#[derive(Debug, Default)]
pub(super) struct OfService {
    /// When somebody counted: beginnings and ends in seconds, in their order, none touching another.
    pub(super) measured: VecDeque<(i64, i64)>,
    /// `None`: requests to no known route.
    pub(super) routes: HashMap<Option<LocalKey>, Ring>,
    pub(super) callers: Callers,
}

impl OfService {
    pub(super) fn is_measured(&self, from: i64, to: i64) -> bool {
        self.measured.iter().any(|(start, end)| *start < to && from < *end)
    }

    pub(super) fn measured_seconds(&self, from: i64, to: i64) -> u64 {
        let within = |(start, end): &(i64, i64)| u64::try_from((*end).min(to) - (*start).max(from)).unwrap_or(0);
        self.measured.iter().map(within).sum()
    }

    pub(super) fn is_alive(&mut self, now: i64) {
        match self.measured.back_mut() {
            Some((_, end)) if now - *end <= SIGNS_APART => *end = now.max(*end),
            _ => self.measured.push_back((now - BEFORE, now)),
        }
        while self.measured.front().is_some_and(|(_, end)| *end < now - DAY) {
            self.measured.pop_front();
        }
    }

    /// Of one route, or of all with those of no known route.
    pub(super) fn rings(&self, local: Option<&LocalKey>) -> impl Iterator<Item = &Ring> {
        let one = local.and_then(|local| self.routes.get(&Some(local.clone())));
        let all = local.is_none().then(|| self.routes.values());
        one.into_iter().chain(all.into_iter().flatten())
    }
}
