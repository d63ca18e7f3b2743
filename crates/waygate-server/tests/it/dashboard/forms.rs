//! What forms change, and what they do not.

use serde_json::json;

use crate::dashboard::{Browser, Page, act};
use crate::helpers::{TestServer, path_key, route};

const ROUTE: &str = "payments:GET:/a";

async fn start() -> (TestServer, Browser) {
    let server = TestServer::start().await;
    server.register("payments", &["GET:/a", "GET:/fx_rates", "GET:/fx-rates"]).await;
    let admin = Browser::admin(&server).await;
    (server, admin)
}

/// The value of a hidden field.
fn hidden(page: &Page, name: &str) -> String {
    let field = page.text.split(&format!("name=\"{name}\" value=\"")).nth(1);
    field.unwrap_or_else(|| panic!("no {name}: {}", page.text)).split('"').next().unwrap().to_owned()
}

/// Opens the form and sends it with the revision that it shows.
async fn submit(admin: &Browser, path: &str, fields: &[(&str, &str)]) -> Page {
    let form = admin.get(path).await;
    assert_eq!(form.status, 200, "{}", form.text);
    let (id, expected) = (hidden(&form, "route"), hidden(&form, "expected"));
    let mut all = vec![("route", id.as_str()), ("expected", &expected)];
    all.extend(fields);
    admin.post(path, &all).await
}

async fn status(server: &TestServer, key: &str) -> serde_json::Value {
    server.admin().await.get(&route(key, "")).await.body["effective"].clone()
}

#[tokio::test]
async fn a_route_is_stopped_with_a_reason_and_started_again() {
    let (server, admin) = start().await;
    let path = act(ROUTE, "disable");
    let refused = submit(&admin, &path, &[("reason", " ")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("aria-invalid=\"true\""), "the field is marked");
    assert_eq!(status(&server, ROUTE).await, "active");
    let done = submit(&admin, &path, &[("reason", "INC-1"), ("back", "/routes?service=payments")]).await;
    assert_eq!(done.status, 303, "{}", done.text);
    let location = done.location.unwrap();
    assert!(location.starts_with("/routes?service=payments&done="), "{location}");
    assert_eq!(status(&server, ROUTE).await, "disabled");
    let page = admin.get(&location).await.text;
    assert!(page.contains("admin disabled GET /a of payments"), "the change is named on the page that follows");
    let entry = &server.admin().await.get("/api/audit").await.body[0];
    assert_eq!((&entry["platform"], &entry["reason"]), (&json!("dashboard"), &json!("INC-1")));
    assert_eq!(submit(&admin, &act(ROUTE, "enable"), &[]).await.status, 303);
    assert_eq!(status(&server, ROUTE).await, "active");
}

/// Dashboard 2.1, 2: a form says what is wanted and what it was based on; two of them do not cancel each other.
#[tokio::test]
async fn g31_a_stale_form_is_told_and_overwrites_nothing() {
    let (server, admin) = start().await;
    let path = act(ROUTE, "maintenance");
    let form = admin.get(&path).await;
    let (id, expected) = (hidden(&form, "route"), hidden(&form, "expected"));
    let fields = [("route", id.as_str()), ("expected", &expected), ("reason", "mine")];
    server.admin().await.post(&route(ROUTE, "maintenance"), json!({"reason": "theirs"})).await;
    let stale = admin.post(&path, &fields).await;
    assert_eq!(stale.status, 409);
    assert!(stale.text.contains("has changed") && stale.text.contains("theirs") && stale.text.contains(">mine<"));
    assert_eq!(status(&server, ROUTE).await, "maintenance");
    let shown = hidden(&stale, "expected");
    assert_ne!(shown, expected, "sent again, the form puts the change on top");
    let fields = [("route", id.as_str()), ("expected", &shown), ("reason", "mine")];
    assert_eq!(admin.post(&path, &fields).await.status, 303);
    let state = server.admin().await.get(&route(ROUTE, "")).await.body;
    assert_eq!((&state["status"], &state["reason"]), (&json!("maintenance"), &json!("mine")));
}

#[tokio::test]
async fn a_double_click_makes_one_change() {
    let (server, admin) = start().await;
    let path = act(ROUTE, "disable");
    let form = admin.get(&path).await;
    let (id, expected) = (hidden(&form, "route"), hidden(&form, "expected"));
    let fields = [("route", id.as_str()), ("expected", &expected), ("reason", "once")];
    let before = server.changes();
    let (one, other) = tokio::join!(admin.post(&path, &fields), admin.post(&path, &fields));
    let mut answers = [one.status, other.status];
    answers.sort_unstable();
    assert_eq!(answers[0], 303, "{answers:?}");
    assert_eq!(server.changes(), before + 1);
}

/// Dashboard 2.1, 3: ids are keys, not slugs.
#[tokio::test]
async fn names_that_look_alike_are_two_routes() {
    let (server, admin) = start().await;
    submit(&admin, &act("payments:GET:/fx-rates", "disable"), &[("reason", "x")]).await;
    assert_eq!(status(&server, "payments:GET:/fx-rates").await, "disabled");
    assert_eq!(status(&server, "payments:GET:/fx_rates").await, "active");
    let page = admin.get("/routes").await.text;
    for key in ["payments:GET:/fx-rates", "payments:GET:/fx_rates"] {
        assert_eq!(page.matches(&format!("data-key=\"{}\"", path_key(key))).count(), 1, "{key}");
    }
}

/// Dashboard 2.1, 6: an empty gate is asked about, and does not block everybody.
#[tokio::test]
async fn an_empty_gate_is_refused_and_an_ended_window_too() {
    let (server, admin) = start().await;
    let before = server.changes();
    let refused = submit(&admin, &act(ROUTE, "env"), &[("envs", " , "), ("reason", "x")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("name at least one environment"));
    for (start, end) in
        [("2030-01-02T00:00", "2030-01-01T00:00"), ("2020-01-01T00:00", "2020-01-02T00:00"), ("soon", "")]
    {
        let refused =
            submit(&admin, &act(ROUTE, "schedule"), &[("start", start), ("end", end), ("reason", "move")]).await;
        assert_eq!(refused.status, 422, "{start} {end}");
        assert!(
            refused.text.contains(&format!("value=\"{start}\"")) && refused.text.contains(">move<"),
            "input is kept"
        );
    }
    assert_eq!(server.changes(), before, "nothing but the readers' logins");
}

/// Dashboard 2.1, 1: a window for tomorrow changes nothing today, is listed, and can be taken back.
#[tokio::test]
async fn a_planned_window_changes_nothing_yet_and_is_taken_back() {
    let (server, admin) = start().await;
    let fields = [("start", "2999-01-01T00:00"), ("end", "2999-01-02T00:00"), ("reason", "migration")];
    assert_eq!(submit(&admin, &act(ROUTE, "schedule"), &fields).await.status, 303);
    assert_eq!(status(&server, ROUTE).await, "active");
    let list = admin.get("/schedule").await.text;
    assert!(list.contains("migration") && list.contains("2999-01-01T00:00:00Z"), "{list}");
    let cancel = format!("{}?window=1", act(ROUTE, "unschedule"));
    assert_eq!(submit(&admin, &cancel, &[("window", "1")]).await.status, 303);
    assert!(admin.get("/schedule").await.text.contains("Nothing is planned"));
}

/// Dashboard 2.1, 8.
#[tokio::test]
async fn a_deprecation_survives_a_maintenance() {
    let (server, admin) = start().await;
    let fields = [("sunset", "2030-01-01"), ("successor", "/b")];
    assert_eq!(submit(&admin, &act(ROUTE, "deprecate"), &fields).await.status, 303);
    submit(&admin, &act(ROUTE, "maintenance"), &[("reason", "x")]).await;
    submit(&admin, &act(ROUTE, "enable"), &[]).await;
    let state = server.admin().await.get(&route(ROUTE, "")).await.body;
    assert_eq!((&state["status"], &state["sunset_date"]), (&json!("deprecated"), &json!("2030-01-01")));
}

#[tokio::test]
async fn several_routes_are_one_change_and_protected_ones_are_left_out() {
    let server = TestServer::start().await;
    let states =
        json!([{"path": "pay:GET:/a"}, {"path": "pay:GET:/b"}, {"path": "pay:GET:/health", "force_active": true}]);
    server.sdk("pay").await.post("/api/sdk/register", json!({"app_id": "pay", "states": states})).await;
    let admin = Browser::admin(&server).await;
    let keys = ["pay:GET:/a", "pay:GET:/b", "pay:GET:/health"].map(path_key);
    let query = keys.iter().map(|key| format!("route={key}")).collect::<Vec<_>>().join("&");
    let path = format!("/routes/bulk?do=disable&{query}");
    let form = admin.get(&path).await;
    assert!(form.text.contains("Disable 2 routes") && form.text.contains("Left out"), "{}", form.text);
    let expected = hidden(&form, "expected");
    let before = server.changes();
    let fields = [
        ("route", keys[0].as_str()),
        ("expected", &expected),
        ("route", &keys[1]),
        ("expected", &expected),
        ("reason", "INC-2"),
    ];
    assert_eq!(admin.post(&path, &fields).await.status, 303);
    assert_eq!(server.changes(), before + 1);
    for key in ["pay:GET:/a", "pay:GET:/b"] {
        assert_eq!(status(&server, key).await, "disabled");
    }
    assert_eq!(admin.post("/routes/bulk?do=disable", &[("reason", "x")]).await.status, 400);
}

/// Dashboard 2.3: a maintenance over a route shows in the row, on every page, and in the filter's counts.
#[tokio::test]
async fn a_maintenance_of_everything_is_seen_everywhere_and_ends_where_it_is_seen() {
    let (server, admin) = start().await;
    let stop = [("scope", ""), ("reason", "db down"), ("exempt", "GET:/a"), ("for", "30")];
    let done = admin.post("/stop", &stop).await;
    assert_eq!(done.status, 303, "{}", done.text);
    for path in ["/", "/routes", "/limits", "/schedule", "/audit", "/settings"] {
        assert!(admin.get(path).await.text.contains("Everything is in maintenance</b>: db down"), "{path}");
    }
    let list = admin.get("/routes?status=maintenance").await.text;
    assert!(
        list.contains("3 routes in 1 service. 2 in maintenance.")
            && list.contains("Everything is in maintenance: db down")
    );
    let form = admin.get("/maintenance").await;
    let fields = [("to", "off"), ("expected", &*hidden(&form, "expected"))];
    assert_eq!(admin.post("/maintenance", &fields).await.status, 303);
    assert_eq!(status(&server, "payments:GET:/fx-rates").await, "active");
}

#[tokio::test]
async fn a_service_is_put_into_maintenance_from_its_card() {
    let (server, admin) = start().await;
    let list = admin.get("/routes?service=payments").await.text;
    assert!(list.contains("Service Maintenance</h2>") && list.contains("payments answers."));
    let form = admin.get("/maintenance/payments").await;
    let fields =
        [("to", "on"), ("expected", &*hidden(&form, "expected")), ("reason", "cut-over"), ("exempt", "nonsense")];
    assert_eq!(admin.post("/maintenance/payments", &fields).await.status, 422);
    let fields = [("to", "on"), ("expected", &*hidden(&form, "expected")), ("reason", "cut-over"), ("exempt", "/a\n")];
    assert_eq!(admin.post("/maintenance/payments", &fields).await.status, 303);
    assert_eq!(status(&server, ROUTE).await, "active");
    assert_eq!(status(&server, "payments:GET:/fx-rates").await, "maintenance");
    assert_eq!(admin.get("/maintenance/nobody").await.status, 404);
}

#[tokio::test]
async fn what_people_write_is_text_and_never_markup() {
    let (_server, admin) = start().await;
    let reason = "<script>alert(1)</script>\"'&";
    submit(&admin, &act(ROUTE, "disable"), &[("reason", reason)]).await;
    for path in ["/", "/routes", "/audit", &format!("/routes/{}", path_key(ROUTE))] {
        let page = admin.get(path).await.text;
        assert!(!page.contains("<script>alert") && page.contains("&#60;script&#62;"), "{path}");
    }
    let found = admin.get("/search?q=%3Cb%3E").await.text;
    assert!(!found.contains("<b>“") && found.contains("&#60;b&#62;"));
}

#[tokio::test]
async fn a_change_shows_what_it_was_and_what_it_is() {
    let (server, admin) = start().await;
    submit(&admin, &act(ROUTE, "disable"), &[("reason", "INC-3")]).await;
    let revision = server.revision();
    let page = admin.get(&format!("/changes/{revision}")).await.text;
    assert!(
        page.contains("<code>base.lifecycle</code>") && page.contains("INC-3") && page.contains("disabled"),
        "{page}"
    );
    assert_eq!(admin.get("/changes/r999999").await.status, 404);
    let found = admin.get(&format!("/search?q=r{revision}")).await.text;
    assert!(found.contains(&format!("href=\"/changes/{revision}\"")));
}

#[tokio::test]
async fn audit_filters_stand_in_the_address_and_combine() {
    let (server, admin) = start().await;
    let operator = server.admin().await;
    for number in 0..60 {
        let (switch, reason) = if number % 2 == 0 { ("disable", "even") } else { ("enable", "odd") };
        operator.post(&route(ROUTE, switch), json!({"reason": reason})).await;
    }
    let all = admin.get("/audit?service=payments").await.text;
    assert_eq!(all.matches("class=\"entry\"").count(), 50);
    let older = all.split("href=\"/audit?").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    assert!(older.starts_with("service=payments&before="), "{older}");
    let rest = admin.get(&format!("/audit?{older}")).await.text;
    assert_eq!(rest.matches("class=\"entry\"").count(), 10);
    let few = admin.get("/audit?action=disable&q=even&actor=admin").await.text;
    assert_eq!(few.matches("class=\"entry\"").count(), 30);
    assert!(admin.get("/audit?actor=nobody").await.text.contains("Nothing fits"));
}
