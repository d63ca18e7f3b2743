//! The log as a file: every entry that fits a filter, in CSV or as lines of JSON, sent while it is read.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use waygate_api::audit::AuditEntry;
use waygate_core::{Commit, Revision};
use waygate_store::{HistoryQuery, StoreError};

use crate::api::audit::{audit_entries, may_see};
use crate::dashboard::audit::READ;
use crate::dashboard::audit::filter::Filter;
use crate::dashboard::visit::Visit;
use crate::error::ApiError;

/// The most entries of a file. Where there are more, its last line says from where on.
const MOST: usize = 100_000;
const HEAD: &str = "id,timestamp,revision,actor,platform,action,service,path,previous_status,new_status,reason\r\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Lines,
}

/// How far a file has come.
struct Progress {
    visit: Visit,
    filter: Filter,
    format: Format,
    before: Option<Revision>,
    count: usize,
    begun: bool,
    ended: bool,
}

pub(in crate::dashboard) async fn export(visit: Visit) -> Result<Response, ApiError> {
    let (format, kind, name) = match visit.parameters.text("format") {
        Some("csv") => (Format::Csv, "text/csv; charset=utf-8", "csv"),
        Some("jsonl") | None => (Format::Lines, "application/jsonl; charset=utf-8", "jsonl"),
        _ => return Err(ApiError::invalid_field("format", "expected `csv` or `jsonl`")),
    };
    let filter = Filter::of(&visit);
    let before = filter.before;
    let progress = Progress { visit, filter, format, before, count: 0, begun: false, ended: false };
    let parts =
        stream::unfold(
            progress,
            |progress| async move { if progress.ended { None } else { Some(progress.next().await) } },
        );
    let named = format!("attachment; filename=\"waygate-audit.{name}\"");
    let head = [(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, named)];
    Ok((head, Body::from_stream(parts)).into_response())
}

impl Progress {
    /// The next part of the file. Where the store fails, the file is broken off, so that it is not taken for whole.
    async fn next(mut self) -> (Result<Bytes, StoreError>, Self) {
        let query = HistoryQuery { before: self.before, limit: READ };
        let page = match self.visit.app.control.history(query).await {
            Ok(page) => page,
            Err(error) => {
                self.ended = true;
                return (Err(error), self);
            }
        };
        let mut text = String::new();
        if !self.begun && self.format == Format::Csv {
            text.push_str(HEAD);
        }
        self.begun = true;
        for commit in &page.commits {
            if self.count >= MOST {
                text.push_str(&self.rest(commit.revision().next()));
                self.ended = true;
                break;
            }
            self.take(commit, &mut text);
        }
        self.before = page.commits.last().map(|commit| commit.revision());
        self.ended = self.ended || !page.more || page.commits.iter().all(|commit| self.filter.is_past(commit));
        (Ok(Bytes::from(text)), self)
    }

    fn take(&mut self, commit: &Arc<Commit>, text: &mut String) {
        for (record, entry) in commit.draft.records.iter().zip(audit_entries(commit)) {
            if may_see(&self.visit.principal, record) && self.filter.takes(commit, record) {
                self.count += 1;
                text.push_str(&match self.format {
                    Format::Csv => row(&entry),
                    Format::Lines => serde_json::to_string(&entry).map(|line| line + "\n").unwrap_or_default(),
                });
            }
        }
    }

    fn rest(&self, before: Revision) -> String {
        let words = format!("not all: more than {MOST} entries fit; the others come with before={before}");
        match self.format {
            Format::Csv => format!("{words}\r\n"),
            Format::Lines => format!("{}\n", serde_json::json!({ "not_all": words, "before": before })),
        }
    }
}

fn row(entry: &AuditEntry) -> String {
    let status = |status: Option<waygate_core::LifecycleKind>| status.map_or("", |status| status.as_str()).to_owned();
    let cells = [
        entry.id.clone(),
        entry.timestamp.to_string(),
        entry.revision.to_string(),
        entry.actor.clone(),
        entry.platform.clone(),
        entry.action.clone(),
        entry.service.clone().unwrap_or_default(),
        entry.path.clone(),
        status(entry.previous_status),
        status(entry.new_status),
        entry.reason.clone(),
    ];
    format!("{}\r\n", cells.map(|text| cell(&text)).join(","))
}

/// What a spreadsheet would take for a formula is marked as text.
fn cell(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_are_no_formulas() {
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("plain"), "plain");
    }
}
