//! Where Redis is and what is asked of it, as one URL says.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;

use crate::StoreError;

/// What is accepted, for messages.
const WANTED: &str = "expected `redis://[user:password@]host[:port][/database]`, `rediss://…` for TLS, or \
    `redis+sentinel://[user:password@]host[:port],…/name[/database]`";
const SETTINGS: &str =
    "`wait_replicas`, `wait_timeout`, `connect_timeout`, `sentinel_username`, `sentinel_password` or `protocol`";
const SENTINEL_PORT: u16 = 26379;
/// The longest that one URL may ask to wait.
const LONGEST: SignedDuration = SignedDuration::from_secs(3600);

/// Everything that the URL of a Redis says.
pub(crate) struct Address {
    pub(super) place: Place,
    /// How many replicas have to confirm a commit.
    pub(super) acknowledgement: Option<Acknowledgement>,
    /// How long a start goes on trying.
    pub(super) connect_timeout: Duration,
}

/// Whom to ask.
pub(super) enum Place {
    /// A server, by its own URL.
    Server(String),
    /// Those who know which server is the master.
    Sentinels(Sentinels),
}

/// Sentinels, and how to reach the master that they name.
pub(super) struct Sentinels {
    /// Hosts with their ports, as they go into a URL.
    pub(super) hosts: Vec<String>,
    /// Of the master.
    pub(super) name: String,
    scheme: &'static str,
    /// `user:password@`, or nothing.
    login: String,
    sentinel_login: String,
    database: String,
    /// How the master is spoken to, as it goes behind the `?` of a URL, or nothing.
    protocol: String,
}

/// How many replicas have to have a commit before it is confirmed, and how long that may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Acknowledgement {
    pub(super) replicas: u32,
    pub(super) timeout: Duration,
}

impl Address {
    /// Reads a URL. No message quotes it: it may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self, StoreError> {
        let refused = Self::not_understood;
        let (scheme, rest) = url.split_once("://").ok_or_else(refused)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut settings = Settings::read(query)?;
        let place = match scheme {
            "redis+sentinel" => Place::Sentinels(Sentinels::read("redis", rest, &mut settings).ok_or_else(refused)?),
            "rediss+sentinel" => Place::Sentinels(Sentinels::read("rediss", rest, &mut settings).ok_or_else(refused)?),
            _ => Place::Server(format!("{scheme}://{rest}{}", settings.protocol)),
        };
        if settings.sentinel_username.is_some() || settings.sentinel_password.is_some() {
            return Err(StoreError::Refused(
                "the address of Redis: `sentinel_username` and `sentinel_password` are for `redis+sentinel://…`"
                    .to_owned(),
            ));
        }
        if let Some(other) = settings.others.first() {
            let name = other.split('=').next().unwrap_or_default();
            return Err(StoreError::Refused(format!(
                "the address of Redis has an unknown setting `{name}`, expected one of {SETTINGS}"
            )));
        }
        Ok(Self { place, acknowledgement: settings.acknowledgement(), connect_timeout: settings.connect_timeout })
    }

    pub(super) fn not_understood() -> StoreError {
        StoreError::Refused(format!("the address of Redis is not understood; {WANTED}"))
    }
}

impl Sentinels {
    fn read(scheme: &'static str, rest: &str, settings: &mut Settings) -> Option<Self> {
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (format!("{login}@"), rest),
            None => (String::new(), rest),
        };
        let (hosts, path) = rest.split_once('/')?;
        let (name, database) = path.split_once('/').unwrap_or((path, ""));
        let is_number = database.bytes().all(|byte| byte.is_ascii_digit());
        if name.is_empty() || !is_number || hosts.split(',').any(str::is_empty) {
            return None;
        }
        let hosts = hosts.split(',').map(|host| if has_port(host) { host.to_owned() } else { with_port(host) });
        let sentinel_login = match (settings.sentinel_username.take(), settings.sentinel_password.take()) {
            (None, None) => String::new(),
            (user, password) => format!("{}:{}@", user.unwrap_or_default(), password.unwrap_or_default()),
        };
        Some(Self {
            hosts: hosts.collect(),
            name: name.to_owned(),
            scheme,
            login,
            sentinel_login,
            database: database.to_owned(),
            protocol: settings.protocol.clone(),
        })
    }

    /// The URL of one Sentinel.
    pub(super) fn sentinel(&self, host: &str) -> String {
        format!("{}://{}{host}/", self.scheme, self.sentinel_login)
    }

    /// The URL of the server at an address that a Sentinel has named.
    pub(super) fn server(&self, host: &str, port: &str) -> String {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let Self { scheme, login, database, protocol, .. } = self;
        format!("{scheme}://{login}{host}:{port}/{database}{protocol}")
    }
}

/// Without user and password.
impl fmt::Display for Sentinels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, hosts, name, database, .. } = self;
        let database = if database.is_empty() { "0" } else { database };
        write!(formatter, "{scheme}+sentinel://{}/{name}/{database}", hosts.join(","))
    }
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn with_port(host: &str) -> String {
    format!("{host}:{SENTINEL_PORT}")
}

/// What stands behind the `?`.
struct Settings {
    replicas: u32,
    wait_timeout: Duration,
    connect_timeout: Duration,
    sentinel_username: Option<String>,
    sentinel_password: Option<String>,
    /// For the library that speaks it: `?protocol=…`, or nothing.
    protocol: String,
    /// What nobody knows.
    others: Vec<String>,
}

impl Settings {
    fn read(query: &str) -> Result<Self, StoreError> {
        let mut settings = Self {
            replicas: 0,
            wait_timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(30),
            sentinel_username: None,
            sentinel_password: None,
            protocol: String::new(),
            others: Vec::new(),
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("wait_replicas", value)) => {
                    let wanted = "a whole number of replicas, such as `1`";
                    settings.replicas = value.parse().map_err(|_| odd("wait_replicas", value, wanted))?;
                }
                Some(("wait_timeout", value)) => {
                    settings.wait_timeout = time("wait_timeout", value)?;
                    if settings.wait_timeout.is_zero() {
                        return Err(odd("wait_timeout", value, "a time above zero"));
                    }
                }
                Some(("connect_timeout", value)) => settings.connect_timeout = time("connect_timeout", value)?,
                Some(("sentinel_username", value)) => settings.sentinel_username = Some(value.to_owned()),
                Some(("sentinel_password", value)) => settings.sentinel_password = Some(value.to_owned()),
                Some(("protocol", "2" | "3" | "resp2" | "resp3")) => settings.protocol = format!("?{pair}"),
                Some(("protocol", value)) => return Err(odd("protocol", value, "`resp2` or `resp3`")),
                _ => settings.others.push(pair.to_owned()),
            }
        }
        Ok(settings)
    }

    fn acknowledgement(&self) -> Option<Acknowledgement> {
        (self.replicas > 0).then_some(Acknowledgement { replicas: self.replicas, timeout: self.wait_timeout })
    }
}

fn time(name: &str, value: &str) -> Result<Duration, StoreError> {
    let read = value.parse::<SignedDuration>().ok().filter(|time| *time <= LONGEST);
    read.and_then(|time| Duration::try_from(time).ok())
        .ok_or_else(|| odd(name, value, "a time of at most an hour, such as `500ms` or `30s`"))
}

fn odd(name: &str, value: &str, wanted: &str) -> StoreError {
    StoreError::Refused(format!("the address of Redis: `{name}` is `{value}`; expected {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> (String, Option<Acknowledgement>, Duration) {
        let address = Address::parse(url).unwrap();
        let Place::Server(place) = address.place else { panic!("{url}") };
        (place, address.acknowledgement, address.connect_timeout)
    }

    fn sentinels(url: &str) -> Sentinels {
        let Place::Sentinels(place) = Address::parse(url).unwrap().place else { panic!("{url}") };
        place
    }

    #[test]
    fn settings_are_taken_out_of_the_url() {
        let acknowledgement = |replicas, timeout| Some(Acknowledgement { replicas, timeout });
        let second = Duration::from_secs(1);
        for (url, place, expected, patience) in [
            ("redis://h:1/2", "redis://h:1/2", None, 30),
            ("rediss://u:p@h/", "rediss://u:p@h/", None, 30),
            ("redis://h?protocol=resp3", "redis://h?protocol=resp3", None, 30),
            ("redis://h?wait_replicas=2", "redis://h", acknowledgement(2, second), 30),
            ("redis://h?wait_replicas=0&connect_timeout=0s", "redis://h", None, 0),
            (
                "redis://h/?wait_replicas=1&wait_timeout=250ms&connect_timeout=2s&protocol=resp3",
                "redis://h/?protocol=resp3",
                acknowledgement(1, second / 4),
                2,
            ),
        ] {
            assert_eq!(server(url), (place.to_owned(), expected, Duration::from_secs(patience)), "{url}");
        }
    }

    #[test]
    fn sentinels_are_read_and_shown_without_secrets() {
        let read = sentinels("redis+sentinel://user:geheim@a,b:27000,[::1]/mymaster/3?sentinel_password=streng");
        assert_eq!(read.hosts, ["a:26379", "b:27000", "[::1]:26379"]);
        assert_eq!(read.sentinel("a:26379"), "redis://:streng@a:26379/");
        assert_eq!(read.server("10.0.0.1", "6379"), "redis://user:geheim@10.0.0.1:6379/3");
        assert_eq!(read.server("::1", "6379"), "redis://user:geheim@[::1]:6379/3");
        assert_eq!(read.to_string(), "redis+sentinel://a:26379,b:27000,[::1]:26379/mymaster/3");
        let read = sentinels("rediss+sentinel://a/mymaster");
        assert_eq!(read.sentinel("a:26379"), "rediss://a:26379/");
        assert_eq!(read.to_string(), "rediss+sentinel://a:26379/mymaster/0");
        let read = sentinels("redis+sentinel://a/mymaster/3?protocol=resp3");
        assert_eq!(read.server("h", "1"), "redis://h:1/3?protocol=resp3");
        assert_eq!(read.sentinel("a:26379"), "redis://a:26379/");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_is_accepted() {
        for (url, expected) in [
            ("redis:h", "`redis://[user"),
            ("redis+sentinel://a,b", "/name"),
            ("redis+sentinel://a,,b/name", "/name"),
            ("redis+sentinel://a/name/geheim", "/name"),
            ("redis+sentinel://a/", "/name"),
            ("redis+sentinel://a/name?protcol=x", "unknown setting `protcol`"),
            ("redis://h?wait_replicas=some", "`wait_replicas` is `some`; expected a whole number"),
            ("redis://h?wait_timeout=0s", "`wait_timeout` is `0s`; expected a time above zero"),
            ("redis://h?wait_timeout=-1s", "`wait_timeout` is `-1s`; expected a time"),
            ("redis://h?connect_timeout=5", "`connect_timeout` is `5`; expected a time"),
            ("redis://h?connect_timeout=2h", "at most an hour"),
            ("redis+sentinel://a/name?protocol=resp4", "`protocol` is `resp4`; expected `resp2` or `resp3`"),
            ("redis://h?sentinel_password=geheim", "`sentinel_password` are for `redis+sentinel://…`"),
        ] {
            let refused = Address::parse(url).err().unwrap().to_string();
            assert!(refused.contains(expected) && !refused.contains("geheim"), "{url}: {refused}");
        }
    }
}
