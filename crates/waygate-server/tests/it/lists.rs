//! Lists: filtered, counted, and page by page.

use serde_json::json;

use crate::helpers::{Answer, Caller, TestServer, route};

async fn fleet() -> (TestServer, Caller) {
    let server = TestServer::start().await;
    let keys: Vec<String> = (0..25).map(|number| format!("GET:/items/{number:02}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    server.register("shop", &keys).await;
    server.register("pay", &["GET:/a", "POST:/a"]).await;
    let admin = server.admin().await;
    admin.post(&route("/items/03", "disable"), json!({"reason": "Broken Pipe"})).await;
    admin.post("/api/services/pay/maintenance/enable", json!({})).await;
    (server, admin)
}

/// Every page of a list, and how many there were.
async fn pages(caller: &Caller, path: &str) -> (Vec<Answer>, Vec<String>) {
    let (mut answers, mut all) = (Vec::new(), Vec::new());
    let mut cursor = String::new();
    loop {
        let answer = caller.get(&format!("{path}{cursor}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let elements = answer.body.as_array().unwrap();
        let name =
            |element: &serde_json::Value| element.get("id").unwrap_or(&element["path"]).as_str().unwrap().to_owned();
        all.extend(elements.iter().map(name));
        let next = answer.header("x-waygate-next").map(ToOwned::to_owned);
        answers.push(answer);
        match next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (answers, all),
        }
    }
}

/// G32, G60.
#[tokio::test]
async fn g60_routes_come_page_by_page_with_the_total_of_everything() {
    let (_server, admin) = fleet().await;
    let whole = admin.get("/api/routes").await;
    assert_eq!(
        (whole.paths().len(), whole.header("x-waygate-total"), whole.header("x-waygate-next")),
        (27, Some("27"), None)
    );
    for size in [1, 4, 9, 27, 1000] {
        let (answers, all) = pages(&admin, &format!("/api/routes?limit={size}")).await;
        assert_eq!(all, whole.paths(), "{size}");
        assert_eq!(answers.len(), 27_usize.div_ceil(size));
        assert!(answers.iter().all(|answer| answer.header("x-waygate-total") == Some("27")));
    }
    let (answers, all) = pages(&admin, "/api/routes?limit=10&service=shop").await;
    assert_eq!((answers.len(), all.len(), answers[1].header("x-waygate-total")), (3, 25, Some("25")));
}

/// G32, G55.
#[tokio::test]
async fn g32_routes_are_filtered_before_they_are_counted() {
    let (_server, admin) = fleet().await;
    for (query, count) in [
        ("status=disabled", 1),
        ("status=active", 26),
        ("effective=maintenance", 2),
        ("effective=maintenance&status=active", 2),
        ("effective=active&service=pay", 0),
        ("text=ITEMS/1", 10),
        ("text=broken%20pipe", 1),
        ("text=", 27),
        ("status=", 27),
        ("limit=1&effective=active", 1),
    ] {
        let answer = admin.get(&format!("/api/routes?{query}")).await;
        assert_eq!(answer.paths().len(), count, "{query}");
    }
    let (answers, all) = pages(&admin, "/api/routes?limit=10&effective=active").await;
    assert_eq!((answers.len(), all.len()), (3, 24));
    assert!(answers.iter().all(|answer| answer.header("x-waygate-total") == Some("24")));
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=1001", "limit"),
        ("limit=1e3", "limit"),
        ("cursor=%21", "cursor"),
        ("status=nonsense", "status"),
        ("effective=1", "effective"),
    ] {
        let answer = admin.get(&format!("/api/routes?{query}")).await;
        assert_eq!((answer.refusal().0, &answer.body["field"]), (400, &json!(field)), "{query}");
    }
}

#[tokio::test]
async fn g60_services_are_counted_as_a_whole() {
    let (_server, admin) = fleet().await;
    assert_eq!(admin.get("/api/services").await.body, json!(["pay", "shop"]));
    let answer = admin.get("/api/services?details=true").await;
    let mut counted = answer.body.clone();
    for service in counted.as_array_mut().unwrap() {
        let changed_at = service.as_object_mut().unwrap().remove("changed_at");
        assert!(changed_at.is_some_and(|revision| revision.as_u64() > Some(0)), "{service}");
    }
    assert_eq!(
        counted,
        json!([
            {"service": "pay", "routes": 2, "effective": {"maintenance": 2}, "maintenance": true, "planned": 0},
            {"service": "shop", "routes": 25, "effective": {"active": 24, "disabled": 1}, "maintenance": false, "planned": 0},
        ])
    );
    assert_eq!(answer.header("x-waygate-total"), Some("2"));
}

/// B45: every page against a naive filter of everything.
#[tokio::test]
async fn b45_the_log_comes_page_by_page_filtered_first() {
    let (server, admin) = fleet().await;
    let alice = server.login("alice", "wonder").await;
    for round in 0..12 {
        let who = if round % 3 == 0 { &alice } else { &admin };
        who.post(&route("/items/07", "maintenance"), json!({"reason": format!("round {round}")})).await;
    }
    admin.post("/api/batch", json!({"commands": [
        {"action": "disable", "route": "/items/01"}, {"action": "disable", "route": "/items/02"}, {"action": "disable", "route": "pay:GET:/a"},
    ]})).await;
    let whole = admin.get("/api/audit?limit=1000").await.body;
    let whole = whole.as_array().unwrap();
    let middle = whole[8]["timestamp"].as_str().unwrap();
    for (query, takes) in [
        (
            "actor=alice".to_owned(),
            Box::new(|entry: &serde_json::Value| entry["actor"] == "alice") as Box<dyn Fn(&serde_json::Value) -> bool>,
        ),
        ("service=pay".to_owned(), Box::new(|entry| entry["service"] == "pay")),
        ("action=disable".to_owned(), Box::new(|entry| entry["action"] == "disable")),
        (format!("since={middle}"), Box::new(move |entry| entry["timestamp"].as_str().unwrap() >= middle)),
        (format!("until={middle}"), Box::new(move |entry| entry["timestamp"].as_str().unwrap() < middle)),
        (
            "actor=admin&service=shop".to_owned(),
            Box::new(|entry| entry["actor"] == "admin" && entry["service"] == "shop"),
        ),
    ] {
        let expected: Vec<&str> =
            whole.iter().filter(|entry| takes(entry)).map(|entry| entry["id"].as_str().unwrap()).collect();
        assert!(!expected.is_empty(), "{query}");
        for size in [1, 2, 5, 100] {
            let (answers, all) = pages(&admin, &format!("/api/audit?{query}&limit={size}&total=true")).await;
            assert_eq!(all, expected, "{query} by {size}");
            let total = expected.len().to_string();
            assert!(answers.iter().all(|answer| answer.header("x-waygate-total") == Some(&total)), "{query} by {size}");
        }
    }
    for (query, field) in
        [("since=yesterday", "since"), ("until=x", "until"), ("cursor=1", "cursor"), ("total=x", "total")]
    {
        let answer = admin.get(&format!("/api/audit?{query}")).await;
        assert_eq!((answer.refusal().0, &answer.body["field"]), (400, &json!(field)), "{query}");
    }
}

/// B40: who planned what, until when, on any node.
#[tokio::test]
async fn b40_everything_planned_is_listed_with_who_planned_it() {
    let (server, admin) = fleet().await;
    let alice = server.login("alice", "wonder").await;
    let window = json!({"start": "2999-01-01T02:00:00+02:00", "end": "2999-01-01T01:00:00Z", "reason": "db"});
    alice.post(&route("/items/05", "schedule"), window).await;
    admin.post(&route("/items/06", "disable"), json!({"until": "2998-01-01", "reason": "hotfix"})).await;
    admin.post("/api/services/shop/maintenance/enable", json!({"until": "2997-01-01"})).await;
    let limit = json!({"path": "/items/07", "limit": "5/minute", "until": "2996-01-01"});
    assert_eq!(alice.post("/api/rate-limits", limit).await.status, 201);
    let listed = admin.get("/api/schedules").await;
    assert_eq!(listed.header("x-waygate-total"), Some("4"));
    insta::assert_json_snapshot!(listed.body, { "[].planned_at" => "…" }, @r#"
    [
      {
        "cancelable": false,
        "end": "2996-01-01T00:00:00Z",
        "kind": "rate_limit",
        "limit": "5/minute",
        "open": true,
        "planned_at": "…",
        "planned_by": "alice",
        "reason": "",
        "route": "shop:GET:/items/07",
        "service": "shop",
        "status": null
      },
      {
        "cancelable": false,
        "end": "2997-01-01T00:00:00Z",
        "kind": "maintenance",
        "open": true,
        "planned_at": "…",
        "planned_by": "admin",
        "reason": "",
        "route": null,
        "service": "shop",
        "status": "maintenance"
      },
      {
        "cancelable": false,
        "end": "2998-01-01T00:00:00Z",
        "kind": "switch",
        "open": true,
        "planned_at": "…",
        "planned_by": "admin",
        "reason": "hotfix",
        "route": "shop:GET:/items/06",
        "service": "shop",
        "status": "disabled"
      },
      {
        "cancelable": true,
        "end": "2999-01-01T01:00:00Z",
        "id": 1,
        "kind": "window",
        "open": false,
        "planned_at": "…",
        "planned_by": "alice",
        "reason": "db",
        "route": "shop:GET:/items/05",
        "service": "shop",
        "start": "2999-01-01T00:00:00Z",
        "status": "maintenance"
      }
    ]
    "#);
    assert_eq!(admin.get("/api/schedules?service=pay").await.body, json!([]));
    let kinds = async |query: &str| {
        let listed = admin.get(&format!("/api/schedules{query}")).await.body;
        let kinds = listed.as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap().to_owned());
        kinds.collect::<Vec<_>>()
    };
    for scope in ["/api/global-rate-limit", "/api/services/shop/rate-limit"] {
        admin.post(scope, json!({"limit": "9/minute", "until": "2995-01-01"})).await;
    }
    assert_eq!(kinds("").await, ["rate_limit", "rate_limit", "rate_limit", "maintenance", "switch", "window"]);
    assert_eq!(kinds("?service=shop").await.len(), 5, "not that of everything");
    assert_eq!(kinds("?route=/items/07").await, ["rate_limit"]);
    admin.post("/api/global-rate-limit/disable", json!({})).await;
    let paused = admin.get("/api/schedules").await.body[0].clone();
    assert_eq!((&paused["open"], &paused["route"], &paused["service"]), (&json!(false), &json!(null), &json!(null)));
    assert_eq!(admin.get("/api/schedules?route=/items/05").await.body[0]["planned_by"], "alice");
    assert_eq!(admin.get("/api/schedules?route=/nothing").await.refusal(), (404, "unknown_route"));
}
