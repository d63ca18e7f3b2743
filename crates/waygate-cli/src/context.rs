//! Which server, which service, and under whose authority.
//!
//! - `server` says who has chosen the server, `project` reads the file of a directory tree.
//! - `trust` asks once about a server that only such a file knows.
//! - `environment` is the one place that reads the environment.
//! - `named` reads the names of routes and services.
//! - `connection` makes the calls; `consent` is what changes wait for.

mod connection;
mod consent;
mod environment;
mod named;
mod project;
mod server;
mod trust;

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(crate) use connection::{Connection, Read};
use consent::Consent;
pub(crate) use environment::{given_variable, text_variable, variable, wants_colour, wants_plain};
pub(crate) use named::{joined, selector, service};
pub(crate) use server::{Server, Source};
use waygate_api::client::{Client, ClientOptions, ServerUrl};
use waygate_api::headers;
use waygate_api::trace::TraceParent;

use crate::clock;
use crate::commands::propagation::Propagations;
use crate::credentials::{Config, ConfigFile, NamedContext};
use crate::error::{CliError, CliResult};
use crate::input;
use crate::printer::{self, Printer};

/// Where a control plane listens unless told otherwise.
const DEFAULT_SERVER: &str = "http://localhost:9000";

/// What the command line says about every command.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(crate) struct Settings {
    pub(crate) server: Option<String>,
    pub(crate) context: Option<String>,
    pub(crate) token_file: Option<PathBuf>,
    /// The file of authorities that are trusted besides those of the system.
    pub(crate) ca: Option<PathBuf>,
    /// Any certificate is believed.
    pub(crate) insecure: bool,
    /// How often what only reads is tried again.
    pub(crate) retries: u32,
    /// How long to wait until a change is in force.
    pub(crate) wait: Option<Duration>,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    /// Every question is answered with yes.
    pub(crate) yes: bool,
    /// Nothing is asked.
    pub(crate) no_input: bool,
    /// Only find out what would change.
    pub(crate) dry_run: bool,
    /// Tell every call.
    pub(crate) verbose: bool,
}

/// What every command works with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) printer: Printer,
    pub(crate) settings: Settings,
    /// A command that changes things has found that all is so already.
    is_unchanged: AtomicBool,
    /// Where it acts, once it is connected.
    place: OnceLock<String>,
    /// The URL of that.
    url: OnceLock<String>,
    pub(crate) propagations: Propagations,
    pub(crate) consent: Consent,
}

impl Context {
    pub(crate) fn new(printer: Printer, settings: Settings) -> Self {
        Self {
            printer,
            settings,
            is_unchanged: AtomicBool::new(false),
            place: OnceLock::new(),
            url: OnceLock::new(),
            propagations: Propagations::default(),
            consent: Consent::default(),
        }
    }

    /// The server that this command has talked to, and its context; nothing where it has talked to none.
    pub(crate) fn place(&self) -> Option<&str> {
        self.place.get().map(String::as_str)
    }

    /// The URL of the server that this command has talked to.
    pub(crate) fn url(&self) -> Option<&str> {
        self.url.get().map(String::as_str)
    }

    /// Takes note that a command had nothing to change.
    pub(crate) fn nothing_changed(&self) {
        self.is_unchanged.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_unchanged(&self) -> bool {
        self.is_unchanged.load(Ordering::Relaxed)
    }

    /// Where the configuration is kept.
    pub(crate) fn config_file() -> CliResult<ConfigFile> {
        ConfigFile::locate(variable("WAYGATE_CONFIG_DIR").map(PathBuf::from))
    }

    /// Whether a person can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        !self.settings.no_input && printer::can_ask()
    }

    /// Asks on stderr and reads one line; `None` where nobody can answer.
    pub(crate) fn ask(&self, question: &str) -> Option<String> {
        if self.can_ask() { printer::ask(question) } else { None }
    }

    /// The context of this command: the one that it names, else the one in use, where nothing stronger chooses the
    /// server.
    pub(crate) fn named_context(&self, config: &Config) -> CliResult<Option<(String, NamedContext)>> {
        let Some(name) = &self.settings.context else {
            return Ok(config.current_context().map(|(name, context)| (name.to_owned(), context.clone())));
        };
        let known = config.context(name).ok_or_else(|| config.unknown_context(name))?;
        Ok(Some((name.clone(), known.clone())))
    }

    /// The server: `--server`, `--context`, `WAYGATE_SERVER_URL`, the nearest `.waygate` file, the context in use, the
    /// configuration, the default.
    pub(crate) fn server(&self, file: Option<&ConfigFile>, config: &Config) -> CliResult<Server> {
        let context = self.named_context(config)?;
        let is_named = self.settings.context.is_some();
        let (text, source) = if let Some(url) = &self.settings.server {
            (url.clone(), Source::Flag)
        } else if let Some((name, context)) = context.clone().filter(|_| is_named) {
            (context.url, Source::NamedContext(name))
        } else if let Some(url) = text_variable("WAYGATE_SERVER_URL")? {
            (url, Source::Environment)
        } else if let Some((url, path)) = project::server(std::env::current_dir().ok().as_deref())? {
            (url, Source::Project(path))
        } else if let Some((name, context)) = context {
            (context.url, Source::Context(name))
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
        let given = self.given_token()?;
        let file = match Self::config_file() {
            // With everything in the environment, a machine without a home is as good.
            Err(_) if given.is_some() => None,
            file => Some(file?),
        };
        let config = file.as_ref().map_or_else(|| Ok(Config::default()), ConfigFile::read)?;
        let server = self.server(file.as_ref(), &config)?;
        self.trusted(file.as_ref(), &config, &server)?;
        let stored = stored_token(&config, &server);
        let token = match given {
            Some((_, source)) if Self::is_foreign(&server, &config) => {
                self.printer.warn(&format!(
                    "{source} is not sent to {}, which {} names; set WAYGATE_SERVER_URL to send it there",
                    server.url, server.source
                ));
                stored
            }
            Some((token, _)) => Some(token),
            None => stored,
        };
        if token.is_some() && server.url.as_str().starts_with("http://") && !server.is_near() {
            self.printer.note(&format!("the token goes to {} without TLS: others on the way can read it", server.url));
        }
        if self.settings.insecure {
            self.printer.warn(&format!(
                "--insecure: whoever answers for {} is believed, and may read and change everything",
                server.url
            ));
        }
        let connection = self.connect_to(server, token.as_deref())?;
        let _ = self.place.set(connection.server.place());
        let _ = self.url.set(connection.server.url.to_string());
        Ok(connection)
    }

    /// A connection to the server of a context beside the one that this command acts on, with the token that it has issued.
    pub(crate) fn connect_beside(&self, name: &str) -> CliResult<Connection> {
        let config = Self::config_file()?.read()?;
        let known = config.context(name).ok_or_else(|| config.unknown_context(name))?;
        let source = Source::NamedContext(name.to_owned());
        let url = known.url.parse().map_err(|error| CliError::usage(format!("the context `{name}`: {error}")))?;
        let server = Server { url, source };
        let token = stored_token(&config, &server);
        self.connect_to(server, token.as_deref())
    }

    /// The token that is given to this command, and by what: `--token-file`, `WAYGATE_TOKEN`, `WAYGATE_TOKEN_FILE`.
    pub(crate) fn given_token(&self) -> CliResult<Option<(String, &'static str)>> {
        let by_flag = self.settings.token_file.clone().map(|path| (path, "--token-file"));
        if by_flag.is_none()
            && let Some(token) = text_variable("WAYGATE_TOKEN")?
        {
            return one_line(token, "WAYGATE_TOKEN").map(Some);
        }
        let by_variable = || variable("WAYGATE_TOKEN_FILE").map(|path| (PathBuf::from(path), "WAYGATE_TOKEN_FILE"));
        let Some((path, source)) = by_flag.or_else(by_variable) else { return Ok(None) };
        let text = input::text(&path, input::SECRET).map_err(|error| {
            CliError::usage(format!("cannot read the token of {source}, `{}`: {error}", path.display()))
        })?;
        let token = text.trim();
        if token.is_empty() {
            return Err(CliError::usage(format!("the file of {source}, `{}`, is empty", path.display())));
        }
        one_line(token.to_owned(), source).map(Some)
    }

    /// A connection to a server with this token and no other.
    pub(crate) fn connect_to(&self, server: Server, token: Option<&str>) -> CliResult<Connection> {
        let authorities = self.settings.ca.as_deref().filter(|path| !path.as_os_str().is_empty()).map(|path| {
            let text = input::text(path, input::NAMES);
            text.map(String::into_bytes)
                .map_err(|error| CliError::usage(format!("cannot read `{}` of `--ca`: {error}", path.display())))
        });
        let options = ClientOptions {
            ca_certificates: authorities.transpose()?,
            accept_any_certificate: self.settings.insecure,
            retries: self.settings.retries,
            timeout: self.settings.timeout,
            connect_timeout: self.settings.connect_timeout,
            user_agent: concat!("waygate-cli/", env!("CARGO_PKG_VERSION")).to_owned(),
            platform: Some("cli"),
            dry_run: self.settings.dry_run,
            wait: self.settings.wait,
            observer: self.settings.verbose.then_some(printer::tell_call),
            headers: trace()?.into_iter().map(|trace| (headers::TRACEPARENT.to_owned(), trace)).collect(),
            ..ClientOptions::default()
        };
        let client = Client::new(server.url.clone(), &options).and_then(|client| client.with_token(token));
        let client = client.map_err(|error| CliError::of_call(error, &server))?;
        let (propagations, consent) = (self.propagations.clone(), self.consent.clone());
        let (is_rehearsal, is_changing) = (self.settings.dry_run, AtomicBool::new(false));
        Ok(Connection { client, server, propagations, consent, is_rehearsal, is_changing })
    }

    /// A file that came with a directory chooses the server, and it is not the one that the user has chosen.
    pub(crate) fn is_foreign(server: &Server, config: &Config) -> bool {
        let chosen = config.server_url().and_then(|url| url.parse::<ServerUrl>().ok());
        matches!(server.source, Source::Project(_))
            && chosen.is_none_or(|chosen| chosen.origin() != server.url.origin())
    }
}

/// A token and what has given it; one that cannot be sent is a mistake in the giving.
fn one_line(token: String, source: &'static str) -> CliResult<(String, &'static str)> {
    if token.chars().all(|c| c.is_ascii_graphic()) {
        return Ok((token, source));
    }
    Err(CliError::usage(format!(
        "{source} is no token: it holds blanks, line breaks or other characters that none has"
    )))
}

/// The token of the session at a server, while it lasts.
fn stored_token(config: &Config, server: &Server) -> Option<String> {
    let session = config.session(&server.url).filter(|session| !session.is_over(clock::now()))?;
    Some(session.token.clone())
}

/// The trace that this command is a part of, as `TRACEPARENT` of the environment says: what is none is left out.
fn trace() -> CliResult<Option<String>> {
    let trace = text_variable("TRACEPARENT")?.and_then(|text| text.parse::<TraceParent>().ok());
    Ok(trace.map(|trace| trace.to_string()))
}
