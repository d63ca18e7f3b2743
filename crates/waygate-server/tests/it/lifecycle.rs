//! What begins and ends by itself, and what ends it early: through the API, in real time where it matters.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use waygate_store::{FileStore, MemoryStore};

use crate::helpers::{Caller, TestServer, route};

pub(crate) const KEY: &str = "pay:GET:/a";
/// The names by which the route can be called.
const NAMES: [&str; 4] = ["/a", "GET:/a", "pay:/a", KEY];

fn from_now(millisecond: i64) -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "windows of real time")]
    let now = Timestamp::now();
    now + SignedDuration::from_millis(millisecond)
}

pub(crate) fn window(start: i64, end: i64) -> Value {
    json!({"start": from_now(start), "end": from_now(end), "reason": "pipes"})
}

pub(crate) async fn paid() -> (TestServer, Caller) {
    let server = TestServer::start().await;
    server.register("pay", &["GET:/a", "GET:/b"]).await;
    let admin = server.admin().await;
    (server, admin)
}

pub(crate) async fn status(admin: &Caller) -> String {
    admin.get(&route(KEY, "")).await.body["status"].as_str().unwrap().to_owned()
}

/// Waits until the log has so many entries of the route; oldest first, `actor/platform action before>after`.
pub(crate) async fn logged(admin: &Caller, count: usize) -> Vec<String> {
    let told = |entry: &Value| {
        let text = |field: &str| entry[field].as_str().unwrap_or("-").to_owned();
        format!(
            "{}/{} {} {}>{}",
            text("actor"),
            text("platform"),
            text("action"),
            text("previous_status"),
            text("new_status")
        )
    };
    let found = async {
        loop {
            let entries = admin.get(&format!("/api/audit?route={KEY}&limit=1000")).await.body;
            let mut entries: Vec<String> = entries.as_array().unwrap().iter().map(told).collect();
            if entries.len() >= count {
                entries.reverse();
                return entries;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), found).await.unwrap_or_else(|_| panic!("never {count} entries"))
}

/// B07, B1: in real time. Each transition is in the log once, by the scheduler.
#[tokio::test]
async fn g33_b07_a_window_blocks_nothing_before_it_opens_and_closes_by_itself() {
    let (_server, admin) = paid().await;
    let answer = admin.post(&route("/a", "schedule"), window(400, 900)).await;
    assert_eq!((answer.status, &answer.body["status"], &answer.body["path"]), (200, &json!("active"), &json!(KEY)));
    assert_eq!(
        logged(&admin, 3).await,
        [
            "admin/cli schedule active>active",
            "scheduler/system maintenance_on active>maintenance",
            "scheduler/system enable maintenance>active",
        ]
    );
    assert_eq!(status(&admin).await, "active");
}

/// B08, B25, B40: under any name, before and inside.
#[tokio::test]
async fn g34_b08_cancelling_removes_the_window_and_nothing_else_under_any_name() {
    for (planned_by, cancelled_by) in NAMES.into_iter().zip(NAMES.into_iter().rev()) {
        for (start, status_inside) in [(60_000, "disabled"), (0, "maintenance")] {
            let (_server, admin) = paid().await;
            admin.post(&route("/a", "disable"), json!({"reason": "broken"})).await;
            let answer = admin.post(&route(planned_by, "schedule"), window(start, 120_000)).await;
            assert_eq!(answer.body["status"], status_inside);
            let answer = admin.send(Method::DELETE, &route(cancelled_by, "schedule"), None).await;
            assert_eq!(
                (answer.status, &answer.body["status"], &answer.body["path"]),
                (200, &json!("disabled"), &json!(KEY))
            );
            assert_eq!(answer.body["window"], json!(null));
            assert!(answer.header("x-waygate-notice").unwrap().starts_with("ended"));
            let before = if start == 0 { "maintenance" } else { "disabled" };
            assert_eq!(logged(&admin, 3).await[2], format!("admin/cli schedule_cancel {before}>disabled"));
        }
    }
}

#[tokio::test]
async fn one_window_is_cancelled_by_its_id_and_an_unknown_one_is_404() {
    let (server, admin) = paid().await;
    for start in [60_000, 200_000] {
        admin.post(&route("/a", "schedule"), window(start, start + 1000)).await;
    }
    let listed = admin.get("/api/schedules").await.body;
    assert_eq!((listed[0]["id"].as_u64(), listed[1]["id"].as_u64()), (Some(1), Some(2)));
    let answer = admin.send(Method::DELETE, &format!("{}?id=1", route("/a", "schedule")), None).await;
    assert_eq!((answer.status, answer.header("x-waygate-changed")), (200, Some("true")));
    let before = server.revision();
    let path = format!("{}?id=1", route("/a", "schedule"));
    assert_eq!(admin.send(Method::DELETE, &path, None).await.refusal(), (404, "unknown_window"));
    let path = format!("{}?id=x", route("/a", "schedule"));
    assert_eq!(admin.send(Method::DELETE, &path, None).await.refusal(), (400, "invalid_field"));
    assert_eq!(server.revision(), before);
    assert_eq!(admin.get("/api/schedules").await.body.as_array().unwrap().len(), 1);
}

/// B18, B23: whatever an operator does during a window stands at its end, and before it too.
#[tokio::test]
async fn g34_b18_an_explicit_switch_ends_what_is_planned_and_stands() {
    for (start, action, body, after) in [
        (0, "disable", json!({}), "disabled"),
        (0, "enable", json!({}), "active"),
        (0, "env", json!({"envs": ["dev"]}), "env_gated"),
        (0, "maintenance", json!({}), "maintenance"),
        (300, "enable", json!({"reason": "incident"}), "active"),
    ] {
        let (server, admin) = paid().await;
        admin.post(&route("/a", "schedule"), window(start, 400)).await;
        let answer = admin.post(&route("/a", action), body).await;
        assert!(answer.header("x-waygate-notice").unwrap().contains("maintenance%20window"), "{action}");
        let revision = server.revision();
        let over = admin.get("/api/schedules").await.body;
        assert_eq!(over, json!([]), "{action}");
        // The end of the window passes; another window's end in the log shows that the scheduler has been there.
        admin.post(&route("/b", "schedule"), window(0, 500)).await;
        let settled = async {
            while server.revision() < revision + 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), settled).await.unwrap();
        assert_eq!(status(&admin).await, after, "{action}");
    }
}

/// B41.
#[tokio::test]
async fn g35_b41_disable_until_stays_disabled_and_ends_by_itself() {
    let (_server, admin) = paid().await;
    let answer = admin.post(&route("/a", "disable"), json!({"reason": "hotfix", "until": from_now(400)})).await;
    assert_eq!((&answer.body["status"], &answer.body["cause"]), (&json!("disabled"), &json!("temporary")));
    assert_eq!(
        logged(&admin, 2).await,
        ["admin/cli disable active>disabled", "scheduler/system enable disabled>active"]
    );
    admin.post(&route("/a", "disable"), json!({"until": from_now(60_000)})).await;
    let answer = admin.post(&route("/a", "disable"), json!({"reason": "for good"})).await;
    assert!(answer.header("x-waygate-notice").unwrap().starts_with("ended%3A%20disabled%20until"));
    assert_eq!((&answer.body["until"], &answer.body["status"]), (&json!(null), &json!("disabled")));
}

#[tokio::test]
async fn b41_maintenance_of_a_scope_ends_by_itself_and_keeps_its_exemptions() {
    let (server, admin) = paid().await;
    for (path, action) in [("/api/global", "global"), ("/api/services/pay/maintenance", "service")] {
        let body = json!({"reason": "db", "until": from_now(300), "exempt_paths": ["/a"]});
        let answer = admin.post(&format!("{path}/enable"), body).await;
        assert_eq!(answer.body["enabled"], true);
        assert_eq!(admin.get("/api/schedules").await.body[0]["kind"], "maintenance");
        let revision = server.revision();
        let ended = async {
            while server.revision() == revision {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap();
        let view = admin.get(path).await.body;
        assert_eq!((&view["enabled"], &view["exempt_paths"]), (&json!(false), &json!(["/a"])));
        let entry = admin.get("/api/audit?limit=1").await.body[0].clone();
        assert_eq!(
            (&entry["action"], &entry["actor"], &entry["platform"]),
            (&json!(format!("{action}_maintenance_off")), &json!("scheduler"), &json!("system"))
        );
        assert_eq!((&entry["previous_status"], &entry["new_status"]), (&json!("maintenance"), &json!("active")));
    }
}

/// B09, B27: over either edge, and over both.
#[tokio::test]
async fn g33_b09_edges_that_pass_while_the_server_is_down_are_made_up_for() {
    let directory = tempfile::tempdir().unwrap();
    let start = async || {
        let store = FileStore::open(directory.path().join("state.waygate")).await.unwrap();
        TestServer::start_on(Arc::new(store), |server| server).await
    };
    let server = start().await;
    server.register("pay", &["GET:/a", "GET:/b"]).await;
    let admin = server.admin().await;
    let (from, to) = (from_now(150), from_now(300));
    admin.post(&route("/a", "schedule"), json!({"start": from, "end": to})).await;
    admin.post(&route("/b", "schedule"), json!({"start": from, "end": from_now(600_000)})).await;
    server.stop().await;
    while from_now(0) < to {
        tokio::task::yield_now().await;
    }
    let server = start().await;
    let admin = server.admin().await;
    assert_eq!(status(&admin).await, "active", "right from the first answer");
    assert_eq!(admin.get(&route("/b", "")).await.body["status"], "maintenance");
    assert_eq!(
        logged(&admin, 3).await[1..],
        ["scheduler/system maintenance_on active>maintenance", "scheduler/system enable maintenance>active"]
    );
    let revision = server.revision();
    server.stop().await;
    let server = start().await;
    assert_eq!(logged(&server.admin().await, 3).await.len(), 3, "written down once");
    assert!(server.revision() >= revision);
}

/// B10: any node may act; each transition is committed once.
#[tokio::test]
async fn g33_b10_two_nodes_write_each_transition_down_once() {
    let store = Arc::new(MemoryStore::new().unwrap());
    let one = TestServer::start_on(store.clone(), |server| server).await;
    let two = TestServer::start_on(store, |server| server).await;
    one.register("pay", &["GET:/a", "GET:/b"]).await;
    let (here, there) = (one.admin().await, two.admin().await);
    let revision = one.revision();
    two.control.changed().wait_for(|seen| seen.0 >= revision).await.unwrap();
    for round in 1..5 {
        here.post(&route("/a", "schedule"), window(150 * round, 150 * round + 60)).await;
    }
    here.post(&route("/b", "schedule"), window(60_000, 90_000)).await;
    let revision = one.revision();
    two.control.changed().wait_for(|seen| seen.0 >= revision).await.unwrap();
    let answer = there.send(Method::DELETE, &route("/b", "schedule"), None).await;
    assert_eq!((answer.status, answer.header("x-waygate-changed")), (200, Some("true")), "cancelled elsewhere");
    let waiting = async {
        while here.get("/api/schedules").await.body != json!([]) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap();
    // A window that was planned too late to be pending was opened by its plan.
    let opened_by_plan = logged(&there, 4).await.iter().filter(|entry| entry.starts_with("admin/cli maint")).count();
    let entries = logged(&there, 12 - opened_by_plan).await;
    assert_eq!(entries.len(), 12 - opened_by_plan, "{entries:?}");
    assert_eq!(
        entries.iter().filter(|entry| entry.as_str() == "scheduler/system enable maintenance>active").count(),
        4
    );
    one.stop().await;
    here_is_gone(&there).await;
}

/// The node that took the call is gone; the other goes on.
async fn here_is_gone(there: &Caller) {
    there.post(&route("/a", "disable"), json!({"until": from_now(200)})).await;
    let active = async {
        while status(there).await != "active" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), active).await.unwrap();
}
