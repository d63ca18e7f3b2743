//! Limits in a service: who is charged, what callers are told, and what the control plane hears.

#[cfg(feature = "redis-limits")]
mod shared;

use std::borrow::Cow;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use waygate_sdk::axum::{GuardedRouter, get};
use waygate_sdk::core::{Change, Enforcement, KeyStrategy, RateLimitPolicy, Scope};
use waygate_sdk::{Identity, RateLimit, RequestHead, Waygate, WaygateBuilder};
use waygate_server::Server;
use waygate_store::MemoryStore;

use crate::script::{builder, eventually, live};

const PATIENCE: Duration = Duration::from_secs(20);

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn number(&self, name: &str) -> i64 {
        self.headers[name].to_str().unwrap().parse().unwrap()
    }
}

/// A request from a peer, with headers.
async fn ask(app: &Router, line: &str, peer: &str, headers: &[(&str, &str)]) -> Answer {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4711)));
    let (head, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

async fn statuses(app: &Router, line: &str, peer: &str, requests: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..requests {
        statuses.push(ask(app, line, peer, &[]).await.status);
    }
    statuses
}

fn limit(scope: &str, policy: RateLimitPolicy) -> Change {
    let scope = match scope {
        "global" => Scope::Global,
        "service" => Scope::Service("pay".parse().unwrap()),
        route => Scope::Route(format!("pay:{route}").parse().unwrap()),
    };
    Change::RateLimitSet { scope, policy: Arc::new(policy) }
}

fn of(text: &str) -> RateLimitPolicy {
    RateLimitPolicy::new(text.parse().unwrap())
}

fn app(waygate: &Waygate) -> Router {
    GuardedRouter::new()
        .route("/health", get(async || "ok").force_active())
        .route("/a", get(async || "a").post(async || "a"))
        .route("/b/{id}", get(async || "b"))
        .route("/gated", get(async || "gated").env_only(["dev"]))
        .route("/declared", get(async || "declared").rate_limit("2/hour"))
        .guard(waygate)
}

async fn limited(settings: WaygateBuilder, changes: Vec<Change>) -> Router {
    app(&live(settings.environment("dev"), changes).await)
}

#[tokio::test]
async fn b43_every_governed_answer_has_integers_of_the_limit_that_bites_first() {
    let app = limited(builder(), vec![limit("global", of("100/hour")), limit("GET:/a", of("2/minute"))]).await;
    for remaining in [1, 0] {
        let answer = ask(&app, "GET /a", "10.0.0.1", &[]).await;
        assert_eq!((answer.status, answer.number("x-ratelimit-limit")), (200, 2));
        assert_eq!(answer.number("x-ratelimit-remaining"), remaining);
        assert!(answer.number("x-ratelimit-reset") > 1_700_000_000);
        assert_eq!(answer.headers["ratelimit-policy"], r#""route";q=2;w=60"#);
        assert!(answer.headers["ratelimit"].to_str().unwrap().starts_with(&format!(r#""route";r={remaining};t="#)));
        assert!(!answer.headers.contains_key("retry-after"));
    }
    let denied = ask(&app, "GET /a", "10.0.0.1", &[]).await;
    assert_eq!((denied.status, denied.number("x-ratelimit-remaining")), (429, 0));
    assert!((1..=60).contains(&denied.number("retry-after")));
    let error = &denied.body["error"];
    assert_eq!((&error["code"], &error["limit"]), (&json!("RATE_LIMIT_EXCEEDED"), &json!("2/minute")));
    assert_eq!((&error["layer"], &error["policy"]), (&json!("route_limit"), &json!("GET:/a")));
    let other = ask(&app, "POST /a", "10.0.0.1", &[]).await;
    assert_eq!((other.status, other.number("x-ratelimit-limit")), (200, 100), "denied requests are counted nowhere");
    assert_eq!(other.number("x-ratelimit-remaining"), 97);
    assert!(!ask(&app, "GET /health", "10.0.0.1", &[]).await.headers.contains_key("x-ratelimit-limit"));
}

#[tokio::test]
async fn callers_hear_of_the_services_limit_once_whatever_the_handler_says_of_its_own() {
    let waygate = live(builder(), vec![limit("service", of("3/hour"))]).await;
    let own = [("x-ratelimit-limit", "77"), ("RateLimit", r#""upstream";r=76;t=9"#)];
    let app = GuardedRouter::new().route("/a", get(async move || own)).guard(&waygate);
    let answer = ask(&app, "GET /a", "10.0.0.1", &[]).await;
    for (name, value) in [("x-ratelimit-limit", "3"), ("ratelimit", r#""service";r=2;t=3600"#)] {
        let told: Vec<_> = answer.headers.get_all(name).iter().collect();
        assert_eq!(told, [value], "{name}");
    }
}

#[tokio::test]
async fn g51_unknown_paths_wrong_methods_gated_routes_and_zero_are_limited_like_any_other() {
    let app = limited(builder(), vec![limit("service", of("4/hour"))]).await;
    let mut told = Vec::new();
    for line in ["GET /x", "DELETE /a", "GET /gated", "GET /a/", "GET /y", "GET /a", "GET /gated"] {
        told.push(ask(&app, line, "10.0.0.1", &[]).await.status);
    }
    assert_eq!(told, [404, 405, 200, 404, 429, 429, 429]);
    let app = limited(builder(), vec![limit("GET:/a", of("0/minute"))]).await;
    assert_eq!(statuses(&app, "GET /a", "10.0.0.1", 2).await, [429, 429]);
}

#[tokio::test]
async fn g46_g52_b20_forwarded_addresses_count_only_from_trusted_proxies() {
    let limits = || vec![limit("GET:/a", of("1/hour"))];
    let invented = async |app: &Router, peer: &str, left: &str, right: &str| {
        let forwarded = format!("{left}, {right}");
        ask(app, "GET /a", peer, &[("x-forwarded-for", &*forwarded), ("x-real-ip", left)]).await.status
    };
    let plain = limited(builder(), limits()).await;
    assert_eq!(invented(&plain, "10.0.0.1", "1.1.1.1", "2.2.2.2").await, 200);
    assert_eq!(invented(&plain, "10.0.0.1", "3.3.3.3", "4.4.4.4").await, 429, "the peer counts");

    let behind = limited(builder().trusted_proxies(["10.0.0.0/8"]), limits()).await;
    assert_eq!(invented(&behind, "10.0.0.1", "1.1.1.1", "2.2.2.2").await, 200);
    assert_eq!(invented(&behind, "10.0.0.2", "9.9.9.9", "2.2.2.2").await, 429, "the left part is the caller's");
    assert_eq!(invented(&behind, "10.0.0.1", "1.1.1.1", "5.5.5.5").await, 200);
    assert_eq!(invented(&behind, "192.0.2.1", "1.1.1.1", "6.6.6.6").await, 200);
    assert_eq!(invented(&behind, "192.0.2.1", "1.1.1.1", "7.7.7.7").await, 429, "no proxy of ours");

    let two = limited(builder().trusted_proxies(["10.0.0.0/8"]).trusted_hops(2), limits()).await;
    assert_eq!(invented(&two, "10.0.0.1", "1.1.1.1", "10.0.0.9").await, 200);
    assert_eq!(invented(&two, "10.0.0.1", "1.1.1.1", "10.0.0.9").await, 429);
    assert_eq!(ask(&two, "GET /a", "2001:db8::1", &[]).await.status, 200);
    assert_eq!(ask(&two, "GET /a", "2001:db8::2", &[]).await.status, 429, "a /64 is one caller");
    assert!(builder().trusted_proxies(["10.0.0.0/99"]).start().is_err());
}

struct Accounts;

impl Identity for Accounts {
    fn user<'r>(&'r self, request: RequestHead<'r>) -> Option<Cow<'r, str>> {
        request.headers.get("x-user")?.to_str().ok().map(Cow::Borrowed)
    }

    fn custom_key<'r>(&'r self, request: RequestHead<'r>) -> Option<Cow<'r, str>> {
        request.uri.query().map(Cow::Borrowed)
    }

    fn tier<'r>(&'r self, request: RequestHead<'r>, attribute: &str) -> Option<Cow<'r, str>> {
        request.headers.get(attribute)?.to_str().ok().map(Cow::Borrowed)
    }

    fn has_role(&self, request: RequestHead<'_>, role: &str) -> bool {
        request.headers.get("x-role").is_some_and(|own| own == role)
    }
}

#[tokio::test]
async fn b23_every_kind_of_key_counts_callers_apart_and_never_gives_a_5xx() {
    let passing = async |key: KeyStrategy, requests: &[(&str, &[(&str, &str)])]| {
        let policy = RateLimitPolicy { key_strategy: key, ..of("1/hour") };
        let app = limited(builder().identity(Accounts), vec![limit("GET:/b/{id}", policy)]).await;
        let mut statuses = Vec::new();
        for (line, headers) in requests {
            statuses.push(ask(&app, line, "10.0.0.1", headers).await.status);
        }
        statuses
    };
    let line = "GET /b/1";
    let by_user: &[(&str, &[(&str, &str)])] =
        &[(line, &[("x-user", "a")]), (line, &[("x-user", "a")]), (line, &[("x-user", "b")]), (line, &[]), (line, &[])];
    assert_eq!(passing(KeyStrategy::User, by_user).await, [200, 429, 200, 200, 200]);
    let by_key: &[(&str, &[(&str, &str)])] =
        &[(line, &[("x-api-key", "k")]), (line, &[("x-api-key", "k")]), (line, &[]), (line, &[("X-API-Key", "l")])];
    assert_eq!(passing(KeyStrategy::ApiKey, by_key).await, [200, 429, 200, 200]);
    let by_header: &[(&str, &[(&str, &str)])] = &[(line, &[("x-tenant", "t")]), (line, &[("x-tenant", "t")])];
    assert_eq!(passing(KeyStrategy::Header("X-Tenant".to_owned()), by_header).await, [200, 429]);
    let apart: &[(&str, &[(&str, &str)])] = &[("GET /b/1?k", &[]), ("GET /b/2?k", &[]), ("GET /b/1", &[])];
    assert_eq!(passing(KeyStrategy::Custom, apart).await, [200, 429, 200]);
    let together: &[(&str, &[(&str, &str)])] = &[("GET /b/1", &[]), ("GET /b/2", &[("x-user", "a")])];
    assert_eq!(passing(KeyStrategy::Global, together).await, [200, 429], "one counter for all paths");
}

#[tokio::test]
async fn tiers_and_roles_are_asked_of_the_service() {
    let tiers = serde_json::from_value(json!([
        {"name": "free", "limit": "1/hour"}, {"name": "pro", "limit": "3/hour"}
    ]))
    .unwrap();
    let policy = RateLimitPolicy { tiers, exempt_roles: vec!["staff".to_owned()], ..of("9/hour") };
    let app = limited(builder().identity(Accounts), vec![limit("GET:/a", policy)]).await;
    let limit_for = async |header: (&str, &str)| {
        let answer = ask(&app, "GET /a", "10.0.0.1", &[header]).await;
        answer.headers.get("x-ratelimit-limit").map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(limit_for(("plan", "pro")).await.as_deref(), Some("3"));
    assert_eq!(limit_for(("plan", "unheard of")).await.as_deref(), Some("1"));
    assert_eq!(limit_for(("x-role", "staff")).await, None);
}

#[tokio::test]
async fn a_limit_in_shadow_denies_nothing_and_a_missing_key_can_block() {
    let shadow = RateLimitPolicy { enforcement: Enforcement::Shadow, ..of("1/hour") };
    let app = limited(builder(), vec![limit("GET:/a", shadow)]).await;
    assert_eq!(statuses(&app, "GET /a", "10.0.0.1", 3).await, [200, 200, 200]);
    let block = RateLimitPolicy {
        key_strategy: KeyStrategy::User,
        on_missing_key: Some(waygate_sdk::core::OnMissingKey::Block),
        ..of("9/hour")
    };
    let app = limited(builder(), vec![limit("GET:/a", block)]).await;
    let denied = ask(&app, "GET /a", "10.0.0.1", &[]).await;
    assert_eq!((denied.status, denied.number("retry-after")), (429, 3600));
}

#[tokio::test]
async fn a40_a_declared_limit_holds_before_the_control_plane_knows_and_under_its_word() {
    let app_of = async |changes| limited(builder(), changes).await;
    let alone = app_of(Vec::new()).await;
    assert_eq!(statuses(&alone, "GET /declared", "10.0.0.1", 3).await, [200, 200, 429]);
    let overridden = app_of(vec![limit("GET:/declared", of("1/hour"))]).await;
    assert_eq!(statuses(&overridden, "GET /declared", "10.0.0.1", 2).await, [200, 429]);
    // A mistake in a declaration never stops the service.
    let waygate = live(builder(), Vec::new()).await;
    let odd = GuardedRouter::new()
        .route("/odd", get(async || "odd").rate_limit("many/minute"))
        .route("/burst", get(async || "burst").rate_limit(RateLimit::new("1/hour").burst(1)))
        .guard(&waygate);
    assert_eq!(statuses(&odd, "GET /odd", "10.0.0.1", 2).await, [200, 200]);
    assert_eq!(statuses(&odd, "GET /burst", "10.0.0.1", 3).await, [200, 200, 429]);
}

#[tokio::test]
async fn a40_refusals_and_declared_limits_are_shown_at_the_control_plane() {
    let server = Server::builder().backend(Arc::new(MemoryStore::new().unwrap())).build().await.unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (control, stop) = (server.control(), CancellationToken::new());
    let serving = tokio::spawn(server.serve(listener, stop.clone().cancelled_owned()));
    let waygate = Waygate::builder(&url, "pay").report_interval(Duration::from_millis(100)).start().unwrap();
    let app = app(&waygate);
    assert!(waygate.ready(PATIENCE).await, "{:?}", waygate.status());
    let declared = Scope::Route("pay:GET:/declared".parse().unwrap());
    assert!(control.current().rate_limit(&declared).unwrap().declared);
    let get = async |path: &str| -> Value { reqwest::get(format!("{url}{path}")).await.unwrap().json().await.unwrap() };
    assert_eq!(get("/api/rate-limits").await[0]["origin"], "declared");

    // Wait until the counters are those of the control plane's generation.
    eventually("registered", || {
        waygate.snapshot().view().service.route_limits.values().any(|policy| policy.generation > 0)
    })
    .await;
    assert_eq!(statuses(&app, "GET /declared", "10.0.0.1", 6).await, [200, 200, 429, 429, 429, 429]);
    let told = async {
        loop {
            let hits = get("/api/rate-limits/hits").await;
            let sum: u64 = hits.as_array().unwrap().iter().map(|hit| hit["count"].as_u64().unwrap()).sum();
            if sum == 4 {
                break hits;
            }
            tokio::task::yield_now().await;
        }
    };
    let hits = tokio::time::timeout(PATIENCE, told).await.unwrap();
    for (field, expected) in [
        ("path", "/declared"),
        ("method", "GET"),
        ("service", "pay"),
        ("key", "ip"),
        ("limit", "2/hour"),
        ("policy", "GET:/declared"),
        ("layer", "route_limit"),
    ] {
        assert_eq!(hits[0][field], expected, "{field}");
    }
    assert!(!hits[0]["instance"].as_str().unwrap().is_empty());
    waygate.shutdown().await;
    stop.cancel();
    serving.await.unwrap().unwrap();
}
