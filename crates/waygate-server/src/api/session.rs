//! Logging in and out.

use axum::Form;
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest as _, Request, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use waygate_api::auth::{LoginAnswer, Me};
use waygate_api::error::ErrorCode;
use waygate_api::paths::percent_encoded;
use waygate_core::{Cause, Command, Platform};

use crate::api::body::Fields;
use crate::api::names::app_id;
use crate::app::App;
use crate::auth::{Attempt, Principal, Rights, clear_cookie, refuse_foreign, set_cookie};
use crate::clock;
use crate::dashboard::reads_html;
use crate::edge::Client;
use crate::error::ApiError;

/// For a minute, the name that somebody has tried to log in by.
pub(crate) const NAME_COOKIE: &str = "waygate_name";
/// The largest body of a login, in bytes.
const LOGIN: usize = 8 << 10;

/// A login by a browser's form.
#[derive(Deserialize)]
struct LoginForm {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    /// Where to go then: a path here.
    #[serde(default)]
    next: String,
}

/// A login's fields, or that there is nothing to log in to; that is found out before the body is looked at.
pub(super) async fn login(
    State(app): State<App>,
    client: Client,
    head: HeaderMap,
    fields: Result<Fields<LOGIN>, ApiError>,
) -> Result<Response, ApiError> {
    if !app.authority.is_required() {
        return Err(ApiError::without_authentication());
    }
    let fields = fields?;
    let (name, password) = (fields.required_text("username")?, fields.required_text("password")?);
    let platform = match fields.text("platform")? {
        Some("sdk") => Platform::Sdk,
        _ => Platform::Cli,
    };
    let service = if platform == Platform::Sdk { app_id(&head)? } else { None };
    let session = app.login(Attempt { name, password, platform, service, address: client.address }).await?;
    let answer = LoginAnswer {
        token: session.token,
        username: session.issued.holder.to_string(),
        expires_at: session.issued.expires.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string(),
    };
    Ok(Json(answer).into_response())
}

/// Ends the token that the request comes with, be it in a header or in a cookie, on every node and for good. A text
/// that is no token of ours leaves no trace.
pub(super) async fn logout(State(app): State<App>, client: Client, head: HeaderMap) -> Result<Response, ApiError> {
    let mut response = Json(json!({ "ok": true })).into_response();
    if end_session(&app, &client, &head).await? {
        response.headers_mut().extend(clear_cookie(&client).map(|cookie| (SET_COOKIE, cookie)));
    }
    Ok(response)
}

pub(super) async fn me(State(app): State<App>, principal: Principal) -> Json<Me> {
    let role = match principal.rights {
        Rights::Person(role) if app.authority.is_required() => Some(role.as_str().to_owned()),
        _ => None,
    };
    Json(Me {
        username: principal.actor.to_string(),
        platform: principal.platform.as_str().to_owned(),
        expires_at: principal.expires,
        role,
        services: principal.services.as_ref().map(|own| own.iter().map(ToString::to_string).collect()),
        csrf_token: app.authority.csrf_token(&principal),
    })
}

/// A browser logs in: the token goes into a cookie that no script can read, and the browser on to where it wanted.
pub(super) async fn login_form(State(app): State<App>, client: Client, request: Request) -> Result<Response, ApiError> {
    if !app.authority.is_required() {
        return Err(ApiError::without_authentication());
    }
    refuse_foreign(&Method::POST, request.headers(), &client)?;
    let by_person = reads_html(request.headers());
    let form = read_form(request).await?;
    let attempt = Attempt {
        name: &form.username,
        password: &form.password,
        platform: Platform::Dashboard,
        service: None,
        address: client.address,
    };
    let session = match app.login(attempt).await {
        Ok(session) => session,
        Err(refusal) if refusal.body.code == ErrorCode::InvalidCredentials => {
            return Ok(refused(&form, &client, "Invalid+credentials"));
        }
        Err(refusal) if by_person && refusal.body.code == ErrorCode::TooManyAttempts => {
            let why = format!("wait&seconds={}", refusal.wait().unwrap_or_default());
            return Ok(refused(&form, &client, &why));
        }
        Err(refusal) => return Err(refusal),
    };
    let mut response = see_other(local(&form.next));
    let cookie = set_cookie(&session.token, session.issued.expires, clock::now(), &client);
    response.headers_mut().insert(SET_COOKIE, cookie.ok_or_else(ApiError::internal)?);
    Ok(response)
}

/// Back to the sign-in page, with what was typed but for the password. The name is in no address: some type the password
/// there.
fn refused(form: &LoginForm, client: &Client, why: &str) -> Response {
    let next = local(&form.next);
    let next = if next == "./" { String::new() } else { format!("&next={}", percent_encoded(next)) };
    let mut response = see_other(&format!("login?error={why}{next}"));
    let name: String = form.username.chars().take(128).collect();
    let secure = if client.secure { "; Secure" } else { "" };
    let cookie =
        format!("{NAME_COOKIE}={}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax{secure}", percent_encoded(&name));
    response.headers_mut().extend(HeaderValue::from_str(&cookie).ok().map(|cookie| (SET_COOKIE, cookie)));
    response
}

/// A browser logs out.
pub(super) async fn logout_form(State(app): State<App>, client: Client, head: HeaderMap) -> Result<Response, ApiError> {
    end_session(&app, &client, &head).await?;
    let mut response = see_other("login");
    response.headers_mut().extend(clear_cookie(&client).map(|cookie| (SET_COOKIE, cookie)));
    Ok(response)
}

/// Ends the token of a request. Whether it came in a cookie.
async fn end_session(app: &App, client: &Client, head: &HeaderMap) -> Result<bool, ApiError> {
    let now = clock::now();
    let Some(ending) = app.authority.token_to_end(head, client, now) else {
        return Ok(false);
    };
    if ending.by_cookie {
        app.authority.require_own_logout(&ending.id, head, client)?;
    }
    let cause = Cause { actor: ending.actor, platform: ending.platform, at: now, undoes: None };
    app.control.execute(Command::LogOut { id: ending.id, expires: ending.expires }, cause).await?;
    Ok(ending.by_cookie)
}

async fn read_form(request: Request) -> Result<LoginForm, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, LOGIN).await.map_err(|_| {
        let error = format!("the body is larger than the {LOGIN} bytes that are accepted here");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::PayloadTooLarge, error)
    })?;
    let form = Form::<LoginForm>::from_request(Request::from_parts(parts, Body::from(bytes)), &()).await;
    let expected = "expected a form with `username` and `password` (`application/x-www-form-urlencoded`)";
    form.map(|Form(form)| form).map_err(|_| ApiError::invalid_body(expected))
}

/// A path of ours to go on to; whatever might lead elsewhere leads to the front page.
fn local(next: &str) -> &str {
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if next.starts_with('/') && !next.starts_with("//") && plain { next } else { "./" }
}

fn see_other(location: &str) -> Response {
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("./"));
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g44_a_login_leads_nowhere_else() {
        assert_eq!(local("/audit?page=2"), "/audit?page=2");
        for elsewhere in ["", "audit", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/é"] {
            assert_eq!(local(elsewhere), "./", "{elsewhere:?}");
        }
    }
}
