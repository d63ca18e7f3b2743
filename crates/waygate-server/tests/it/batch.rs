//! Several changes as one.

use serde_json::{Value, json};

use crate::helpers::{Caller, TestServer, route};

async fn fleet() -> (TestServer, Caller) {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a", "GET:/b"]).await;
    server.register("shop", &["GET:/c"]).await;
    let admin = server.admin().await;
    (server, admin)
}

#[tokio::test]
async fn b48_a_batch_is_one_revision_with_an_entry_for_each_change() {
    let (server, admin) = fleet().await;
    let before = server.revision();
    let answer = admin
        .post(
            "/api/batch",
            json!({"commands": [
                {"action": "disable", "route": "/a", "reason": "one"},
                {"action": "maintenance_on", "route": "pay:/b", "until": "2999-01-01"},
                {"action": "schedule", "route": "/c", "start": "2999-01-01", "end": "2999-01-02"},
                {"action": "env_gate", "route": "/c", "envs": ["dev"]},
                {"action": "global_maintenance_edit", "add": ["/c"]},
                {"action": "service_maintenance_on", "service": "shop", "reason": "db"},
            ]}),
        )
        .await;
    assert_eq!((answer.status, server.revision()), (200, before + 1), "{}", answer.body);
    assert_eq!(answer.body["revision"], before + 1);
    assert_eq!(answer.header("x-waygate-revision").unwrap(), (before + 1).to_string());
    let routes: Vec<_> = answer.body["routes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|route| (route["path"].as_str().unwrap(), route["status"].as_str().unwrap()))
        .collect();
    assert_eq!(routes, [("pay:GET:/a", "disabled"), ("pay:GET:/b", "maintenance"), ("shop:GET:/c", "env_gated")]);
    assert_eq!(answer.body["global"]["exempt_paths"], json!(["/c"]));
    assert_eq!(answer.body["services"]["shop"]["enabled"], true);
    assert_eq!(answer.body["ended"].as_array().unwrap().len(), 1, "the window that the gate ended");
    let log = admin.get("/api/audit").await.body;
    let actions: Vec<_> = log.as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(
        actions,
        ["service_maintenance_on", "global_maintenance_edit", "env_gate", "schedule", "maintenance_on", "disable"]
    );
    assert!(log.as_array().unwrap().iter().all(|entry| entry["revision"] == before + 1 && entry["actor"] == "admin"));
    let answer = admin
        .post("/api/batch", json!({"commands": [{"action": "route_remove", "route": "/a"}, {"action": "service_remove", "service": "shop"}]}))
        .await;
    assert_eq!(answer.body["removed"], json!(["pay:GET:/a"]));
    assert_eq!(admin.get("/api/services").await.body, json!(["pay"]));
}

/// G31: the log says what was taken back, so that nobody takes that back unawares.
#[tokio::test]
async fn g31_a_batch_says_which_change_it_takes_back() {
    let (server, admin) = fleet().await;
    admin.post("/api/batch", json!({"commands": [{"action": "disable", "route": "/a"}]})).await;
    let disabled = server.revision();
    let enable = json!({"action": "enable", "route": "/a"});
    for wrong in [json!(0), json!(disabled + 1), json!(-1), json!("1")] {
        let answer = admin.post("/api/batch", json!({"commands": [enable], "undoes": wrong})).await;
        assert_eq!(answer.refusal(), (400, "invalid_field"), "{}", answer.body);
    }
    assert_eq!(server.revision(), disabled);
    let answer = admin.post("/api/batch", json!({"commands": [enable], "undoes": disabled})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let log = admin.get("/api/audit").await.body;
    assert_eq!((&log[0]["action"], &log[0]["undoes"]), (&json!("enable"), &json!(disabled)));
    assert!(log[1].get("undoes").is_none(), "{log}");
}

/// G28, G31.
#[tokio::test]
async fn g31_a_batch_happens_as_a_whole_or_not_at_all() {
    let (server, admin) = fleet().await;
    let more = json!({"app_id": "shop", "states": [
        {"path": "shop:GET:/always", "force_active": true}, {"path": "shop:GET:/twice"}, {"path": "shop:POST:/twice"},
    ]});
    server.sdk("shop").await.post("/api/sdk/register", more).await;
    let seen = admin.get(&route("/b", "")).await.body["changed_at"].as_u64().unwrap();
    admin.post(&route("/b", "maintenance"), json!({})).await;
    let (before, log) = (server.revision(), admin.get("/api/audit").await.body);
    let good = json!({"action": "disable", "route": "/a"});
    for (bad, refusal, field) in [
        (
            json!({"action": "disable", "route": "/b", "expected_revision": seen}),
            (409, "revision_conflict"),
            json!("commands[1].expected_revision"),
        ),
        (
            json!({"action": "service_remove", "service": "shop", "expected_revision": seen}),
            (409, "revision_conflict"),
            json!("commands[1].expected_revision"),
        ),
        (json!({"action": "disable", "route": "/nothing"}), (404, "unknown_route"), json!("commands[1].route")),
        (json!({"action": "disable", "route": "/always"}), (409, "force_active"), json!("commands[1].route")),
        (json!({"action": "disable", "route": "/twice"}), (409, "ambiguous_route"), json!("commands[1].route")),
        (
            json!({"action": "service_remove", "service": "nothing"}),
            (404, "unknown_service"),
            json!("commands[1].service"),
        ),
        (
            json!({"action": "schedule_cancel", "route": "/b", "id": 7}),
            (404, "unknown_window"),
            json!("commands[1].id"),
        ),
        (
            json!({"action": "disable", "route": "/b", "until": "2001-01-01"}),
            (400, "invalid_field"),
            json!("commands[1].until"),
        ),
        (
            json!({"action": "disable", "route": "/b", "reason": "x".repeat(2001)}),
            (400, "invalid_field"),
            json!("commands[1].reason"),
        ),
        (json!({"action": "disable"}), (400, "invalid_field"), json!("commands[1].route")),
        (
            json!({"action": "disable", "route": "__waygate:global__"}),
            (400, "invalid_field"),
            json!("commands[1].route"),
        ),
        (json!({"action": "explode", "route": "/b"}), (400, "invalid_field"), json!("commands[1].action")),
        (
            json!({"action": "disable", "route": "/b", "until": "soon"}),
            (400, "invalid_field"),
            json!("commands[1].until"),
        ),
        (
            json!({"action": "env_gate", "route": "/b", "envs": [1]}),
            (400, "invalid_field"),
            json!("commands[1].envs[0]"),
        ),
        (json!("disable"), (400, "invalid_field"), json!("commands[1]")),
    ] {
        let answer = admin.post("/api/batch", json!({"commands": [good, bad]})).await;
        assert_eq!((answer.refusal(), &answer.body["field"]), (refusal, &field), "{bad}");
        let told = answer.body["error"].as_str().unwrap();
        assert!(told.contains("commands[1]"), "{told}");
    }
    let too_many = vec![good.clone(); 1001];
    for body in [json!({}), json!({"commands": []}), json!({"commands": {}}), json!({"commands": too_many})] {
        assert_eq!(admin.post("/api/batch", body).await.refusal(), (400, "invalid_field"));
    }
    assert_eq!((server.revision(), admin.get("/api/audit").await.body), (before, log));
}

#[tokio::test]
async fn a_batch_can_be_tried_first() {
    let (server, admin) = fleet().await;
    let before = server.revision();
    let commands = json!([{"action": "disable", "route": "/a"}, {"action": "disable", "route": "/b"}]);
    for answer in [
        admin.post("/api/batch?dry_run=true", json!({"commands": commands})).await,
        admin.post("/api/batch", json!({"commands": commands, "dry_run": true})).await,
    ] {
        assert_eq!((&answer.body["dry_run"], &answer.body["changed"]), (&json!(true), &json!(true)));
        assert_eq!(
            (answer.body["revision"].as_u64(), &answer.body["routes"][1]["status"]),
            (Some(before), &json!("disabled"))
        );
    }
    assert_eq!(server.revision(), before);
}

/// Whoever changes one thing twice at once has seen it once.
#[tokio::test]
async fn g31_an_expectation_in_a_batch_is_about_what_was_there_before_it() {
    let (server, admin) = fleet().await;
    let seen = admin.get(&route("/a", "")).await.body["changed_at"].clone();
    let commands = |expected: &Value| {
        json!({"commands": [
            {"action": "disable", "route": "/a", "expected_revision": expected},
            {"action": "deprecate", "route": "/a", "expected_revision": expected},
            {"action": "global_rl_set", "limit": "5/minute", "expected_revision": 0},
            {"action": "global_rl_disabled", "expected_revision": 0},
        ]})
    };
    let before = server.revision();
    let answer = admin.post("/api/batch", commands(&seen)).await;
    assert_eq!((answer.status, server.revision()), (200, before + 1), "{}", answer.body);
    let again = admin.post("/api/batch", commands(&seen)).await;
    assert_eq!((again.refusal(), server.revision()), ((409, "revision_conflict"), before + 1));
    // What an earlier command of the batch does hides nobody else's change from a later one.
    let behind = json!({"commands": [
        {"action": "enable", "route": "/a"},
        {"action": "disable", "route": "/a", "expected_revision": seen},
    ]});
    let answer = admin.post("/api/batch", behind).await;
    assert_eq!(
        (answer.refusal(), &answer.body["field"]),
        ((409, "revision_conflict"), &json!("commands[1].expected_revision"),)
    );
}

/// B48: a race of two writers with the same expectation.
#[tokio::test]
async fn g31_of_writers_with_one_expectation_exactly_one_wins() {
    let (_server, admin) = fleet().await;
    let seen = admin.get(&route("/a", "")).await.body["changed_at"].clone();
    let racing: Vec<_> = (0..8)
        .map(|number| {
            let (admin, seen) = (admin.clone(), seen.clone());
            tokio::spawn(async move {
                let command = json!({"action": "disable", "route": "/a", "reason": format!("{number}"), "expected_revision": seen});
                admin.post("/api/batch", json!({"commands": [command]})).await.status
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for racer in racing {
        statuses.push(racer.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
}
