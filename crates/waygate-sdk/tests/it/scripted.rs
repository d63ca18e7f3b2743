//! The control plane for tests of services.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use tower::ServiceExt as _;
use waygate_sdk::axum::{GuardedRouter, get};
use waygate_sdk::core::{Command, CommandError, Switch};
use waygate_sdk::testing::{Bypass, ControlPlane};
use waygate_sdk::{Phase, Waygate};

const MINUTE: Duration = Duration::from_mins(1);

fn app(plane: &ControlPlane) -> Router {
    GuardedRouter::new()
        .route("/health", get(async || "ok").force_active())
        .route("/a", get(async || "a").post(async || "made"))
        .route("/declared", get(async || "").rate_limit("1/minute"))
        .guard(&plane.waygate())
}

async fn status(app: &Router, path: &str) -> u16 {
    let request = Request::get(path).body(Body::empty()).unwrap();
    app.clone().oneshot(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn what_is_switched_is_in_force_at_once_and_ends_when_the_test_says_so() {
    let plane = ControlPlane::new("shop");
    let app = app(&plane);
    plane.route("GET:/a").disable("off");
    assert_eq!(status(&app, "/a").await, 503);
    plane.route("GET:/a").enable();
    assert_eq!(status(&app, "/a").await, 200);
    plane.route("GET:/a").lasting(MINUTE).maintenance("db");
    plane.advance(Duration::from_millis(59_999));
    assert_eq!(status(&app, "/a").await, 503);
    plane.advance(Duration::from_millis(1));
    assert_eq!(status(&app, "/a").await, 200);
    plane.route("GET:/a").planned_maintenance(MINUTE, MINUTE, "window");
    for expected in [200, 503, 200] {
        assert_eq!(status(&app, "/a").await, expected);
        plane.advance(MINUTE);
    }
    plane.route("GET:/a").env_only(["prod"]);
    assert_eq!(status(&app, "/a").await, 403);

    plane.service().exempting(["/a"]).lasting(MINUTE).maintenance("all of it");
    assert_eq!((status(&app, "/declared").await, status(&app, "/health").await), (503, 200));
    plane.everything().including_force_active().maintenance("really");
    assert_eq!(status(&app, "/health").await, 503);
    plane.everything().end_maintenance();
    plane.service().end_maintenance();
    assert_eq!((status(&app, "/declared").await, status(&app, "/health").await), (200, 200));
    plane.route("/declared").deprecate(Some("2031-01-01"), None);
    plane.advance(MINUTE);
    let request = Request::get("/declared").body(Body::empty()).unwrap();
    let answer = app.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.headers()["sunset"], "Wed, 01 Jan 2031 00:00:00 GMT");
}

#[tokio::test]
async fn limits_are_charged_by_the_time_of_the_test_and_what_they_refuse_is_seen() {
    let plane = ControlPlane::new("shop");
    let app = app(&plane);
    plane.route("GET:/a").limit("2/minute");
    for expected in [200, 200, 429, 429] {
        assert_eq!(status(&app, "/a").await, expected);
    }
    assert_eq!(plane.hits()[0].count, 2);
    plane.advance(MINUTE);
    for expected in [200, 200, 429] {
        assert_eq!(status(&app, "/a").await, expected);
    }
    let hits = plane.hits();
    assert_eq!((hits.len(), hits[0].count, hits[0].path.as_str(), hits[0].layer.as_str()), (1, 3, "/a", "route_limit"));
    plane.route("GET:/a").unlimited();
    assert_eq!(status(&app, "/a").await, 200);
    plane.service().in_shadow().limit("0/second");
    assert_eq!(status(&app, "/a").await, 200);
    assert!(plane.hits().iter().any(|hit| hit.shadow && hit.layer == "service_limit"));
    plane.service().unlimited();
    plane.route("GET:/a").in_shadow().disable("only counted");
    assert_eq!(status(&app, "/a").await, 200);
    let outcomes = plane.outcomes("GET:/a");
    assert_eq!((outcomes.allowed, outcomes.limited, outcomes.shadow), (5, 3, 2));
    assert_eq!(plane.outcomes("/nothing").total(), 0);
}

#[tokio::test]
async fn scopes_bypass_one_or_the_other_and_add_up() {
    let plane = ControlPlane::new("shop");
    let app = app(&plane);
    plane.route("GET:/a").limit("0/minute");
    plane.route("GET:/a").disable("off");
    plane.everything().maintenance("all");
    let lifecycle = plane.bypass(Bypass::lifecycle());
    assert_eq!(status(&app, "/a").await, 429, "limits stay");
    let all = plane.bypass(Bypass::all());
    assert_eq!(status(&app, "/a").await, 200);
    drop(lifecycle);
    plane.route("GET:/a").maintenance("switched meanwhile");
    assert_eq!(status(&app, "/a").await, 200, "the other scope is still there");
    drop(all);
    assert_eq!(status(&app, "/a").await, 503);
    plane.everything().end_maintenance();
    plane.route("GET:/a").enable();
    let limits = plane.bypass(Bypass::rate_limits());
    assert_eq!(status(&app, "/a").await, 200);
    drop(limits);
    assert_eq!(status(&app, "/a").await, 429);
}

#[tokio::test]
async fn a_control_plane_that_is_away_leaves_the_service_as_it_is() {
    let plane = ControlPlane::followed_by(Waygate::builder("http://nowhere.invalid", "shop").environment("prod"));
    let (app, waygate) = (app(&plane), plane.waygate());
    assert!(waygate.status().is_ready() && waygate.ready(Duration::ZERO).await && waygate.is_current(MINUTE));
    plane.go_away();
    plane.route("GET:/a").disable("not heard");
    plane.advance(2 * MINUTE);
    assert_eq!(status(&app, "/a").await, 200);
    assert!(matches!(waygate.status().phase, Phase::Stale { .. }) && !waygate.is_current(MINUTE));
    plane.come_back();
    assert_eq!(status(&app, "/a").await, 503);
    assert!(waygate.status().is_ready() && waygate.is_current(MINUTE));
    assert!(waygate.control().disable("/a", "x").await.is_err(), "there is nobody to ask");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_as_the_control_plane_refuses_it() {
    let plane = ControlPlane::new("shop");
    let _app = app(&plane);
    let disable = |route: &str| Command::Route {
        route: route.parse().unwrap(),
        to: Switch::disable(),
        reason: String::new(),
        expected: None,
    };
    assert!(matches!(plane.execute(&disable("/a")), Err(CommandError::AmbiguousRoute { .. })));
    assert!(matches!(plane.execute(&disable("/health")), Err(CommandError::ForceActive { .. })));
    assert!(matches!(plane.execute(&disable("/nope")), Err(CommandError::UnknownRoute { .. })));
    assert_eq!(plane.execute(&disable("POST:/a")).unwrap().routes.len(), 1);
}

#[tokio::test]
#[should_panic(expected = "no route `shop:GET:/b` is known")]
async fn a_test_that_names_what_is_not_there_fails_and_says_so() {
    let plane = ControlPlane::new("shop");
    let _app = app(&plane);
    plane.route("GET:/b").disable("typo");
}
