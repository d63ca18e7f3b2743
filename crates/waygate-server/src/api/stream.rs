//! Streams: what a connection is told, from its first byte to its last.
//!
//! Two protocols share everything but their encoding: our frames (`GET /api/sdk/stream`) and the guide's envelopes
//! (`GET /api/sdk/events`, in [`crate::compat`]).

mod frames;
mod pump;

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use http::{HeaderValue, header};
use waygate_core::{Cursor, Revision, State, Timestamp, TokenId};

pub(crate) use self::frames::Frames;
use self::pump::Pump;
use crate::admission::Place;
use crate::app::App;
use crate::chunk::Chunk;
use crate::clock;
use crate::control::feed::{Due, Subject, Subscription, TopicCommit};
use crate::serve::Way;

/// How the words of a stream are written.
pub(crate) trait Protocol: Send + 'static {
    /// What it is called in metrics.
    const NAME: &'static str;

    /// Everything that the subject is to know.
    fn snapshot(&self, subscription: &Subscription, due: &Due) -> Chunk;
    /// What one commit means for the subject.
    fn commit(&self, subject: &Subject, commit: &TopicCommit) -> Chunk;
    /// A sign of life that also says where the stream stands, once everything that is due is sent.
    fn alive(&self, subscription: &Subscription, due: &Due) -> Chunk;
    /// Waits until there is something to say to this one client, apart from what all are told.
    fn called(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
    /// That.
    fn call(&self) -> Chunk {
        Chunk::default()
    }
    /// Whether this one client is to be told everything anew.
    fn begins_anew(&self) -> bool {
        false
    }
    /// Everything up to a revision was handed to the connection.
    fn delivered(&self, revision: Revision);
    /// The last words; the client is to come back after a while.
    fn end(&self, reason: &str, come_back: Duration) -> Ending;
}

/// How a stream ends.
pub(crate) enum Ending {
    /// With last words and as HTTP wants it.
    Said(Chunk),
    /// In the middle of the body: the client takes it for a broken connection.
    BrokenOff,
}

/// Whose stream it is, and until when they may have it.
#[derive(Debug)]
pub(crate) struct Holder {
    pub(crate) token: Option<TokenId>,
    pub(crate) expires: Option<Timestamp>,
    #[expect(dead_code, reason = "dropping it makes room")]
    pub(crate) place: Place,
}

impl Holder {
    fn may_go_on(&self, state: &State) -> bool {
        let revoked = self.token.as_ref().is_some_and(|token| state.revoked_tokens.contains_key(token));
        !revoked && self.expires.is_none_or(|expires| clock::now() < expires)
    }
}

/// Answers with a stream of `subject`, resumed after `resume` where that is possible.
pub(crate) fn respond<P: Protocol>(
    app: &App,
    subject: Subject,
    resume: Option<&Cursor>,
    protocol: P,
    holder: Holder,
    way: Way,
) -> Response {
    let pump = Pump::new(app, subject, resume, protocol, holder);
    let mut response = if let Some(handover) = way.0 {
        let mut response = handover.body(|line| pump.run(line)).into_response();
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    } else {
        let pieces = stream::unfold(pump, |mut pump| async move { Some((pump.next().await?, pump)) });
        Body::from_stream(pieces).into_response()
    };
    let fixed = [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
