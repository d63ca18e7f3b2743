//! The script that charges a request: the arithmetic of `waygate_core::Usage`, in microseconds.

use ::redis::Script;
use waygate_core::{Algorithm, Meter};

use super::ChargeRequest;

/// The longest period of a quota, which keeps numbers in the script exact.
const LONGEST_PERIOD: u64 = 3650 * 86_400;

/// Asks every counter of a request, and adds to them if the request is admitted; one step that nothing comes between.
///
/// Keys: the counters, in the order of the meters. Arguments: [`settings`] of the meters; the time in microseconds since
/// 1970, or nothing for the clock of Redis.
///
/// A request is denied, and counted nowhere, if a limit that is not in shadow has a meter that denies it. A limit in
/// shadow that would deny it does not count it.
///
/// Answers whether it was admitted, the time, and for each meter whether it admits, what remains (after this request,
/// where it was counted), and in how many microseconds more remains.
///
/// A counter is a string of doubles (fixed window: start, count; sliding window: latest, previous, current; token
/// bucket: at, tokens, part; each with the time until which it is kept) or, for the moving window, a list. Numbers are
/// integers below 2^53, and products that may be larger are divided bit by bit. Whatever a record is kept for, an edit may
/// lengthen it: the next request sees that, also one that is denied.
///
/// What it costs is one call of Redis to read all counters, one for the time and one for each counter that is written;
/// functions and tables cost as much as calls, so there are few. The moving window needs both, and therefore has its part
/// of the script only where it is used.
#[derive(Debug)]
pub(super) struct ChargeScript {
    plain: Script,
    moving: Script,
}

impl ChargeScript {
    pub(super) fn new() -> Self {
        let plain = include_str!("charge.lua");
        let moving = include_str!("moving.lua");
        Self { plain: Script::new(&["local moving\n", plain].concat()), moving: Script::new(&[moving, plain].concat()) }
    }

    pub(super) fn of(&self, request: &ChargeRequest) -> &Script {
        let moving = |meter: &Meter| meter.algorithm == Algorithm::MovingWindow;
        if request.limits.iter().flat_map(|limit| &limit.meters).any(moving) { &self.moving } else { &self.plain }
    }
}

/// The meters of a request, 26 bytes each, little-endian: the algorithm; 1 for a meter of a limit in shadow, and 2 for the
/// first of a limit; as doubles the amount, the capacity, and the period in microseconds.
#[expect(clippy::cast_precision_loss, reason = "larger numbers than a double holds are as good as endless")]
pub(super) fn settings(request: &ChargeRequest) -> Vec<u8> {
    let mut settings = Vec::with_capacity(26 * request.limits.iter().map(|limit| limit.meters.len()).sum::<usize>());
    for limit in &request.limits {
        for (position, meter) in limit.meters.iter().enumerate() {
            let algorithm = match meter.algorithm {
                Algorithm::FixedWindow => 0,
                Algorithm::SlidingWindow => 1,
                Algorithm::TokenBucket => 2,
                Algorithm::MovingWindow => 3,
            };
            let first = if position == 0 { 2 } else { 0 };
            settings.extend([algorithm, u8::from(limit.shadow) + first]);
            let period = meter.quota.period_seconds.clamp(1, LONGEST_PERIOD) * 1_000_000;
            for number in [meter.quota.amount, meter.capacity(), period] {
                settings.extend((number as f64).to_le_bytes());
            }
        }
    }
    settings
}
