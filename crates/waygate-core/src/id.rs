//! Validated names: of services, environments and the people and programs that act.
//!
//! A text becomes one of these types once, at the border; from then on it is known to be well formed.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a text is not a valid name. The message names the rule, not the place; callers add the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(pub(crate) String);

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text as it was given, without surrounding blanks.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let text = text.trim();
                $check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, formatter)
            }
        }
    };
}

name_type! {
    /// The id of a service (`app_id` at the public edge): 1 to 100 ASCII letters, digits, `-`, `_`, `.`, `~`, `@`, `&`
    /// or inner blanks, beginning with a letter or digit, and not the name of an HTTP method.
    ///
    /// The alphabet is what survives HTTP headers, URL path segments and queries unharmed, and leaves out `:`, which
    /// separates the parts of a route key.
    ServiceId, check_service
}

name_type! {
    /// The name of a deployment environment, such as `production`: 1 to 64 characters without control characters.
    /// Compared exactly, after trimming.
    Environment, check_environment
}

name_type! {
    /// Who acted: the name of a user, a service, or the control plane's own `scheduler`. 1 to 200 characters
    /// without control characters.
    Actor, check_actor
}

name_type! {
    /// The id of a token, as it stands in the token itself: 1 to 64 ASCII letters, digits, `-` or `_`.
    TokenId, check_token_id
}

name_type! {
    /// The id of a webhook, given by the control plane: 1 to 64 ASCII letters, digits, `-` or `_`.
    WebhookId, check_webhook_id
}

impl Environment {
    /// Parses a list of environments, as it comes from outside.
    pub fn parse_all<'a>(
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<std::collections::BTreeSet<Self>, InvalidName> {
        names.into_iter().map(str::parse).collect()
    }
}

fn check_service(text: &str) -> Result<(), InvalidName> {
    let rule = "a service id is 1 to 100 ASCII letters, digits, `-`, `_`, `.`, `~`, `@`, `&` or inner blanks, beginning with a letter or digit";
    let starts_well = text.starts_with(|first: char| first.is_ascii_alphanumeric());
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '@' | '&' | ' ');
    if text.len() > 100 || !starts_well || !text.chars().all(letters) {
        return Err(InvalidName(format!("{rule}; got {}", quote(text))));
    }
    if crate::route::RouteMethod::from_name(text).is_some() {
        return Err(InvalidName(format!("a service id may not be the name of an HTTP method; got {}", quote(text))));
    }
    Ok(())
}

fn check_environment(text: &str) -> Result<(), InvalidName> {
    check_plain(text, 64, "an environment")
}

fn check_actor(text: &str) -> Result<(), InvalidName> {
    check_plain(text, 200, "an actor")
}

fn check_token_id(text: &str) -> Result<(), InvalidName> {
    check_word(text, "a token id")
}

fn check_webhook_id(text: &str) -> Result<(), InvalidName> {
    check_word(text, "a webhook id")
}

fn check_word(text: &str, what: &str) -> Result<(), InvalidName> {
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if text.is_empty() || text.len() > 64 || !text.chars().all(letters) {
        return Err(InvalidName(format!("{what} is 1 to 64 ASCII letters, digits, `-` or `_`; got {}", quote(text))));
    }
    Ok(())
}

fn check_plain(text: &str, longest: usize, what: &str) -> Result<(), InvalidName> {
    let length = text.chars().count();
    if length == 0 || length > longest || text.chars().any(char::is_control) {
        return Err(InvalidName(format!(
            "{what} is 1 to {longest} characters without control characters; got {}",
            quote(text)
        )));
    }
    Ok(())
}

/// A text in backticks with control characters escaped, cut so that a message stays readable.
pub(crate) fn quote(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(60)
        .flat_map(|c| {
            let escaped: Box<dyn Iterator<Item = char>> =
                if c.is_control() { Box::new(c.escape_default()) } else { Box::new(std::iter::once(c)) };
            escaped
        })
        .collect();
    if text.chars().count() > 60 {
        shown.push('…');
    }
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_ids_follow_the_documented_alphabet() {
        for good in ["payments-service", "a", "R&D team", "x.y~z@1"] {
            assert_eq!(good.parse::<ServiceId>().unwrap().as_str(), good);
        }
        for bad in ["", " ", "a:b", "__waygate:global__", "é", "a/b", "GET", "all", "..", "a\nb", &"x".repeat(101)] {
            assert!(bad.parse::<ServiceId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn messages_do_not_carry_control_characters() {
        let error = "a\u{1b}[2Jb".parse::<ServiceId>().unwrap_err();
        assert!(!error.to_string().contains('\u{1b}'));
    }
}
