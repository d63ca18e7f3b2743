//! Streams outlive their request: once the head of the answer is sent, the connection is taken out of the hands of the
//! HTTP library, with its buffers and its state, and the stream goes on writing to it by itself.
//!
//! The handler answers with a body that only says that it has been asked for. It is asked once the head is written, and
//! when that is flushed, the connection is handed over.

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, Version};
use bytes::Bytes;
use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

use crate::chunk::Chunks;

/// What a connection does from then on.
pub(crate) type Continued = Pin<Box<dyn Future<Output = ()> + Send>>;
type Taker = Box<dyn FnOnce(Line) -> Continued + Send>;

/// Nobody has asked for the body yet.
const OPEN: u8 = 0;
/// The head is written, and perhaps not flushed.
const ASKED: u8 = 1;
/// The head is on its way.
const DUE: u8 = 2;

/// A connection's offer to be taken over. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct Handover(Arc<Slot>);

#[derive(Default)]
struct Slot {
    stage: AtomicU8,
    taker: Mutex<Option<Taker>>,
}

impl Handover {
    /// The body of an answer after whose head `taker` has the connection.
    pub(crate) fn body<F>(&self, taker: impl FnOnce(Line) -> F + Send + 'static) -> Body
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.put(Some(Box::new(|line| Box::pin(taker(line)))));
        Body::from_stream(NoBody(self.clone()))
    }

    /// Everything that was written has been passed on.
    pub(super) fn flushed(&self) {
        let _ = self.0.stage.compare_exchange(ASKED, DUE, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Who takes the connection over, once that may be done.
    pub(super) fn taker(&self) -> Option<Taker> {
        (self.0.stage.load(Ordering::Acquire) == DUE).then(|| self.put(None))?
    }

    fn put(&self, taker: Option<Taker>) -> Option<Taker> {
        std::mem::replace(&mut *self.0.taker.lock().unwrap_or_else(PoisonError::into_inner), taker)
    }
}

/// Says that it was asked for, and never anything else.
struct NoBody(Handover);

impl Stream for NoBody {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Whoever polls it looks afterwards whether the connection is due.
        let _ = self.0.0.stage.compare_exchange(OPEN, ASKED, Ordering::AcqRel, Ordering::Relaxed);
        Poll::Pending
    }
}

impl Drop for NoBody {
    /// Nobody wants the answer any more.
    fn drop(&mut self) {
        drop(self.0.put(None));
    }
}

/// The connection of a request, where it may be taken over: one of ours that is spoken to in chunks.
#[derive(Clone)]
pub(crate) struct Way(pub(crate) Option<Handover>);

impl<S: Sync> FromRequestParts<S> for Way {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let is_chunked = parts.method == Method::GET && parts.version == Version::HTTP_11;
        Ok(Self(parts.extensions.get::<Handover>().filter(|_| is_chunked).cloned()))
    }
}

/// Bytes both ways, encrypted or not.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for S {}

/// A connection that was taken over, after the head of an answer in chunks.
pub(crate) struct Line {
    wire: Box<dyn Wire>,
    #[expect(dead_code, reason = "dropping it makes room")]
    place: OwnedSemaphorePermit,
}

impl Line {
    pub(super) fn new(wire: impl Wire + 'static, place: OwnedSemaphorePermit) -> Self {
        Self { wire: Box::new(wire), place }
    }

    /// Writes all there is.
    ///
    /// # Errors
    ///
    /// When the connection has ended, or takes nothing.
    pub(crate) async fn send(&mut self, chunks: &mut Chunks) -> io::Result<()> {
        self.wire.write_all_buf(chunks).await?;
        self.wire.flush().await
    }

    /// Waits until the other side has gone. What it says meanwhile is of no interest.
    pub(crate) async fn gone(&mut self) {
        // Nothing is kept while it waits: there are many of these.
        let mut read = |context: &mut Context<'_>| {
            let mut words = [MaybeUninit::uninit(); 4096];
            let mut words = ReadBuf::uninit(&mut words);
            let read = Pin::new(&mut self.wire).poll_read(context, &mut words);
            read.map(|read| read.is_ok() && !words.filled().is_empty())
        };
        while poll_fn(&mut read).await {}
    }

    /// Ends properly; the last chunk was sent.
    pub(crate) async fn close(mut self) {
        // It may have gone already.
        let _ = self.wire.shutdown().await;
    }
}

impl fmt::Debug for Handover {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Handover").field("stage", &self.0.stage).finish_non_exhaustive()
    }
}
