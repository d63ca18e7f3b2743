//! Charts, drawn on the server: columns of requests by what became of them, with what they show in words.

use std::fmt::Write as _;

use waygate_api::traffic::{Outcomes, TrafficPoint, TrafficView};

use crate::dashboard::words::Moment;

/// The order in which columns are stacked, from below.
pub(super) const SERIES: [(&str, &str); 5] = [
    ("allowed", "allowed"),
    ("shadow", "would have been stopped"),
    ("limited", "limited (429)"),
    ("blocked", "blocked (503)"),
    ("gated", "gated (403)"),
];
const COLUMN: u64 = 8;
const HEIGHT: u64 = 120;

/// Columns over time, the newest at the right. Where nobody counted there is a bar below the line instead of a column.
pub(super) struct Chart {
    pub(super) svg: String,
    pub(super) summary: String,
    pub(super) rows: Vec<Row>,
}

/// A point in words: when, and each series, or `None` where there is no data.
pub(super) struct Row {
    pub(super) at: Moment,
    pub(super) counts: Option<[u64; 5]>,
}

impl Chart {
    /// `id` is unique on the page.
    pub(super) fn of(view: &TrafficView, id: &str) -> Self {
        let summary = summary(view);
        let points = &view.series;
        let highest = points.iter().filter_map(|point| point.counts).map(|counts| counts.total()).max().unwrap_or(0);
        let width = COLUMN * points.len() as u64;
        let mut svg = format!(
            "<svg class=\"chart\" viewBox=\"0 0 {width} {}\" width=\"100%\" height=\"{}\" preserveAspectRatio=\"none\" \
             role=\"img\" aria-labelledby=\"{id}-title {id}-words\"><title id=\"{id}-title\">Requests</title>\
             <desc id=\"{id}-words\">{summary}</desc>",
            HEIGHT + 6,
            HEIGHT + 6,
        );
        for (position, point) in points.iter().enumerate() {
            column(&mut svg, position as u64 * COLUMN, point, highest);
        }
        svg.push_str("</svg>");
        let rows = points.iter().rev().map(|point| Row { at: Moment(point.at), counts: point.counts.map(stacked) });
        Self { svg, summary, rows: rows.filter(|row| row.counts.is_none_or(|counts| counts != [0; 5])).collect() }
    }
}

/// Each series in its place.
pub(super) fn stacked(counts: Outcomes) -> [u64; 5] {
    [counts.allowed, counts.shadow, counts.limited, counts.blocked, counts.gated]
}

fn column(svg: &mut String, x: u64, point: &TrafficPoint, highest: u64) {
    let width = COLUMN - 1;
    let Some(counts) = point.counts else {
        let _ = write!(svg, "<rect class=\"c-none\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"3\"/>", HEIGHT + 3);
        return;
    };
    let mut top = HEIGHT;
    for ((name, _), count) in SERIES.iter().zip(stacked(counts)).filter(|(_, count)| *count > 0) {
        // Whatever is there is to be seen.
        let height = (count.saturating_mul(HEIGHT) / highest.max(1)).max(1).min(top);
        top -= height;
        let _ = write!(svg, "<rect class=\"c-{name}\" x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/>");
    }
}

fn summary(view: &TrafficView) -> String {
    let mut all = Outcomes::default();
    view.series.iter().filter_map(|point| point.counts).for_each(|counts| all += counts);
    let unknown = view.series.iter().filter(|point| point.counts.is_none()).count();
    if unknown == view.series.len() {
        return "No data: no service that counts requests was connected.".to_owned();
    }
    let parts = SERIES.iter().zip(stacked(all)).filter(|(_, count)| *count > 0);
    let parts: Vec<String> = parts.map(|((_, words), count)| format!("{count} {words}")).collect();
    let told = if parts.is_empty() { "no requests".to_owned() } else { parts.join(", ") };
    let hidden = match unknown {
        0 => String::new(),
        unknown => format!(" No data for {unknown} of {} points.", view.series.len()),
    };
    format!("In the last {}: {told}.{hidden}", length(&view.window))
}

pub(super) fn length(window: &str) -> &'static str {
    match window {
        "1m" => "minute",
        "24h" => "24 hours",
        _ => "15 minutes",
    }
}

#[cfg(test)]
mod tests {
    use waygate_core::Timestamp;

    use super::*;

    fn view(counts: &[Option<Outcomes>]) -> TrafficView {
        let series = counts.iter().map(|counts| TrafficPoint { at: Timestamp::UNIX_EPOCH, counts: *counts });
        TrafficView {
            window: "15m".to_owned(),
            step_seconds: 10,
            series: series.collect(),
            routes: Vec::new(),
            services: Vec::new(),
        }
    }

    #[test]
    fn no_data_is_drawn_and_told_otherwise_than_no_requests() {
        let none = Chart::of(&view(&[None, None]), "a");
        assert!(none.summary.starts_with("No data"), "{}", none.summary);
        assert_eq!(none.svg.matches("c-none").count(), 2);
        let idle = Chart::of(&view(&[Some(Outcomes::default()); 2]), "a");
        assert_eq!(idle.summary, "In the last 15 minutes: no requests.");
        assert!(!idle.svg.contains("<rect"), "{}", idle.svg);
    }

    #[test]
    fn columns_are_as_high_as_their_share_and_the_least_is_seen() {
        let counts = Outcomes { allowed: 1000, limited: 1, ..Outcomes::default() };
        let chart = Chart::of(&view(&[Some(counts), None]), "a");
        assert_eq!(chart.summary, "In the last 15 minutes: 1000 allowed, 1 limited (429). No data for 1 of 2 points.");
        assert!(chart.svg.contains("class=\"c-allowed\" x=\"0\" y=\"1\" width=\"7\" height=\"119\""), "{}", chart.svg);
        assert!(chart.svg.contains("class=\"c-limited\" x=\"0\" y=\"0\" width=\"7\" height=\"1\""), "{}", chart.svg);
    }
}
