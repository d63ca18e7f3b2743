//! What forms and pages tell before and after a change: what it would do, the same for a terminal, what it is by now.

use serde_json::{Value, json};

use crate::dashboard::{Browser, act};
use crate::helpers::{Follower, TestServer, eventually, path_key, route};
use crate::traffic::report;

/// What stands in the page, as text.
fn text_of(page: &str) -> String {
    let marks = [
        ("&#34;", "\""),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#60;", "<"),
        ("&lt;", "<"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ];
    marks.iter().fold(page.to_owned(), |text, (mark, sign)| text.replace(mark, sign))
}

/// The body of the call that a page shows.
fn called(page: &str) -> Value {
    let text = text_of(page);
    let body = text.split(" -d '").nth(1).unwrap_or_else(|| panic!("no call: {text}")).split("'</pre>").next().unwrap();
    serde_json::from_str(&body.replace(r"'\''", "'")).unwrap()
}

/// Dashboard 3, review then apply: a form says what would come of it, changes nothing, and keeps what was typed.
#[tokio::test]
async fn a_preview_changes_nothing_and_is_said_for_a_terminal() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a", "GET:/b"]).await;
    let admin = Browser::admin(&server).await;
    let seen = server.admin().await.get(&route("pay:GET:/a", "")).await.body["changed_at"].to_string();
    let before = server.changes();
    let fields =
        [("preview", "true"), ("reason", "it's INC-7"), ("route", &path_key("pay:GET:/a")), ("expected", &seen)];
    let page = admin.post(&act("pay:GET:/a", "disable"), &fields).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let text = text_of(&page.text);
    for words in ["Nothing is changed yet. It would change 1 thing.", "base.lifecycle", "it's INC-7</textarea>"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(text.contains(r"disable pay:GET:/a --reason 'it'\''s INC-7'"), "{text}");
    assert_eq!(server.changes(), before, "nothing was changed");
    // The call does the same.
    let caller = server.admin().await;
    assert_eq!(caller.post("/api/batch", called(&page.text)).await.status, 200);
    let made = caller.get(&route("pay:GET:/a", "")).await.body;
    assert_eq!((&made["status"], &made["reason"]), (&json!("disabled"), &json!("it's INC-7")));
    // A stale form is told so, and no reason is asked for.
    assert_eq!(admin.post(&act("pay:GET:/a", "disable"), &fields).await.status, 409);
    let unasked = [("preview", "true"), ("route", &path_key("pay:GET:/b")), ("expected", &seen)];
    assert_eq!(admin.post(&act("pay:GET:/b", "disable"), &unasked).await.status, 422);
}

#[tokio::test]
async fn every_form_with_a_preview_is_said_so_that_the_api_takes_it() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a", "GET:/b"]).await;
    let admin = Browser::admin(&server).await;
    let id = path_key("pay:GET:/a");
    let limit = format!("/limits/routes/{id}");
    let set = [
        ("limit", "10/second;100/minute"),
        ("algorithm", "token_bucket"),
        ("key_strategy", "header:X-Key"),
        ("on_missing_key", "block"),
        ("burst", "5"),
        ("share", "divided"),
        ("on_backend_failure", "closed"),
        ("tiers", "free 10/minute\ngold 1000/minute"),
        ("exempt_ips", "10.0.0.0/8"),
        ("shadow", "true"),
    ];
    let window = [("start", "2100-01-01T10:00"), ("length", "60"), ("reason", "move")];
    let gate = [("envs", "dev, staging"), ("reason", "only there"), ("for", "30")];
    let exempt = [("to", "on"), ("reason", "all"), ("exempt", "/health"), ("protected", "true")];
    let forms: [(String, &[(&str, &str)]); 9] = [
        (act("pay:GET:/a", "env"), &gate),
        (act("pay:GET:/a", "schedule"), &window),
        (act("pay:GET:/a", "deprecate"), &[("sunset", "2030-01-01"), ("successor", "/b")]),
        (
            "/schedule/new".to_owned(),
            &[("routes", "pay:GET:/a\npay:GET:/b"), ("start", "2100-02-01T10:00"), ("length", "60")],
        ),
        ("/maintenance".to_owned(), &exempt),
        ("/stop".to_owned(), &[("scope", "pay"), ("reason", "stop")]),
        (format!("{limit}/edit"), &set),
        (format!("{limit}/pause"), &[]),
        (format!("{limit}/remove"), &[]),
    ];
    let caller = server.admin().await;
    for (path, fields) in forms {
        let subject = [("preview", "true"), ("route", id.as_str()), ("expected", "")];
        let before = server.changes();
        let page = admin.post(&path, &[&subject[..], fields].concat()).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        assert!(page.text.contains("Nothing is changed yet"), "{path}: {}", page.text);
        assert_eq!(server.changes(), before, "{path}");
        let answer = caller.post("/api/batch", called(&page.text)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert_eq!(server.changes(), before + 1, "{path}");
    }
}

/// Dashboard 4.0, 5: never a number that was not measured.
#[tokio::test]
async fn a_limit_is_previewed_with_what_was_measured() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = Browser::admin(&server).await;
    let path = format!("/limits/routes/{}/edit", path_key("pay:GET:/a"));
    let preview = async |limit: &str| {
        let fields = [
            ("preview", "true"),
            ("limit", limit),
            ("algorithm", "fixed_window"),
            ("key_strategy", "global"),
            ("share", "per_replica"),
            ("on_backend_failure", "local"),
        ];
        let page = admin.post(&path, &fields).await;
        assert_eq!(page.status, 200, "{}", page.text);
        page.text
    };
    assert!(preview("5/minute").await.contains("is not known: no period of it was measured as a whole"));
    for seconds_ago in [20, 30, 40] {
        let counts = json!([{"seconds_ago": seconds_ago, "method": "GET", "path": "/a", "allowed": 7, "blocked": 100}]);
        assert_eq!(server.sdk("pay").await.post("/api/sdk/traffic", report("pay", &counts)).await.status, 200);
    }
    let text = preview("5/second").await;
    assert!(text.contains("3 had more than 5 requests; the busiest had 7."), "{text}");
    assert!(text.contains("About 6 of 21 requests would have been refused"), "{text}");
    assert!(preview("7/second").await.contains("0 had more than 7 requests"));
}

/// Dashboard 4.2: a window has a page of its own, which stays when it is over.
#[tokio::test]
async fn a_window_has_a_page_that_stays() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = Browser::admin(&server).await;
    let id = path_key("pay:GET:/a");
    let plan = [
        ("route", id.as_str()),
        ("expected", ""),
        ("start", "2100-01-01T10:00"),
        ("end", "2100-01-01T11:00"),
        ("reason", "move"),
    ];
    assert_eq!(admin.post(&act("pay:GET:/a", "schedule"), &plan).await.status, 303);
    let list = admin.get("/schedule").await.text;
    let page = list.split(&format!("href=\"/schedule/{id}/")).nth(1).unwrap().split('"').next().unwrap().to_owned();
    let page = format!("/schedule/{id}/{page}");
    let text = admin.get(&page).await.text;
    for words in
        ["upcoming", "move", "1 h", "No data: nobody counted requests in the last hour.", "planned maintenance of"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    let number = page.rsplit('/').next().unwrap();
    let edit = [
        ("route", id.as_str()),
        ("expected", ""),
        ("window", number),
        ("start", "2100-01-01T12:00"),
        ("end", "2100-01-01T14:00"),
    ];
    let edited = admin.post(&format!("{}?window={number}", act("pay:GET:/a", "reschedule")), &edit).await;
    assert_eq!(edited.status, 303, "{}", edited.text);
    let text = admin.get(&page).await.text;
    assert!(text.contains("cancelled") && text.contains("Another was planned in its place"), "{text}");
    let next = text.split("<a href=\"/schedule/").find(|part| part.contains("that window")).unwrap();
    let next = format!("/schedule/{}", next.split('"').next().unwrap());
    assert!(admin.get(&next).await.text.contains("after 2 h"));
    assert_eq!(admin.get(&format!("/schedule/{id}/999")).await.status, 404);
    assert_eq!(admin.get("/schedule/xyz/1").await.status, 404);
    let overview = admin.get("/").await.text;
    assert!(overview.contains("24 hours back and ahead"), "{overview}");
    assert!(overview.matches("<path class=\"mark\"").count() >= 2, "{overview}");
}

/// Dashboard 4.2, compare with now: what a change made, beside what it is by now.
#[tokio::test]
async fn a_change_is_compared_with_now() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = Browser::admin(&server).await;
    let caller = server.admin().await;
    let disabled = caller.post(&route("pay:GET:/a", "disable"), json!({"reason": "one"})).await;
    let page = format!("/changes/{}", disabled.header("x-waygate-revision").unwrap());
    assert!(!admin.get(&page).await.text.contains("what it is now"));
    caller.post(&route("pay:GET:/a", "maintenance"), json!({"reason": "two"})).await;
    let text = admin.get(&page).await.text;
    assert!(text.contains("the last column says what it is now") && text.contains("<b>two</b>"), "{text}");
    assert!(text.contains("<b>maintenance</b>"), "{text}");
}

/// Dashboard 4.2: which instance enforces which of the latest changes, and the connections that it has had.
#[tokio::test]
async fn the_fleet_tells_changes_by_instance_and_connections() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = Browser::admin(&server).await;
    let instance = server.sdk("pay").await.with("x-waygate-instance", "pay-1").with("x-waygate-protocol", "1");
    drop(Follower::caught_up(&instance, "pay").await);
    let mut follower = Follower::caught_up(&instance, "pay").await;
    server.admin().await.post(&route("pay:GET:/a", "disable"), json!({"reason": "x"})).await;
    follower.until(server.revision()).await;
    let matrix = admin.get("/fleet/revisions").await.text;
    assert!(matrix.contains("<b>not yet</b>") && matrix.contains("pay-1"), "{matrix}");
    let said = json!({"app_id": "pay", "instance": "pay-1", "cursor": server.control.current().cursor.to_string()});
    assert_eq!(instance.post("/api/sdk/acknowledge", said).await.status, 200);
    let matrix = admin.get("/fleet/revisions").await.text;
    assert!(matrix.contains(" ms</td>") && !matrix.contains("not yet"), "{matrix}");
    let page = admin.get("/fleet/pay/pay-1").await.text;
    assert!(page.contains("<b>open</b>") && page.contains("the first that is known"), "{page}");
    assert!(page.contains("the same start came back"), "{page}");
}

/// Dashboard 4.2, re-sync: everything is told anew on the stream that there is, and only where there is one that can.
#[tokio::test]
async fn an_instance_is_told_everything_anew() {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a"]).await;
    let admin = Browser::admin(&server).await;
    let instance = server.sdk("pay").await.with("x-waygate-instance", "pay-1").with("x-waygate-protocol", "1");
    let mut follower = Follower::caught_up(&instance, "pay").await;
    assert_eq!(follower.snapshots, 1);
    assert!(admin.get("/fleet/pay/pay-1").await.text.contains("/fleet/pay/pay-1/anew"));
    let before = server.changes();
    let done = admin.post("/fleet/pay/pay-1/anew", &[]).await;
    assert_eq!((done.status, done.location.as_deref()), (303, Some("/fleet/pay/pay-1")), "{}", done.text);
    assert!(admin.get("/fleet/pay/pay-1").await.text.contains("told everything anew"));
    while follower.snapshots < 2 {
        assert!(follower.next().await.is_some(), "the stream stays");
    }
    assert_eq!(server.changes(), before, "it is no change");
    server.admin().await.post(&route("pay:GET:/a", "disable"), json!({"reason": "x"})).await;
    follower.until(server.revision()).await;
    assert_eq!((follower.status("GET:/a"), follower.snapshots), ("disabled", 2), "and goes on from there");
    drop(follower);
    eventually(async || !admin.get("/fleet/pay/pay-1").await.text.contains("/fleet/pay/pay-1/anew")).await;
    assert_eq!(admin.post("/fleet/pay/pay-1/anew", &[]).await.status, 409);
}
