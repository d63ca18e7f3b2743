//! Where frames come from.

use std::fmt;
use std::pin::Pin;

use futures_core::Stream;
use futures_util::future::BoxFuture;
use waygate_api::sdk::{RegisterAnswer, RegisteredRoute};
use waygate_api::stream::Frame;
use waygate_core::Cursor;

use crate::status::Outage;

/// What comes over one connection. `None` is a sign of life without content, such as a kind of frame that this build
/// does not know. The stream ends with the connection.
pub type FrameStream = Pin<Box<dyn Stream<Item = Result<Option<Frame>, Outage>> + Send>>;

/// A control plane as the SDK sees it: a server over the network, one in the same process, or a script in tests.
///
/// A source makes one attempt per call. Waiting, trying again and telling what is missing is the SDK's.
pub trait Source: fmt::Debug + Send + 'static {
    /// Opens a stream of frames: those after `resume`, or a snapshot first.
    ///
    /// # Errors
    ///
    /// Why there is no stream at the moment.
    fn open(&mut self, resume: Option<Cursor>) -> BoxFuture<'_, Result<FrameStream, Outage>>;

    /// Tells the control plane which routes the service has.
    ///
    /// # Errors
    ///
    /// Why that is not possible at the moment.
    fn register(&mut self, routes: Vec<RegisteredRoute>) -> BoxFuture<'static, Result<RegisterAnswer, Outage>>;
}
