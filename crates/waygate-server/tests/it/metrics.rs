//! `GET /metrics`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use waygate_server::{Credentials, Role, StreamOptions, User, WebhookOptions};

use crate::helpers::{Caller, Receiver, TestServer, in_time, route};

/// Every sample of an exposition, by its name and labels as they are written.
struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    async fn of(caller: &Caller) -> Self {
        let answer = caller.open(reqwest::Method::GET, "/metrics", None).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
        let text = answer.text().await.unwrap();
        assert!(text.ends_with("# EOF\n"), "{text}");
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        Self(
            samples
                .map(|line| {
                    let (name, value) = line.rsplit_once(' ').unwrap();
                    (name.to_owned(), value.parse().unwrap())
                })
                .collect(),
        )
    }

    fn at(&self, sample: &str) -> f64 {
        self.0.get(sample).copied().unwrap_or_default()
    }

    /// The names of samples, without their labels.
    fn names(&self) -> BTreeSet<&str> {
        self.0.keys().map(|sample| sample.split('{').next().unwrap()).collect()
    }
}

#[tokio::test]
async fn a_fleet_at_work_shows_in_the_metrics() {
    let options = StreamOptions { most: 1, ..StreamOptions::default() };
    let server = TestServer::start_with(|server| server.streams(options)).await;
    let admin = server.admin().await;
    server.register("payments", &["GET:/a", "GET:/b"]).await;
    assert_eq!(admin.post(&route("payments:GET:/a", "disable"), json!({"reason": "x"})).await.status, 200);
    assert_eq!(admin.post(&route("payments:GET:/nowhere", "disable"), json!({})).await.status, 404);
    let wrong = server.anonymous().post("/api/auth/login", json!({"username": "admin", "password": "wrong"})).await;
    assert_eq!(wrong.status, 401);
    assert_eq!(server.anonymous().with("x-waygate-token", "nonsense").get("/api/routes").await.status, 401);
    let sdk = server.sdk("payments").await;
    assert_eq!(sdk.post("/api/services/payments/maintenance/enable", json!({})).await.status, 403);

    let mut stream = sdk.open(reqwest::Method::GET, "/api/sdk/stream?service=payments", None).await;
    let first = stream.chunk().await.unwrap().unwrap();
    assert_eq!(sdk.get("/api/sdk/stream?service=payments").await.status, 503, "there is room for one");
    assert_eq!(sdk.get("/api/sdk/snapshot?service=payments").await.status, 200);

    let scrape = Scrape::of(&admin).await;
    let revision = f64::from(u32::try_from(server.revision()).unwrap());
    for (sample, expected) in [
        ("waygate_ready", 1.0),
        ("waygate_revision", revision),
        ("waygate_services", 1.0),
        ("waygate_routes{status=\"active\"}", 1.0),
        ("waygate_routes{status=\"disabled\"}", 1.0),
        ("waygate_commands_total{outcome=\"refused\"}", 1.0),
        ("waygate_auth_failures_total{reason=\"password\"}", 1.0),
        ("waygate_auth_failures_total{reason=\"token\"}", 1.0),
        ("waygate_auth_failures_total{reason=\"forbidden\"}", 1.0),
        ("waygate_streams{protocol=\"frames\",service=\"payments\"}", 1.0),
        ("waygate_stream_starts_total{protocol=\"frames\",start=\"snapshot\"}", 1.0),
        ("waygate_stream_frames_total{protocol=\"frames\",frame=\"snapshot\"}", 1.0),
        ("waygate_streams_refused_total", 1.0),
        ("waygate_snapshots_total{form=\"plain\"}", 1.0),
        ("waygate_http_requests_total{method=\"POST\",route=\"/api/routes/{path_key}/disable\",status=\"200\"}", 1.0),
        ("waygate_http_requests_total{method=\"POST\",route=\"/api/routes/{path_key}/disable\",status=\"404\"}", 1.0),
        ("waygate_instances{service=\"payments\",state=\"unconfirmed\"}", 1.0),
    ] {
        assert_eq!(scrape.at(sample).to_bits(), expected.to_bits(), "{sample}: {:#?}", scrape.0);
    }
    let commits: f64 =
        scrape.0.iter().filter(|(name, _)| name.starts_with("waygate_commits_total")).map(|(_, n)| n).sum();
    assert_eq!(commits.to_bits(), revision.to_bits(), "every commit of this history was seen");
    assert!(
        scrape.at("waygate_stream_bytes_total{protocol=\"frames\"}") >= f64::from(u32::try_from(first.len()).unwrap())
    );
    assert!(scrape.at("waygate_store_operation_duration_seconds_count{operation=\"commit\"}") >= 1.0);

    drop(stream);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let scrape = Scrape::of(&admin).await;
        if scrape.at("waygate_stream_ends_total{protocol=\"frames\",reason=\"client\"}") >= 1.0 {
            assert!(!scrape.0.contains_key("waygate_streams{protocol=\"frames\",service=\"payments\"}"));
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "the end of a stream is never counted");
        tokio::task::yield_now().await;
    }
}

/// Once a scrape is so.
async fn eventually(caller: &Caller, holds: impl Fn(&Scrape) -> bool) -> Scrape {
    in_time(async {
        loop {
            let scrape = Scrape::of(caller).await;
            if holds(&scrape) {
                return scrape;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test]
async fn what_is_resumed_what_lags_and_what_webhooks_are_told_shows_in_the_metrics() {
    let options = WebhookOptions { allow_private: true, ..WebhookOptions::default() };
    let server = TestServer::start_with(|server| server.webhooks(options)).await;
    let (admin, receiver) = (server.admin().await, Receiver::start().await);
    server.register("pay", &["GET:/a"]).await;
    let instance = server.sdk("pay").await.with("x-waygate-instance", "pay-1");
    let instance = instance.with("x-waygate-protocol", "1").with("x-waygate-capabilities", "acknowledge,digest");
    let here = server.control.current().cursor.to_string();
    let resuming = instance.with("last-event-id", here.clone());
    let mut stream = resuming.open(reqwest::Method::GET, "/api/sdk/stream?service=pay", None).await;
    assert!(stream.chunk().await.unwrap().is_some());
    let acknowledged = json!({"app_id": "pay", "instance": "pay-1", "cursor": here, "digest": "d1"});
    assert_eq!(instance.post("/api/sdk/acknowledge", acknowledged).await.status, 200);
    assert_eq!(admin.post("/api/webhooks", json!({"url": receiver.url()})).await.status, 201);
    assert_eq!(admin.post(&route("pay:GET:/a", "disable"), json!({"reason": "x"})).await.status, 200);

    let told = "waygate_webhook_attempts_total{outcome=\"delivered\"}";
    let scrape = eventually(&admin, |scrape| scrape.at(told) >= 1.0).await;
    assert_eq!(
        scrape.at("waygate_stream_starts_total{protocol=\"frames\",start=\"resumed\"}").to_bits(),
        1_f64.to_bits()
    );
    assert!(!scrape.0.contains_key("waygate_stream_starts_total{protocol=\"frames\",start=\"snapshot\"}"));
    assert!(scrape.at("waygate_webhook_attempt_duration_seconds_count") >= 1.0);
    // It has not said that it enforces the change.
    let behind = "waygate_instance_lag_revisions{service=\"pay\"}";
    let scrape = eventually(&admin, |scrape| scrape.at(behind) >= 1.0).await;
    assert!(scrape.0.contains_key("waygate_instance_lag_seconds{service=\"pay\"}"), "{:#?}", scrape.0);
    let caught_up = json!({
        "app_id": "pay", "instance": "pay-1", "cursor": server.control.current().cursor.to_string(), "digest": "d1",
    });
    assert_eq!(instance.post("/api/sdk/acknowledge", caught_up).await.status, 200);
    eventually(&admin, |scrape| scrape.at(behind).to_bits() == 0_f64.to_bits()).await;
}

#[tokio::test]
async fn whatever_is_shown_stands_in_the_reference() {
    let server = TestServer::start().await;
    server.register("payments", &["GET:/a"]).await;
    let scrape = Scrape::of(&server.admin().await).await;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/metrics.md");
    let reference = std::fs::read_to_string(path).unwrap();
    for name in scrape.names() {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(reference.contains(&format!("| `{family}` |")), "{name}");
    }
    assert!(scrape.names().len() > 15, "{:?}", scrape.names());
}

#[tokio::test]
async fn metrics_are_for_scrapers_and_for_people_who_see_everything() {
    let users = Credentials::from(("admin", "secret"))
        .and_user(User::new("vera", "pw").role(Role::Viewer))
        .and_user(User::new("viktor", "pw").role(Role::Viewer).services(["payments".parse().unwrap()]));
    let server = TestServer::start_with(|server| server.auth(users).metrics_token("only-to-scrape")).await;
    let status = async |caller: Caller| caller.get("/metrics").await.status;
    let scraper = server.anonymous().with("authorization", "Bearer only-to-scrape");
    assert_eq!(status(scraper.clone()).await, 200);
    assert_eq!(scraper.get("/api/routes").await.status, 401, "it is good for nothing else");
    assert_eq!(status(server.anonymous()).await, 401);
    assert_eq!(status(server.anonymous().with("authorization", "Bearer only-to-scrapf")).await, 401);
    assert_eq!(status(server.login("vera", "pw").await).await, 200);
    assert_eq!(status(server.login("viktor", "pw").await).await, 403);
    assert_eq!(status(server.sdk("payments").await).await, 403);

    let open = TestServer::start_with(|server| server.auth(Credentials::none())).await;
    assert_eq!(status(open.anonymous()).await, 200);
    assert_eq!(status(open.anonymous().with("host", "evil.example")).await, 421, "no page of others reads them");
    let scraped =
        TestServer::start_with(|server| server.auth(Credentials::none()).metrics_token("only-to-scrape")).await;
    assert_eq!(status(scraped.anonymous()).await, 401, "where there is a token, it is needed");
    assert_eq!(status(scraped.anonymous().with("authorization", "Bearer only-to-scrape")).await, 200);
}
