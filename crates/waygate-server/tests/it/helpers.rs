//! A server to test, and the callers that test it.

mod altered;
mod backend;
mod caller;
mod follower;
mod log;
mod receiver;
mod server;
mod shared;

pub(crate) use altered::{Altered, held_back};
pub(crate) use backend::Backend;
pub(crate) use caller::{Answer, Caller};
pub(crate) use follower::Follower;
pub(crate) use log::Log;
pub(crate) use receiver::{Message, Receiver, in_time};
pub(crate) use server::TestServer;
pub(crate) use shared::Shared;
pub(crate) use waygate_api::paths::path_key;

/// The path of a route's endpoint.
pub(crate) fn route(key: &str, action: &str) -> String {
    waygate_api::paths::route(key, Some(action).filter(|action| !action.is_empty()))
}

/// Waits until something holds.
pub(crate) async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.unwrap();
}
