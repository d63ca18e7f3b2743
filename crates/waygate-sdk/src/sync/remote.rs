//! A control plane over the network.

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream;
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
}

impl RemoteSource {
    pub(crate) fn new(session: Session, service: ServiceId) -> Self {
        Self { session, service }
    }
}

impl Source for RemoteSource {
    fn open(&mut self, resume: Option<Cursor>) -> BoxFuture<'_, Result<FrameStream, Outage>> {
        Box::pin(async move {
            let resume = resume.map(|cursor| cursor.to_string());
            let events = self
                .session
                .call(|client| {
                    let (service, resume) = (&self.service, resume.as_deref());
                    async move { client.events(paths::STREAM, &[("service", service.as_str())], resume).await }
                })
                .await?;
            let frames = stream::unfold(events, async |mut events| {
                let frame = match events.next().await? {
                    Ok(event) => Frame::decode(&event.event, &event.data)
                        .map_err(|error| Outage::Malformed { reason: error.to_string() }),
                    Err(reason) => Err(Outage::Unreachable { reason }),
                };
                Some((frame, events))
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
}

impl From<ClientError> for Outage {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused { status: 401, body, .. } => Self::Unauthorized { message: body.error },
            ClientError::Refused { status, body, retry_after } => {
                Self::Refused { status, message: body.error, retry_after: retry_after.map(Duration::from_secs) }
            }
            ClientError::Malformed { .. } => Self::Malformed { reason: error.to_string() },
            _ => Self::Unreachable { reason: error.to_string() },
        }
    }
}
