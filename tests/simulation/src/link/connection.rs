//! A stream that breaks, stalls and tells things twice.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt as _;
use waygate_api::stream::Frame;
use waygate_core::Cursor;
use waygate_sdk::Outage;

use crate::chance::Chance;
use crate::client::{Client, Handed};
use crate::link::unreachable;
use crate::node::Running;
use crate::store::KEPT;

/// One stream from a server to a service.
pub(super) struct Connection {
    client: Arc<Client>,
    running: Running,
    /// How often the server had loaded everything when the stream was opened.
    loads: usize,
    chance: Chance,
    body: BodyDataStream,
    text: String,
    events: VecDeque<Event>,
    resume: Option<Cursor>,
    /// Where the server stood when the stream was opened, and when it sent last.
    opened_at: Cursor,
    here: Cursor,
    has_begun: bool,
    handed: Option<Handed>,
}

/// One event of a stream, as it travels.
#[derive(Debug, Clone)]
struct Event {
    name: String,
    data: String,
}

impl Connection {
    pub(super) fn new(
        client: Arc<Client>,
        running: Running,
        chance: Chance,
        body: Body,
        resume: Option<Cursor>,
        opened_at: Cursor,
    ) -> Self {
        Self {
            client,
            loads: running.store.loads(),
            running,
            chance,
            body: body.into_data_stream(),
            text: String::new(),
            events: VecDeque::new(),
            resume,
            here: opened_at.clone(),
            opened_at,
            has_begun: false,
            handed: None,
        }
    }

    /// The next frame; `None` when the stream has ended.
    pub(super) async fn next(&mut self) -> Option<Result<Option<Frame>, Outage>> {
        if let Some(handed) = self.handed.take() {
            self.client.accepted(&handed);
        }
        let event = self.event().await;
        self.client.world.turn(self.client.slot).await;
        let mut event = match event? {
            Ok(event) => event,
            Err(outage) => return Some(Err(outage)),
        };
        if self.is_broken(120)
            && let Some(outage) = self.break_it(&mut event).await
        {
            return Some(Err(outage));
        }
        tokio::time::sleep(self.chance.within(5)).await;
        self.client.world.turn(self.client.slot).await;
        let frame = match Frame::decode(&event.name, &event.data) {
            Ok(frame) => frame,
            Err(error) => {
                self.handed = Some(Handed { frame: None, before: self.client.known() });
                return Some(Err(Outage::Malformed { reason: error.to_string() }));
            }
        };
        let frame = frame.map(|frame| self.paced(frame));
        if let Some(frame) = &frame {
            self.note(Told(frame));
            self.begins_rightly(frame);
        }
        self.handed = Some(Handed { frame: frame.clone(), before: self.client.known() });
        Some(Ok(frame))
    }

    /// The next event that the server sends.
    async fn event(&mut self) -> Option<Result<Event, Outage>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(Ok(event));
            }
            let bytes = tokio::select! {
                biased;
                _ = self.running.crashed.changed() => return Some(Err(unreachable("the server is gone"))),
                bytes = self.body.next() => match bytes? {
                    Ok(bytes) => bytes,
                    Err(error) => return Some(Err(unreachable(&error.to_string()))),
                },
            };
            self.here = self.running.control().current().cursor.clone();
            self.text.push_str(&String::from_utf8_lossy(&bytes));
            while let Some(end) = self.text.find("\n\n") {
                let event: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                if let (Some(name), Some(data)) = (field("event: "), field("data: ")) {
                    self.events.push_back(Event { name: name.to_owned(), data: data.to_owned() });
                }
            }
        }
    }

    /// Does something bad to an event or to the connection. Nothing but a whole stream goes missing together with a
    /// snapshot: that is what the protocol relies on.
    async fn break_it(&mut self, event: &mut Event) -> Option<Outage> {
        let is_snapshot = event.name == "snapshot";
        match self.chance.below(8) {
            0 | 1 => return Some(unreachable("reset")),
            2 => {
                self.note("stalls");
                tokio::time::sleep(self.chance.within(60_000)).await;
            }
            3 => {
                let mut end = self.chance.below(event.data.len());
                while !event.data.is_char_boundary(end) {
                    end -= 1;
                }
                event.data.truncate(end);
                self.note(format_args!("truncates a {}", event.name));
            }
            4 => {
                self.note(format_args!("tells a {} twice", event.name));
                self.events.push_front(event.clone());
            }
            5 if !is_snapshot => {
                self.note(format_args!("loses a {}", event.name));
                match self.event().await {
                    Some(Ok(next)) if next.name != "snapshot" => *event = next,
                    _ => return Some(unreachable("reset")),
                }
            }
            6 | 7 if !is_snapshot => {
                self.note(format_args!("turns a {} and the next around", event.name));
                match self.event().await {
                    Some(Ok(next)) if next.name != "snapshot" => {
                        self.events.push_front(std::mem::replace(event, next));
                    }
                    _ => return Some(unreachable("reset")),
                }
            }
            _ => {}
        }
        None
    }

    /// Whoever resumes at a place of the server's history goes on there, and nobody is led back without need.
    fn begins_rightly(&mut self, frame: &Frame) {
        let begins = !std::mem::replace(&mut self.has_begun, true);
        let Frame::Snapshot { cursor, .. } = frame else { return };
        let truth = &self.client.world.truth;
        let (opened_at, here) = (&self.opened_at, &self.here);
        if begins
            && let Some(resume) = &self.resume
            && self.running.store.loads() == self.loads
            && truth.distance(resume, opened_at).is_some_and(|distance| distance < KEPT - 2)
        {
            self.client.world.violated(
                &self.client.name,
                format_args!(
                    "resumable: after {resume} came a snapshot of {cursor}, although the server was at {opened_at}"
                ),
            );
        }
        let Some((known, view)) = self.client.known() else { return };
        let is_back = truth.distance(cursor, &known).is_some_and(|distance| distance > 0);
        if is_back && truth.distance(&known, here).is_some() && truth.view(cursor, &self.client.service) != Some(view) {
            let back =
                format_args!("ordered: it is led back from {known} to {cursor}, although the server is at {here}");
            self.client.world.violated(&self.client.name, back);
        }
    }

    /// A goodbye with a wait from the seed instead of the server's.
    fn paced(&mut self, frame: Frame) -> Frame {
        match frame {
            Frame::Goodbye { reason, .. } => Frame::Goodbye { reason, retry_after_ms: self.chance.below(5000) as u64 },
            other => other,
        }
    }

    fn is_broken(&mut self, per_mille: usize) -> bool {
        !self.client.world.is_calm() && self.chance.per_mille(per_mille)
    }

    fn note(&self, what: impl fmt::Display) {
        self.client.world.note(&self.client.name, what);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(handed) = self.handed.take() {
            self.note("gives the connection up");
            self.client.refused(&handed);
        }
    }
}

/// A frame in one line.
struct Told<'f>(&'f Frame);

impl fmt::Display for Told<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Frame::Snapshot { cursor, .. } => write!(formatter, "< snapshot {cursor}"),
            Frame::Commit { cursor, after, changes, .. } => {
                write!(formatter, "< commit {cursor} after {after} with {} changes", changes.len())
            }
            Frame::Bookmark { cursor, digest } => {
                write!(formatter, "< bookmark {cursor} {}", digest.as_deref().unwrap_or_default())
            }
            Frame::Shares => write!(formatter, "< shares"),
            Frame::Goodbye { reason, retry_after_ms } => {
                write!(formatter, "< goodbye: {reason}, back in {retry_after_ms} ms")
            }
        }
    }
}
