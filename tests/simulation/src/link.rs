//! What lies between a service and the servers: connections that break, stall, and tell things twice.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::{Request, StatusCode, header};
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use tower::ServiceExt as _;
use waygate_api::sdk::{RegisterAnswer, RegisterRequest, RegisteredRoute};
use waygate_api::stream::Frame;
use waygate_api::{headers, paths};
use waygate_core::Cursor;
use waygate_sdk::{FrameStream, Outage, Source};

use crate::chance::Chance;
use crate::client::{Client, Handed};
use crate::node::{Node, Running};
use crate::store::KEPT;

/// The way from one service to all servers.
pub struct Link {
    client: Arc<Client>,
    nodes: Arc<Vec<Node>>,
    at: usize,
    chance: Chance,
    polled: Option<(Cursor, String)>,
}

impl Link {
    pub fn new(client: Arc<Client>, nodes: Arc<Vec<Node>>, mut chance: Chance) -> Self {
        let at = chance.below(nodes.len());
        Self { client, nodes, at, chance, polled: None }
    }

    fn is_broken(&mut self, per_mille: usize) -> bool {
        !self.client.world.is_calm() && self.chance.per_mille(per_mille)
    }

    fn node(&self) -> Result<Running, Outage> {
        self.nodes[self.at].running().ok_or_else(|| unreachable("nobody listens"))
    }

    fn note(&self, what: impl fmt::Display) {
        self.client.world.note(&self.client.name, format_args!("({}) {what}", self.nodes[self.at].name));
    }

    /// What meets an attempt before the server does.
    async fn way(&mut self) -> Result<Running, Outage> {
        tokio::time::sleep(self.chance.within(20)).await;
        self.client.world.turn(self.client.slot).await;
        if self.is_broken(60) {
            return Err(unreachable("reset"));
        }
        if self.is_broken(30) {
            let retry_after = Some(Duration::from_secs(3));
            return Err(Outage::Refused { status: 503, message: "simulated".to_owned(), retry_after });
        }
        if self.is_broken(20) {
            self.note("black hole");
            std::future::pending::<()>().await;
        }
        self.node()
    }

    async fn opened(&mut self, resume: Option<Cursor>) -> Result<FrameStream, Outage> {
        let running = self.way().await?;
        if self.client.swallowed.load(Ordering::Relaxed) && !self.client.world.is_calm() {
            return Ok(Box::pin(stream::pending()));
        }
        let uri = format!("{}?service={}", paths::STREAM, self.client.service);
        let mut request = Request::get(uri).header(header::HOST, "localhost");
        if let Some(resume) = &resume {
            request = request.header(headers::LAST_EVENT_ID, resume.to_string());
        }
        let opened_at = running.control().current().cursor.clone();
        let request = request.header(headers::INSTANCE, &self.client.name).body(Body::empty());
        let answer = running.router.clone().oneshot(request.expect("it is a request")).await;
        let answer = answer.unwrap_or_else(|never| match never {});
        if answer.status() != StatusCode::OK {
            let message = format!("{} to a stream", answer.status());
            return Err(Outage::Refused { status: answer.status().as_u16(), message, retry_after: None });
        }
        let told = resume.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        self.note(format_args!("opens after {told}"));
        let connection = Connection {
            client: self.client.clone(),
            loads: running.store.loads(),
            running,
            chance: self.chance.fork(),
            body: answer.into_body().into_data_stream(),
            text: String::new(),
            events: VecDeque::new(),
            resume,
            here: opened_at.clone(),
            opened_at,
            has_begun: false,
            handed: None,
        };
        Ok(Box::pin(stream::unfold(Some(connection), |connection| async {
            let mut connection = connection?;
            match connection.next().await? {
                Ok(frame) => Some((Ok(frame), Some(connection))),
                Err(outage) => Some((Err(outage), None)),
            }
        })))
    }

    async fn asked(&mut self, known: Option<Cursor>) -> Result<Option<Frame>, Outage> {
        let running = self.way().await?;
        let uri = format!("{}?service={}", paths::SNAPSHOT, self.client.service);
        let mut request = Request::get(uri).header(header::HOST, "localhost");
        if let Some((cursor, tag)) = &self.polled
            && Some(cursor) == known.as_ref()
        {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        let answer = running.router.oneshot(request.body(Body::empty()).expect("it is a request")).await;
        let answer = answer.unwrap_or_else(|never| match never {});
        if answer.status() == StatusCode::NOT_MODIFIED {
            self.note("polls: nothing new");
            return Ok(None);
        }
        let tag = answer.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok()).map(ToOwned::to_owned);
        let text = to_bytes(answer.into_body(), usize::MAX).await.expect("the whole body is there");
        let frame = Frame::decode("snapshot", &String::from_utf8_lossy(&text));
        let frame = frame.map_err(|error| Outage::Malformed { reason: error.to_string() })?;
        if let (Some(Frame::Snapshot { cursor, .. }), Some(tag)) = (&frame, tag) {
            self.note(format_args!("polls: {cursor}"));
            self.polled = Some((cursor.clone(), tag));
        }
        Ok(frame)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Link").field("client", &self.client.name).finish_non_exhaustive()
    }
}

impl Source for Link {
    fn open(&mut self, resume: Option<Cursor>) -> BoxFuture<'_, Result<FrameStream, Outage>> {
        Box::pin(self.opened(resume))
    }

    fn register(&mut self, routes: Vec<RegisteredRoute>) -> BoxFuture<'static, Result<RegisterAnswer, Outage>> {
        let (is_lost, is_unanswered) = (self.is_broken(50), self.is_broken(50));
        let (node, latency) = (self.node(), self.chance.within(20));
        let request = RegisterRequest { app_id: self.client.service.to_string(), states: routes };
        let client = self.client.clone();
        Box::pin(async move {
            tokio::time::sleep(latency).await;
            client.world.turn(client.slot).await;
            client.world.note(&client.name, format_args!("registers {} routes", request.states.len()));
            if is_lost {
                return Err(unreachable("reset"));
            }
            let body = serde_json::to_vec(&request).expect("it can be written");
            let request = Request::post(paths::REGISTER).header(header::HOST, "localhost");
            let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body));
            let answer = node?.router.oneshot(request.expect("it is a request")).await;
            let answer = answer.unwrap_or_else(|never| match never {});
            let status = answer.status();
            let body = to_bytes(answer.into_body(), usize::MAX).await.expect("the whole body is there");
            if is_unanswered {
                return Err(unreachable("reset before the answer"));
            }
            if !status.is_success() {
                let message = String::from_utf8_lossy(&body).into_owned();
                return Err(Outage::Refused { status: status.as_u16(), message, retry_after: None });
            }
            serde_json::from_slice(&body).map_err(|error| Outage::Malformed { reason: error.to_string() })
        })
    }

    fn poll(&mut self, known: Option<Cursor>) -> Option<BoxFuture<'_, Result<Option<Frame>, Outage>>> {
        Some(Box::pin(self.asked(known)))
    }

    fn servers(&self) -> usize {
        self.nodes.len()
    }

    fn turn(&mut self) {
        self.at = (self.at + 1) % self.nodes.len();
    }

    fn server(&self) -> Option<String> {
        Some(self.nodes[self.at].name.clone())
    }
}

/// One stream from a server to a service.
struct Connection {
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
    /// The next frame; `None` when the stream has ended.
    async fn next(&mut self) -> Option<Result<Option<Frame>, Outage>> {
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

fn unreachable(reason: &str) -> Outage {
    Outage::Unreachable { reason: reason.to_owned() }
}
