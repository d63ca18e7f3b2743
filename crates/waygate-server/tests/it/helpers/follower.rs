//! A client of our frames that believes nothing without a check.

use std::time::Duration;

use reqwest::{Method, Response};
use waygate_api::stream::Frame;
use waygate_core::{Cursor, Digest, ServiceView};

use crate::helpers::Caller;

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Follows one service. What it is told must join on, and every bookmark must agree with what it has made of it.
pub(crate) struct Follower {
    service: String,
    response: Response,
    bytes: Vec<u8>,
    /// So many of them hold no end of an event.
    searched: usize,
    pub(crate) view: ServiceView,
    pub(crate) cursor: Option<Cursor>,
    /// The commits that it was told, in order.
    pub(crate) commits: Vec<Cursor>,
    pub(crate) snapshots: usize,
}

impl Follower {
    pub(crate) async fn open(caller: &Caller, service: &str) -> Self {
        let response = respond(caller, service, None).await;
        let service = service.to_owned();
        let (bytes, view) = (Vec::new(), ServiceView::default());
        Self { service, response, bytes, searched: 0, view, cursor: None, commits: Vec::new(), snapshots: 0 }
    }

    /// One that has read a snapshot as a document, and goes on from there.
    pub(crate) async fn resumed(caller: &Caller, service: &str, read: &serde_json::Value) -> Self {
        let Ok(Some(Frame::Snapshot { cursor, view, .. })) = Frame::decode("snapshot", &read.to_string()) else {
            panic!("no snapshot: {read}");
        };
        let response = respond(caller, service, Some(&cursor)).await;
        let (bytes, commits) = (Vec::new(), Vec::new());
        let service = service.to_owned();
        Self { service, response, bytes, searched: 0, view: *view, cursor: Some(cursor), commits, snapshots: 0 }
    }

    /// The same once it stands where the server does.
    pub(crate) async fn caught_up(caller: &Caller, service: &str) -> Self {
        let mut follower = Self::open(caller, service).await;
        follower.until_bookmark().await;
        follower
    }

    /// Opens the stream anew, after what it has.
    pub(crate) async fn resume(&mut self, caller: &Caller) {
        self.response = respond(caller, &self.service, self.cursor.as_ref()).await;
        self.bytes.clear();
        self.searched = 0;
    }

    /// The next frame; `None` when the stream has ended as it should.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let frame = tokio::time::timeout(PATIENCE, self.read()).await.unwrap()?;
        match &frame {
            Frame::Snapshot { cursor, view, skipped } => {
                assert!(skipped.is_empty(), "{skipped:?}");
                self.view = ServiceView::clone(view);
                self.cursor = Some(cursor.clone());
                self.snapshots += 1;
            }
            Frame::Commit { cursor, after, changes, skipped } => {
                let known = self.cursor.as_ref().unwrap();
                assert!(skipped.is_empty(), "{skipped:?}");
                assert!(*after <= known.revision && known.revision < cursor.revision, "{cursor} came at {known}");
                for change in changes {
                    self.view.apply(change);
                }
                self.cursor = Some(cursor.clone());
                self.commits.push(cursor.clone());
            }
            Frame::Bookmark { cursor, digest } => {
                let known = self.cursor.as_ref().unwrap();
                assert!(known.epoch == cursor.epoch && known.revision <= cursor.revision, "{cursor} came at {known}");
                assert_eq!(digest.as_deref(), Some(&*Digest::of(&self.view).to_string()), "at {cursor}");
                self.cursor = Some(cursor.clone());
            }
            Frame::Shares | Frame::Goodbye { .. } => {}
        }
        Some(frame)
    }

    pub(crate) async fn until_bookmark(&mut self) {
        while !matches!(self.next().await.unwrap(), Frame::Bookmark { .. }) {}
    }

    /// Goes on until it stands at a revision, or after it.
    pub(crate) async fn until(&mut self, revision: u64) {
        while self.revision() < revision {
            self.next().await.unwrap();
        }
    }

    /// Where it stands.
    pub(crate) fn revision(&self) -> u64 {
        self.cursor.as_ref().map_or(0, |cursor| cursor.revision.0)
    }

    /// The lifecycle of a route, as it stands in the view.
    pub(crate) fn status(&self, route: &str) -> &'static str {
        self.view.service.routes[&route.parse().unwrap()].base.lifecycle.kind().as_str()
    }

    async fn read(&mut self) -> Option<Frame> {
        loop {
            if let Some(end) = self.bytes[self.searched..].windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = self.bytes.drain(..self.searched + end + 2).collect();
                self.searched = 0;
                let event = String::from_utf8(event).unwrap();
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    line.unwrap_or_default().to_owned()
                };
                if let Some(frame) = Frame::decode(&field("event"), &field("data")).unwrap() {
                    return Some(frame);
                }
                continue;
            }
            self.searched = self.bytes.len().saturating_sub(1);
            self.bytes.extend_from_slice(&self.response.chunk().await.unwrap()?);
        }
    }
}

async fn respond(caller: &Caller, service: &str, resume: Option<&Cursor>) -> Response {
    let path = format!("/api/sdk/stream?service={service}");
    let caller = resume.map_or(caller.clone(), |cursor| caller.with("last-event-id", cursor.to_string()));
    let response = caller.open(Method::GET, &path, None).await;
    assert_eq!(response.status(), 200);
    response
}
