//! `config.json`: the chosen server and the tokens, in the form that the reference's command line reads.
//!
//! A token belongs to the origin that issued it and is given out for no other. The file is 0600 in a 0700 directory
//! and is replaced as a whole, so that a crash leaves the old one.

mod file;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use waygate_api::client::ServerUrl;

pub(crate) use file::ConfigFile;

use crate::error::{CliError, ExitStatus};

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
    /// Servers by the names that the user has given them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    contexts: BTreeMap<String, NamedContext>,
    /// The context in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    /// Origins that a file of a directory tree may choose.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    trusted: BTreeSet<String>,
    /// What others keep there stays.
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// A server with a name, and how commands behave there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NamedContext {
    pub(crate) url: String,
    #[serde(default, skip_serializing_if = "Confirm::is_auto")]
    pub(crate) confirm: Confirm,
    /// Every change needs a reason.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) require_reason: bool,
}

/// When changes ask back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Confirm {
    /// Large ones, where somebody can answer; a script goes on.
    #[default]
    Auto,
    /// Every one; a script has to say `--yes`.
    Always,
    /// Never.
    Never,
}

impl Confirm {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
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

    /// Whether the user has had to do with a server: chosen it, named it, logged in there, or said that it is trusted.
    pub(crate) fn knows(&self, server: &ServerUrl) -> bool {
        let origin = server.origin();
        let is_named = self.contexts.values().any(|known| is_at(&known.url, origin));
        let is_chosen = self.server_url().is_some_and(|url| is_at(url, origin));
        is_chosen || is_named || self.servers.contains_key(origin) || self.trusted.contains(origin)
    }

    pub(crate) fn trust(&mut self, server: &ServerUrl) {
        self.trusted.insert(server.origin().to_owned());
    }

    /// The origins that there are sessions for, beside the current server.
    pub(crate) fn other_origins(&self) -> impl Iterator<Item = &str> {
        self.servers.keys().map(String::as_str)
    }

    pub(crate) fn contexts(&self) -> impl Iterator<Item = (&str, &NamedContext)> {
        self.contexts.iter().map(|(name, context)| (name.as_str(), context))
    }

    pub(crate) fn context(&self, name: &str) -> Option<&NamedContext> {
        self.contexts.get(name)
    }

    pub(crate) fn unknown_context(&self, name: &str) -> CliError {
        let names: Vec<&str> = self.contexts.keys().map(String::as_str).collect();
        let error = CliError::new(ExitStatus::NotFound, format!("there is no context `{name}`"));
        match names.as_slice() {
            [] => error.hint("make one with `waygate context add NAME --url URL`"),
            names => error.hint(format!("there are: {}", names.join(", "))),
        }
    }

    /// The context in use. Where another program has since chosen another server, none is.
    pub(crate) fn current_context(&self) -> Option<(&str, &NamedContext)> {
        let name = self.context.as_deref()?;
        let context = self.contexts.get(name)?;
        let agreed = self.server_url.as_deref().is_some_and(|url| url.trim_end_matches('/') == context.url);
        agreed.then_some((name, context))
    }

    pub(crate) fn put_context(&mut self, name: &str, context: NamedContext) {
        self.contexts.insert(name.to_owned(), context);
    }

    /// Makes the server of a context the current one.
    pub(crate) fn use_context(&mut self, name: &str, server: &ServerUrl) {
        self.choose(server);
        self.context = Some(name.to_owned());
    }

    /// Forgets a context; its session stays. Of the one in use nothing is left chosen: its server without its rules would
    /// be another thing than what was. Whether it was in use.
    pub(crate) fn remove_context(&mut self, name: &str) -> bool {
        let was_in_use = self.current_context().is_some_and(|(current, _)| current == name);
        if was_in_use {
            if let (Some(origin), Some(session)) = (self.current_origin(), self.auth.take()) {
                self.servers.insert(origin, session);
            }
            self.server_url = None;
        }
        self.context = self.context.take().filter(|current| current != name);
        self.contexts.remove(name);
        was_in_use
    }

    /// Forgets every session, and says which there were.
    pub(crate) fn forget_all(&mut self) -> Vec<(String, Session)> {
        let current = self.current_origin().zip(self.auth.take());
        self.auth = None;
        std::mem::take(&mut self.servers).into_iter().chain(current).collect()
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
        self.context = None;
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

fn is_at(url: &str, origin: &str) -> bool {
    url.parse::<ServerUrl>().is_ok_and(|url| url.origin() == origin)
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
