//! Which server, which service, and under whose authority. The one place that reads the environment.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use waygate_api::client::{Answer, Client, ClientError, ClientOptions, ServerUrl};
use waygate_core::{RouteSelector, ServiceId};

use crate::clock;
use crate::credentials::{Config, ConfigFile};
use crate::error::{CliError, CliResult};
use crate::printer::Printer;

/// Where a control plane listens unless told otherwise.
const DEFAULT_SERVER: &str = "http://localhost:9000";
/// The file that chooses a server for a directory tree.
const PROJECT_FILE: &str = ".waygate";

/// The server of a command.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) url: ServerUrl,
    pub(crate) source: Source,
}

/// Who chose the server, from the strongest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Flag,
    Environment,
    Project(PathBuf),
    Config(PathBuf),
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => formatter.write_str("--server"),
            Self::Environment => formatter.write_str("WAYGATE_SERVER_URL"),
            Self::Project(path) | Self::Config(path) => path.display().fmt(formatter),
            Self::Default => formatter.write_str("the default; choose one with `waygate config set-url URL`"),
        }
    }
}

/// What every command works with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) printer: Printer,
    server_flag: Option<String>,
    timeout: Duration,
}

/// An API's answer as it came, and read.
#[derive(Debug)]
pub(crate) struct Read<T> {
    pub(crate) raw: Box<RawValue>,
    pub(crate) value: T,
}

impl Context {
    pub(crate) fn new(printer: Printer, server_flag: Option<String>, timeout: Duration) -> Self {
        Self { printer, server_flag, timeout }
    }

    /// Where the configuration is kept.
    pub(crate) fn config_file() -> CliResult<ConfigFile> {
        ConfigFile::locate(variable("WAYGATE_CONFIG_DIR").map(PathBuf::from))
    }

    /// The server: `--server`, `WAYGATE_SERVER_URL`, the nearest `.waygate` file, the configuration, the default.
    pub(crate) fn server(&self, file: Option<&ConfigFile>, config: &Config) -> CliResult<Server> {
        let (text, source) = if let Some(url) = &self.server_flag {
            (url.clone(), Source::Flag)
        } else if let Some(url) = text_variable("WAYGATE_SERVER_URL")? {
            (url, Source::Environment)
        } else if let Some((url, path)) = project_server(std::env::current_dir().ok().as_deref())? {
            (url, Source::Project(path))
        } else if let (Some(url), Some(file)) = (config.server_url(), file) {
            (url.to_owned(), Source::Config(file.path().to_owned()))
        } else {
            (DEFAULT_SERVER.to_owned(), Source::Default)
        };
        let url = text
            .parse()
            .map_err(|error| CliError::usage(format!("{error}")).hint(format!("the URL comes from {source}")))?;
        Ok(Server { url, source })
    }

    /// A connection to the server with the token that belongs there.
    pub(crate) fn connect(&self) -> CliResult<Connection> {
        let environment_token = text_variable("WAYGATE_TOKEN")?;
        let file = match Self::config_file() {
            // With everything in the environment, a machine without a home is as good.
            Err(_) if environment_token.is_some() => None,
            file => Some(file?),
        };
        let config = file.as_ref().map_or_else(|| Ok(Config::default()), ConfigFile::read)?;
        let server = self.server(file.as_ref(), &config)?;
        let session = config.session(&server.url).filter(|session| !session.is_over(clock::now()));
        let stored = session.map(|session| session.token.clone());
        let token = match environment_token {
            Some(_) if Self::is_foreign(&server, &config) => {
                self.printer.warn(&format!(
                    "WAYGATE_TOKEN is not sent to {}, which {} names; set WAYGATE_SERVER_URL to send it there",
                    server.url, server.source
                ));
                stored
            }
            Some(token) => Some(token),
            None => stored,
        };
        self.connect_to(server, token.as_deref())
    }

    /// A connection to a server with this token and no other.
    pub(crate) fn connect_to(&self, server: Server, token: Option<&str>) -> CliResult<Connection> {
        let options = ClientOptions {
            timeout: self.timeout,
            user_agent: concat!("waygate-cli/", env!("CARGO_PKG_VERSION")).to_owned(),
            platform: Some("cli"),
            ..ClientOptions::default()
        };
        let client = Client::new(server.url.clone(), &options).and_then(|client| client.with_token(token));
        let client = client.map_err(|error| CliError::of_call(error, &server))?;
        Ok(Connection { client, server })
    }

    /// A file that came with a directory chooses the server, and it is not the one that the user has chosen.
    fn is_foreign(server: &Server, config: &Config) -> bool {
        let chosen = config.server_url().and_then(|url| url.parse::<ServerUrl>().ok());
        matches!(server.source, Source::Project(_))
            && chosen.is_none_or(|chosen| chosen.origin() != server.url.origin())
    }
}

/// A server that can be called.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) server: Server,
}

impl Connection {
    /// # Errors
    ///
    /// The failure in the words of the command line.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> CliResult<Read<T>> {
        let answer: Answer<Box<RawValue>> = self.client.get(path, query).await.map_err(|error| self.failure(error))?;
        self.read(answer.value)
    }

    /// A call that changes something; its answer and what the caller should know.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> CliResult<(Read<T>, Vec<String>)> {
        let answer = self.client.post(path, body).await.map_err(|error| self.failure(error))?;
        Ok((self.read(answer.value)?, answer.notices))
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, raw: Box<RawValue>) -> CliResult<Read<T>> {
        let value = serde_json::from_str(raw.get()).map_err(|error| {
            self.failure(ClientError::Malformed { url: self.server.url.to_string(), reason: error.to_string() })
        })?;
        Ok(Read { raw, value })
    }

    pub(crate) fn failure(&self, error: ClientError) -> CliError {
        let needs_login = matches!(&error, ClientError::Refused { status: 401, .. });
        let mut failure = CliError::of_call(error, &self.server);
        if needs_login {
            let url = &self.server.url;
            failure.message = if self.client.has_token() {
                format!("the token is not accepted by {url}: it has ended, or another server made it")
            } else {
                format!("not logged in to {url}")
            };
            failure.hints.push("log in with `waygate login`, or set WAYGATE_TOKEN".to_owned());
        }
        failure
    }
}

/// A route as it was typed, within the chosen service. A service that stands in the route itself goes before
/// `WAYGATE_SERVICE`, but not against `--service`.
pub(crate) fn selector(route: &str, service: Option<&ServiceId>) -> CliResult<RouteSelector> {
    let selector: RouteSelector = route.parse().map_err(|error| CliError::usage(format!("{error}")))?;
    if let (Some(own), Some(chosen)) = (&selector.service, service)
        && own != chosen
        && text_variable("WAYGATE_SERVICE")?.as_deref() != Some(chosen.as_str())
    {
        return Err(CliError::usage(format!("the route names the service `{own}`, --service says `{chosen}`")));
    }
    Ok(selector.within(service))
}

/// The chosen service: an empty name chooses none.
pub(crate) fn service(name: Option<&str>) -> CliResult<Option<ServiceId>> {
    let name = name.map(str::trim).filter(|name| !name.is_empty());
    name.map(|name| name.parse().map_err(|error| CliError::usage(format!("{error}")))).transpose()
}

/// A variable of the environment that is not blank.
///
/// # Errors
///
/// When it is set to something that is no UTF-8: to take it for unset could leave a door open.
pub(crate) fn text_variable(name: &str) -> CliResult<Option<String>> {
    let text = given_variable(name)?.map(|text| text.trim().to_owned());
    Ok(text.filter(|text| !text.is_empty()))
}

/// A variable of the environment that is set, be it to nothing.
///
/// # Errors
///
/// When it is set to something that is no UTF-8.
pub(crate) fn given_variable(name: &str) -> CliResult<Option<String>> {
    let value = std::env::var_os(name).map(OsString::into_string).transpose();
    value.map_err(|_| CliError::usage(format!("`{name}` is not UTF-8 text")))
}

/// Whether the environment asks for text without colours.
pub(crate) fn wants_plain() -> bool {
    variable("NO_COLOR").is_some() || variable("TERM").is_some_and(|terminal| terminal == "dumb")
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// `WAYGATE_SERVER_URL` of the nearest file that has it, from `directory` upward.
///
/// # Errors
///
/// When such a file is no list of settings: to pass over it could act on another server than is meant.
fn project_server(directory: Option<&Path>) -> CliResult<Option<(String, PathBuf)>> {
    for directory in directory.into_iter().flat_map(Path::ancestors) {
        let path = directory.join(PROJECT_FILE);
        if !path.is_file() {
            continue;
        }
        let understood = |text: &String| text.lines().all(is_setting);
        let text = std::fs::read_to_string(&path).ok().filter(understood).ok_or_else(|| {
            CliError::usage(format!("cannot understand `{}`: expected lines like `KEY=value`", path.display()))
        })?;
        if let Some(url) = setting(&text, "WAYGATE_SERVER_URL") {
            return Ok(Some((url, path)));
        }
    }
    Ok(None)
}

fn is_setting(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#') || line.contains('=')
}

/// A value of a file of `KEY=value` lines; `export`, quotes and comments are understood.
fn setting(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=')?;
        if name.trim() != key {
            return None;
        }
        let value = value.trim();
        let quoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.split(*quote).next());
        let value = quoted.unwrap_or_else(|| value.split(" #").next().unwrap_or(value).trim());
        (!value.is_empty()).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_files_are_read_as_people_write_them() {
        let url = |text: &str| setting(text, "WAYGATE_SERVER_URL");
        for text in [
            "WAYGATE_SERVER_URL=http://h:1",
            "# WAYGATE_SERVER_URL=http://no\n WAYGATE_SERVER_URL = http://h:1  # ours",
            "export WAYGATE_SERVER_URL='http://h:1' # ours",
            "OTHER=x\nWAYGATE_SERVER_URL=\"http://h:1\"",
        ] {
            assert_eq!(url(text).as_deref(), Some("http://h:1"), "{text}");
        }
        assert_eq!(url("WAYGATE_SERVER_URL=\nWAYGATE_SERVICE=x"), None);
    }
}
