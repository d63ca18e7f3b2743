//! A limit as people write it: `100/minute`, or `10/second;100/minute` where both must be kept.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{InvalidName, quote};

/// So many requests in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// At most 1,000,000,000; 0 admits nothing.
    pub amount: u64,
    /// 1 second to ten years.
    pub period_seconds: u64,
}

/// What is accepted as a limit, for error messages.
pub const LIMIT_GRAMMAR: &str = "expected `N/period` or `N per period`, where N is at most 1000000000 and period is an optional count and one of second, minute, hour, day, month (30 days), year (360 days) (or s, sec, min, h, d), at most ten years, such as `100/minute` or `5/10 seconds`; up to 8 are joined by `;`; `unlimited` lifts the limit";

/// A limit as it is written, such as `100/minute` or `10/second;100/minute`: one or more quotas that must all be
/// kept, or none for `unlimited`. Kept verbatim for display.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LimitExpression {
    text: String,
    quotas: Vec<Quota>,
}

impl LimitExpression {
    /// How many quotas one limit may join.
    pub const MOST_QUOTAS: usize = 8;
    /// The longest text, in bytes.
    pub const LONGEST: usize = 200;

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The quotas to keep, those of the longest period first; empty for `unlimited`.
    ///
    /// A counter belongs to a position in this list, so that adding or removing a shorter period, or writing the
    /// terms in another order, keeps the count of the longer one.
    pub fn quotas(&self) -> &[Quota] {
        &self.quotas
    }

    /// The same text with other amounts.
    pub(super) fn with_quotas(&self, change: impl Fn(Quota) -> Quota) -> Self {
        Self { text: self.text.clone(), quotas: self.quotas.iter().copied().map(change).collect() }
    }
}

impl fmt::Display for Quota {
    /// As it could have been written: `100/minute`, `5/10 seconds`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
        let (length, unit) =
            units.into_iter().find(|(length, _)| self.period_seconds.is_multiple_of(*length)).unwrap_or((1, ""));
        match self.period_seconds / length {
            1 => write!(formatter, "{}/{unit}", self.amount),
            count => write!(formatter, "{}/{count} {unit}s", self.amount),
        }
    }
}

impl FromStr for LimitExpression {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.split([',', ';', '|']).filter_map(parts).any(|(_, count, _)| count == 0) {
            let problem = format!("{} is no limit: a period of 0 is none; {LIMIT_GRAMMAR}", quote(text));
            return Err(InvalidName(problem));
        }
        Self::stored(text)
    }
}

impl LimitExpression {
    /// What an earlier version has accepted and stored stays what it was then: a period of 0 was one of 1.
    fn stored(text: &str) -> Result<Self, InvalidName> {
        let refused = || InvalidName(format!("{} is no limit: {LIMIT_GRAMMAR}", quote(text)));
        if text.len() > Self::LONGEST || !text.is_ascii() {
            return Err(refused());
        }
        if text.trim().eq_ignore_ascii_case("unlimited") {
            return Ok(Self { text: text.to_owned(), quotas: Vec::new() });
        }
        let quotas = text.split([',', ';', '|']).map(parse_quota);
        let mut quotas = quotas.collect::<Option<Vec<_>>>().ok_or_else(refused)?;
        if quotas.len() > Self::MOST_QUOTAS {
            return Err(refused());
        }
        quotas.sort_by_key(|quota| std::cmp::Reverse(quota.period_seconds));
        Ok(Self { text: text.to_owned(), quotas })
    }
}

impl TryFrom<String> for LimitExpression {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::stored(&text)
    }
}

impl From<LimitExpression> for String {
    fn from(limit: LimitExpression) -> Self {
        limit.text
    }
}

impl fmt::Display for LimitExpression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for LimitExpression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, formatter)
    }
}

const LARGEST_AMOUNT: u64 = 1_000_000_000;
/// Ten years, in seconds.
pub(super) const LONGEST_PERIOD: u64 = 3650 * 86_400;

fn parse_quota(term: &str) -> Option<Quota> {
    let (amount, count, seconds) = parts(term)?;
    let period_seconds = count.max(1).checked_mul(seconds)?;
    (amount <= LARGEST_AMOUNT && period_seconds <= LONGEST_PERIOD).then_some(Quota { amount, period_seconds })
}

/// An amount, a count of units, and the seconds of the unit.
fn parts(term: &str) -> Option<(u64, u64, u64)> {
    let (amount, rest) = leading_number(term.trim())?;
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('/').or_else(|| {
        let head = rest.get(..3)?;
        head.eq_ignore_ascii_case("per").then(|| &rest[3..])
    })?;
    let rest = rest.trim_start();
    let (count, unit) =
        if rest.starts_with(|first: char| first.is_ascii_digit()) { leading_number(rest)? } else { (1, rest) };
    let seconds = match unit.trim().to_ascii_lowercase().as_str() {
        "second" | "seconds" | "sec" | "secs" | "s" => 1,
        "minute" | "minutes" | "min" | "mins" => 60,
        "hour" | "hours" | "h" => 3600,
        "day" | "days" | "d" => 86_400,
        "month" | "months" => 30 * 86_400,
        "year" | "years" => 360 * 86_400,
        _ => return None,
    };
    Some((amount, count, seconds))
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u64, u64)> {
        let limit: LimitExpression = text.parse().unwrap();
        assert_eq!(limit.as_str(), text, "kept verbatim");
        limit.quotas().iter().map(|quota| (quota.amount, quota.period_seconds)).collect()
    }

    #[test]
    fn limits_read_what_people_write() {
        for text in ["100/minute", "100 / minute", "100 per minute", "100perminute", "100 PER MINUTE", "100/Minutes"] {
            assert_eq!(read(text), [(100, 60)], "{text}");
        }
        assert_eq!(read("\t100/min\n"), [(100, 60)]);
        assert_eq!(read(" 5 per 2 Minutes "), [(5, 120)]);
        assert_eq!(read("5per2minute"), [(5, 120)]);
        assert_eq!(read("5/10seconds"), [(5, 10)]);
        assert_eq!(read("3/2h"), [(3, 7200)]);
        assert_eq!(read("0/minute"), [(0, 60)]);
        assert_eq!(read("007/s"), [(7, 1)]);
        assert_eq!(read("1/month"), [(1, 2_592_000)]);
        assert_eq!(read("1/year"), [(1, 31_104_000)]);
        assert_eq!(read("1000000000/3650 days"), [(1_000_000_000, 315_360_000)]);
        assert_eq!(read("Unlimited"), []);
    }

    #[test]
    fn what_earlier_versions_have_stored_stays_what_it_was() {
        let stored = LimitExpression::try_from("1/0 minute".to_owned()).unwrap();
        assert_eq!(stored.quotas(), [Quota { amount: 1, period_seconds: 60 }]);
    }

    #[test]
    fn joined_quotas_are_kept_all_the_longest_period_first() {
        for text in ["10/s;100/min", "100/min,10/s", "100/minute | 10/second"] {
            assert_eq!(read(text), [(100, 60), (10, 1)], "{text}");
        }
    }

    #[test]
    fn g48_bad_limits_are_refused_with_the_grammar() {
        let many = ["1/s"; 9].join(";");
        let digits = format!("{}/minute", "9".repeat(400));
        let zeros = format!("{}7/minute", "0".repeat(400));
        let periods = format!("1/1{} minutes", "0".repeat(30));
        for bad in [
            "",
            "100",
            "-1/minute",
            "1.5/minute",
            "1_000/minute",
            "1e3/minute",
            "5//minute",
            "100/ per minute",
            "100 minute",
            "1/minute;",
            "1/m",
            "10/2",
            "1/fortnight",
            "unlimited;1/s",
            "1/99999999999 years",
            "1/3651 days",
            "1/0 minute",
            "5/s;1/0minutes",
            "1000000001/s",
            "18446744073709551616/s",
            "١/minute",
            "1/minute\u{2028}",
            &many,
            &digits,
            &zeros,
            &periods,
        ] {
            let error = bad.parse::<LimitExpression>().unwrap_err().to_string();
            assert!(error.contains("expected `N/period`"), "{bad:?}: {error}");
        }
    }
}
