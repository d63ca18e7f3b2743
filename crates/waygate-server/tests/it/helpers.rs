//! A server to test, and the callers that test it.

mod caller;
mod log;
mod receiver;
mod server;

pub(crate) use caller::{Answer, Caller};
pub(crate) use log::Log;
pub(crate) use receiver::{Message, Receiver, in_time};
pub(crate) use server::TestServer;
pub(crate) use waygate_api::paths::path_key;

/// The path of a route's endpoint.
pub(crate) fn route(key: &str, action: &str) -> String {
    waygate_api::paths::route(key, Some(action).filter(|action| !action.is_empty()))
}
