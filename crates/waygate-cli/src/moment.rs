//! Times and durations as people type and read them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ZonedDateTime};

use crate::error::{CliError, CliResult};

/// The longest duration, in seconds: ten years.
const LONGEST: i64 = 10 * 366 * 86_400;

/// A time still to come: a duration from `now` (`90s`, `30m`, `1h30m`, `2d`, `1w`), an RFC 3339 time, `18:00` (the next
/// time that it is so late) or `tomorrow 02:00`. Without an offset it is UTC.
///
/// # Errors
///
/// A usage error that names `option`.
pub(crate) fn future(option: &str, text: &str, now: Timestamp) -> CliResult<Timestamp> {
    let at = parse(option, text, now)?;
    if at <= now {
        return Err(CliError::usage(format!("`{option} {text}` is not in the future; it is {} now", shown(now))));
    }
    Ok(at)
}

/// The end of a duration that begins at `now`.
///
/// # Errors
///
/// A usage error that names `option`.
pub(crate) fn lasting(option: &str, text: &str, now: Timestamp) -> CliResult<Timestamp> {
    if duration(text.trim()).is_none() {
        let expected = "expected a duration such as `90s`, `30m`, `1h30m` or `2d`";
        return Err(CliError::usage(format!("`{option} {text}` is no duration: {expected}")));
    }
    parse(option, text, now)
}

/// A time that has been: a duration counts back from `now`, and `18:00` is the last time that it was so late; else in the
/// same forms, also `yesterday 18:00`.
///
/// # Errors
///
/// A usage error that names `option`.
pub(crate) fn past(option: &str, text: &str, now: Timestamp) -> CliResult<Timestamp> {
    let back = |length| Timestamp::from_second(now.as_second()).and_then(|now| now.checked_sub(length)).ok();
    let of_day = || near(text.trim(), now).into_iter().rev().find(|at| *at <= now);
    match duration(text.trim()).and_then(back).or_else(of_day) {
        Some(at) => Ok(at),
        None => parse(option, text, now),
    }
}

/// The same, and it must have been.
///
/// # Errors
///
/// A usage error that names `option`.
pub(crate) fn been(option: &str, text: &str, now: Timestamp) -> CliResult<Timestamp> {
    let at = past(option, text, now)?;
    if now < at {
        return Err(CliError::usage(format!("`{option} {text}` is yet to come; it is {} now", shown(now))));
    }
    Ok(at)
}

/// A time, past or to come, in the same forms.
///
/// # Errors
///
/// A usage error that names `option`.
pub(crate) fn parse(option: &str, text: &str, now: Timestamp) -> CliResult<Timestamp> {
    let text = text.trim();
    let at = match duration(text.strip_prefix('+').unwrap_or(text)) {
        // Whole seconds read better, and nobody counts the rest.
        Some(duration) => Timestamp::from_second(now.as_second()).and_then(|now| now.checked_add(duration)).ok(),
        None => text
            .parse::<Timestamp>()
            .ok()
            .or_else(|| text.parse::<ZonedDateTime>().ok().map(|at| at.timestamp()))
            .or_else(|| naive(text))
            .or_else(|| of_day(text, now)),
    };
    at.ok_or_else(|| {
        CliError::usage(format!(
            "`{option} {text}` is no time: expected a duration such as `30m`, `1h30m` or `2d`, or a time such as \
             `2026-12-01T10:00Z`, `18:00` or `tomorrow 02:00` (UTC where no offset is given)"
        ))
    })
}

/// Whether times are shown in the zone of this machine.
static LOCAL: AtomicBool = AtomicBool::new(false);

/// From now on times are shown in the zone of this machine, with UTC beside it.
pub(crate) fn show_local() {
    LOCAL.store(true, Ordering::Relaxed);
}

/// `2026-12-01 10:00 UTC`, or `2026-12-01 11:00 CET (10:00 UTC)`; seconds only where there are some.
pub(crate) fn shown(at: Timestamp) -> String {
    let zone = LOCAL.load(Ordering::Relaxed).then(TimeZone::system);
    shown_in(at, zone.as_ref())
}

fn shown_in(at: Timestamp, zone: Option<&TimeZone>) -> String {
    let clock = if at.as_second().rem_euclid(60) == 0 { "%H:%M" } else { "%H:%M:%S" };
    match zone {
        None => at.strftime(&format!("%Y-%m-%d {clock} UTC")).to_string(),
        Some(zone) => {
            let there = ZonedDateTime::new(at, zone.clone());
            format!("{} ({} UTC)", there.strftime(&format!("%Y-%m-%d {clock} %Z")), at.strftime(clock))
        }
    }
}

/// A date, with a time of day or not, which says nothing of a zone: it is UTC.
fn naive(text: &str) -> Option<Timestamp> {
    // The library would pass over a zone.
    let clock = text.get("2026-12-01".len()..).unwrap_or_default();
    let has_zone = clock.contains(['[', 'Z', 'z', '+', '-']);
    let at = text.parse::<DateTime>().ok().filter(|_| !has_zone)?;
    TimeZone::UTC.to_timestamp(at).ok()
}

/// `18:00`, `tomorrow 02:00` or `yesterday 02:00`: UTC where no offset is given.
fn of_day(text: &str, now: Timestamp) -> Option<Timestamp> {
    let today: Date = TimeZone::UTC.to_datetime(now).date();
    for (word, day) in [("tomorrow", today.tomorrow()), ("yesterday", today.yesterday())] {
        if let Some(rest) = text.strip_prefix(word) {
            let clock = rest.trim();
            return on(day.ok()?, if clock.is_empty() { "00:00" } else { clock });
        }
    }
    near(text, now).into_iter().find(|at| *at > now)
}

/// The times around `now` at which it is so late.
fn near(clock: &str, now: Timestamp) -> Vec<Timestamp> {
    let today: Date = TimeZone::UTC.to_datetime(now).date();
    let days = [today.yesterday().ok(), Some(today), today.tomorrow().ok()];
    days.into_iter().flatten().filter_map(|day| on(day, clock)).collect()
}

/// A time of day on a date, with an offset or in UTC.
fn on(day: Date, clock: &str) -> Option<Timestamp> {
    // A duration is also a time to the library; only `HH:MM` is one to people.
    let is_clock = clock.as_bytes().get(2) == Some(&b':');
    let zone = if clock.contains(['Z', 'z', '+', '-']) { "" } else { "Z" };
    format!("{day}T{clock}{zone}").parse().ok().filter(|_| is_clock)
}

/// How long to wait: `10s`, `500ms`, `1m30s`, or a number of seconds; more than nothing, at most an hour.
///
/// # Errors
///
/// What is accepted.
pub(crate) fn length(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let milliseconds = text.strip_suffix("ms").and_then(|number| number.parse().ok()).map(Duration::from_millis);
    let seconds = || text.parse().ok().map(Duration::from_secs);
    let units = || Duration::try_from(duration(text)?).ok();
    milliseconds
        .or_else(seconds)
        .or_else(units)
        .filter(|length| (Duration::from_millis(1)..=Duration::from_hours(1)).contains(length))
        .ok_or_else(|| "expected a duration up to an hour, such as `10s`, `500ms` or `1m30s`".to_owned())
}

/// Numbers with the units `w`, `d`, `h`, `m` and `s`, more than nothing in all.
fn duration(text: &str) -> Option<SignedDuration> {
    let mut seconds = 0_i64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let unit = match rest.as_bytes()[digits] {
            b'w' => 604_800,
            b'd' => 86_400,
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    (1..=LONGEST).contains(&seconds).then(|| SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_seconds_or_have_units() {
        for (text, milliseconds) in [("10", 10_000), ("10s", 10_000), ("500ms", 500), ("1m30s", 90_000)] {
            assert_eq!(length(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for bad in ["0", "0s", "2h", "-1", "ms", "1.5"] {
            assert!(length(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_and_times_are_read() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("90s", "2026-01-01T00:01:30Z"),
            ("1h30m", "2026-01-01T01:30:00Z"),
            ("+2d", "2026-01-03T00:00:00Z"),
            ("2026-12-01T10:00+02:00", "2026-12-01T08:00:00Z"),
            ("2026-12-01T10:00Z", "2026-12-01T10:00:00Z"),
            ("2026-12-01T10:00[Europe/Berlin]", "2026-12-01T09:00:00Z"),
            ("10:00+02:00", "2026-01-01T08:00:00Z"),
            ("01:00+02:00", "2026-01-01T23:00:00Z"),
            ("18:00Z", "2026-01-01T18:00:00Z"),
            ("tomorrow 02:00-01:00", "2026-01-02T03:00:00Z"),
            ("2026-12-01 10:00", "2026-12-01T10:00:00Z"),
            ("2026-12-01", "2026-12-01T00:00:00Z"),
            ("18:00", "2026-01-01T18:00:00Z"),
            ("00:00", "2026-01-02T00:00:00Z"),
            ("tomorrow 02:30", "2026-01-02T02:30:00Z"),
            ("tomorrow", "2026-01-02T00:00:00Z"),
        ] {
            assert_eq!(parse("--until", text, now).unwrap().to_string(), expected, "{text}");
        }
        for bad in [
            "nonsense",
            "",
            "0m",
            "-2h",
            "1.5h",
            "12",
            "h",
            "99999999999999999999d",
            "30µ",
            "25:00",
            "tomorrow noon",
            "10:00+",
            "10:00 CET",
        ] {
            assert!(parse("--until", bad, now).is_err(), "{bad}");
        }
        assert!(future("--until", "2025-01-01", now).is_err());
        assert_eq!(shown("2026-11-24T01:17:00.5Z".parse().unwrap()), "2026-11-24 01:17 UTC");
    }

    #[test]
    fn what_has_been_is_looked_back_to() {
        let now: Timestamp = "2026-01-02T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("90s", "2026-01-02T11:58:30Z"),
            ("1h30m", "2026-01-02T10:30:00Z"),
            ("2d", "2025-12-31T12:00:00Z"),
            ("11:59", "2026-01-02T11:59:00Z"),
            ("12:01", "2026-01-01T12:01:00Z"),
            ("10:00+02:00", "2026-01-02T08:00:00Z"),
            ("yesterday 18:00", "2026-01-01T18:00:00Z"),
            ("2025-12-01T10:00Z", "2025-12-01T10:00:00Z"),
        ] {
            assert_eq!(past("--since", text, now).unwrap().to_string(), expected, "{text}");
        }
        assert!(past("--since", "long ago", now).is_err());
    }

    #[test]
    fn times_are_shown_here_and_in_utc() {
        let at: Timestamp = "2026-12-01T23:30:05Z".parse().unwrap();
        assert_eq!(shown_in(at, None), "2026-12-01 23:30:05 UTC");
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        assert_eq!(shown_in(at, Some(&zone)), "2026-12-02 00:30:05 +01 (23:30:05 UTC)");
    }
}
