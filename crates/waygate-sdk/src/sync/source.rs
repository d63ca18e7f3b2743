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
/// A source makes one attempt per call, at one server. Waiting, trying again and telling what is missing is the SDK's.
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

    /// Asks once for a snapshot, without a stream: `None` in the answer when nothing has changed since `known`, or a bookmark
    /// that says how far that is true. Used where
    /// streams do not get through. A source that cannot do that gives `None` at once, as it does by default.
    fn poll(&mut self, known: Option<Cursor>) -> Option<BoxFuture<'_, Result<Option<Frame>, Outage>>> {
        let _ = known;
        None
    }

    /// How many servers there are to turn to; one by default.
    fn servers(&self) -> usize {
        1
    }

    /// An attempt has failed: the next one is made at the next server, where there are several.
    fn turn(&mut self) {}

    /// The server that is followed, or tried next, for [`Status::server`](crate::Status::server).
    fn server(&self) -> Option<String> {
        None
    }
}
