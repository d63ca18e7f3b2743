//! Times and durations as people type and read them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::error::{CliError, CliResult};

/// The longest duration, in seconds: ten years.
const LONGEST: i64 = 10 * 366 * 86_400;

/// A time still to come: a duration from `now` (`90s`, `30m`, `1h30m`, `2d`, `1w`) or an RFC 3339 time. Without an
/// offset it is UTC.
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
        None => {
            text.parse::<Timestamp>().ok().or_else(|| TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok())
        }
    };
    at.ok_or_else(|| {
        CliError::usage(format!(
            "`{option} {text}` is no time: expected a duration such as `30m`, `1h30m` or `2d`, or a time such as \
             `2026-12-01T10:00Z` (UTC where no offset is given)"
        ))
    })
}

/// `2026-12-01 10:00 UTC`; seconds only where there are some.
pub(crate) fn shown(at: Timestamp) -> String {
    let second = at.as_second().rem_euclid(60);
    at.strftime(if second == 0 { "%Y-%m-%d %H:%M UTC" } else { "%Y-%m-%d %H:%M:%S UTC" }).to_string()
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
        ] {
            assert_eq!(parse("--until", text, now).unwrap().to_string(), expected, "{text}");
        }
        for bad in ["nonsense", "", "0m", "-2h", "1.5h", "12", "h", "99999999999999999999d", "30µ"] {
            assert!(parse("--until", bad, now).is_err(), "{bad}");
        }
        assert!(future("--until", "2025-01-01", now).is_err());
        assert_eq!(shown("2026-11-24T01:17:00.5Z".parse().unwrap()), "2026-11-24 01:17 UTC");
    }
}
