//! What the recorder of a program is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Request;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tower::ServiceExt as _;
use waygate_sdk::Waygate;
use waygate_sdk::axum::{GuardedRouter, get};

use crate::end_to_end::{ControlPlane, PATIENCE};
use crate::script::eventually;

/// Keeps counters as numbers and gauges as bits, and the names of what was described.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<String, Arc<AtomicU64>>>, Mutex<BTreeSet<String>>);

impl Kept {
    fn cell(&self, key: &Key) -> Arc<AtomicU64> {
        let labels: Vec<&str> = key.labels().map(metrics::Label::value).collect();
        let name = format!("{} {}", key.name(), labels.join("/"));
        self.0.lock().unwrap().entry(name.trim_end().to_owned()).or_default().clone()
    }

    fn of(&self, name: &str) -> Option<u64> {
        self.0.lock().unwrap().get(name).map(|cell| cell.load(Ordering::Relaxed))
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.1.lock().unwrap().insert(name.as_str().to_owned());
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.1.lock().unwrap().insert(name.as_str().to_owned());
    }

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test]
async fn decisions_and_the_standing_of_the_rules_are_recorded() {
    let kept = Kept::default();
    let _recording = metrics::set_default_local_recorder(&kept);
    // Nobody listens there: what is declared is in force.
    let waygate = Waygate::builder("http://127.0.0.1:1", "shop").start().unwrap();
    let app = GuardedRouter::new()
        .route("/open", get(async || "open"))
        .route("/closed", get(async || "").maintenance("db"))
        .route("/off", get(async || "").disabled("gone"))
        .route("/limited", get(async || "").rate_limit("1/minute"))
        .guard(&waygate);
    for (path, expected) in
        [("/open", 200), ("/open", 200), ("/closed", 503), ("/off", 503), ("/limited", 200), ("/limited", 429)]
    {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        assert_eq!(app.clone().oneshot(request).await.unwrap().status(), expected, "{path}");
    }
    waygate.record_metrics();
    for (name, expected) in [
        ("waygate_sdk_decisions_total forwarded/", 3),
        ("waygate_sdk_decisions_total maintenance/route", 1),
        ("waygate_sdk_decisions_total disabled/route", 1),
        ("waygate_sdk_decisions_total limited/route_limit", 1),
        ("waygate_sdk_routes", 4.0_f64.to_bits()),
        ("waygate_sdk_live", 0.0_f64.to_bits()),
        ("waygate_sdk_drifted_total", 0),
        ("waygate_sdk_cache_failures_total", 0),
        ("waygate_sdk_rejected_routes", 0.0_f64.to_bits()),
        ("waygate_sdk_unmatched_routes", 0.0_f64.to_bits()),
    ] {
        assert_eq!(kept.of(name), Some(expected), "{name}: {:?}", kept.0.lock().unwrap());
    }
    assert_eq!(kept.of("waygate_sdk_revision"), None, "nothing was ever heard");
    assert_eq!(kept.of("waygate_sdk_shared_counters_reachable"), None, "none are shared");
    let described = kept.1.lock().unwrap().clone();
    for name in kept.0.lock().unwrap().keys().map(|name| name.split(' ').next().unwrap()) {
        assert!(described.contains(name), "{name} is recorded and not described");
    }
    assert!(f64::from_bits(kept.of("waygate_sdk_stale_seconds").unwrap()) >= 0.0);
    waygate.shutdown().await;
}

#[tokio::test]
async fn rules_that_came_and_touch_that_was_lost_are_recorded() {
    let kept = Kept::default();
    let _recording = metrics::set_default_local_recorder(&kept);
    let server = ControlPlane::start().await;
    let waygate = server.service("shop").start().unwrap();
    waygate.declare(waygate_sdk::Routes::new().get("/a").disabled("off"));
    assert!(waygate.ready(PATIENCE).await);
    waygate.record_metrics();
    let number = |name: &str| f64::from_bits(kept.of(name).unwrap());
    assert!(number("waygate_sdk_revision") >= 1.0);
    assert_eq!((number("waygate_sdk_live"), number("waygate_sdk_stale_seconds")), (1.0, 0.0));
    assert_eq!((number("waygate_sdk_registered"), number("waygate_sdk_routes")), (1.0, 1.0));
    assert!(number("waygate_sdk_rules_age_seconds") < PATIENCE.as_secs_f64());
    server.stop().await;
    eventually("the loss is recorded", || {
        waygate.record_metrics();
        number("waygate_sdk_live") == 0.0 && number("waygate_sdk_stale_seconds") > 0.0
    })
    .await;
    waygate.shutdown().await;
}
