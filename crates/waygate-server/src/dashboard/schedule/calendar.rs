//! What is planned, as a calendar that other programs read (RFC 5545).

use std::fmt::Write as _;

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use waygate_api::paths::path_key;

use crate::api::schedules;
use crate::dashboard::schedule::subject;
use crate::dashboard::visit::Visit;
use crate::error::ApiError;

/// The longest line, in bytes.
const LINE: usize = 74;

pub(in crate::dashboard) async fn export(visit: Visit) -> Result<Response, ApiError> {
    let service = visit.parameters.service().ok().flatten();
    let planned = schedules::planned(&visit.app, &visit.principal, service.as_ref(), None, visit.now).await?;
    let stamp = instant(visit.now);
    let mut text = String::new();
    let mut line = |name: &str, value: &str| folded(&mut text, &format!("{name}:{value}"));
    line("BEGIN", "VCALENDAR");
    line("VERSION", "2.0");
    line("PRODID", "-//Waygate//Schedule//EN");
    for scheduled in planned {
        let what = subject(&scheduled);
        let start = scheduled.start.or(scheduled.planned_at).unwrap_or(visit.now);
        line("BEGIN", "VEVENT");
        let id = format!("{:?} {what} {}", scheduled.kind, scheduled.id.unwrap_or_default());
        line("UID", &format!("{}@waygate", path_key(&id)));
        line("DTSTAMP", &stamp);
        line("DTSTART", &instant(start));
        line("DTEND", &instant(scheduled.end));
        line("SUMMARY", &escaped(&what));
        if !scheduled.reason.is_empty() {
            line("DESCRIPTION", &escaped(&scheduled.reason));
        }
        line("END", "VEVENT");
    }
    line("END", "VCALENDAR");
    let head = [
        (CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"waygate-schedule.ics\""),
    ];
    Ok((head, text).into_response())
}

fn instant(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace(';', "\\;")
        .replace(',', "\\,")
        .replace("\r\n", "\\n")
        .replace(['\n', '\r'], "\\n")
}

/// Breaks a line where it is too long, between characters.
fn folded(text: &mut String, line: &str) {
    let mut length = 0;
    for character in line.chars() {
        if length + character.len_utf8() > LINE {
            text.push_str("\r\n ");
            length = 1;
        }
        let _ = text.write_char(character);
        length += character.len_utf8();
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_and_marks_are_escaped() {
        let mut text = String::new();
        folded(&mut text, &format!("SUMMARY:{}", "ü".repeat(60)));
        assert!(text.lines().count() == 2 && text.lines().all(|line| line.len() <= 75), "{text}");
        assert_eq!(text.replace("\r\n ", ""), format!("SUMMARY:{}\r\n", "ü".repeat(60)));
        assert_eq!(escaped("a,b;c\\d\ne"), "a\\,b\\;c\\\\d\\ne");
    }
}
