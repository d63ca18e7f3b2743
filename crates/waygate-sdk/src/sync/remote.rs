//! A control plane over the network.

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream;
use tokio::time::timeout;
use waygate_api::client::ClientError;
use waygate_api::paths;
use waygate_api::sdk::{RegisterAnswer, RegisterRequest, RegisteredRoute};
use waygate_api::stream::Frame;
use waygate_core::{Cursor, ServiceId};

use crate::session::Session;
use crate::status::Outage;
use crate::sync::source::{FrameStream, Source};

#[derive(Debug)]
pub(crate) struct RemoteSource {
    session: Session,
    service: ServiceId,
    /// So often is looked whether a long frame keeps coming.
    glance: Duration,
    polled: Option<Polled>,
}

/// The last snapshot that was asked for, and what it is called where.
#[derive(Debug)]
struct Polled {
    server: usize,
    etag: String,
    cursor: Cursor,
}

impl RemoteSource {
    /// `silence` is the time without a sign of life after which the connection would be given up.
    pub(crate) fn new(session: Session, service: ServiceId, silence: Duration) -> Self {
        Self { session, service, glance: (silence / 4).min(Duration::from_secs(2)), polled: None }
    }

    async fn ask(&mut self, known: Option<Cursor>) -> Result<Option<Frame>, Outage> {
        let server = self.session.current();
        let polled =
            self.polled.take().filter(|polled| polled.server == server && Some(&polled.cursor) == known.as_ref());
        let etag = polled.as_ref().map(|polled| polled.etag.as_str());
        let known = known.map(|cursor| cursor.to_string());
        let answer = self
            .session
            .call(|client| {
                let (service, known) = (self.service.as_str(), known.as_deref());
                async move { client.document(paths::SNAPSHOT, &[("service", service)], etag, known).await }
            })
            .await?;
        let malformed = |reason: String| Outage::Malformed { reason };
        let Some(text) = answer.text else {
            self.polled = polled;
            return Ok(self.still_true_at(answer.cursor.as_deref()));
        };
        let frame = Frame::decode("snapshot", &text).map_err(|error| malformed(error.to_string()))?;
        let Some(Frame::Snapshot { cursor, .. }) = &frame else {
            return Err(malformed("the answer is no snapshot".to_owned()));
        };
        self.polled = answer.etag.map(|etag| Polled { server, etag, cursor: cursor.clone() });
        Ok(frame)
    }
}

impl RemoteSource {
    /// What is known is true further on too. A server that is behind the one before says nothing new.
    fn still_true_at(&mut self, cursor: Option<&str>) -> Option<Frame> {
        let cursor: Cursor = cursor?.parse().ok()?;
        let polled = self.polled.as_mut()?;
        if cursor.epoch != polled.cursor.epoch || cursor.revision <= polled.cursor.revision {
            return None;
        }
        polled.cursor = cursor.clone();
        Some(Frame::Bookmark { cursor, digest: None })
    }
}

impl Source for RemoteSource {
    fn open(&mut self, resume: Option<Cursor>) -> BoxFuture<'_, Result<FrameStream, Outage>> {
        let glance = self.glance;
        Box::pin(async move {
            let resume = resume.map(|cursor| cursor.to_string());
            let events = self
                .session
                .call(|client| {
                    let (service, resume) = (&self.service, resume.as_deref());
                    async move { client.events(paths::STREAM, &[("service", service.as_str())], resume).await }
                })
                .await?;
            let frames = stream::unfold((events, glance), async |(mut events, glance)| {
                loop {
                    let before = events.received();
                    let frame = match timeout(glance, events.next()).await {
                        Ok(None) => return None,
                        Ok(Some(Ok(event))) => Frame::decode(&event.event, &event.data)
                            .map_err(|error| Outage::Malformed { reason: error.to_string() }),
                        Ok(Some(Err(reason))) => Err(Outage::Unreachable { reason }),
                        // A frame on its way over a slow link is a sign of life.
                        Err(_) if events.received() != before => Ok(None),
                        Err(_) => continue,
                    };
                    return Some((frame, (events, glance)));
                }
            });
            Ok(Box::pin(frames) as FrameStream)
        })
    }

    fn register(&mut self, routes: Vec<RegisteredRoute>) -> BoxFuture<'static, Result<RegisterAnswer, Outage>> {
        let session = self.session.clone();
        let request = RegisterRequest { app_id: self.service.to_string(), states: routes };
        Box::pin(async move {
            let request = &request;
            let answer = session.call(|client| async move { client.post(paths::REGISTER, request).await }).await?;
            Ok(answer.value)
        })
    }

    fn poll(&mut self, known: Option<Cursor>) -> Option<BoxFuture<'_, Result<Option<Frame>, Outage>>> {
        Some(Box::pin(self.ask(known)))
    }

    fn servers(&self) -> usize {
        self.session.servers()
    }

    fn turn(&mut self) {
        self.session.turn();
    }

    fn server(&self) -> Option<String> {
        Some(self.session.url().to_string())
    }
}

impl From<ClientError> for Outage {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused { status: 401, body, .. } => Self::Unauthorized { message: body.error },
            ClientError::Refused { status, body, retry_after } => {
                Self::Refused { status, message: body.error, retry_after: retry_after.map(Duration::from_secs) }
            }
            ClientError::Malformed { .. } => Self::Malformed { reason: error.to_string() },
            ClientError::Timeout { .. } => Self::Silent { after: Session::PATIENCE },
            _ => Self::Unreachable { reason: error.to_string() },
        }
    }
}
