//! What lies between a service and the servers: connections that break, stall, and tell things twice.

mod connection;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use futures_util::future::BoxFuture;
use futures_util::stream;
use tower::ServiceExt as _;
use waygate_api::sdk::{RegisterAnswer, RegisterRequest, RegisteredRoute};
use waygate_api::stream::Frame;
use waygate_api::{headers, paths};
use waygate_core::Cursor;
use waygate_sdk::{FrameStream, Outage, Source};

use crate::chance::Chance;
use crate::client::Client;
use crate::link::connection::Connection;
use crate::node::{Node, Running};

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
        let (client, chance) = (self.client.clone(), self.chance.fork());
        let connection = Connection::new(client, running, chance, answer.into_body(), resume, opened_at);
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

fn unreachable(reason: &str) -> Outage {
    Outage::Unreachable { reason: reason.to_owned() }
}
