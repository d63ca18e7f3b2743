//! The words by which people and the wire name the parts of a policy.

use std::fmt;
use std::str::FromStr;

use super::{Algorithm, KeyStrategy, OnBackendFailure, OnMissingKey, Share};
use crate::id::{InvalidName, quote};

/// The longest name of a header, in bytes.
const LONGEST_HEADER: usize = 100;

macro_rules! words {
    ($type:ident, $what:literal, $($variant:ident = $word:literal),+ $(,)?) => {
        impl $type {
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(InvalidName(format!(
                        concat!("expected ", $what, ", one of {}; got {}"),
                        [$(concat!("`", $word, "`")),+].join(", "),
                        quote(text),
                    ))),
                }
            }
        }
    };
}

words!(
    Algorithm,
    "an algorithm",
    FixedWindow = "fixed_window",
    SlidingWindow = "sliding_window",
    MovingWindow = "moving_window",
    TokenBucket = "token_bucket",
);
words!(OnMissingKey, "what happens without a key", Exempt = "exempt", FallbackIp = "fallback_ip", Block = "block",);
words!(OnBackendFailure, "what happens without the counter store", Local = "local", Open = "open", Closed = "closed",);
words!(Share, "how replicas share a limit", PerReplica = "per_replica", Divided = "divided",);

impl fmt::Display for KeyStrategy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ip => "ip",
            Self::User => "user",
            Self::ApiKey => "api_key",
            Self::Global => "global",
            Self::Custom => "custom",
            Self::Header(name) => return write!(formatter, "header:{name}"),
        })
    }
}

impl FromStr for KeyStrategy {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let strategy = match text {
            "ip" => Some(Self::Ip),
            "user" => Some(Self::User),
            "api_key" => Some(Self::ApiKey),
            "global" => Some(Self::Global),
            "custom" => Some(Self::Custom),
            _ => text.strip_prefix("header:").filter(|name| is_header_name(name)).map(|name| Self::Header(name.into())),
        };
        strategy.ok_or_else(|| {
            InvalidName(format!(
                "expected a key, one of `ip`, `user`, `api_key`, `global`, `header:NAME`, `custom`; got {}",
                quote(text)
            ))
        })
    }
}

/// A token (RFC 9110, 5.6.2).
pub(crate) fn is_header_name(name: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=LONGEST_HEADER).contains(&name.len()) && name.bytes().all(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_they_are_written() {
        for key in ["ip", "user", "api_key", "global", "custom", "header:X-Tenant"] {
            assert_eq!(key.parse::<KeyStrategy>().unwrap().to_string(), key);
        }
        for algorithm in ["fixed_window", "sliding_window", "moving_window", "token_bucket"] {
            assert_eq!(algorithm.parse::<Algorithm>().unwrap().as_str(), algorithm);
        }
    }

    #[test]
    fn b44_other_names_are_refused_with_what_is_accepted() {
        for bad in ["", "IP", "header:", "header:a b", "cookie"] {
            assert!(bad.parse::<KeyStrategy>().unwrap_err().to_string().contains("`header:NAME`"), "{bad}");
        }
        assert!("leaky".parse::<Algorithm>().unwrap_err().to_string().contains("`token_bucket`"));
        assert!("drop".parse::<OnMissingKey>().unwrap_err().to_string().contains("`fallback_ip`"));
        assert!("".parse::<OnBackendFailure>().unwrap_err().to_string().contains("`closed`"));
    }
}
