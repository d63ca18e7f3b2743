//! The address of a control plane.

use std::fmt;
use std::str::FromStr;

/// Where a control plane is: `http://` or `https://`, a host, and the path that it is mounted at, without a trailing
/// slash.
///
/// ```
/// use waygate_api::client::ServerUrl;
/// let url: ServerUrl = "http://localhost:9000/".parse()?;
/// assert_eq!(url.join("/api/routes"), "http://localhost:9000/api/routes");
/// assert_eq!(url.origin(), "http://localhost:9000");
/// # Ok::<(), waygate_api::client::InvalidServerUrl>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl {
    base: String,
    origin: String,
}

/// A text that is no address of a control plane.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no server URL: {why}; expected something like `http://localhost:9000`")]
pub struct InvalidServerUrl {
    text: String,
    why: String,
}

impl ServerUrl {
    /// The URL of a path of the API.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Scheme, host and port: what a token belongs to.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn as_str(&self) -> &str {
        &self.base
    }
}

impl FromStr for ServerUrl {
    type Err = InvalidServerUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let invalid = |why: &str| InvalidServerUrl { text: text.to_owned(), why: why.to_owned() };
        let url = reqwest::Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("the scheme must be `http` or `https`"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(invalid("there is no host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("credentials do not belong into a URL"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("it may not have a query or fragment"));
        }
        let base = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { base, origin: url.origin().ascii_serialization() })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        for bad in ["notaurl", "127.0.0.1:19300", "ftp://x/y", "http://", "http://u:p@h", "http://h/?q=1"] {
            assert!(bad.parse::<ServerUrl>().is_err(), "{bad}");
        }
        let url: ServerUrl = "https://Ops.Example:443/waygate//".parse().unwrap();
        assert_eq!((url.as_str(), url.origin()), ("https://ops.example/waygate", "https://ops.example"));
    }
}
