//! The requests of one route in a line of the list.

use std::fmt::Write as _;

use waygate_api::traffic::Outcomes;

use crate::dashboard::chart::{SERIES, stacked};
use crate::dashboard::words::counted;
use crate::traffic::Lately;

/// The width of a minute with the gap beside it, and the height of the whole.
const MINUTE: u64 = 3;
const HEIGHT: u64 = 20;

/// Columns of minutes: one path for each outcome that there was.
pub(in crate::dashboard) fn spark(lately: &Lately) -> String {
    let all = sum(lately);
    let highest = lately.iter().flatten().map(Outcomes::total).max().unwrap_or(0).max(1);
    let mut paths: [String; SERIES.len()] = Default::default();
    let mut ground = String::new();
    for (x, counts) in (0..).step_by(3).zip(lately) {
        // Where somebody counted there is a ground, also where there was nothing.
        if counts.is_some() {
            if ground.ends_with(&format!("H{x}")) {
                ground.truncate(ground.rfind('H').unwrap_or_default());
            } else {
                let _ = write!(ground, "M{x} {}.5", HEIGHT - 1);
            }
            let _ = write!(ground, "H{}", x + MINUTE);
        }
        let mut top = HEIGHT;
        for (path, count) in paths.iter_mut().zip(stacked(counts.unwrap_or_default())).filter(|(_, count)| *count > 0) {
            let height = (count.saturating_mul(HEIGHT) / highest).max(1).min(top);
            top -= height;
            let _ = write!(path, "M{x} {top}h2v{height}h-2z");
        }
    }
    let width = MINUTE * lately.len() as u64;
    let words = words(all);
    let mut svg = format!(
        "<svg class=\"spark\" viewBox=\"0 0 {width} {HEIGHT}\" width=\"{width}\" height=\"{HEIGHT}\" role=\"img\">\
         <title>{words}</title><path class=\"c-ground\" d=\"{ground}\"/>"
    );
    for ((name, _), path) in SERIES.iter().zip(&paths).filter(|(_, path)| !path.is_empty()) {
        let _ = write!(svg, "<path class=\"c-{name}\" d=\"{path}\"/>");
    }
    svg.push_str("</svg>");
    svg
}

pub(super) fn sum(lately: &Lately) -> Outcomes {
    let mut all = Outcomes::default();
    lately.iter().flatten().for_each(|counts| all += *counts);
    all
}

fn words(all: Outcomes) -> String {
    let total = counted(usize::try_from(all.total()).unwrap_or(usize::MAX), "request");
    let stopped = all.limited + all.blocked + all.gated;
    if stopped == 0 { total } else { format!("{total}, {stopped} not let through") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_is_a_path_and_what_there_is_is_seen() {
        let mut lately: Lately = Default::default();
        lately[23] = Some(Outcomes { allowed: 1000, limited: 1, ..Outcomes::default() });
        let svg = spark(&lately);
        assert!(svg.contains("<title>1001 requests, 1 not let through</title>"), "{svg}");
        assert!(svg.contains("class=\"c-allowed\" d=\"M69 1h2v19h-2z\""), "{svg}");
        assert!(svg.contains("class=\"c-limited\" d=\"M69 0h2v1h-2z\""), "{svg}");
        assert!(!svg.contains("c-blocked"), "{svg}");
        assert!(svg.contains("class=\"c-ground\" d=\"M69 19.5H72\""), "what was measured has a ground: {svg}");
        lately[22] = Some(Outcomes::default());
        lately[2] = Some(Outcomes::default());
        assert!(spark(&lately).contains("d=\"M6 19.5H9M66 19.5H72\""), "{}", spark(&lately));
    }
}
