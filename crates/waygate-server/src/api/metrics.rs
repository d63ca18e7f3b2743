//! Numbers for scrapers.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

use crate::app::App;
use crate::error::ApiError;
use crate::metrics::{MEDIA_TYPE, standing};

pub(super) async fn show(State(app): State<App>) -> Result<Response, ApiError> {
    let looked_up = standing::look_up(&app).await;
    let text = app.control.metrics().exposition(&looked_up).map_err(|_| ApiError::internal())?;
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], text).into_response())
}
