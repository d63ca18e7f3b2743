//! Whom limits deny most: by minute for an hour, by hour for a day, in a space that nobody makes grow.

use std::collections::VecDeque;

use waygate_api::rate_limits::CallerReport;
use waygate_core::{Counted, Heaviest};

use super::DAY;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
/// How many callers are told apart in a minute, and in an hour.
const IN_A_MINUTE: usize = 20;
const IN_AN_HOUR: usize = 50;
/// The longest name that is kept, in characters.
const LONGEST: usize = 300;

/// The callers of one service.
#[derive(Debug, Default)]
pub(super) struct Callers {
    minutes: VecDeque<Stretch>,
    hours: VecDeque<Stretch>,
}

/// A caller of a limit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Caller {
    pub(super) policy: String,
    pub(super) name: String,
}

#[derive(Debug)]
struct Stretch {
    at: i64,
    heaviest: Heaviest<Caller>,
}

impl Callers {
    pub(super) fn add(&mut self, report: &CallerReport, now: i64) {
        add(&mut self.minutes, report, now, MINUTE, IN_A_MINUTE, now - HOUR - MINUTE);
        add(&mut self.hours, report, now, HOUR, IN_AN_HOUR, now - DAY - HOUR);
    }

    /// Those of a stretch of time, each of its parts apart.
    pub(super) fn between(&self, start: i64, end: i64, now: i64) -> impl Iterator<Item = &Counted<Caller>> {
        let (stretches, length) =
            if start >= now - HOUR - MINUTE { (&self.minutes, MINUTE) } else { (&self.hours, HOUR) };
        let within = move |stretch: &&Stretch| start < stretch.at + length && stretch.at < end;
        stretches.iter().filter(within).flat_map(|stretch| stretch.heaviest.iter())
    }

    /// Whether all that is in it is too old.
    pub(super) fn is_over(&self, now: i64) -> bool {
        self.hours.back().is_none_or(|stretch| stretch.at < now - DAY - HOUR)
    }
}

fn add(stretches: &mut VecDeque<Stretch>, report: &CallerReport, now: i64, length: i64, most: usize, oldest: i64) {
    let at = now.div_euclid(length) * length;
    if stretches.back().is_none_or(|stretch| stretch.at < at) {
        stretches.push_back(Stretch { at, heaviest: Heaviest::new(most) });
    }
    if let Some(stretch) = stretches.back_mut() {
        let (policy, name) = (shortened(&report.policy), shortened(&report.caller));
        let is_it = |known: &Caller| known.policy == policy && known.name == name;
        let caller = || Caller { policy: policy.clone(), name: name.clone() };
        stretch.heaviest.add(report.count, report.over, is_it, caller);
    }
    while stretches.front().is_some_and(|stretch| stretch.at < oldest) {
        stretches.pop_front();
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
