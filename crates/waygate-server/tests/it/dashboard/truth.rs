//! What pages say of what is and of what will be.

use serde_json::json;
use waygate_server::{Credentials, Role, User};

use crate::dashboard::{Browser, Page, act};
use crate::helpers::{Follower, TestServer, path_key, route};

/// The words of a form's facts, by their names.
pub(super) fn fact<'p>(page: &'p Page, name: &str) -> &'p str {
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

/// Dashboard 4.1: strips say since when, by whom, why, what stays reachable; and what is about to begin.
#[tokio::test]
async fn strips_tell_who_began_what_and_what_is_about_to_begin() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    server.register("x&y z", &["GET:/q"]).await;
    let (caller, admin) = (server.admin().await, Browser::admin(&server).await);
    let asked = json!({"reason": "DB migration", "exempt_paths": ["/health"]});
    caller.post("/api/services/pay/maintenance/enable", asked).await;
    #[expect(clippy::disallowed_methods, reason = "the server goes by real time")]
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(10);
    let window = json!({"start": soon, "end": soon + jiff::SignedDuration::from_mins(10), "reason": "move"});
    caller.post(&route("x&y z:GET:/q", "schedule"), window).await;
    let page = admin.get("/limits").await.text;
    for words in
        ["pay is in maintenance", "DB migration", "ago by admin", "Reachable: /health", "Maintenance begins in 9 min"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    // Routes that do not answer are counted by what callers get, and every link names its service as a whole.
    let page = admin.get("/").await.text;
    assert!(page.contains("1<span class=\"visually-hidden\"> not active"), "{page}");
    assert!(admin.get("/search?q=x").await.text.contains("/routes?service=x%26y%20z"));
    assert!(admin.get("/routes?q=nowhere").await.text.contains("No route."));
}

/// Dashboard 4.3: a card is about a change of one's own, and tells nothing that one may not see.
#[tokio::test]
async fn a_card_is_about_a_change_of_ones_own() {
    let users = Credentials::from(("admin", "secret")).and_user(User::new("vera", "pw").role(Role::Viewer));
    let server = TestServer::start_with(|server| server.auth(users)).await;
    server.register("pay", &["GET:/a"]).await;
    server.admin().await.post(&route("pay:GET:/a", "disable"), json!({"reason": "secret"})).await;
    let revision = server.admin().await.get(&route("pay:GET:/a", "")).await.body["changed_at"].clone();
    let address = format!("/routes?q=a&done={revision}");
    let card = "id=\"card\"";
    let own = Browser::admin(&server).await.get(&address).await.text;
    assert!(own.contains(card) && own.contains(&format!("/routes?q=a&#38;dismissed={revision}")), "{own}");
    let other = Browser::sign_in(&server, "vera", "pw").await.get(&address).await;
    assert!(other.status == 200 && !other.text.contains(card), "{}", other.text);
}

#[tokio::test]
async fn a_card_is_dismissed_on_a_page_of_ours() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = Browser::admin(&server).await;
    server.admin().await.post(&route("pay:GET:/a", "disable"), json!({"reason": "x"})).await;
    let revision = server.admin().await.get(&route("pay:GET:/a", "")).await.body["changed_at"].clone();
    let page = admin.get(&format!("//evil.example/x?done={revision}")).await.text;
    assert!(page.contains("id=\"card\""), "{page}");
    assert!(!page.contains("href=\"//evil") && page.contains(&format!("href=\"/?dismissed={revision}\"")), "{page}");
}

/// Dashboard 4.2: a change tells what came before and after it, and how soon it was confirmed; the log how far each has come.
#[tokio::test]
async fn a_change_tells_of_requests_around_it_and_the_log_how_far_it_has_come() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = Browser::admin(&server).await;
    server.admin().await.post(&route("pay:GET:/a", "disable"), json!({"reason": "x"})).await;
    let revision = server.admin().await.get(&route("pay:GET:/a", "")).await.body["changed_at"].clone();
    let page = admin.get(&format!("/changes/{revision}")).await.text;
    assert!(page.contains("Traffic, 15 minutes before and after"), "{page}");
    let log = admin.get("/audit").await.text;
    assert!(log.contains("class=\"arrived faint\">No instance that it concerns is connected."), "{log}");
}

/// Dashboard 4.2: an instance that skips checks is marked as such, and not as in sync or merely late.
#[tokio::test]
async fn an_instance_that_bypasses_is_marked() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = Browser::admin(&server).await;
    let instance = server.sdk("pay").await.with("x-waygate-instance", "pay-1").with("x-waygate-protocol", "1");
    let _follower = Follower::caught_up(&instance, "pay").await;
    server.admin().await.post(&route("pay:GET:/a", "disable"), json!({"reason": "x"})).await;
    let rejected = json!([{"what": "lifecycle", "why": "bypassed by the settings of this instance"}]);
    let cursor = server.control.current().cursor.to_string();
    let said = json!({"app_id": "pay", "instance": "pay-1", "cursor": cursor, "rejected": rejected});
    assert_eq!(instance.post("/api/sdk/acknowledge", said).await.status, 200);
    for path in ["/fleet", "/fleet/revisions", "/fleet/pay/pay-1"] {
        let page = admin.get(path).await.text;
        assert!(page.contains("Bypassing lifecycle"), "{path}: {page}");
    }
    assert!(admin.get("/fleet").await.text.contains("1 bypassing, 0 behind"));
    assert!(admin.get("/routes").await.text.contains("1 bypassing"));
}

/// Dashboard 4.2: a setting bypasses what it is about, and hides neither other changes nor that an instance lags.
#[tokio::test]
async fn what_an_instance_bypasses_counts_for_changes_of_that() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a", "GET:/b"]).await;
    let (caller, admin) = (server.admin().await, Browser::admin(&server).await);
    let instance = server.sdk("pay").await.with("x-waygate-instance", "pay-1").with("x-waygate-protocol", "1");
    let follower = Follower::caught_up(&instance, "pay").await;
    let say = async || {
        let rejected = json!([{"what": "rate limits", "why": "bypassed by the settings of this instance"}]);
        let cursor = server.control.current().cursor.to_string();
        let said = json!({"app_id": "pay", "instance": "pay-1", "cursor": cursor, "rejected": rejected});
        assert_eq!(instance.post("/api/sdk/acknowledge", said).await.status, 200);
    };
    caller.post(&route("pay:GET:/a", "disable"), json!({"reason": "x"})).await;
    let disabled = server.control.current().cursor.revision;
    let limit = json!({"path": "GET:/a", "service": "pay", "limit": "5/minute"});
    assert!(caller.post("/api/rate-limits", limit).await.status < 300);
    let limited = server.control.current().cursor.revision;
    say().await;
    let page = admin.get(&format!("/changes/{disabled}")).await.text;
    assert!(page.contains("Applied 1 of 1.") && !page.contains("bypassed"), "{page}");
    let page = admin.get(&format!("/changes/{limited}")).await.text;
    assert!(page.contains("Applied 0 of 1. 1 bypassed by settings of the instance."), "{page}");
    assert!(page.contains("bypassed by its settings"), "{page}");
    assert!(admin.get("/routes").await.text.contains("1/1 applied"));
    assert!(admin.get("/fleet").await.text.contains("Bypassing limits"));

    // It goes on without it: from now on it does not know the newest.
    drop(follower);
    caller.post(&route("pay:GET:/b", "disable"), json!({"reason": "y"})).await;
    let missed = server.control.current().cursor.revision;
    let page = admin.get(&format!("/changes/{missed}")).await.text;
    assert!(page.contains("Applied 0 of 1. Waiting for pay-1.") && !page.contains("bypassed"), "{page}");
    assert!(!admin.get("/fleet").await.text.contains("Bypassing"));
    say().await;
    assert!(admin.get(&format!("/changes/{missed}")).await.text.contains("Applied 1 of 1."));
}

/// Dashboard 4.1: every instance has a page, whatever it calls itself.
#[tokio::test]
async fn instances_that_are_called_dots_have_pages() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = Browser::admin(&server).await;
    let mut followers = Vec::new();
    for id in [".", ".."] {
        let instance = server.sdk("pay").await.with("x-waygate-instance", id).with("x-waygate-protocol", "1");
        followers.push(Follower::caught_up(&instance, "pay").await);
    }
    let list = admin.get("/fleet").await.text;
    for (id, path) in [(".", "/fleet/pay/%252E"), ("..", "/fleet/pay/%252E%252E")] {
        assert!(list.contains(&format!("href=\"{path}\"")), "{path}: {list}");
        let page = admin.get(path).await;
        assert!(
            page.status == 200 && page.text.contains(&format!("<h1 class=\"mono\">{id}</h1>")),
            "{path}: {}",
            page.text
        );
    }
}

/// Whatever a route's page offers leads somewhere, and so does the menu of its row.
#[tokio::test]
async fn what_a_route_offers_is_there() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = Browser::admin(&server).await;
    let page = admin.get(&format!("/routes/{}", path_key("pay:GET:/a"))).await.text;
    let links: Vec<&str> =
        page.split("<a class=\"button\" href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(links.len() > 6, "{links:?}");
    for link in links {
        assert_eq!(admin.get(link).await.status, 200, "{link}");
    }
    let list = admin.get("/routes").await.text;
    let wanted: Vec<&str> = list.split("name=do value=").skip(1).map(|rest| rest.split('>').next().unwrap()).collect();
    assert!(wanted.len() > 5, "{wanted:?}");
    for act in wanted {
        let led = admin.get(&format!("/routes/{}?do={act}", path_key("pay:GET:/a"))).await;
        assert_eq!(led.status, 303, "{act}");
        assert_eq!(admin.get(&led.location.unwrap()).await.status, 200, "{act}");
    }
    let commands = admin.get(&act("pay:GET:/a", "commands")).await.text;
    for words in [" disable pay:GET:/a --reason REASON", "Enable, as a call of curl", "/api/batch"] {
        assert!(commands.contains(words), "{words}: {commands}");
    }
    assert!(!commands.contains("data-submit"), "there is nothing to send: {commands}");
}
