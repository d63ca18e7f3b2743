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
pub(super) fn hidden(page: &Page, name: &str) -> String {
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

/// Dashboard 4.2, Routes: the server acts on the filter, as one change, and only on what was shown.
#[tokio::test]
async fn all_that_fit_a_filter_are_one_change_of_what_was_shown() {
    let server = TestServer::start().await;
    let keys: Vec<String> = (0..1200).map(|number| format!("GET:/a/{number}")).collect();
    server.register("wide", &keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
    server.register("other", &["GET:/a/1"]).await;
    let admin = Browser::admin(&server).await;
    server.admin().await.post(&route("wide:GET:/a/7", "disable"), json!({"reason": "before"})).await;
    let path = "/routes/bulk?do=disable&all=true&service=wide";
    let form = admin.get(path).await;
    assert!(form.text.contains("Disable 1199 routes") && form.text.contains("already so"), "{}", form.text);
    assert!(form.text.contains("the service wide") && form.text.contains("0 instances"), "{}", form.text);
    let fields = |form: &Page| (hidden(form, "expected"), hidden(form, "route"));
    let (expected, fits) = fields(&form);
    server.admin().await.post(&route("wide:GET:/a/3", "maintenance"), json!({"reason": "theirs"})).await;
    let stale = [("expected", expected.as_str()), ("route", &fits), ("reason", "INC-9")];
    let refused = admin.post(path, &stale).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(refused.text.contains("has changed since") && refused.text.contains(">INC-9<"));
    assert_eq!(status(&server, "wide:GET:/a/5").await, "active");
    server.register("wide", &["GET:/new"]).await;
    let (expected, fits) = fields(&refused);
    let other = [("expected", expected.as_str()), ("route", &fits), ("reason", "INC-9")];
    let refused = admin.post(path, &other).await;
    assert_eq!(refused.status, 409);
    let before = server.changes();
    let (expected, fits) = fields(&refused);
    let done = admin.post(path, &[("expected", expected.as_str()), ("route", &fits), ("reason", "INC-9")]).await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert_eq!(server.changes(), before + 1, "one change");
    assert_eq!(status(&server, "wide:GET:/a/1199").await, "disabled");
    assert_eq!(status(&server, "other:GET:/a/1").await, "active");
    let kept = server.admin().await.get(&route("wide:GET:/a/7", "")).await.body;
    assert_eq!(kept["reason"], "before", "what was so already is left alone");
}

#[tokio::test]
async fn the_list_is_sorted_by_links_that_keep_the_filter() {
    let (server, admin) = start().await;
    server.admin().await.post(&route("payments:GET:/fx_rates", "disable"), json!({"reason": "x"})).await;
    let list = admin.get("/routes?service=payments").await.text;
    assert!(list.contains("href=\"/routes?service=payments&#38;sort=-changed\""), "{list}");
    let order = |text: &str| {
        let places = ["/a", "/fx-rates", "/fx_rates"]
            .map(|path| text.find(&format!("<span class=\"path\">{path}</span>")).unwrap());
        let mut sorted = [0, 1, 2];
        sorted.sort_by_key(|index| places[*index]);
        sorted
    };
    let worst = admin.get("/routes?service=payments&sort=-status").await.text;
    assert!(worst.contains("aria-sort=\"descending\""), "{worst}");
    assert_eq!(order(&worst)[0], 2);
    assert_eq!(order(&admin.get("/routes?sort=-path").await.text), [2, 1, 0]);
    assert_eq!(order(&admin.get("/routes?sort=nonsense").await.text), [0, 1, 2]);
}

/// Dashboard 4.2, Schedule: an overlap is asked about, afterwards is said, and a month and seven days are drawn.
#[tokio::test]
async fn windows_are_planned_for_several_routes_and_overlaps_are_asked_about() {
    let (server, admin) = start().await;
    let plan = |more: &[(&'static str, &'static str)]| {
        let own = [("routes", "payments:GET:/a\nGET:/fx_rates"), ("start", "2999-01-01T10:00"), ("length", "60")];
        [&own[..], more].concat()
    };
    let unknown = admin
        .post("/schedule/new", &[("routes", "GET:/nowhere"), ("start", "2999-01-01T10:00"), ("length", "60")])
        .await;
    assert_eq!(unknown.status, 422);
    assert!(unknown.text.contains(">GET:/nowhere<") && unknown.text.contains("aria-invalid"), "{}", unknown.text);
    let before = server.changes();
    assert_eq!(admin.post("/schedule/new", &plan(&[("reason", "move")])).await.status, 303);
    assert_eq!(server.changes(), before + 1, "two windows, one change");
    let again = admin.post("/schedule/new", &plan(&[("reason", "again")])).await;
    assert_eq!(again.status, 422);
    assert!(
        again.text.contains("this overlaps what is planned") && again.text.contains("name=\"overlap\""),
        "{}",
        again.text
    );
    assert_eq!(admin.post("/schedule/new", &plan(&[("reason", "again"), ("overlap", "true")])).await.status, 303);
    let week = admin.get("/schedule?from=2998-12-30").await.text;
    assert!(week.matches("overlaps another").count() == 4, "{week}");
    assert!(
        week.matches("<rect class=\"bar upcoming\" x=\"3480\"").count() == 4 && !week.contains(" style="),
        "{week}"
    );
    let month = admin.get("/schedule?view=month&from=2999-01-15").await.text;
    assert!(month.contains("January 2999") && month.contains("10:00 to 11:00"), "{month}");
    let file = admin.get("/schedule/calendar.ics").await;
    assert!(
        file.text.contains("DTSTART:29990101T100000Z\r\nDTEND:29990101T110000Z\r\nSUMMARY:payments:GET:/a"),
        "{}",
        file.text
    );
    let form = admin.get(&format!("{}?window=1", act(ROUTE, "reschedule"))).await.text;
    assert!(form.contains("Afterwards") && form.contains("Planned already"), "{form}");
    let cancel = format!("{}?window=1", act(ROUTE, "unschedule"));
    assert_eq!(submit(&admin, &cancel, &[("window", "1")]).await.status, 303);
    assert!(admin.get("/schedule").await.text.contains("<span class=\"tag\">cancelled</span>"));
}

/// Dashboard 2.1, 2 and 4.3: two who want the same are told so.
#[tokio::test]
async fn a_conflict_says_who_was_quicker_and_whether_anything_is_left_to_do() {
    let (server, admin) = start().await;
    let path = act(ROUTE, "maintenance");
    let form = admin.get(&path).await;
    let (id, expected) = (hidden(&form, "route"), hidden(&form, "expected"));
    server.login("alice", "wonder").await.post(&route(ROUTE, "maintenance"), json!({"reason": "theirs"})).await;
    let stale = admin.post(&path, &[("route", &id), ("expected", &expected), ("reason", "mine")]).await;
    assert_eq!(stale.status, 409);
    for words in [
        "alice put into maintenance: GET /a of payments",
        "theirs",
        "It is already what you wanted",
        "Apply mine on top",
        "Keep theirs",
    ] {
        assert!(stale.text.contains(words), "{words}: {}", stale.text);
    }
}

#[tokio::test]
async fn the_log_is_exported_as_it_is_filtered() {
    let (server, admin) = start().await;
    let operator = server.admin().await;
    for reason in ["=1+1", "a \"quoted\", reason"] {
        operator.post(&route(ROUTE, "disable"), json!({"reason": reason})).await;
    }
    let page = admin.get("/audit?action=disable&platform=cli").await.text;
    let csv = admin.get("/audit/export?action=disable&format=csv").await;
    assert_eq!(csv.head["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<&str> = csv.text.lines().collect();
    assert_eq!(lines.len(), 3, "{}", csv.text);
    assert!(
        lines[0].starts_with("id,timestamp,revision,actor") && lines[1].ends_with(",\"a \"\"quoted\"\", reason\""),
        "{}",
        csv.text
    );
    assert!(lines[2].ends_with(",'=1+1"), "{}", csv.text);
    let json_lines = admin.get("/audit/export?action=disable&format=jsonl").await.text;
    let entries: Vec<serde_json::Value> = json_lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((entries.len(), &entries[1]["reason"]), (2, &json!("=1+1")));
    assert_eq!(admin.get("/audit/export?format=xml").await.status, 400);
    assert!(admin.get("/audit/export?format=csv&to=2001-01-01").await.text.lines().count() == 1);
    assert!(page.contains("href=\"/audit/export?action=disable&#38;platform=cli&#38;format=csv\""), "{page}");
    let today = admin.get("/audit?action=disable").await.text;
    assert!(today.contains("What it changed") && today.contains("<code>base.lifecycle</code>"), "{today}");
}

#[tokio::test]
async fn times_stay_in_utc_where_that_is_set() {
    let (_server, admin) = start().await;
    let saved = admin.post("/settings", &[("theme", "dark"), ("keys", "true"), ("zone", "utc")]).await;
    let cookies: Vec<&str> = saved.head.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    assert!(cookies.iter().any(|cookie| cookie.starts_with("waygate_zone=utc;")), "{cookies:?}");
}
