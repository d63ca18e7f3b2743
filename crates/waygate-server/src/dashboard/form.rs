//! Forms as browsers post them.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use waygate_api::error::ErrorCode;
use waygate_core::{Command, Revision};

use crate::app::App;
use crate::control::Applied;
use crate::dashboard::preview::Preview;
use crate::dashboard::visit::{Visit, local, see_other};
use crate::error::ApiError;

/// The largest form, in bytes: a bulk change of a page of routes and a long list of exemptions fit.
const LARGEST: usize = 256 << 10;

/// Why a form is shown again.
pub(super) enum Held {
    /// What would come of it was asked for.
    Preview(Preview),
    Refused(ApiError),
}

/// A posted form of the visitor's own session.
pub(super) struct Posted {
    pub(super) visit: Visit,
    pairs: Vec<(String, String)>,
}

impl Posted {
    /// The value of a field without the space around it; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        let value = self.pairs.iter().find(|(given, _)| given == name);
        value.map(|(_, value)| value.trim()).unwrap_or_default()
    }

    /// Every value of a repeated field.
    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.pairs.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn is_checked(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// Carries out what the form asks for and leads on, or finds out what would come of it where only that is wanted.
    pub(super) async fn carry_out(&self, asked: Result<Command, ApiError>) -> Result<Response, Held> {
        let visit = &self.visit;
        let command = asked.map_err(Held::Refused)?;
        if self.is_checked("preview") {
            let preview = Preview::of(visit, command).await.map_err(Held::Refused)?;
            return Err(Held::Preview(preview));
        }
        let applied = visit.app.execute(&visit.principal, command).await.map_err(Held::Refused)?;
        Ok(self.done(&applied))
    }

    /// The revision that the page has shown.
    pub(super) fn expected(&self) -> Result<Option<Revision>, ApiError> {
        revision(self.text("expected"))
    }

    /// A reason, which must be there.
    pub(super) fn required_reason(&self) -> Result<String, ApiError> {
        match self.text("reason") {
            "" => Err(ApiError::invalid_field("reason", "say why: callers and the audit log are told")),
            reason => Ok(reason.to_owned()),
        }
    }

    /// When it is to end by itself: the field `for` names a span in minutes, or `until` a time.
    pub(super) fn until(&self) -> Result<Option<Timestamp>, ApiError> {
        let minutes = match self.text("for") {
            "" => return Ok(None),
            "time" => return self.required_time("until").map(Some),
            minutes => minutes.parse::<u32>().ok(),
        };
        let span = minutes.map(|minutes| SignedDuration::from_mins(minutes.into()));
        let until = span.and_then(|span| self.visit.now.checked_add(span).ok());
        until.map(Some).ok_or_else(|| ApiError::invalid_field("for", "expected a number of minutes"))
    }

    /// The window of a form: its beginning, and how long it lasts or when it ends.
    pub(super) fn window(&self) -> Result<(Timestamp, Timestamp), ApiError> {
        let start = self.required_time("start")?;
        let end = match self.text("length") {
            "" => return Ok((start, self.required_time("end")?)),
            minutes => minutes
                .parse::<u32>()
                .ok()
                .and_then(|minutes| start.checked_add(SignedDuration::from_mins(minutes.into())).ok()),
        };
        let end = end.ok_or_else(|| ApiError::invalid_field("length", "expected a number of minutes"))?;
        Ok((start, end))
    }

    pub(super) fn required_time(&self, name: &str) -> Result<Timestamp, ApiError> {
        parse_moment(self.text(name)).ok_or_else(|| {
            ApiError::invalid_field(name, "expected a date and a time, such as `2026-12-01T10:00`, in UTC")
        })
    }

    /// Leads on after a change: back to where the visitor was, with the change's number.
    pub(super) fn done(&self, applied: &Applied) -> Response {
        let back = local(self.text("back"));
        let (path, query) = back.split_once('?').unwrap_or((back, ""));
        let kept = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("done="));
        let mut query: Vec<String> = kept.map(ToOwned::to_owned).collect();
        query.push(format!("done={}", applied.revision));
        let path = if path == "/" && !self.visit.base.is_empty() { "" } else { path };
        see_other(&format!("{}{path}?{}", self.visit.base, query.join("&")))
    }
}

/// A revision in a form; an empty one is none.
pub(super) fn revision(text: &str) -> Result<Option<Revision>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    let number = text.parse().map_err(|_| ApiError::invalid_field("expected", "expected a revision, such as `42`"))?;
    Ok(Some(Revision(number)))
}

/// The value of a field for date and time, which has no zone and stands for UTC; a time with a zone is taken too.
fn parse_moment(text: &str) -> Option<Timestamp> {
    let civil = || text.parse::<jiff::civil::DateTime>().ok().and_then(|_| format!("{text}Z").parse().ok());
    text.parse().ok().or_else(civil)
}

impl FromRequest<App> for Posted {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, Self::Rejection> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, app).await?;
        let bytes = to_bytes(body, LARGEST).await.map_err(|_| {
            let error = format!("the form is larger than the {LARGEST} bytes that are accepted here");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::PayloadTooLarge, error)
        })?;
        let form =
            axum::Form::<Vec<(String, String)>>::from_request(Request::from_parts(parts, Body::from(bytes)), app);
        let expected = "expected a form (`application/x-www-form-urlencoded`)";
        let axum::Form(mut pairs) = form.await.map_err(|_| ApiError::invalid_body(expected))?;
        // Browsers send every end of a line as two signs.
        for (_, value) in pairs.iter_mut().filter(|(_, value)| value.contains('\r')) {
            *value = value.replace("\r\n", "\n");
        }
        let posted = Self { visit, pairs };
        app.authority.require_own_form(&posted.visit.principal, posted.text("csrf"))?;
        Ok(posted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_forms_are_utc() {
        let at = |text: &str| parse_moment(text).map(|moment| moment.to_string());
        assert_eq!(at("2026-12-01T10:00"), Some("2026-12-01T10:00:00Z".to_owned()));
        assert_eq!(at("2026-12-01T10:00:00+01:00"), Some("2026-12-01T09:00:00Z".to_owned()));
        assert_eq!(at("tomorrow"), None);
    }
}
