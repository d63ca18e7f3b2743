//! What forms that switch routes promise, and what they say where somebody was quicker.

use serde_json::json;

use super::forms::hidden;
use super::truth::fact;
use crate::dashboard::{Browser, act};
use crate::helpers::{TestServer, path_key, route};

const ROUTE: &str = "pay:GET:/a";

/// Dashboard 2.1 and 4.3: that nothing is left to do is said only where that is so.
#[tokio::test]
async fn a_conflict_says_that_nothing_is_left_to_do_only_where_it_is_so() {
    let (whole, dev) = (json!({"reason": "theirs"}), json!({"reason": "theirs", "envs": ["dev"]}));
    let shadow = json!({"reason": "theirs", "shadow": true});
    let sunset = json!({"sunset_date": "2030-01-01"});
    for (verb, theirs, mine, is_so) in [
        ("disable", &whole, ("for", ""), true),
        ("disable", &whole, ("for", "30"), false),
        ("disable", &whole, ("shadow", "true"), false),
        ("disable", &shadow, ("for", ""), false),
        ("env", &dev, ("envs", "staging"), false),
        ("deprecate", &sunset, ("sunset", "2031-01-01"), false),
    ] {
        let server = TestServer::start().await;
        server.register("pay", &["GET:/a"]).await;
        let (caller, admin) = (server.admin().await, Browser::admin(&server).await);
        if verb == "deprecate" {
            caller.post(&route(ROUTE, "disable"), json!({"reason": "x"})).await;
        }
        let form = admin.get(&act(ROUTE, verb)).await;
        let (id, expected) = (hidden(&form, "route"), hidden(&form, "expected"));
        assert_eq!(caller.post(&route(ROUTE, verb), theirs.clone()).await.status, 200, "{verb}");
        let fields = [("route", &*id), ("expected", &*expected), ("reason", "mine"), mine];
        let stale = admin.post(&act(ROUTE, verb), &fields).await;
        assert_eq!(
            (stale.status, stale.text.contains("It is already what you wanted")),
            (409, is_so),
            "{verb} {mine:?}"
        );
    }
}

/// Dashboard 4.0: no promise that is not kept, of one route or of several.
#[tokio::test]
async fn a_form_promises_of_several_routes_only_what_all_of_them_become() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a", "GET:/b"]).await;
    server.register("shop", &["GET:/c"]).await;
    let (caller, admin) = (server.admin().await, Browser::admin(&server).await);
    let [a, b, c] = ["pay:GET:/a", "pay:GET:/b", "shop:GET:/c"].map(path_key);
    let several = async |verb: &str| admin.get(&format!("/routes/bulk?do={verb}&route={a}&route={b}&route={c}")).await;
    let announced = several("deprecate").await;
    assert!(fact(&announced, "Then").contains("Deprecated"), "{}", announced.text);
    caller.post(&route("pay:GET:/a", "disable"), json!({"reason": "x"})).await;
    let mixed = several("deprecate").await.text;
    assert!(!mixed.contains("<dt>Then</dt>") && !mixed.contains("Before that"), "{mixed}");
    // What only counts stops nobody: callers get the announcement.
    caller.post(&route("pay:GET:/b", "disable"), json!({"reason": "x", "shadow": true})).await;
    let shadow = admin.get(&act("pay:GET:/b", "deprecate")).await;
    assert!(fact(&shadow, "Then").contains("Deprecated"), "{}", shadow.text);
    caller.post("/api/services/pay/maintenance/enable", json!({"reason": "DB"})).await;
    let under = several("env").await;
    assert!(fact(&under, "Before that").contains("over 2 routes"), "{}", under.text);
}

#[tokio::test]
async fn links_of_the_schedule_name_the_service_as_a_whole() {
    let server = TestServer::start().await;
    server.register("x&y z", &["GET:/q"]).await;
    let page = Browser::admin(&server).await.get("/schedule?service=x%26y%20z").await.text;
    for link in ["/schedule/new?service=x%26y%20z\"", "/schedule/calendar.ics?service=x%26y%20z\""] {
        assert!(page.contains(link), "{link}: {page}");
    }
}
