//! Why a command failed, and the exit code that says so.

use std::fmt;
use std::process::ExitCode;

use serde::Serialize;
use waygate_api::client::ClientError;
use waygate_api::error::{ErrorBody, ErrorCode};

use crate::context::Server;
use crate::render::count::counted;

pub(crate) type CliResult<T = ()> = Result<T, CliError>;

/// What the process says to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// Done, or already so.
    Success = 0,
    /// Refused or failed in a way that no other code names.
    Failed = 1,
    /// A bad flag, route, duration or time; nothing was changed.
    Usage = 2,
    /// No such route or service.
    NotFound = 3,
    /// A login is needed, or was refused.
    Authentication = 4,
    /// Ambiguous, force-active, or changed in the meantime.
    Conflict = 5,
    /// No answer from the server.
    Unreachable = 6,
    /// Stored, but not in force at every instance in time.
    NotInForce = 7,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

/// A failure with what to do about it.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) status: ExitStatus,
    pub(crate) message: String,
    /// What to do next, or what may have been meant; one line each.
    pub(crate) hints: Vec<String>,
    server: Option<String>,
    refusal: Option<Box<Refusal>>,
}

/// What a server said beside its message.
#[derive(Debug)]
struct Refusal {
    code: ErrorCode,
    http_status: u16,
    field: Option<String>,
    request_id: Option<String>,
    /// The routes that an ambiguous name may mean.
    candidates: Vec<String>,
}

/// The shape of an error under `-o json`.
#[derive(Serialize)]
struct Problem<'e> {
    code: Option<ErrorCode>,
    message: &'e str,
    hint: Option<String>,
    exit: u8,
    status: Option<u16>,
    server: Option<&'e str>,
    request_id: Option<&'e str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    candidates: &'e [String],
}

#[derive(Serialize)]
struct ProblemLine<'e> {
    error: Problem<'e>,
}

impl CliError {
    pub(crate) fn new(status: ExitStatus, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), hints: Vec::new(), server: None, refusal: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::Usage, message)
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(ExitStatus::Failed, message)
    }

    /// No failure: an answer that is an exit code, of which everything has been said.
    pub(crate) fn outcome(status: ExitStatus) -> Self {
        Self::new(status, "")
    }

    #[must_use]
    pub(crate) fn with_status(self, status: ExitStatus) -> Self {
        Self { status, ..self }
    }

    /// The same, of a command that has talked to a server, where nothing more is known.
    #[must_use]
    pub(crate) fn at(self, server: Option<&str>) -> Self {
        Self { server: self.server.or_else(|| server.map(ToOwned::to_owned)), ..self }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// What a failed call to `server` means for the person at the terminal.
    pub(crate) fn of_call(error: ClientError, server: &Server) -> Self {
        let mut failure = match error {
            ClientError::Refused { status, body, retry_after } => Self::refused(status, *body, retry_after, server),
            unreachable @ (ClientError::Unreachable { .. } | ClientError::Timeout { .. }) => {
                let (told, other) = match unreachable {
                    ClientError::Unreachable { reason, .. } => {
                        (format!("cannot reach {}: {reason}", server.url), other_scheme(server.url.as_str(), &reason))
                    }
                    _ => (format!("{} did not answer in time", server.url), None),
                };
                let failure = Self::new(ExitStatus::Unreachable, told);
                let failure = failure.hint(format!("the URL comes from {}", server.source));
                other.or_else(|| through_proxy(server.url.as_str())).into_iter().fold(failure, Self::hint)
            }
            malformed @ ClientError::Malformed { .. } => Self::failed(malformed.to_string())
                .hint(format!("is {} a Waygate server? The URL comes from {}", server.url, server.source)),
            other => Self::failed(other.to_string()),
        };
        failure.server = Some(server.url.to_string());
        failure
    }

    fn refused(status: u16, body: ErrorBody, retry_after: Option<u64>, server: &Server) -> Self {
        let exit = match (status, body.code) {
            (400, ErrorCode::InvalidField | ErrorCode::InvalidKey) => ExitStatus::Usage,
            (404, _) if body.foreign => ExitStatus::Failed,
            (401 | 403, _) | (_, ErrorCode::TooManyAttempts) => ExitStatus::Authentication,
            (404, _) => ExitStatus::NotFound,
            (409 | 412, _) => ExitStatus::Conflict,
            _ => ExitStatus::Failed,
        };
        let mut failure = Self::new(exit, body.error);
        if (300..400).contains(&status) {
            let told = "a proxy or a page to sign in stands before the control plane";
            failure.hints.push(format!("{told}; the URL comes from {}", server.source));
        }
        if status == 404 && body.foreign {
            let told = "this is not a Waygate server, or not the path that it is mounted at";
            failure.message = format!("{}: {told}", failure.message);
            failure.hints.push(format!("the URL comes from {}; `waygate doctor` looks closer", server.source));
        } else if status == 404 && body.code == ErrorCode::Unknown {
            failure.hints.push(format!("the server is {}, from {}", server.url, server.source));
        }
        if let Some(seconds) = retry_after {
            failure
                .hints
                .push(format!("try again in {}", counted(usize::try_from(seconds).unwrap_or(usize::MAX), "second")));
        }
        let told = |name: &&String| !failure.message.contains(name.as_str());
        let near: Vec<String> = body.near.iter().filter(told).map(|name| format!("did you mean `{name}`?")).collect();
        failure.hints.extend(near);
        let candidates = body.ambiguous_matches.unwrap_or_default();
        if !candidates.is_empty() {
            failure.message = format!("ambiguous: {} routes fit; name one of them", candidates.len());
            failure.hints.extend(candidates.iter().cloned());
        }
        let refusal = Refusal {
            code: body.code,
            http_status: status,
            field: body.field,
            request_id: body.request_id,
            candidates,
        };
        failure.refusal = Some(Box::new(refusal));
        failure
    }

    /// Whether a field of the request was at fault.
    pub(crate) fn is_about(&self, field: &str) -> bool {
        self.refusal.as_ref().is_some_and(|refusal| refusal.field.as_deref() == Some(field))
    }

    /// Whether the server has nothing at the path, be it a Waygate server or not.
    pub(crate) fn is_missing(&self) -> bool {
        self.refusal.as_ref().is_some_and(|refusal| refusal.http_status == 404)
    }

    /// The error as one line of JSON.
    pub(crate) fn to_json(&self) -> String {
        let refusal = self.refusal.as_deref();
        let problem = Problem {
            code: refusal.map(|refusal| refusal.code),
            message: &self.message,
            hint: (!self.hints.is_empty()).then(|| self.hints.join("; ")),
            exit: self.status as u8,
            status: refusal.map(|refusal| refusal.http_status),
            server: self.server.as_deref(),
            request_id: refusal.and_then(|refusal| refusal.request_id.as_deref()),
            candidates: refusal.map(|refusal| refusal.candidates.as_slice()).unwrap_or_default(),
        };
        serde_json::to_string(&ProblemLine { error: problem }).unwrap_or_else(|_| self.message.clone())
    }
}

/// Who may be what is not reached, where the environment sends calls through a proxy.
fn through_proxy(url: &str) -> Option<String> {
    let own = if url.starts_with("https://") { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] };
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let name = own.into_iter().chain(["ALL_PROXY", "all_proxy"]).find(is_set)?;
    Some(format!("{name} is set: it may be the proxy that is not reached; NO_PROXY names who is called without one"))
}

/// What to try where one side speaks TLS and the other does not, as far as the HTTP library's words tell.
fn other_scheme(url: &str, reason: &str) -> Option<String> {
    let says = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    if let Some(place) = url.strip_prefix("https://") {
        let is_plain = says(&["InvalidContentType", "corrupt message"]);
        return is_plain.then(|| format!("whoever is there speaks no TLS; try `http://{place}`"));
    }
    let place = url.strip_prefix("http://")?;
    let is_odd = says(&["invalid HTTP", "HTTP version", "connection closed before message completed"]);
    is_odd.then(|| format!("whoever is there may expect TLS; try `https://{place}`"))
}

impl fmt::Display for CliError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}
