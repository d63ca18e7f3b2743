//! Streams: what a connection is told, from its first byte to its last.
//!
//! Two protocols share everything but their encoding: our frames (`GET /api/sdk/stream`) and the guide's envelopes
//! (`GET /api/sdk/events`, in [`crate::compat`]).

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use waygate_api::stream::encode;
use waygate_core::{Cursor, Revision, ServiceId, State, Timestamp, TokenId};

use crate::admission::{Admission, Farewell, Place};
use crate::app::App;
use crate::clock;
use crate::control::ControlPlane;
use crate::control::feed::{Due, Subject, Subscription, TopicCommit};
use crate::control::presence::Present;
use crate::metrics::{Piece, StreamMeter};

/// A stream is given a sign of life so long after the last one.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How the words of a stream are written.
pub(crate) trait Protocol: Send + 'static {
    /// What it is called in metrics.
    const NAME: &'static str;

    /// Everything that the subject is to know.
    fn snapshot(&self, subscription: &Subscription, due: &Due) -> Bytes;
    /// What one commit means for the subject.
    fn commit(&self, subject: &Subject, commit: &TopicCommit) -> Bytes;
    /// A sign of life that also says where the stream stands, once everything that is due is sent.
    fn alive(&self, subscription: &Subscription, due: &Due) -> Bytes;
    /// Waits until there is something to say to this one client, apart from what all are told.
    fn called(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
    /// That.
    fn call(&self) -> Bytes {
        Bytes::new()
    }
    /// Everything up to a revision was handed to the connection.
    fn delivered(&self, revision: Revision);
    /// The last words; the client is to come back after a while.
    fn end(&self, reason: &str, come_back: Duration) -> Ending;
}

/// How a stream ends.
pub(crate) enum Ending {
    /// With last words and as HTTP wants it.
    Said(Bytes),
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
    fn may_go_on(&self, state: &State, now: Timestamp) -> bool {
        let revoked = self.token.as_ref().is_some_and(|token| state.revoked_tokens.contains_key(token));
        !revoked && self.expires.is_none_or(|expires| now < expires)
    }
}

/// One stream's whole life.
struct Pump<P> {
    control: ControlPlane,
    admission: Admission,
    subscription: Subscription,
    protocol: P,
    holder: Holder,
    meter: StreamMeter,
    ending: CancellationToken,
    /// What is on its way out: shared with the other streams of the subject, and never more than one lot.
    pieces: VecDeque<Bytes>,
    /// Where the stream stands when they are gone.
    handing: Option<Revision>,
    /// Something is known to be due.
    is_behind: bool,
    is_called: bool,
    alive_at: Instant,
    aged_at: Instant,
    has_ended: bool,
}

/// Answers with a stream of `subject`, resumed after `resume` where that is possible.
pub(crate) fn respond<P: Protocol>(
    app: &App,
    subject: Subject,
    resume: Option<&Cursor>,
    protocol: P,
    holder: Holder,
) -> Response {
    let now = Instant::now();
    let followed = match &subject {
        Subject::Service(service) => Some(service.clone()),
        Subject::Everything => None,
    };
    let pump = Pump {
        meter: StreamMeter::open(app.control.metrics(), P::NAME, followed),
        subscription: app.control.feed().subscribe(subject, resume),
        control: app.control.clone(),
        ending: app.stopping.clone(),
        aged_at: now + app.admission.lifetime(),
        admission: app.admission.clone(),
        protocol,
        holder,
        pieces: VecDeque::new(),
        handing: None,
        is_behind: true,
        is_called: false,
        alive_at: now,
        has_ended: false,
    };
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
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                return Some(Ok(piece));
            }
            if let Some(revision) = self.handing.take() {
                self.protocol.delivered(revision);
            }
            if self.has_ended {
                return None;
            }
            if !self.is_behind {
                self.wait().await;
            }
            if let Some(farewell) = self.farewell() {
                return Some(self.end(farewell));
            }
            self.look_up().await;
        }
    }

    /// Waits until something may have to be said.
    async fn wait(&mut self) {
        tokio::select! {
            () = self.subscription.woken() => {}
            () = tokio::time::sleep_until(self.alive_at.min(self.aged_at)) => {}
            () = self.protocol.called() => self.is_called = true,
            () = self.ending.cancelled() => {}
        }
    }

    fn farewell(&self) -> Option<Farewell> {
        if self.ending.is_cancelled() {
            return Some(Farewell::Stopping);
        }
        if !self.holder.may_go_on(&self.control.current(), clock::now()) {
            return Some(Farewell::TokenEnded);
        }
        (self.aged_at <= Instant::now()).then_some(Farewell::Aged)
    }

    /// Finds out what is due, and encodes it where nobody else has.
    async fn look_up(&mut self) {
        let due = self.control.feed().due(&mut self.subscription);
        self.meter.looked_up(due.anew);
        if due.anew {
            let turn = self.admission.turn().await;
            let snapshot = self.protocol.snapshot(&self.subscription, &due);
            drop(turn);
            self.say(Piece::Snapshot, snapshot);
        }
        for commit in &due.commits {
            self.say(Piece::Commit, self.protocol.commit(self.subscription.subject(), commit));
        }
        if std::mem::take(&mut self.is_called) {
            self.say(Piece::Alive, self.protocol.call());
        }
        self.is_behind = due.more;
        self.handing = Some(due.cursor.revision);
        let now = Instant::now();
        if !due.more && (due.anew || self.alive_at <= now) {
            self.say(Piece::Alive, self.protocol.alive(&self.subscription, &due));
            self.alive_at = now + KEEP_ALIVE;
        }
    }

    fn say(&mut self, kind: Piece, piece: Bytes) {
        if !piece.is_empty() {
            self.meter.sent(kind, piece.len());
            self.pieces.push_back(piece);
        }
    }

    fn end(&mut self, farewell: Farewell) -> Result<Bytes, io::Error> {
        self.has_ended = true;
        self.meter.ends(farewell);
        match self.protocol.end(farewell.reason(), self.admission.time_away(farewell)) {
            Ending::Said(words) => {
                self.meter.sent(Piece::Goodbye, words.len());
                Ok(words)
            }
            Ending::BrokenOff => Err(io::Error::new(io::ErrorKind::ConnectionAborted, farewell.reason())),
        }
    }
}

/// Our own frames, see [`waygate_api::stream`].
pub(crate) struct Frames {
    pub(crate) service: ServiceId,
    pub(crate) present: Present,
}

impl Protocol for Frames {
    const NAME: &'static str = "frames";

    fn snapshot(&self, subscription: &Subscription, due: &Due) -> Bytes {
        subscription.view(due, &self.service).frame()
    }

    fn commit(&self, subject: &Subject, commit: &TopicCommit) -> Bytes {
        let encoded = || {
            let changes = commit.commit.changes().filter(|change| subject.hears(change));
            written(encode::commit(&commit.commit.cursor, commit.after, changes))
        };
        commit.frame.get_or_init(encoded).clone()
    }

    fn alive(&self, subscription: &Subscription, due: &Due) -> Bytes {
        let digest = subscription.view(due, &self.service).digest().to_owned();
        written(encode::bookmark(&due.cursor, Some(digest)))
    }

    async fn called(&self) {
        self.present.nudged().await;
    }

    fn call(&self) -> Bytes {
        Bytes::from_static(encode::SHARES.as_bytes())
    }

    fn delivered(&self, revision: Revision) {
        self.present.delivered(revision);
    }

    fn end(&self, reason: &str, come_back: Duration) -> Ending {
        let milliseconds = u64::try_from(come_back.as_millis()).unwrap_or(u64::MAX);
        Ending::Said(written(encode::goodbye(reason, milliseconds)))
    }
}

/// The encoders cannot fail on values of ours; were one to, the frame is left out, and the client notices the gap.
fn written(encoded: Result<String, serde_json::Error>) -> Bytes {
    encoded.map(Bytes::from).unwrap_or_default()
}
