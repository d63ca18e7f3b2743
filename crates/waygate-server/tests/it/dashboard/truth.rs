//! What pages say of what is and of what will be.

use serde_json::json;

use crate::dashboard::{Browser, Page, act};
use crate::helpers::{TestServer, path_key, route};

/// The words of a form's facts, by their names.
fn fact<'p>(page: &'p Page, name: &str) -> &'p str {
    let from = page.text.split(&format!("<dt>{name}</dt><dd>")).nth(1);
    from.unwrap_or_else(|| panic!("no `{name}`: {}", page.text)).split("</dd>").next().unwrap()
}

/// Dashboard 4.0, 1: the effective state and its cause; and no promise that is not kept.
#[tokio::test]
async fn a_form_tells_what_callers_get_now_and_then() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/old", "GET:/off", "GET:/a"]).await;
    let (caller, admin) = (server.admin().await, Browser::admin(&server).await);
    caller.post(&route("pay:GET:/old", "deprecate"), json!({"sunset_date": "2030-01-01"})).await;
    caller.post(&route("pay:GET:/old", "disable"), json!({"reason": "x"})).await;
    caller.post(&route("pay:GET:/off", "disable"), json!({"reason": "y"})).await;
    let enable = admin.get(&act("pay:GET:/old", "enable")).await;
    assert!(fact(&enable, "Then").contains("Deprecated"), "{}", enable.text);
    let announce = admin.get(&act("pay:GET:/off", "deprecate")).await;
    assert!(fact(&announce, "Then").contains("Disabled"), "{}", announce.text);
    assert!(!admin.get(&act("pay:GET:/a", "disable")).await.text.contains("Before that"));
    caller.post("/api/services/pay/maintenance/enable", json!({"reason": "DB"})).await;
    let disable = admin.get(&act("pay:GET:/a", "disable")).await;
    assert!(fact(&disable, "Now").contains("Maintenance"), "{}", disable.text);
    assert!(fact(&disable, "Why").contains("DB") && fact(&disable, "Then").contains("Disabled"), "{}", disable.text);
    assert!(fact(&disable, "Before that").contains("maintenance of pay has to end"), "{}", disable.text);
}

#[tokio::test]
async fn lines_of_a_reason_end_as_they_were_typed() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = Browser::admin(&server).await;
    let fields = [("route", path_key("pay:GET:/a")), ("expected", String::new()), ("reason", "one\r\ntwo".to_owned())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(admin.post(&act("pay:GET:/a", "disable"), &fields).await.status, 303);
    assert_eq!(server.admin().await.get(&route("pay:GET:/a", "")).await.body["reason"], "one\ntwo");
}
