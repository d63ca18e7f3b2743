//! Times and durations as people type and read them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

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
            .or_else(|| TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok())
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
            let there = jiff::ZonedDateTime::new(at, zone.clone());
            format!("{} ({} UTC)", there.strftime(&format!("%Y-%m-%d {clock} %Z")), at.strftime(clock))
        }
    }
}

/// `18:00` or `tomorrow 02:00`, in UTC.
fn of_day(text: &str, now: Timestamp) -> Option<Timestamp> {
    let today: Date = TimeZone::UTC.to_datetime(now).date();
    let tomorrow = || today.tomorrow().ok();
    let at = |day: Date, time: Time| TimeZone::UTC.to_timestamp(day.to_datetime(time)).ok();
    // A duration is also a time to the library; only `HH:MM` is one to people.
    let clock = |text: &str| text.trim().contains(':').then(|| text.trim().parse::<Time>().ok()).flatten();
    if let Some(rest) = text.strip_prefix("tomorrow") {
        let time = if rest.trim().is_empty() { Time::midnight() } else { clock(rest)? };
        return at(tomorrow()?, time);
    }
    let time = clock(text)?;
    at(today, time).filter(|at| *at > now).or_else(|| at(tomorrow()?, time))
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
            ("2026-12-01 10:00", "2026-12-01T10:00:00Z"),
            ("2026-12-01", "2026-12-01T00:00:00Z"),
            ("18:00", "2026-01-01T18:00:00Z"),
            ("00:00", "2026-01-02T00:00:00Z"),
            ("tomorrow 02:30", "2026-01-02T02:30:00Z"),
            ("tomorrow", "2026-01-02T00:00:00Z"),
        ] {
            assert_eq!(parse("--until", text, now).unwrap().to_string(), expected, "{text}");
        }
        for bad in
            ["nonsense", "", "0m", "-2h", "1.5h", "12", "h", "99999999999999999999d", "30µ", "25:00", "tomorrow noon"]
        {
            assert!(parse("--until", bad, now).is_err(), "{bad}");
        }
        assert!(future("--until", "2025-01-01", now).is_err());
        assert_eq!(shown("2026-11-24T01:17:00.5Z".parse().unwrap()), "2026-11-24 01:17 UTC");
    }

    #[test]
    fn times_are_shown_here_and_in_utc() {
        let at: Timestamp = "2026-12-01T23:30:05Z".parse().unwrap();
        assert_eq!(shown_in(at, None), "2026-12-01 23:30:05 UTC");
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        assert_eq!(shown_in(at, Some(&zone)), "2026-12-02 00:30:05 +01 (23:30:05 UTC)");
    }
}
