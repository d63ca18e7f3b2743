//! What arrives, and what happens when it does not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use waygate_core::{
    Action, Command, Deprecation, Enforcement, IssuedToken, Lifecycle, LimitTarget, MaintenanceScope,
    MaintenanceSwitch, Platform, RateLimitSwitch, Switch, TokenKind, WebhookFormat, WebhookSettings,
};
use waygate_server::WebhookOptions;
use waygate_store::{HistoryQuery, MemoryStore, Retention};

use super::{create, delivery, execute, options, quick, reasons, route, switch};
use crate::helpers::{Backend, Receiver, TestServer};

fn control(lifecycle: Lifecycle) -> Command {
    route(Switch::Control { lifecycle, until: None, enforcement: Enforcement::Enforce })
}

/// One command for every action that is told unasked.
fn every_kind() -> Vec<Command> {
    let time = |second| Timestamp::from_second(second).unwrap();
    let maintain = |scope: &MaintenanceScope, to| Command::Maintenance {
        scope: scope.clone(),
        to,
        reason: "why".to_owned(),
        allow_unknown: false,
        expected: None,
    };
    let on = || MaintenanceSwitch::On {
        exempt: None,
        include_force_active: false,
        until: None,
        enforcement: Enforcement::Enforce,
    };
    let edit = || MaintenanceSwitch::Exemptions { add: vec!["/a".parse().unwrap()], remove: Vec::new() };
    let (global, service) = (MaintenanceScope::Global, MaintenanceScope::Service("pay".parse().unwrap()));
    let other = WebhookSettings {
        sealed_url: "sealed elsewhere".to_owned(),
        format: WebhookFormat::Slack,
        services: BTreeSet::new(),
        actions: BTreeSet::new(),
        enabled: false,
    };
    let deprecation = Deprecation { since: time(1), sunset: None, successor: Some("/b".to_owned()) };
    let limit = |target: &LimitTarget, to| Command::RateLimit {
        target: target.clone(),
        to,
        reason: "why".to_owned(),
        allow_unknown: false,
        expected: None,
    };
    let policy = |limit| serde_json::from_value(json!({"limit": limit, "enabled": true})).map(Box::new).unwrap();
    let targets = [
        LimitTarget::Global,
        LimitTarget::Service("pay".parse().unwrap()),
        LimitTarget::Route("pay:/a".parse().unwrap()),
    ];
    let limits = targets.iter().flat_map(|target| {
        let switches = [
            RateLimitSwitch::Set(policy("100/minute")),
            RateLimitSwitch::Set(policy("200/minute")),
            RateLimitSwitch::Pause,
            RateLimitSwitch::Resume,
            RateLimitSwitch::Reset,
            RateLimitSwitch::Delete,
        ];
        switches.map(|to| limit(target, to))
    });
    let id = || "other".parse().unwrap();
    let window =
        Switch::Window { start: time(4_000_000_000), end: time(4_000_000_100), enforcement: Enforcement::Enforce };
    let token = IssuedToken {
        holder: "pay".parse().unwrap(),
        kind: TokenKind::Service,
        platform: Platform::Sdk,
        service: Some("pay".parse().unwrap()),
        issued: time(1_900_000_000),
        expires: time(4_000_000_000),
    };
    let others = [
        route(Switch::disable()),
        route(Switch::enable()),
        control(Lifecycle::Maintenance),
        control(Lifecycle::EnvGated(BTreeSet::from(["dev".parse().unwrap()]))),
        route(window),
        route(Switch::CancelWindows { id: None }),
        route(Switch::Deprecation(Some(deprecation))),
        route(Switch::Deprecation(None)),
        maintain(&global, on()),
        maintain(&global, edit()),
        maintain(&global, MaintenanceSwitch::Off),
        maintain(&service, on()),
        maintain(&service, edit()),
        maintain(&service, MaintenanceSwitch::Off),
        Command::IssueToken { id: "token-of-pay".parse().unwrap(), token },
        Command::SetWebhook { id: id(), to: other, reason: String::new(), expected: None },
        Command::RotateWebhookSecret { id: id(), reason: String::new(), expected: None },
        Command::RemoveWebhook { id: id(), reason: String::new(), expected: None },
        Command::RemoveRoute { route: "pay:/a".parse().unwrap(), reason: "why".to_owned(), expected: None },
        Command::RemoveService { service: "pay".parse().unwrap(), reason: "why".to_owned(), expected: None },
    ];
    limits.chain(others).collect()
}

#[tokio::test]
async fn g38_g39_every_kind_of_change_arrives_once_signed_and_in_order_on_every_backend() {
    for backend in Backend::all().await {
        every_kind_arrives(backend.serve_with(quick).await).await;
    }
}

async fn every_kind_arrives(server: TestServer) {
    server.register("pay", &["/a"]).await;
    let (admin, receiver) = (server.admin().await, Receiver::start().await);
    let (id, secret) = create(&admin, &receiver.url(), json!({})).await;
    let commands = every_kind();
    let count = commands.len();
    for command in commands {
        execute(&server, command).await;
        // What services do by themselves is not told unasked.
        server.register("orders", &[&format!("/b{}", server.revision())]).await;
    }
    let messages = receiver.messages(count).await;
    delivery(&admin, &id, |delivery| delivery["pending"] == 0 && delivery["delivered"] == count).await;
    assert_eq!(receiver.count(), count);

    let audit = admin.get("/api/audit?limit=1000").await.body;
    let mut entries: Vec<&Value> = audit.as_array().unwrap().iter().take(count).collect();
    entries.reverse();
    for (message, entry) in messages.iter().zip(&entries) {
        assert!(message.is_signed_with(&secret), "{}", message.body);
        assert_eq!(message.id(), entry["id"]);
        let told = ["event", "path", "reason", "timestamp", "actor", "platform", "service", "revision", "id"];
        let shown = ["action", "path", "reason", "timestamp", "actor", "platform", "service", "revision", "id"];
        for (told, shown) in told.into_iter().zip(shown) {
            assert_eq!(message.body[told], entry[shown], "{told} of {}", message.body);
        }
        assert!(message.body.get("state").is_some());
    }
    let events: BTreeSet<&str> = messages.iter().map(|message| message.body["event"].as_str().unwrap()).collect();
    assert_eq!(events.len(), count, "each kind once: {events:?}");
    let of = |event: &str| messages.iter().find(|message| message.body["event"] == event).unwrap();
    assert_eq!(of("disable").body["state"]["status"], "disabled");
    assert_eq!(of("global_rl_set").body["state"]["limit"], "100/minute");
    assert!(!String::from_utf8_lossy(&of("webhook_set").text).contains("sealed"));
    assert_eq!(messages[0].header("content-type"), "application/json");
    server.stop().await;
}

#[tokio::test]
async fn g39_a_receiver_that_fails_is_told_again_until_it_takes_it() {
    let server = TestServer::start_with(quick).await;
    server.register("pay", &["/a"]).await;
    let (admin, receiver) = (server.admin().await, Receiver::start().await);
    receiver.answer([503, 302]);
    let (id, secret) = create(&admin, &receiver.url(), json!({})).await;
    switch(&server, 2).await;
    let messages = receiver.messages(4).await;
    let ids: Vec<&str> = messages.iter().map(crate::helpers::Message::id).collect();
    assert_eq!((ids[0], ids[0]), (ids[1], ids[2]), "the same message, whatever the attempt");
    assert_eq!(messages[0].text, messages[2].text);
    assert_ne!(ids[2], ids[3]);
    assert!(messages.iter().all(|message| message.is_signed_with(&secret)));
    let state = delivery(&admin, &id, |delivery| delivery["delivered"] == 2).await;
    assert_eq!((&state["failed"], &state["attempts"], &state["pending"]), (&json!(0), &json!(0), &json!(0)));
    assert_eq!(state["last_error"]["id"], ids[0]);
    let error = state["last_error"]["error"].as_str().unwrap();
    assert_eq!(error, "the receiver answered 302 Found", "redirects are not followed");
    assert!(state["last_success"].is_string());
}

#[tokio::test]
async fn g39_a_receiver_that_stalls_delays_no_change_and_nobody_else() {
    let server = TestServer::start_with(quick).await;
    server.register("pay", &["/a"]).await;
    let (admin, stalled, lively) = (server.admin().await, Receiver::holding().await, Receiver::start().await);
    let (id, _) = create(&admin, &stalled.url(), json!({"actions": ["enable", "disable"]})).await;
    create(&admin, &lively.url(), json!({"actions": ["enable", "disable"]})).await;
    switch(&server, 1).await;
    stalled.messages(1).await;
    switch(&server, 9).await;
    lively.messages(10).await;
    assert_eq!(stalled.count(), 1, "it still holds the first one");
    assert_eq!(delivery(&admin, &id, |_| true).await["pending"], 10);
    stalled.release();
    let messages = stalled.messages(10).await;
    assert_eq!(reasons(&messages), reasons(&lively.messages(10).await));
}

#[tokio::test]
async fn g39_a_delivery_is_given_up_only_visibly() {
    let hasty = WebhookOptions { give_up_after: Duration::ZERO, ..options() };
    let server = TestServer::start_with(|server| server.webhooks(hasty)).await;
    server.register("pay", &["/a"]).await;
    let (admin, receiver) = (server.admin().await, Receiver::start().await);
    receiver.answer([500]);
    let (id, _) = create(&admin, &receiver.url(), json!({})).await;
    switch(&server, 2).await;
    let messages = receiver.messages(2).await;
    let state = delivery(&admin, &id, |delivery| delivery["delivered"] == 1).await;
    assert_eq!((&state["failed"], &state["pending"]), (&json!(1), &json!(0)));
    let given_up = &state["given_up"][0];
    assert_eq!((given_up["id"].as_str(), given_up["event"].as_str()), (Some(messages[0].id()), Some("disable")));
    assert_eq!(given_up["path"], "pay:/a");
    assert_ne!(messages[0].id(), messages[1].id());
}

#[tokio::test]
async fn what_is_no_longer_kept_is_named_and_the_rest_arrives() {
    let store = Arc::new(MemoryStore::with_retention(Retention { commits: 3, ..Retention::default() }).unwrap());
    let server = TestServer::start_on(store, quick).await;
    server.register("pay", &["/a"]).await;
    let (admin, receiver) = (server.admin().await, Receiver::holding().await);
    let (id, _) = create(&admin, &receiver.url(), json!({})).await;
    let made = server.revision();
    switch(&server, 1).await;
    receiver.messages(1).await;
    switch(&server, 9).await;
    let kept = server.control.history(HistoryQuery { before: None, limit: 10 }).await.unwrap().commits;
    let oldest = kept.last().unwrap().revision().0;
    assert!(made + 2 < oldest);
    receiver.release();
    let state = delivery(&admin, &id, |delivery| delivery["pending"] == 0 && delivery["delivered"] == 4).await;
    assert_eq!((&state["missed"]["after"], &state["missed"]["next"]), (&json!(made + 1), &json!(oldest)));
    assert_eq!(state["missed"]["why"], "no_longer_kept");
    let messages = receiver.messages(4).await;
    let revisions: Vec<u64> = messages.iter().map(|message| message.body["revision"].as_u64().unwrap()).collect();
    assert_eq!(revisions, [made + 1, oldest, oldest + 1, oldest + 2]);
}

#[tokio::test]
async fn g39_a_private_address_is_refused_unless_it_is_allowed() {
    let server = TestServer::start().await;
    server.register("pay", &["/a"]).await;
    let (admin, receiver) = (server.admin().await, Receiver::start().await);
    let refused = admin.post("/api/webhooks", json!({"url": receiver.url()})).await;
    assert_eq!(refused.refusal(), (400, "invalid_field"));
    assert_eq!(refused.body["field"], "url");
    let by_name = format!("http://localhost:{}/hook", receiver.address.port());
    let (id, _) = create(&admin, &by_name, json!({})).await;
    switch(&server, 1).await;
    let state = delivery(&admin, &id, |delivery| !delivery["last_error"].is_null()).await;
    let error = state["last_error"]["error"].as_str().unwrap();
    assert!(error.contains("--webhook-allow-private"), "{error}");
    let test = admin.post(&format!("/api/webhooks/{id}/test"), json!({})).await.body;
    assert_eq!(test["delivered"], false);
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn a_rotated_secret_signs_beside_the_one_before() {
    let server = TestServer::start_with(quick).await;
    server.register("pay", &["/a"]).await;
    let (admin, receiver) = (server.admin().await, Receiver::start().await);
    let (id, first) = create(&admin, &receiver.url(), json!({"actions": ["enable", "disable"]})).await;
    switch(&server, 1).await;
    receiver.messages(1).await;
    let mut secrets = vec![first];
    for _ in 0..2 {
        let rotated = admin.post(&format!("/api/webhooks/{id}/rotate"), json!({"reason": "leaked"})).await;
        secrets.push(rotated.body["secret"].as_str().unwrap().to_owned());
    }
    switch(&server, 1).await;
    let messages = receiver.messages(2).await;
    let signed = |index: usize| secrets.iter().map(|secret| messages[index].is_signed_with(secret)).collect::<Vec<_>>();
    assert_eq!((signed(0), signed(1)), (vec![true, false, false], vec![false, true, true]));
    assert_eq!(Action::WebhookSecretRotated.as_str(), admin.get("/api/audit?limit=2").await.body[1]["action"]);
}
