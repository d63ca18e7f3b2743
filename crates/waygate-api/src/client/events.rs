//! Server-sent events as they come in.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use sse_stream::SseByteStream;

/// The largest event that is taken, in bytes: above the snapshot of a service with the most routes and the longest
/// reasons that the control plane accepts.
pub(super) const LARGEST_EVENT: usize = 256 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerEvent {
    /// The event's name; empty when it has none.
    pub event: String,
    pub id: Option<String>,
    pub data: String,
}

/// The events of one connection, in order.
pub struct EventStream {
    /// Bytes so far.
    received: Arc<AtomicU64>,
    events: Pin<Box<dyn Stream<Item = Result<ServerEvent, String>> + Send>>,
}

impl EventStream {
    pub(crate) fn new(response: reqwest::Response) -> Self {
        let mut since_event = 0;
        let received = Arc::<AtomicU64>::default();
        let counted = received.clone();
        let bytes = response.bytes_stream().map(move |chunk| {
            let chunk: Bytes = chunk.map_err(std::io::Error::other)?;
            counted.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            // An event ends with a blank line; without one for too long, the peer is no event stream.
            since_event = if chunk.windows(2).any(|pair| pair == b"\n\n") { 0 } else { since_event + chunk.len() };
            if since_event > LARGEST_EVENT {
                return Err(std::io::Error::other("an event is larger than accepted"));
            }
            Ok(chunk)
        });
        let events = SseByteStream::new(bytes).map(|event| {
            event
                .map(|event| ServerEvent {
                    event: event.event.unwrap_or_default(),
                    id: event.id,
                    data: event.data.unwrap_or_default(),
                })
                .map_err(|error| error.to_string())
        });
        Self { received, events: Box::pin(events) }
    }

    /// How many bytes have come so far. They move while a long event is still on its way.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// The next event; `None` when the stream has ended as it should. May be dropped at any time and called again.
    ///
    /// # Errors
    ///
    /// Why the connection broke, in words.
    pub async fn next(&mut self) -> Option<Result<ServerEvent, String>> {
        self.events.next().await
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EventStream").finish_non_exhaustive()
    }
}
