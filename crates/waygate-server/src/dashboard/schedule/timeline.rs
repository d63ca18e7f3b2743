//! Seven days, a row for each subject, drawn on the server.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::dashboard::schedule::bar::Bar;
use crate::dashboard::words::Moment;

const DAYS: i64 = 7;
/// A minute is one unit wide.
const WIDTH: i64 = DAYS * 24 * 60;
/// The height of bars that lie side by side, and the gap between them.
pub(super) const LANE: usize = 20;
/// The last lane of a subject.
const LAST_LANE: usize = 4;
/// How many subjects are drawn.
const MOST: usize = 60;

pub(super) struct Timeline {
    pub(super) days: Vec<String>,
    pub(super) rows: Vec<Row>,
    pub(super) more: usize,
}

pub(super) struct Row {
    pub(super) what: String,
    pub(super) link: Option<String>,
    pub(super) svg: String,
}

impl Timeline {
    /// From midnight UTC of a date.
    pub(super) fn of(bars: &[Bar], from: Date, now: Timestamp) -> Self {
        let midnight = |days: i64| {
            let date = from.checked_add(days.days()).unwrap_or(from);
            TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap_or_default()
        };
        let (start, end) = (midnight(0), midnight(DAYS));
        let mut subjects: BTreeMap<&str, Vec<&Bar>> = BTreeMap::new();
        for bar in bars.iter().filter(|bar| bar.meets(start, end)) {
            subjects.entry(&bar.what).or_default().push(bar);
        }
        let more = subjects.len().saturating_sub(MOST);
        let rows = subjects.into_iter().take(MOST).map(|(what, mut bars)| {
            bars.sort_by_key(|bar| (bar.start, bar.end));
            Row {
                what: what.to_owned(),
                link: bars.iter().find_map(|bar| bar.link.clone()),
                svg: drawn(&bars, start, now),
            }
        });
        let rows = rows.collect();
        let day = |days| from.checked_add(i64::days(days)).unwrap_or(from).strftime("%a %-d %b").to_string();
        Self { days: (0..DAYS).map(day).collect(), rows, more }
    }
}

fn drawn(bars: &[&Bar], start: Timestamp, now: Timestamp) -> String {
    let minute = |at: Timestamp| (at.duration_since(start).as_secs() / 60).clamp(0, WIDTH);
    let lanes = lanes(bars);
    let height = LANE * (1 + lanes.iter().max().copied().unwrap_or_default().min(LAST_LANE));
    let words: Vec<String> = bars.iter().map(|bar| in_words(bar)).collect();
    let words = escaped(&words.join("; "));
    let mut svg = format!(
        "<svg class=\"timeline\" viewBox=\"0 0 {WIDTH} {height}\" width=\"100%\" height=\"{height}\" \
         preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{words}\">"
    );
    for day in 1..DAYS {
        let x = day * 24 * 60;
        let _ = write!(svg, "<path class=\"day-line\" d=\"M{x} 0V{height}\"/>");
    }
    for (bar, lane) in bars.iter().zip(lanes) {
        let (from, to) = (minute(bar.start), minute(bar.end));
        let _ = write!(
            svg,
            "<rect class=\"bar {}\" x=\"{from}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title></rect>",
            bar.stage.class(),
            // What there is no lane for lies over others in the last.
            lane.min(LAST_LANE) * LANE + 2,
            // What is short is to be seen too.
            (to - from).max(24),
            LANE - 4,
            escaped(&in_words(bar)),
        );
    }
    if (0..WIDTH).contains(&(now.duration_since(start).as_secs() / 60)) {
        let _ = write!(svg, "<path class=\"now-line\" d=\"M{} 0V{height}\"/>", minute(now));
    }
    svg.push_str("</svg>");
    svg
}

/// Bars that overlap lie side by side: the lane of each, which are ordered by their beginnings.
pub(super) fn lanes(bars: &[&Bar]) -> Vec<usize> {
    let mut ends: Vec<Timestamp> = Vec::new();
    let place = |bar: &&Bar| {
        if let Some(lane) = ends.iter().position(|end| *end <= bar.start) {
            ends[lane] = bar.end;
            return lane;
        }
        ends.push(bar.end);
        ends.len() - 1
    };
    bars.iter().map(place).collect()
}

pub(super) fn in_words(bar: &Bar) -> String {
    let reason = if bar.reason.is_empty() { String::new() } else { format!(": {}", bar.reason) };
    format!("{} {} to {}{reason}", bar.stage.word(), Moment(bar.start).words(), Moment(bar.end).words())
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::schedule::bar::Stage;

    fn bar(start: &str, end: &str) -> Bar {
        Bar {
            what: "pay:GET:/a".to_owned(),
            link: None,
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
            stage: Stage::Upcoming,
            reason: "<b>\"move\"</b>".to_owned(),
        }
    }

    #[test]
    fn bars_that_overlap_lie_side_by_side_and_words_are_no_markup() {
        let bars = [
            bar("2026-12-01T10:00:00Z", "2026-12-01T12:00:00Z"),
            bar("2026-12-01T11:00:00Z", "2026-12-01T13:00:00Z"),
            bar("2026-12-01T12:00:00Z", "2026-12-01T14:00:00Z"),
            bar("2026-12-09T00:00:00Z", "2026-12-10T00:00:00Z"),
        ];
        assert_eq!(lanes(&bars.iter().collect::<Vec<_>>()), [0, 1, 0, 0]);
        let timeline = Timeline::of(&bars, "2026-12-01".parse().unwrap(), "2026-12-01T01:00:00Z".parse().unwrap());
        assert_eq!((timeline.rows.len(), timeline.days[0].as_str()), (1, "Tue 1 Dec"));
        let svg = &timeline.rows[0].svg;
        assert_eq!(svg.matches("<rect class=\"bar upcoming\"").count(), 3, "{svg}");
        assert!(svg.contains("x=\"600\" y=\"2\" width=\"120\"") && svg.contains("x=\"660\" y=\"22\""), "{svg}");
        assert!(svg.contains("d=\"M60 0V40\"") && !svg.contains("<b>"), "{svg}");
    }
}
