//! A day back and a day ahead: what was changed, what was stopped, what is planned.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::api::schedules;
use crate::dashboard::chart::marks::{Concern, Marks};
use crate::dashboard::schedule::bar::Bar;
use crate::dashboard::schedule::past;
use crate::dashboard::schedule::timeline::{LANE, escaped, in_words, lanes};
use crate::dashboard::visit::Visit;
use crate::dashboard::words::{Moment, counted};
use crate::error::ApiError;

/// A minute is one unit wide.
const HALF: i64 = 24 * 60;
const WIDTH: i64 = 2 * HALF;
/// Where changes are marked, above the bars.
const MARKED: usize = 28;
/// How many bars lie above each other at the most; what is beyond is told below.
const MOST_LANES: usize = 4;

pub(in crate::dashboard) struct Day {
    pub(in crate::dashboard) svg: String,
    pub(in crate::dashboard) width: i64,
    pub(in crate::dashboard) height: usize,
    pub(in crate::dashboard) start: Moment,
    pub(in crate::dashboard) end: Moment,
    pub(in crate::dashboard) marks: Vec<Mark>,
    pub(in crate::dashboard) more_marks: bool,
    pub(in crate::dashboard) bars: Vec<Told>,
    pub(in crate::dashboard) summary: String,
}

/// A change, and where it lies.
pub(in crate::dashboard) struct Mark {
    pub(in crate::dashboard) x: i64,
    pub(in crate::dashboard) revision: u64,
    pub(in crate::dashboard) at: Moment,
    pub(in crate::dashboard) words: String,
}

/// Something that is drawn as a bar.
pub(in crate::dashboard) struct Told {
    pub(in crate::dashboard) what: String,
    pub(in crate::dashboard) link: Option<String>,
    pub(in crate::dashboard) stage: &'static str,
    pub(in crate::dashboard) start: Moment,
    pub(in crate::dashboard) end: Moment,
}

impl Day {
    pub(in crate::dashboard) async fn around_now(visit: &Visit) -> Result<Self, ApiError> {
        let day = SignedDuration::from_hours(24);
        let (start, end) = (visit.now - day, visit.now + day);
        let marks = Marks::since(visit, start, Concern::default()).await?;
        let planned = schedules::planned(&visit.app, &visit.principal, None, None, visit.now).await?;
        let (past, _) = past::windows(visit, None, day, 1).await?;
        let mut bars: Vec<Bar> = planned.iter().map(|scheduled| Bar::of(visit, scheduled)).chain(past).collect();
        bars.retain(|bar| bar.meets(start, end));
        bars.sort_by_key(|bar| (bar.start, bar.end));
        let timed = match bars.len() {
            1 => "1 window or timed switch".to_owned(),
            count => format!("{count} windows or timed switches"),
        };
        let more = if marks.more { "More than " } else { "" };
        let changes = counted(marks.entries.len(), "change");
        let summary = format!("{more}{changes} in the last 24 hours. {timed} in these and the next 24.");
        let mark = |entry: crate::dashboard::audit::Entry| Mark {
            x: minute(entry.at.0, start),
            revision: entry.revision,
            at: entry.at,
            words: format!("{} {}", entry.actor, entry.sentence),
        };
        let (svg, height) = drawn(&bars, start, &summary);
        Ok(Self {
            svg,
            width: WIDTH,
            height,
            start: Moment(start),
            end: Moment(end),
            marks: marks.entries.into_iter().map(mark).collect(),
            more_marks: marks.more,
            bars: bars.into_iter().map(Told::of).collect(),
            summary,
        })
    }
}

impl Told {
    fn of(bar: Bar) -> Self {
        Self { stage: bar.stage.word(), start: Moment(bar.start), end: Moment(bar.end), what: bar.what, link: bar.link }
    }
}

fn minute(at: Timestamp, start: Timestamp) -> i64 {
    (at.duration_since(start).as_secs() / 60).clamp(0, WIDTH)
}

/// The bars below the room for the marks, and how high that is.
fn drawn(bars: &[Bar], start: Timestamp, summary: &str) -> (String, usize) {
    let bars: Vec<&Bar> = bars.iter().collect();
    let lanes = lanes(&bars);
    let used = lanes.iter().map(|lane| lane + 1).max().unwrap_or_default().min(MOST_LANES);
    let height = MARKED + LANE * used;
    let mut svg = format!(
        "<svg class=\"timeline\" viewBox=\"0 0 {WIDTH} {height}\" width=\"100%\" height=\"{height}\" \
         preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
        escaped(summary)
    );
    for hours in (6..48).step_by(6) {
        let _ = write!(svg, "<path class=\"day-line\" d=\"M{} 0V{height}\"/>", hours * 60);
    }
    for (bar, lane) in bars.iter().zip(lanes).filter(|(_, lane)| *lane < MOST_LANES) {
        let (from, to) = (minute(bar.start, start), minute(bar.end, start));
        let _ = write!(
            svg,
            "<rect class=\"bar {}\" x=\"{from}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}: {}</title></rect>",
            bar.stage.class(),
            MARKED + lane * LANE + 2,
            // What is short is to be seen too.
            (to - from).max(12),
            LANE - 4,
            escaped(&bar.what),
            escaped(&in_words(bar)),
        );
    }
    let _ = write!(svg, "<path class=\"now-line\" d=\"M{HALF} 0V{height}\"/></svg>");
    (svg, height)
}
