//! What the recorder of a program is told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Request;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tower::ServiceExt as _;
use waygate_sdk::Waygate;
use waygate_sdk::axum::{GuardedRouter, get};

/// Keeps counters as numbers and gauges as bits.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

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
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

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
    ] {
        assert_eq!(kept.of(name), Some(expected), "{name}: {:?}", kept.0.lock().unwrap());
    }
    assert_eq!(kept.of("waygate_sdk_revision"), None, "nothing was ever heard");
    assert!(f64::from_bits(kept.of("waygate_sdk_stale_seconds").unwrap()) >= 0.0);
    waygate.shutdown().await;
}
