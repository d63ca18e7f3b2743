//! One stream's whole life: what is due is looked up, encoded where nobody else has, and handed on.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::time::{Instant, Sleep, sleep_until};
use waygate_core::{Cursor, Revision};

use super::{Ending, Holder, Protocol};
use crate::admission::{Admission, Farewell};
use crate::app::App;
use crate::chunk::{Chunk, Chunks};
use crate::control::ControlPlane;
use crate::control::feed::{Subject, Subscription};
use crate::metrics::{Piece, StreamMeter};
use crate::serve::Line;

/// A stream is given a sign of life so long after the last one.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) struct Pump<P> {
    control: ControlPlane,
    admission: Admission,
    subscription: Subscription,
    protocol: P,
    holder: Holder,
    meter: StreamMeter,
    /// What is on its way out: shared with the other streams of the subject, and never more than one lot.
    chunks: Chunks,
    /// Where the stream stands when they are gone.
    handing: Option<Revision>,
    /// Something is known to be due.
    is_behind: bool,
    is_called: bool,
    alive_at: Instant,
    aged_at: Instant,
    /// Rings when the first of these has come.
    alarm: Pin<Box<Sleep>>,
    end: Option<End>,
}

/// How a stream ends once its last chunks are gone.
#[derive(Debug, Clone, Copy)]
enum End {
    Proper,
    BrokenOff(&'static str),
}

impl<P: Protocol> Pump<P> {
    pub(super) fn new(app: &App, subject: Subject, resume: Option<&Cursor>, protocol: P, holder: Holder) -> Self {
        let now = Instant::now();
        let followed = match &subject {
            Subject::Service(service) => Some(service.clone()),
            Subject::Everything => None,
        };
        Self {
            meter: StreamMeter::open(app.control.metrics(), P::NAME, followed),
            subscription: app.control.feed().subscribe(subject, resume),
            control: app.control.clone(),
            aged_at: now + app.admission.lifetime(),
            admission: app.admission.clone(),
            protocol,
            holder,
            chunks: Chunks::default(),
            handing: None,
            is_behind: true,
            is_called: false,
            alive_at: now,
            alarm: Box::pin(sleep_until(now)),
            end: None,
        }
    }

    /// Tells all of it on a connection of its own.
    pub(super) async fn run(mut self, mut line: Line) {
        loop {
            self.turn().await;
            if let Some(End::Proper) = self.end {
                self.chunks.push(Chunk::LAST);
            }
            if self.chunks.has_remaining() && line.send(&mut self.chunks).await.is_err() {
                return;
            }
            self.handed_on();
            match self.end {
                None => {}
                Some(End::Proper) => return line.close().await,
                Some(End::BrokenOff(_)) => return,
            }
            if !self.is_behind {
                tokio::select! {
                    biased;
                    () = self.wait() => {}
                    () = line.gone() => return,
                }
            }
        }
    }

    /// The next piece, for who sends it on; `None` when the stream has ended.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, io::Error>> {
        loop {
            if let Some(chunk) = self.chunks.pop() {
                return Some(Ok(chunk.words()));
            }
            self.handed_on();
            match self.end {
                None => {}
                Some(End::Proper) => return None,
                Some(End::BrokenOff(reason)) => {
                    self.end = Some(End::Proper);
                    return Some(Err(io::Error::new(io::ErrorKind::ConnectionAborted, reason)));
                }
            }
            if !self.is_behind {
                self.wait().await;
            }
            self.turn().await;
        }
    }

    /// Waits until something may have to be said.
    async fn wait(&mut self) {
        tokio::select! {
            biased;
            () = self.subscription.woken() => {}
            () = self.alarm.as_mut() => {}
            () = self.protocol.called() => self.is_called = true,
        }
    }

    fn handed_on(&mut self) {
        if let Some(revision) = self.handing.take() {
            self.protocol.delivered(revision);
        }
    }

    /// Finds out what is due, and encodes it where nobody else has.
    async fn turn(&mut self) {
        let now = Instant::now();
        if self.is_called && self.protocol.begins_anew() {
            self.subscription.begin_anew();
        }
        let due = self.control.feed().due(&mut self.subscription);
        // Asked after the wake-up is seen: one that came in between would not come again.
        if self.control.feed().has_ended() {
            return self.end(Farewell::Stopping);
        }
        if !self.holder.may_go_on(&due.state) {
            return self.end(Farewell::TokenEnded);
        }
        if self.aged_at <= now {
            return self.end(Farewell::Aged);
        }
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
        if !due.more && (due.anew || self.alive_at <= now) {
            self.say(Piece::Alive, self.protocol.alive(&self.subscription, &due));
            self.alive_at = now + KEEP_ALIVE;
            self.alarm.as_mut().reset(self.alive_at.min(self.aged_at));
        }
    }

    fn say(&mut self, kind: Piece, chunk: Chunk) {
        if !chunk.is_empty() {
            self.meter.sent(kind, chunk.words().len());
            self.chunks.push(chunk);
        }
    }

    fn end(&mut self, farewell: Farewell) {
        self.meter.ends(farewell);
        self.end = Some(match self.protocol.end(farewell.reason(), self.admission.time_away(farewell)) {
            Ending::Said(words) => {
                self.say(Piece::Goodbye, words);
                End::Proper
            }
            Ending::BrokenOff => End::BrokenOff(farewell.reason()),
        });
    }
}
