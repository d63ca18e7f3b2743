//! Instants in the form of the reference.

use jiff::Timestamp;
use serde::Serializer;

/// RFC 3339 in UTC. A fraction has six digits; what lies below is cut off, and none at all is not written.
pub(crate) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    if at.subsec_microsecond() == 0 {
        serializer.collect_str(&format_args!("{at:.0}"))
    } else {
        serializer.collect_str(&format_args!("{at:.6}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_has_six_digits_or_none() {
        let written = |text: &str| serialize(&text.parse().unwrap(), serde_json::value::Serializer).unwrap();
        for (instant, expected) in [
            ("2026-12-01T10:00:00Z", "2026-12-01T10:00:00Z"),
            ("2026-12-01T10:00:00.000000999Z", "2026-12-01T10:00:00Z"),
            ("2026-12-01T10:00:00.5Z", "2026-12-01T10:00:00.500000Z"),
            ("2026-12-01T12:00:00.123456789+02:00", "2026-12-01T10:00:00.123456Z"),
        ] {
            assert_eq!(written(instant), expected);
        }
    }
}
