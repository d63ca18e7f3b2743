//! W3C Trace Context: which trace a call is a part of.

use std::fmt;
use std::str::FromStr;

/// The value of the header `traceparent`.
///
/// ```
/// use waygate_api::trace::TraceParent;
///
/// let trace: TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
/// assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
/// assert_eq!(trace.parent_id(), "b7ad6b7169203331");
/// assert!(trace.is_sampled());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParent(String);

/// A text is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `00-`, 32 hexadecimal digits, `-`, 16 of them, `-` and 2 of them, as W3C Trace Context has it")]
pub struct InvalidTraceParent;

/// Where the parts of a `traceparent` are.
const TRACE: std::ops::Range<usize> = 3..35;
const PARENT: std::ops::Range<usize> = 36..52;
const FLAGS: std::ops::Range<usize> = 53..55;
const LENGTH: usize = 55;

impl TraceParent {
    /// Names the whole trace: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        self.0.get(TRACE).unwrap_or_default()
    }

    /// Names what the caller was doing: 16 hexadecimal digits.
    pub fn parent_id(&self) -> &str {
        self.0.get(PARENT).unwrap_or_default()
    }

    /// Whether the caller tells its own part of the trace to a collector.
    pub fn is_sampled(&self) -> bool {
        let flags = self.0.get(FLAGS).and_then(|flags| u8::from_str_radix(flags, 16).ok());
        flags.is_some_and(|flags| flags & 1 == 1)
    }
}

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        // What later versions have to say comes after what this one says.
        let (known, more) = text.split_at_checked(LENGTH).ok_or(InvalidTraceParent)?;
        let is_fitting = |(at, c): (usize, char)| match at {
            2 | 35 | 52 => c == '-',
            _ => c.is_ascii_digit() || matches!(c, 'a'..='f'),
        };
        let says_something = |part: std::ops::Range<usize>| known.get(part).is_some_and(|id| id.contains(|c| c != '0'));
        let version = known.get(..2).unwrap_or_default();
        let may_have_more = version != "00" && more.starts_with('-');
        let is_valid = known.chars().enumerate().all(is_fitting)
            && version != "ff"
            && says_something(TRACE)
            && says_something(PARENT)
            && (more.is_empty() || may_have_more);
        if is_valid { Ok(Self(known.to_owned())) } else { Err(InvalidTraceParent) }
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_of_that_form_is_no_trace() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(good.parse::<TraceParent>().unwrap().to_string(), good);
        let later = format!("cc{}-what-is-more", &good[2..]);
        assert_eq!(later.parse::<TraceParent>().unwrap().trace_id(), &good[3..35]);
        for bad in [
            String::new(),
            good.to_uppercase(),
            good[1..].to_owned(),
            format!("{good}-more"),
            format!("ff{}", &good[2..]),
            good.replace("b7ad6b7169203331", "0000000000000000"),
            good.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            good.replace('-', "_"),
            "é".repeat(40),
        ] {
            assert_eq!(bad.parse::<TraceParent>(), Err(InvalidTraceParent), "{bad}");
        }
    }
}
