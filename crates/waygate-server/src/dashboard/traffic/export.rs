//! The counts over time as a table for spreadsheets.

use std::fmt::Write as _;

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

use crate::dashboard::chart::{SERIES, stacked};
use crate::dashboard::traffic::filter::Filter;
use crate::dashboard::visit::Visit;
use crate::dashboard::words::Moment;
use crate::error::ApiError;

/// What the page of the same query shows, as comma-separated values. Fields are empty where there is no data.
pub(in crate::dashboard) async fn export(visit: Visit) -> Result<Response, ApiError> {
    let state = visit.state();
    let view = super::read(&visit, &state, &Filter::of(&visit, &state));
    let mut table = format!("at,{}\r\n", SERIES.map(|(name, _)| name).join(","));
    for point in view.series {
        let counts = point.counts.map(stacked).map_or_else(
            || vec![String::new(); SERIES.len()],
            |counts| counts.iter().map(ToString::to_string).collect(),
        );
        let _ = write!(table, "{},{}\r\n", Moment(point.at), counts.join(","));
    }
    let head =
        [(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, "attachment; filename=\"traffic.csv\"")];
    Ok((head, table).into_response())
}
