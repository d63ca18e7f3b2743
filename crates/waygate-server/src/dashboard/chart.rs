//! Charts, drawn on the server: columns of requests by what became of them, with what they show in words.

pub(super) mod marks;

use std::fmt::Write as _;

use waygate_api::traffic::{Outcomes, TrafficPoint, TrafficView};
use waygate_core::Timestamp;

use self::marks::Marks;
use crate::dashboard::words::{Moment, span};

/// The order in which columns are stacked, from below.
pub(super) const SERIES: [(&str, &str); 5] = [
    ("allowed", "allowed"),
    ("shadow", "would have been stopped"),
    ("limited", "limited (429)"),
    ("blocked", "blocked (503)"),
    ("gated", "gated (403)"),
];
const HEIGHT: u64 = 120;
/// Below the columns, where it is said that there is no data.
const FOOT: u64 = 6;
/// The most rows of the table.
const MOST_ROWS: usize = 96;
/// For so many seconds reports are on their way: that nothing is known of them says nothing yet.
const ON_THE_WAY: usize = 12;

/// Columns over time, the newest at the right. Where nobody counted, the ground is grey over a thick line.
pub(super) struct Chart {
    /// Unique on the page.
    pub(super) id: &'static str,
    pub(super) width: u64,
    pub(super) height: u64,
    pub(super) svg: String,
    pub(super) summary: String,
    /// How high the highest column is, in words.
    pub(super) highest: String,
    pub(super) start: Moment,
    pub(super) end: Moment,
    pub(super) rows: Vec<Row>,
    pub(super) marks: Vec<Mark>,
    pub(super) more_marks: bool,
}

/// A stretch of time in words: when, and each series, or `None` where there is no data.
pub(super) struct Row {
    pub(super) at: Moment,
    pub(super) counts: Option<[u64; 5]>,
}

/// A change, and where it lies.
pub(super) struct Mark {
    pub(super) x: u64,
    pub(super) revision: u64,
    pub(super) at: Moment,
    pub(super) words: String,
}

impl Chart {
    /// `id` is unique on the page.
    pub(super) fn of(view: &TrafficView, id: &'static str, marks: Marks) -> Self {
        let points = view.series.as_slice();
        let step = i64::from(view.step_seconds).max(1);
        let start = points.first().map_or(Timestamp::UNIX_EPOCH, |point| point.at);
        let end = points.last().map_or(start, |point| later(point.at, step));
        let known = known(points, step);
        let highest = known.iter().filter_map(|point| point.counts).map(|counts| counts.total()).max().unwrap_or(0);
        let (unit, width) = (unit(points.len()), unit(points.len()) * points.len() as u64);
        let summary = summary(view, known, start, end);
        let mark = |entry: crate::dashboard::audit::Entry| Mark {
            x: u64::try_from(entry.at.0.duration_since(start).as_secs() / step).unwrap_or(0) * unit + unit / 2,
            revision: entry.revision,
            at: entry.at,
            words: match entry.more {
                0 => format!("{} {}", entry.actor, entry.sentence),
                more => format!("{} {}, and {more} more", entry.actor, entry.sentence),
            },
        };
        Self {
            id,
            width,
            height: HEIGHT + FOOT,
            svg: drawn(known, id, width, unit, highest, &summary),
            summary,
            highest: match highest {
                0 => String::new(),
                highest => format!("at most {highest} in {}", span(jiff::SignedDuration::from_secs(step))),
            },
            start: Moment(start),
            end: Moment(end),
            rows: rows(known),
            more_marks: marks.more,
            marks: marks.entries.into_iter().filter(|entry| entry.at.0 < end).map(mark).collect(),
        }
    }
}

/// Each series in its place.
pub(super) fn stacked(counts: Outcomes) -> [u64; 5] {
    [counts.allowed, counts.shadow, counts.limited, counts.blocked, counts.gated]
}

/// The points without those at the end of which nothing can be known yet.
fn known(points: &[TrafficPoint], step: i64) -> &[TrafficPoint] {
    let unknown = points.iter().rev().take_while(|point| point.counts.is_none()).count();
    let has_some = unknown < points.len();
    if step == 1 && has_some && unknown <= ON_THE_WAY { &points[..points.len() - unknown] } else { points }
}

/// How wide a column is drawn, with the gap beside it.
fn unit(points: usize) -> u64 {
    match points {
        0..=120 => 8,
        121..=400 => 4,
        _ => 2,
    }
}

fn drawn(points: &[TrafficPoint], id: &str, width: u64, unit: u64, highest: u64, summary: &str) -> String {
    let mut svg = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {width} {height}\" width=\"100%\" height=\"{height}\" \
         preserveAspectRatio=\"none\" role=\"img\" aria-labelledby=\"{id}-title {id}-words\">\
         <title id=\"{id}-title\">Requests</title><desc id=\"{id}-words\">{summary}</desc>",
        height = HEIGHT + FOOT,
    );
    let column = if unit > 2 { unit - 1 } else { unit };
    let mut paths: [String; SERIES.len()] = Default::default();
    let mut gap: Option<u64> = None;
    for (x, point) in (0..).step_by(usize::try_from(unit).unwrap_or(1)).zip(points) {
        let Some(counts) = point.counts else {
            gap.get_or_insert(x);
            continue;
        };
        if let Some(from) = gap.take() {
            hatch(&mut svg, from, x);
        }
        let mut top = HEIGHT;
        for (path, count) in paths.iter_mut().zip(stacked(counts)).filter(|(_, count)| *count > 0) {
            // Whatever is there is to be seen.
            let height = (count.saturating_mul(HEIGHT) / highest.max(1)).max(1).min(top);
            top -= height;
            let _ = write!(path, "M{x} {top}h{column}v{height}h-{column}z");
        }
    }
    if let Some(from) = gap {
        hatch(&mut svg, from, points.len() as u64 * unit);
    }
    let _ = write!(svg, "<path class=\"c-ground\" d=\"M0 {HEIGHT}H{width}\"/>");
    for ((name, _), path) in SERIES.iter().zip(&paths).filter(|(_, path)| !path.is_empty()) {
        // Fine columns leave no room for a pattern.
        match pattern(name).filter(|_| unit > 2) {
            None => {
                let _ = write!(svg, "<path class=\"c-{name}\" d=\"{path}\"/>");
            }
            Some(pattern) => {
                let _ = write!(
                    svg,
                    "<pattern id=\"{id}-{name}\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">\
                     <rect class=\"c-{name}\" width=\"6\" height=\"6\"/>{pattern}</pattern>\
                     <path fill=\"url(#{id}-{name})\" d=\"{path}\"/>"
                );
            }
        }
    }
    svg.push_str("</svg>");
    svg
}

fn hatch(svg: &mut String, from: u64, to: u64) {
    let (width, height) = (to - from, HEIGHT + FOOT);
    let _ = write!(svg, "<rect class=\"c-gap\" x=\"{from}\" width=\"{width}\" height=\"{height}\"/>");
    let _ = write!(svg, "<rect class=\"c-none\" x=\"{from}\" y=\"{}\" width=\"{width}\" height=\"3\"/>", HEIGHT + 3);
}

/// What lies over the colour, for those who do not tell it from others.
pub(super) fn pattern(name: &str) -> Option<&'static str> {
    match name {
        "limited" => Some("<path class=\"c-lines\" d=\"M-1 7L7-1M-1 1L1-1M5 7L7 5\"/>"),
        "gated" => Some("<path class=\"c-dots\" d=\"M1 1h2v2h-2zM4 4h2v2h-2z\"/>"),
        _ => None,
    }
}

fn summary(view: &TrafficView, points: &[TrafficPoint], start: Timestamp, end: Timestamp) -> String {
    let mut all = Outcomes::default();
    points.iter().filter_map(|point| point.counts).for_each(|counts| all += counts);
    let unknown = points.iter().filter(|point| point.counts.is_none()).count();
    if unknown == points.len() {
        return "No data: no service that counts requests was connected.".to_owned();
    }
    let parts = SERIES.iter().zip(stacked(all)).filter(|(_, count)| *count > 0);
    let parts: Vec<String> = parts.map(|((_, words), count)| format!("{count} {words}")).collect();
    let told = if parts.is_empty() { "no requests".to_owned() } else { parts.join(", ") };
    let hidden = match i64::try_from(unknown).unwrap_or_default() * i64::from(view.step_seconds) {
        0 => String::new(),
        seconds => format!(" No data for {} of it.", span(jiff::SignedDuration::from_secs(seconds))),
    };
    let when = match length(&view.window) {
        Some(length) => format!("In the last {length}"),
        None => format!("From {} to {}", Moment(start).words(), Moment(end).words()),
    };
    format!("{when}: {told}.{hidden}")
}

/// The newest first, at most some; those without requests are left out.
fn rows(points: &[TrafficPoint]) -> Vec<Row> {
    let together = points.len().div_ceil(MOST_ROWS).max(1);
    let row = |points: &[TrafficPoint]| {
        let mut sum: Option<Outcomes> = None;
        points.iter().filter_map(|point| point.counts).for_each(|counts| *sum.get_or_insert_default() += counts);
        let at = points.first().map_or(Timestamp::UNIX_EPOCH, |point| point.at);
        Row { at: Moment(at), counts: sum.map(stacked) }
    };
    let rows = points.chunks(together).rev().map(row);
    rows.filter(|row| row.counts.is_none_or(|counts| counts != [0; 5])).collect()
}

/// How long a window is, in words; `None` where it does not end now.
pub(super) fn length(window: &str) -> Option<&'static str> {
    Some(match window {
        "1m" => "minute",
        "15m" => "15 minutes",
        "1h" => "hour",
        "6h" => "6 hours",
        "24h" => "24 hours",
        _ => return None,
    })
}

fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(step: u32, counts: &[Option<Outcomes>]) -> Chart {
        let at = |second: usize| Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
        let series = counts.iter().enumerate().map(|(second, counts)| TrafficPoint { at: at(second), counts: *counts });
        let view = TrafficView {
            window: "15m".to_owned(),
            step_seconds: step,
            series: series.collect(),
            routes: Vec::new(),
            services: Vec::new(),
            callers: Vec::new(),
        };
        Chart::of(&view, "a", Marks::default())
    }

    #[test]
    fn no_data_is_drawn_and_told_otherwise_than_no_requests() {
        let none = chart(10, &[None, None]);
        assert!(none.summary.starts_with("No data"), "{}", none.summary);
        assert_eq!(none.svg.matches("class=\"c-none\" x=\"0\" y=\"123\" width=\"16\"").count(), 1, "{}", none.svg);
        assert_eq!(none.rows.iter().filter(|row| row.counts.is_none()).count(), 2);
        let idle = chart(10, &[Some(Outcomes::default()); 2]);
        assert_eq!(idle.summary, "In the last 15 minutes: no requests.");
        assert!(!idle.svg.contains("c-none") && idle.rows.is_empty(), "{}", idle.svg);
    }

    #[test]
    fn columns_are_as_high_as_their_share_and_the_least_is_seen() {
        let counts = Outcomes { allowed: 1000, blocked: 1, ..Outcomes::default() };
        let chart = chart(10, &[Some(counts), None]);
        assert_eq!(chart.summary, "In the last 15 minutes: 1000 allowed, 1 blocked (503). No data for 10 s of it.");
        assert!(chart.svg.contains("class=\"c-allowed\" d=\"M0 1h7v119h-7z\""), "{}", chart.svg);
        assert!(chart.svg.contains("class=\"c-blocked\" d=\"M0 0h7v1h-7z\""), "{}", chart.svg);
        assert_eq!(chart.highest, "at most 1001 in 10 s");
    }

    #[test]
    fn seconds_of_which_nothing_can_be_known_yet_are_no_gap() {
        let mut seconds = vec![Some(Outcomes::default()); 880];
        seconds.extend([None; 5]);
        assert_eq!(chart(1, &seconds).summary, "In the last 15 minutes: no requests.");
        seconds.extend([None; 20]);
        assert_eq!(chart(1, &seconds).summary, "In the last 15 minutes: no requests. No data for 25 s of it.");
    }

    #[test]
    fn the_table_sums_up_so_that_it_can_be_read() {
        let one = Outcomes { allowed: 1, ..Outcomes::default() };
        let chart = chart(1, &vec![Some(one); 900]);
        assert_eq!(chart.rows.len(), 90);
        assert_eq!(chart.rows[0].counts, Some([10, 0, 0, 0, 0]));
        assert_eq!(chart.rows[0].at.0.as_second(), 890);
    }
}
