//! `config.json`: the chosen server and the tokens, in the form that the reference's command line reads.
//!
//! A token belongs to the origin that issued it and is given out for no other. The file is 0600 in a 0700 directory
//! and is replaced as a whole, so that a crash leaves the old one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use waygate_api::client::ServerUrl;

use crate::error::{CliError, CliResult};

/// The file, whether or not it exists yet.
#[derive(Debug, Clone)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    /// Whether the directory is ours alone, so that its modes may be repaired.
    own_directory: bool,
}

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Config {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server_url: Option<String>,
    /// The session at `server_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth: Option<Session>,
    /// Sessions at other origins.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    servers: BTreeMap<String, Session>,
    /// What others keep there stays.
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// What a login has given.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) token: String,
    #[serde(default)]
    pub(crate) username: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<String>,
    /// Who issued it. The reference's command line does not say, but leaves ours when it changes the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<String>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Session").field("username", &self.username).finish_non_exhaustive()
    }
}

impl Session {
    /// Whether the session has ended by itself. A time that cannot be read has not passed.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.as_deref().and_then(|at| at.parse::<Timestamp>().ok()).is_some_and(|at| at <= now)
    }
}

impl Config {
    pub(crate) fn server_url(&self) -> Option<&str> {
        self.server_url.as_deref()
    }

    /// The session that `server` has issued.
    pub(crate) fn session(&self, server: &ServerUrl) -> Option<&Session> {
        if self.is_current(server) { self.auth.as_ref() } else { self.servers.get(server.origin()) }
    }

    /// The origins that there are sessions for, beside the current server.
    pub(crate) fn other_origins(&self) -> impl Iterator<Item = &str> {
        self.servers.keys().map(String::as_str)
    }

    /// Makes `server` the current one; each session stays with its origin.
    pub(crate) fn choose(&mut self, server: &ServerUrl) {
        if !self.is_current(server) {
            // Without a server nobody knows which one issued the token, so it can be sent to none.
            if let (Some(origin), Some(session)) = (self.current_origin(), self.auth.take()) {
                self.servers.insert(origin, session);
            }
            self.auth = self.servers.remove(server.origin());
        }
        self.server_url = Some(server.to_string());
    }

    /// Keeps a session of `server`, which becomes the current server where there was none.
    pub(crate) fn keep(&mut self, server: &ServerUrl, session: Session) {
        let session = Session { origin: Some(server.origin().to_owned()), ..session };
        if self.server_url.is_none() {
            self.choose(server);
        }
        if self.is_current(server) {
            self.auth = Some(session);
        } else {
            self.servers.insert(server.origin().to_owned(), session);
        }
    }

    /// Forgets the session of `server`.
    pub(crate) fn forget(&mut self, server: &ServerUrl) -> Option<Session> {
        if self.is_current(server) { self.auth.take() } else { self.servers.remove(server.origin()) }
    }

    /// Puts the session aside where another program has changed the server under it.
    fn settle(&mut self) {
        let issuer = self.auth.as_ref().and_then(|session| session.origin.clone());
        let current = self.current_origin();
        if let Some(issuer) = issuer.filter(|issuer| current.as_ref() != Some(issuer)) {
            let others = current.and_then(|current| self.servers.remove(&current));
            if let Some(session) = std::mem::replace(&mut self.auth, others) {
                self.servers.insert(issuer, session);
            }
        }
    }

    fn is_current(&self, server: &ServerUrl) -> bool {
        self.current_origin().is_some_and(|origin| origin == server.origin())
    }

    fn current_origin(&self) -> Option<String> {
        Some(self.server_url.as_deref()?.parse::<ServerUrl>().ok()?.origin().to_owned())
    }
}

impl ConfigFile {
    /// The file in `directory`, which the caller has chosen, else in the home directory.
    pub(crate) fn locate(directory: Option<PathBuf>) -> CliResult<Self> {
        let own_directory = directory.is_none();
        let directory = match directory {
            Some(directory) => directory,
            None => home_directory().ok_or_else(|| {
                CliError::failed("there is no home directory to keep `config.json` in")
                    .hint("set HOME, or WAYGATE_CONFIG_DIR")
            })?,
        };
        Ok(Self { path: directory.join("config.json"), own_directory })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file holds; nothing where there is none. Makes it private where it is not.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or understood. It is left as it is.
    pub(crate) fn read(&self) -> CliResult<Config> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Config::default()),
            Err(error) => return Err(self.failure("read", &error)),
        };
        // Reading must work where the file is another user's or the disk is read-only.
        let _ = self.make_private();
        let mut config: Config = serde_json::from_str(&text).map_err(|error| {
            CliError::failed(format!("cannot understand `{}`: {error}", self.path.display()))
                .hint("it has been left as it is; repair it or move it away")
        })?;
        config.settle();
        Ok(config)
    }

    /// Changes what the file holds, as one step that no other process comes between.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut Config) -> T) -> CliResult<T> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        create_private(directory).map_err(|error| self.failure("make a directory for", &error))?;
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options
            .open(self.path.with_extension("lock"))
            .and_then(|lock| lock.lock().map(|()| lock))
            .map_err(|error| self.failure("lock", &error))?;
        let mut config = self.read()?;
        let answer = change(&mut config);
        self.replace(&config).map_err(|error| self.failure("write", &error))?;
        drop(lock);
        Ok(answer)
    }

    /// Where the file is a link, what it leads to is replaced, and the link stays.
    fn replace(&self, config: &Config) -> std::io::Result<()> {
        let path = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let directory = path.parent().unwrap_or(Path::new("."));
        let mut text = serde_json::to_vec_pretty(config)?;
        text.push(b'\n');
        // A temporary file is 0600 from the start.
        let mut file = tempfile::Builder::new().prefix(".config.json.").tempfile_in(directory)?;
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        #[cfg(unix)]
        File::open(directory)?.sync_all()?;
        Ok(())
    }

    #[cfg(unix)]
    fn make_private(&self) -> std::io::Result<()> {
        let directory = self.path.parent().filter(|_| self.own_directory);
        restrict(&self.path, 0o600)?;
        directory.map_or(Ok(()), |directory| restrict(directory, 0o700))
    }

    #[cfg(not(unix))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "profiles are private there")]
    fn make_private(&self) -> std::io::Result<()> {
        Ok(())
    }

    fn failure(&self, verb: &str, error: &std::io::Error) -> CliError {
        CliError::failed(format!("cannot {verb} `{}`: {error}", self.path.display()))
            .hint("WAYGATE_CONFIG_DIR names another directory; with WAYGATE_TOKEN nothing is kept")
    }
}

fn home_directory() -> Option<PathBuf> {
    let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty())?;
    Some(if cfg!(windows) { home.join("AppData").join("Local").join("waygate") } else { home.join(".waygate") })
}

/// Takes away what others may do.
#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn create_private(directory: &Path) -> std::io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(token: &str) -> Session {
        Session { token: token.into(), username: "ada".into(), expires_at: None, origin: None }
    }

    #[test]
    fn g47_a_session_stays_with_the_origin_that_issued_it() {
        let [a, b]: [ServerUrl; 2] = ["http://a:9000", "http://b:9000/waygate"].map(|url| url.parse().unwrap());
        let token = |config: &Config, server| config.session(server).map(|session| session.token.clone());
        let mut config = Config::default();
        config.keep(&a, session("token-a"));
        assert_eq!((config.server_url(), token(&config, &a)), (Some("http://a:9000"), Some("token-a".into())));
        assert_eq!(token(&config, &b), None);
        config.keep(&b, session("token-b"));
        config.choose(&b);
        assert_eq!(config.auth.as_ref().unwrap().token, "token-b");
        assert_eq!(token(&config, &a), Some("token-a".into()));
        config.choose(&a);
        assert_eq!(config.forget(&b).unwrap().token, "token-b");
        assert_eq!(token(&config, &a), Some("token-a".into()));
    }

    #[test]
    fn g47_a_server_that_another_program_chose_does_not_get_our_token() {
        let [a, b]: [ServerUrl; 2] = ["http://a:9000", "http://b:9000"].map(|url| url.parse().unwrap());
        let mut config = Config::default();
        config.keep(&a, session("token-a"));
        config.server_url = Some(b.to_string());
        config.settle();
        assert!(config.session(&b).is_none());
        assert_eq!(config.session(&a).unwrap().token, "token-a");
    }

    #[test]
    fn g47_a_token_of_an_unknown_issuer_is_sent_nowhere() {
        let mut config: Config = serde_json::from_str(r#"{"auth":{"token":"t"},"theme":"dark"}"#).unwrap();
        let server: ServerUrl = "http://localhost:9000".parse().unwrap();
        assert!(config.session(&server).is_none());
        config.choose(&server);
        assert!(config.session(&server).is_none());
        assert_eq!(config.other["theme"], "dark");
    }
}
