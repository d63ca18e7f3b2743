//! A month, week by week.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::dashboard::schedule::bar::Bar;

/// How many things are told of one day.
const MOST: usize = 4;

pub(super) struct Week(pub(super) Vec<Day>);

pub(super) struct Day {
    pub(super) number: i8,
    /// The whole date, as programs and people read it.
    pub(super) date: String,
    /// It belongs to the month that is shown.
    pub(super) within: bool,
    pub(super) today: bool,
    pub(super) entries: Vec<Entry>,
    pub(super) more: usize,
}

pub(super) struct Entry {
    pub(super) what: String,
    pub(super) link: Option<String>,
    /// When on that day, in UTC.
    pub(super) when: String,
    pub(super) stage: &'static str,
}

/// The weeks of the month that `first` begins, from Monday to Sunday.
pub(super) fn weeks(bars: &[Bar], first: Date, today: Date) -> Vec<Week> {
    let back = first.weekday().since(Weekday::Monday);
    let mut date = first.checked_sub(i64::from(back).days()).unwrap_or(first);
    let mut weeks = Vec::new();
    while date <= first.last_of_month() {
        let mut week = Vec::new();
        for _ in 0..7 {
            week.push(day(bars, date, first, today));
            let Ok(next) = date.tomorrow() else { return weeks };
            date = next;
        }
        weeks.push(Week(week));
    }
    weeks
}

fn day(bars: &[Bar], date: Date, first: Date, today: Date) -> Day {
    let midnight = |date: Date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap_or_default();
    let (from, to) = (midnight(date), date.tomorrow().map_or(Timestamp::MAX, midnight));
    let mut there: Vec<&Bar> = bars.iter().filter(|bar| bar.meets(from, to)).collect();
    there.sort_by_key(|bar| bar.start);
    let clock = |at: Timestamp| at.strftime("%H:%M").to_string();
    let entry = |bar: &&Bar| Entry {
        what: bar.what.clone(),
        link: bar.link.clone(),
        when: match (from <= bar.start, bar.end <= to) {
            (true, true) => format!("{} to {}", clock(bar.start), clock(bar.end)),
            (true, false) => format!("from {}", clock(bar.start)),
            (false, true) => format!("until {}", clock(bar.end)),
            (false, false) => "all day".to_owned(),
        },
        stage: bar.stage.word(),
    };
    Day {
        number: date.day(),
        date: date.to_string(),
        within: date.month() == first.month(),
        today: date == today,
        entries: there.iter().take(MOST).map(entry).collect(),
        more: there.len().saturating_sub(MOST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::schedule::bar::Stage;

    #[test]
    fn a_month_is_whole_weeks_and_a_bar_is_told_on_each_of_its_days() {
        let bar = Bar {
            what: "pay:GET:/a".to_owned(),
            link: None,
            start: "2026-12-01T10:00:00Z".parse().unwrap(),
            end: "2026-12-03T00:00:00Z".parse().unwrap(),
            stage: Stage::Upcoming,
            reason: String::new(),
        };
        let day = |text: &str| text.parse::<Date>().unwrap();
        let weeks = weeks(&[bar], day("2026-12-01"), day("2026-12-02"));
        let days: Vec<&Day> = weeks.iter().flat_map(|Week(days)| days).collect();
        assert_eq!((days.len(), days[0].date.as_str()), (35, "2026-11-30"));
        let told: Vec<Vec<&str>> =
            days[..4].iter().map(|day| day.entries.iter().map(|entry| &*entry.when).collect()).collect();
        assert_eq!(told, [vec![], vec!["from 10:00"], vec!["until 00:00"], vec![]]);
        assert!(!days[0].within && days[2].today);
    }
}
