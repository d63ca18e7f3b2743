//! Webhooks: receivers that answer, fail, stall, are gone, and are not to be reached.

mod api;
mod delivery;
mod nodes;
mod once;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use waygate_core::{Cause, Command, Platform, Timestamp};
use waygate_server::{ServerBuilder, WebhookOptions};

use crate::helpers::{Caller, Receiver, TestServer};

/// May deliver to this machine, and does not take its time.
fn options() -> WebhookOptions {
    WebhookOptions {
        allow_private: true,
        first_retry: Duration::from_millis(5),
        longest_retry: Duration::from_millis(50),
        lease: Duration::from_secs(2),
        ..WebhookOptions::default()
    }
}

fn quick(server: ServerBuilder) -> ServerBuilder {
    server.webhooks(options())
}

/// Makes a webhook; its id and its secret.
async fn create(admin: &Caller, url: &str, settings: Value) -> (String, String) {
    let mut body = settings;
    body["url"] = json!(url);
    let answer = admin.post("/api/webhooks", body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let text = |field: &str| answer.body[field].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

/// Switches `pay:/a` off and on again, in turn, so many times.
async fn switch(server: &TestServer, times: usize) {
    for _ in 0..times {
        let active = server.control.current().services["pay"].routes[&"/a".parse().unwrap()].base.lifecycle
            == waygate_core::Lifecycle::Active;
        let to = if active { waygate_core::Switch::disable() } else { waygate_core::Switch::enable() };
        let reason = format!("after {}", server.revision());
        execute(server, Command::Route { route: "pay:/a".parse().unwrap(), to, reason, expected: None }).await;
    }
}

fn route(to: waygate_core::Switch) -> Command {
    Command::Route { route: "pay:/a".parse().unwrap(), to, reason: "why".to_owned(), expected: None }
}

async fn execute(server: &TestServer, command: Command) {
    let at = Timestamp::from_second(1_900_000_000).unwrap();
    let cause = Cause { actor: "ada".parse().unwrap(), platform: Platform::Cli, at, undoes: None };
    let applied = server.control.execute(command, cause).await.unwrap();
    assert!(applied.changed);
}

/// The delivery state, once it is as it should be.
async fn delivery(admin: &Caller, id: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let mut delivery = Value::Null;
    let looking = async {
        while delivery.is_null() || !holds(&delivery) {
            let answer = admin.get(&format!("/api/webhooks/{id}")).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            delivery = answer.body["delivery"].clone();
            tokio::task::yield_now().await;
        }
    };
    let is_in_time = tokio::time::timeout(Duration::from_secs(20), looking).await.is_ok();
    assert!(is_in_time, "it is still {delivery}");
    delivery
}

/// The reasons of the messages, in order.
fn reasons(messages: &[crate::helpers::Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body["reason"].as_str().unwrap()).collect()
}

/// A receiver that is gone, and the address at which it may come back.
async fn gone() -> std::net::SocketAddr {
    Receiver::at("127.0.0.1:0".parse().unwrap(), Semaphore::MAX_PERMITS).await.address
}
