//! Reading frames, whatever a server sends. Also run by the fuzzer.

use waygate_api::stream::{Frame, encode};
use waygate_core::{Decision, RequestFacts, RouteMethod, ServiceView, Snapshot, Timestamp};

struct Get<'a>(&'a str);

impl RequestFacts for Get<'_> {
    fn method(&self) -> Option<RouteMethod> {
        Some(RouteMethod::Get)
    }

    fn template(&self) -> Option<&str> {
        None
    }

    fn path(&self) -> &str {
        self.0
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

/// A frame is refused, or what was read of it can be written, is read as the same again with nothing left out, and can
/// be put in force.
pub(crate) fn are_read_or_refused(event: &str, data: &str) {
    let Ok(Some(frame)) = Frame::decode(event, data) else { return };
    let written = match &frame {
        Frame::Snapshot { cursor, view, .. } => encode::snapshot(cursor, view),
        Frame::Commit { cursor, after, changes, .. } => encode::commit(cursor, *after, changes),
        Frame::Bookmark { cursor, digest } => encode::bookmark(cursor, digest.clone()),
        Frame::Shares => Ok(encode::SHARES.to_owned()),
        Frame::Goodbye { reason, retry_after_ms } => encode::goodbye(reason, *retry_after_ms),
    };
    let written = written.unwrap();
    let (name, data) = parts(&written);
    assert_eq!(name, event);
    assert_eq!(Frame::decode(name, data).unwrap(), Some(whole(frame.clone())), "{written}");
    put_in_force(frame);
}

/// The name and the data of an event, which are a line each.
fn parts(event: &str) -> (&str, &str) {
    let lines: Vec<&str> = event.strip_suffix("\n\n").unwrap().split('\n').collect();
    assert!(!event.contains('\r') && lines.len() <= 3, "{event:?}");
    (lines[0].strip_prefix("event: ").unwrap(), lines[lines.len() - 1].strip_prefix("data: ").unwrap())
}

fn whole(frame: Frame) -> Frame {
    match frame {
        Frame::Snapshot { cursor, view, .. } => Frame::Snapshot { cursor, view, skipped: Vec::new() },
        Frame::Commit { cursor, after, changes, .. } => Frame::Commit { cursor, after, changes, skipped: Vec::new() },
        other => other,
    }
}

/// As a service does it. A service with anything in force at all decides every request.
fn put_in_force(frame: Frame) {
    let view = match frame {
        Frame::Snapshot { view, .. } => *view,
        Frame::Commit { changes, .. } => {
            let mut view = ServiceView::default();
            for change in &changes {
                view.apply(change);
            }
            view
        }
        Frame::Bookmark { .. } | Frame::Shares | Frame::Goodbye { .. } => return,
    };
    let paths: Vec<String> = view.service.routes.keys().map(|key| key.path.to_string()).collect();
    let is_bare = view == ServiceView::default();
    let snapshot = Snapshot::compile(view, "prod".parse().ok());
    for path in paths.iter().map(String::as_str).chain(["/", "/a", "/users/7"]) {
        let passes = matches!(snapshot.decide(&Get(path)), Decision::Forward(_));
        assert!(passes || !is_bare, "nothing is in force, and `{path}` is stopped");
    }
}
