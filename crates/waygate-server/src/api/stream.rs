//! Streams: what a connection is told, from its first byte to its last.
//!
//! Two protocols share everything but their encoding: our frames (`GET /api/sdk/stream`) and the guide's envelopes
//! (`GET /api/sdk/events`, in [`crate::compat`]).

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderValue, header};
use tokio_util::sync::CancellationToken;
use waygate_api::stream::encode;
use waygate_core::{Cursor, ServiceId, State, Timestamp, TokenId};

use crate::clients::Present;
use crate::clock;
use crate::control::ControlPlane;
use crate::control::feed::{Due, Subject, Subscription, TopicCommit};

/// A stream is given a sign of life after so long without another word.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// When a stream is ended by a stop of the server, its client is asked to come back after so many milliseconds.
const COME_BACK_MS: u64 = 500;

/// How the words of a stream are written.
pub(crate) trait Protocol: Send + 'static {
    /// Everything that the subject is to know.
    fn snapshot(&self, subscription: &Subscription, state: &State, cursor: &Cursor) -> Bytes;
    /// What one commit means for the subject.
    fn commit(&self, subject: &Subject, commit: &TopicCommit) -> Bytes;
    /// A sign of life that also says where the stream stands.
    fn alive(&self, cursor: &Cursor) -> Bytes;
    /// The last words.
    fn end(&self, reason: &str) -> Ending;
}

/// How a stream ends.
pub(crate) enum Ending {
    /// With last words and as HTTP wants it.
    Said(Bytes),
    /// In the middle of the body: the client takes it for a broken connection.
    BrokenOff,
}

/// Whose stream it is, and until when they may have it.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) token: Option<TokenId>,
    pub(crate) expires: Option<Timestamp>,
}

impl Holder {
    fn may_go_on(&self, state: &State, now: Timestamp) -> bool {
        let revoked = self.token.as_ref().is_some_and(|token| state.revoked_tokens.contains_key(token));
        !revoked && self.expires.is_none_or(|expires| now < expires)
    }
}

/// One stream's whole life.
struct Pump<P> {
    control: ControlPlane,
    subscription: Subscription,
    protocol: P,
    holder: Holder,
    ending: CancellationToken,
    started: bool,
    ended: bool,
}

/// Answers with a stream of `subject`, resumed after `resume` where that is possible.
pub(crate) fn respond(
    control: &ControlPlane,
    subject: Subject,
    resume: Option<&Cursor>,
    protocol: impl Protocol,
    holder: Holder,
    ending: CancellationToken,
) -> Response {
    let subscription = control.feed().subscribe(subject, resume);
    let pump = Pump { control: control.clone(), subscription, protocol, holder, ending, started: false, ended: false };
    let chunks = stream::unfold(pump, |mut pump| async move { Some((pump.next().await?, pump)) });
    let mut response = Body::from_stream(chunks).into_response();
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

impl<P: Protocol> Pump<P> {
    /// The next chunk; `None` when the stream has ended.
    async fn next(&mut self) -> Option<Result<Bytes, io::Error>> {
        if self.ended {
            return None;
        }
        loop {
            let quiet = if self.started { self.wait().await } else { true };
            if self.ending.is_cancelled() {
                return Some(self.end("the server stops"));
            }
            if !self.holder.may_go_on(&self.control.current(), clock::now()) {
                return Some(self.end("the token has ended"));
            }
            let due = self.control.feed().due(&mut self.subscription);
            self.started = true;
            let chunk = self.encode(&due, quiet);
            if !chunk.is_empty() {
                return Some(Ok(chunk));
            }
        }
    }

    /// Waits until something may be due. Whether nothing was, for so long that a sign of life is needed.
    async fn wait(&mut self) -> bool {
        tokio::select! {
            () = self.subscription.woken() => false,
            () = tokio::time::sleep(KEEP_ALIVE) => true,
            () = self.ending.cancelled() => false,
        }
    }

    fn encode(&self, due: &Due, alive: bool) -> Bytes {
        if let ([only], None, false) = (&*due.commits, &due.snapshot, alive) {
            // The usual case shares the bytes with every other stream of the subject.
            return self.protocol.commit(self.subscription.subject(), only);
        }
        let mut chunk = BytesMut::new();
        if let Some(state) = &due.snapshot {
            chunk.extend_from_slice(&self.protocol.snapshot(&self.subscription, state, &due.cursor));
        }
        for commit in &due.commits {
            chunk.extend_from_slice(&self.protocol.commit(self.subscription.subject(), commit));
        }
        if alive || due.snapshot.is_some() {
            chunk.extend_from_slice(&self.protocol.alive(&due.cursor));
        }
        chunk.freeze()
    }

    fn end(&mut self, reason: &str) -> Result<Bytes, io::Error> {
        self.ended = true;
        match self.protocol.end(reason) {
            Ending::Said(words) => Ok(words),
            Ending::BrokenOff => Err(io::Error::new(io::ErrorKind::ConnectionAborted, reason.to_owned())),
        }
    }
}

/// Our own frames, see [`waygate_api::stream`].
pub(crate) struct Frames {
    pub(crate) service: ServiceId,
    pub(crate) _present: Present,
}

impl Protocol for Frames {
    fn snapshot(&self, subscription: &Subscription, state: &State, cursor: &Cursor) -> Bytes {
        subscription.encoded_snapshot(cursor, || written(encode::snapshot(cursor, &state.service_view(&self.service))))
    }

    fn commit(&self, subject: &Subject, commit: &TopicCommit) -> Bytes {
        let encoded = || {
            let changes = commit.commit.changes().filter(|change| subject.hears(change));
            written(encode::commit(&commit.commit.cursor, commit.after, changes))
        };
        commit.frame.get_or_init(encoded).clone()
    }

    fn alive(&self, cursor: &Cursor) -> Bytes {
        written(encode::bookmark(cursor, None))
    }

    fn end(&self, reason: &str) -> Ending {
        Ending::Said(written(encode::goodbye(reason, COME_BACK_MS)))
    }
}

/// The encoders cannot fail on values of ours; were one to, the frame is left out, and the client notices the gap.
fn written(encoded: Result<String, serde_json::Error>) -> Bytes {
    encoded.map(Bytes::from).unwrap_or_default()
}
