//! Requests for a change: who asks, for what, and under which conditions.

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use waygate_core::{Command, Revision};

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
}

impl<const LIMIT: usize> Asked<LIMIT> {
    /// Carries the command out in the name of the caller, or only finds out what it would come to.
    pub(crate) async fn execute(&self, app: &App, command: Command) -> Result<Applied, ApiError> {
        let command = self.principal.within_reach(command, app)?;
        let cause = self.principal.cause(clock::now());
        Ok(if self.dry_run {
            app.control.preview(&command, &cause)?
        } else {
            app.control.execute(command, cause).await?
        })
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
        Ok(Self { principal, fields, expected, dry_run })
    }
}
