//! Requests for a change: who asks, for what, and under which conditions.

use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use jiff::SignedDuration;
use waygate_core::{Cause, Command, Revision};

use crate::api::body::{Fields, GENERAL};
use crate::api::names::{Parameters, if_match};
use crate::app::App;
use crate::auth::Principal;
use crate::clock;
use crate::control::Applied;
use crate::error::ApiError;

/// A request for a change, with a body of at most `LIMIT` bytes.
#[derive(Debug)]
pub(crate) struct Asked<const LIMIT: usize = GENERAL> {
    pub(crate) principal: Principal,
    pub(crate) fields: Fields<LIMIT>,
    /// The revision of its subject that the caller saw.
    pub(crate) expected: Option<Revision>,
    /// Only find out what it would come to.
    dry_run: bool,
    /// How long to wait until it is in force at the instances.
    wait: Option<Duration>,
}

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

impl<const LIMIT: usize> Asked<LIMIT> {
    /// Carries the command out in the name of the caller, or only finds out what it would come to.
    pub(crate) async fn execute(&self, app: &App, command: Command) -> Result<Applied, ApiError> {
        self.take_back(app, command, None).await
    }

    /// The same, as what takes back a change that was made before.
    pub(crate) async fn take_back(
        &self,
        app: &App,
        command: Command,
        undoes: Option<Revision>,
    ) -> Result<Applied, ApiError> {
        let command = self.principal.within_reach(command, app).await?;
        let cause = Cause { undoes, ..self.principal.cause(clock::now()) };
        if self.dry_run {
            return Ok(app.control.preview(&command, &cause).await?);
        }
        let mut applied = app.control.execute(command, cause).await?;
        if let Some(patience) = self.wait {
            let awaited = app.presence.propagation(&applied.cursor, &applied.concerned, patience, &app.stopping);
            applied.propagation = Some(awaited.await);
        }
        Ok(applied)
    }
}

impl<const LIMIT: usize, S: Send + Sync> FromRequest<S> for Asked<LIMIT> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let (mut parts, body) = request.into_parts();
        let principal = Principal::from_request_parts(&mut parts, state).await?;
        let parameters = Parameters::from_request_parts(&mut parts, state).await?;
        let if_match = if_match(&parts.headers)?;
        let fields = Fields::from_request(Request::from_parts(parts, body), state).await?;
        let expected = fields.expected_revision(if_match)?;
        let dry_run = parameters.flag("dry_run")? | fields.flag("dry_run")?;
        let wait = parameters.text("wait").map(wait_of).transpose()?;
        Ok(Self { principal, fields, expected, dry_run, wait })
    }
}

/// How much longer the answer to a request may take to begin, because the caller wants to wait.
pub(crate) fn asked_wait(query: Option<&str>) -> Duration {
    let mut pairs = query.unwrap_or_default().split('&');
    pairs.find_map(|pair| wait_of(pair.strip_prefix("wait=")?).ok()).unwrap_or_default()
}

/// `5s`, `500ms`, `1m`, or a whole number of seconds.
pub(crate) fn wait_of(text: &str) -> Result<Duration, ApiError> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    let wait = seconds.or_else(|| text.parse::<SignedDuration>().ok()?.try_into().ok());
    wait.filter(|wait| *wait <= LONGEST_WAIT)
        .ok_or_else(|| ApiError::invalid_field("wait", "expected a time such as `5s`, `500ms` or `1m`, at most `60s`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_and_bounded() {
        for (text, milliseconds) in
            [("5s", 5000), ("500ms", 500), ("1m", 60_000), ("0", 0), ("7", 7000), ("60s", 60_000)]
        {
            assert_eq!(wait_of(text).unwrap(), Duration::from_millis(milliseconds), "{text}");
        }
        for text in ["", "61s", "-1s", "soon", "1.5", "2m", "1h", "99999999999999999999", "5 parsecs"] {
            assert_eq!(wait_of(text).unwrap_err().body.field.as_deref(), Some("wait"), "{text}");
        }
        assert_eq!(asked_wait(Some("a=b&wait=50s")), Duration::from_secs(50));
        assert_eq!(asked_wait(Some("wait=500s")), Duration::ZERO);
        assert_eq!(asked_wait(None), Duration::ZERO);
    }
}
