//! Routes by name: a method and a path template, within a service, and the selectors by which people name them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{InvalidName, ServiceId, quote};

/// The method part of a route's key. `Any` is a route that was declared for a path as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RouteMethod {
    Any,
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Head,
    Options,
    Trace,
    Connect,
}

impl RouteMethod {
    /// How many methods there are; `method as usize` is below it.
    pub const COUNT: usize = 10;

    pub(crate) const EVERY: [Self; Self::COUNT] = [
        Self::Any,
        Self::Get,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Head,
        Self::Options,
        Self::Trace,
        Self::Connect,
    ];

    /// Every method apart from `Any`, in the order in which candidates are listed.
    pub const NAMED: [Self; Self::COUNT - 1] = {
        let mut named = [Self::Any; Self::COUNT - 1];
        let mut position = 0;
        while position < named.len() {
            named[position] = Self::EVERY[position + 1];
            position += 1;
        }
        named
    };

    /// The upper-case name; `ALL` for `Any`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "ALL",
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Connect => "CONNECT",
        }
    }

    /// The method of that name, in any case; `ALL` and `ANY` are `Any`.
    pub fn from_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("ALL") || name.eq_ignore_ascii_case("ANY") {
            return Some(Self::Any);
        }
        Self::NAMED.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(name))
    }

    /// The method of a request line, which is case-sensitive (RFC 9110, 9.1). `None` for extension methods: only
    /// a route for `Any` method applies to them.
    #[inline]
    pub fn of_request(name: &str) -> Option<Self> {
        Self::NAMED.into_iter().find(|method| method.as_str() == name)
    }
}

impl fmt::Display for RouteMethod {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A path as the service declares it, such as `/users/{id}`: begins with `/`, at most 1,024 bytes, no control
/// characters. Identity is textual: `/u/{id}` and `/u/{name}` are two templates.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathTemplate(Arc<str>);

impl PathTemplate {
    pub const LONGEST: usize = 1024;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PathTemplate {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.starts_with('/') {
            return Err(InvalidName(format!("a path begins with `/`; got {}", quote(text))));
        }
        if text.len() > Self::LONGEST || text.chars().any(char::is_control) {
            return Err(InvalidName(format!(
                "a path is at most {} bytes without control characters; got {}",
                Self::LONGEST,
                quote(text)
            )));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for PathTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, formatter)
    }
}

/// A route within its service: `GET:/api/payments`, or `/api/payments` for any method.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LocalKey {
    // The order of the fields is the order of listings: by path, then by method.
    pub path: PathTemplate,
    pub method: RouteMethod,
}

impl LocalKey {
    pub fn new(method: RouteMethod, path: PathTemplate) -> Self {
        Self { path, method }
    }

    /// Whether this key, as an entry of a list of exemptions, covers a request: its path is the same, and so is its
    /// method. An entry for any method covers every method, and one for `GET` covers `HEAD` too, which is the same
    /// answer without its body.
    pub fn covers(&self, method: Option<RouteMethod>, path: &str) -> bool {
        let same_method = match self.method {
            RouteMethod::Any => true,
            RouteMethod::Get => matches!(method, Some(RouteMethod::Get | RouteMethod::Head)),
            own => method == Some(own),
        };
        same_method && self.path.as_str() == path
    }
}

impl fmt::Display for LocalKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.method {
            RouteMethod::Any => formatter.write_str(self.path.as_str()),
            method => write!(formatter, "{method}:{}", self.path),
        }
    }
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for LocalKey {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let selector: RouteSelector = text.parse()?;
        match selector.service {
            None => Ok(Self::new(selector.method.unwrap_or(RouteMethod::Any), selector.path)),
            Some(service) => Err(InvalidName(format!(
                "expected `METHOD:/path` or `/path`, without the service `{service}`; methods are {}",
                method_names()
            ))),
        }
    }
}

impl TryFrom<String> for LocalKey {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<LocalKey> for String {
    fn from(key: LocalKey) -> Self {
        key.to_string()
    }
}

/// A route of the fleet: `payments-service:GET:/api/payments`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RouteKey {
    pub service: ServiceId,
    pub local: LocalKey,
}

impl RouteKey {
    pub fn new(service: ServiceId, local: LocalKey) -> Self {
        Self { service, local }
    }
}

impl fmt::Display for RouteKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.service, self.local)
    }
}

impl fmt::Debug for RouteKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for RouteKey {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let selector: RouteSelector = text.parse()?;
        let Some(service) = selector.service else {
            return Err(InvalidName(format!(
                "expected `service:METHOD:/path` or `service:/path`; got {}",
                quote(text)
            )));
        };
        let method = selector.method.unwrap_or(RouteMethod::Any);
        Ok(Self::new(service, LocalKey::new(method, selector.path)))
    }
}

impl TryFrom<String> for RouteKey {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RouteKey> for String {
    fn from(key: RouteKey) -> Self {
        key.to_string()
    }
}

/// How a person names a route: `/path`, `METHOD:/path`, `service:/path` or `service:METHOD:/path`.
///
/// What is left out is open: [`crate::State::resolve`] finds the one route that fits.
///
/// ```
/// use waygate_core::{RouteMethod, RouteSelector};
/// let selector: RouteSelector = "payments-service:GET:/api/payments".parse()?;
/// assert_eq!(selector.service.unwrap().as_str(), "payments-service");
/// assert_eq!(selector.method, Some(RouteMethod::Get));
/// # Ok::<(), waygate_core::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RouteSelector {
    pub service: Option<ServiceId>,
    pub method: Option<RouteMethod>,
    pub path: PathTemplate,
}

impl RouteSelector {
    /// Fills the service in where the selector leaves it open.
    #[must_use]
    pub fn within(mut self, service: Option<&ServiceId>) -> Self {
        if self.service.is_none() {
            self.service = service.cloned();
        }
        self
    }
}

impl From<RouteKey> for RouteSelector {
    fn from(key: RouteKey) -> Self {
        Self { service: Some(key.service), method: Some(key.local.method), path: key.local.path }
    }
}

impl From<RouteSelector> for String {
    fn from(selector: RouteSelector) -> Self {
        selector.to_string()
    }
}

impl TryFrom<String> for RouteSelector {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for RouteSelector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(service) = &self.service {
            write!(formatter, "{service}:")?;
        }
        if let Some(method) = self.method {
            write!(formatter, "{method}:")?;
        }
        formatter.write_str(self.path.as_str())
    }
}

impl FromStr for RouteSelector {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = || {
            InvalidName(format!(
                "expected `/path`, `METHOD:/path`, `service:/path` or `service:METHOD:/path`; got {}",
                quote(text)
            ))
        };
        let slash = text.find('/').ok_or_else(expected)?;
        let (head, path) = text.split_at(slash);
        let path = path.parse()?;
        if head.is_empty() {
            return Ok(Self { service: None, method: None, path });
        }
        let head = head.strip_suffix(':').ok_or_else(expected)?;
        let (service, method) = match head.rsplit_once(':') {
            Some((service, method)) => {
                let method = RouteMethod::from_name(method).ok_or_else(|| {
                    InvalidName(format!("{} is no method; methods are {}", quote(method), method_names()))
                })?;
                (Some(service), Some(method))
            }
            None => match RouteMethod::from_name(head) {
                Some(method) => (None, Some(method)),
                None => (Some(head), None),
            },
        };
        Ok(Self { service: service.map(str::parse).transpose()?, method, path })
    }
}

fn method_names() -> String {
    RouteMethod::NAMED.map(RouteMethod::as_str).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_read_every_form() {
        let read = |text: &str| {
            let selector: RouteSelector = text.parse().unwrap();
            (
                selector.service.map(|service| service.to_string()),
                selector.method.map(RouteMethod::as_str),
                selector.path.to_string(),
            )
        };
        assert_eq!(read("/a:b/{p:path}"), (None, None, "/a:b/{p:path}".into()));
        assert_eq!(read("get:/a"), (None, Some("GET"), "/a".into()));
        assert_eq!(read("pay:/a"), (Some("pay".into()), None, "/a".into()));
        assert_eq!(read("pay:GET:/a"), (Some("pay".into()), Some("GET"), "/a".into()));
    }

    #[test]
    fn malformed_selectors_are_refused_with_what_is_accepted() {
        for bad in ["", "a", "GET/a", "pay:BREW:/a", "a:b:GET:/x", ":/a", "__waygate:global__", "__waygate:x:/y"] {
            let error = bad.parse::<RouteSelector>().unwrap_err().to_string();
            assert!(
                error.contains("expected") || error.contains("methods") || error.contains("service id"),
                "{bad:?}: {error}"
            );
        }
    }

    #[test]
    fn keys_round_trip_and_list_by_path() {
        for text in ["pay:GET:/a", "pay:/a", "pay:DELETE:/a/{id}"] {
            assert_eq!(text.parse::<RouteKey>().unwrap().to_string(), text);
        }
        let mut keys: Vec<LocalKey> =
            ["POST:/b", "GET:/b", "/a", "DELETE:/a"].iter().map(|text| text.parse().unwrap()).collect();
        keys.sort();
        assert_eq!(keys.iter().map(ToString::to_string).collect::<Vec<_>>(), ["/a", "DELETE:/a", "GET:/b", "POST:/b"]);
    }
}
