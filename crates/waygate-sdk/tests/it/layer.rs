//! The guard in routers, however they are put together.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Method, Request, Response, StatusCode};
use axum::routing;
use http_body_util::BodyExt as _;
use tower::{Layer as _, ServiceExt as _};
use waygate_sdk::axum::{GuardedRouter, any, get, post};
use waygate_sdk::core::{Control, Deprecation, Lifecycle, Temporary, Timestamp};
use waygate_sdk::{Routes, Waygate};

use crate::script::{builder, disabled, enabled, global_maintenance, live, route, service_maintenance, set};

async fn ok() -> &'static str {
    "ok"
}

struct Answer {
    status: u16,
    headers: axum::http::HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        body["error"]["code"].as_str().unwrap().to_owned()
    }
}

async fn ask(app: &Router, method: &str, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: head.status.as_u16(), headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

async fn status(app: &Router, method: &str, path: &str) -> u16 {
    ask(app, method, path).await.status
}

#[tokio::test]
async fn each_denial_has_its_documented_answer() {
    let until: Timestamp = "2999-01-01T00:00:00Z".parse().unwrap();
    let mut timed = route(Control::default());
    timed.temporary = Some(Temporary {
        control: Control::new(Lifecycle::Maintenance, "DBw"),
        until,
        planned_at: waygate_core::Revision::ZERO,
    });
    let waygate = live(builder().environment("prod"), vec![disabled("GET:/dis"), set("GET:/maintw", timed)]).await;
    let app = GuardedRouter::new()
        .route("/dis", get(ok))
        .route("/maintw", get(ok))
        .route("/maint", get(ok).maintenance("DB"))
        .route("/dis2", get(ok).disabled("gone"))
        .route("/env", get(ok).env_only(["staging", "dev"]))
        .route("/env2", get(ok).env_only(["prod"]))
        .guard(&waygate);

    let answer = ask(&app, "GET", "/dis?x=1").await;
    assert_eq!(
        answer.body,
        r#"{"error":{"code":"ROUTE_DISABLED","message":"This endpoint has been disabled","reason":"off","path":"/dis"}}"#
    );
    assert_eq!((answer.status, answer.header("content-type")), (503, Some("application/json")));
    assert_eq!(answer.header("retry-after"), None);

    let answer = ask(&app, "GET", "/maintw").await;
    assert!(answer.body.ends_with(r#""reason":"DBw","path":"/maintw","retry_after":"2999-01-01T00:00:00+00:00"}}"#));
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() > 1_000_000);

    let answer = ask(&app, "GET", "/maint").await;
    assert_eq!((answer.status, answer.code()), (503, "MAINTENANCE_MODE".to_owned()));
    let answer = ask(&app, "GET", "/dis2").await;
    assert_eq!((answer.status, answer.code()), (503, "ROUTE_DISABLED".to_owned()));
    let answer = ask(&app, "GET", "/env").await;
    assert_eq!(
        answer.body,
        r#"{"error":{"code":"ENV_GATED","message":"This endpoint is not available in the current environment","current_env":"prod","allowed_envs":["dev","staging"],"path":"/env"}}"#
    );
    assert_eq!(answer.status, 403);
    assert_eq!(status(&app, "GET", "/env2").await, 200);
}

#[tokio::test]
async fn the_path_is_told_decoded_and_below_a_mount_in_full() {
    let waygate = builder().start().unwrap();
    let inner = GuardedRouter::new().route("/items/{name}", get(ok).disabled("x")).guard(&waygate);
    let app = Router::new().nest("/v1", inner);
    let answer = ask(&app, "GET", "/v1/items/a%20%C3%A9").await;
    assert!(answer.body.ends_with(r#""path":"/v1/items/a é"}}"#), "{}", answer.body);
}

#[tokio::test]
async fn head_is_stopped_like_get_without_a_body() {
    let waygate = live(builder(), vec![disabled("GET:/a")]).await;
    let app = GuardedRouter::new().route("/a", get(ok)).guard(&waygate);
    let full = ask(&app, "GET", "/a").await;
    let head = ask(&app, "HEAD", "/a").await;
    assert_eq!((head.status, head.body.as_str()), (503, ""));
    assert_eq!(head.header("content-length"), Some(full.body.len().to_string().as_str()));
}

#[tokio::test]
async fn options_and_other_methods_are_the_routers_until_everything_is_in_maintenance() {
    let quiet = live(builder(), vec![disabled("GET:/a")]).await;
    let app = GuardedRouter::new().route("/a", get(ok)).guard(&quiet);
    for method in ["OPTIONS", "POST", "BREW"] {
        assert_eq!(status(&app, method, "/a").await, 405, "{method}");
    }
    assert_eq!(status(&app, "GET", "/unknown").await, 404);

    let noisy = live(builder(), vec![global_maintenance("all", &["/a"])]).await;
    let app = GuardedRouter::new().route("/a", get(ok)).route("/b", any(ok)).guard(&noisy);
    for method in ["GET", "OPTIONS", "POST", "BREW"] {
        assert_eq!(status(&app, method, "/b").await, 503, "{method}");
        assert_ne!(status(&app, method, "/a").await, 503, "{method}");
    }
    assert_eq!(status(&app, "GET", "/unknown").await, 503);
}

#[tokio::test]
async fn force_active_passes_maintenance_of_everything_and_of_the_service() {
    for change in [global_maintenance("all", &[]), service_maintenance("this")] {
        let waygate = live(builder(), vec![change]).await;
        let app = GuardedRouter::new()
            .route("/health", get(ok).force_active())
            .route("/api/payments", get(ok))
            .guard(&waygate);
        assert_eq!(status(&app, "GET", "/health").await, 200);
        assert_eq!(status(&app, "HEAD", "/health").await, 200);
        assert_eq!(ask(&app, "GET", "/api/payments").await.code(), "MAINTENANCE_MODE");
    }
}

#[tokio::test]
async fn g14_declarations_are_keyed_by_method_and_path() {
    let declare = |endpoint: waygate_sdk::axum::Endpoint, what: &str| match what {
        "force_active" => endpoint.force_active(),
        "disabled" => endpoint.disabled("x"),
        _ => endpoint,
    };
    for first in ["force_active", "disabled", "plain"] {
        for second in ["force_active", "disabled", "plain"] {
            for central in [vec![], vec![disabled("POST:/a")], vec![disabled("GET:/a")]] {
                let known = central.clone();
                let waygate = live(builder(), central).await;
                let endpoint = declare(declare(get(ok), first).post(ok), second);
                let app = GuardedRouter::new().route("/a", endpoint).guard(&waygate);
                for (method, declared) in [("GET", first), ("POST", second)] {
                    let switched = known.iter().any(|change| *change == disabled(&format!("{method}:/a")));
                    let expected = if switched || declared == "disabled" { 503 } else { 200 };
                    assert_eq!(status(&app, method, "/a").await, expected, "{method}: {first} {second} {known:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn g14_nested_routers_have_their_full_templates() {
    let waygate = live(builder(), vec![disabled("GET:/api/v1/items/{id}"), disabled("GET:/api")]).await;
    let items = GuardedRouter::new().route("/items/{id}", get(ok)).route("/items", post(ok).disabled("x"));
    let api = GuardedRouter::new().route("/", get(ok)).nest("/v1", items);
    let app = GuardedRouter::new()
        .nest("/api", api)
        .merge(GuardedRouter::new().route("/merged", get(ok).maintenance("m")))
        .guard(&waygate);
    for (method, path) in [("GET", "/api/v1/items/7"), ("POST", "/api/v1/items"), ("GET", "/api"), ("GET", "/merged")] {
        assert_eq!(status(&app, method, path).await, 503, "{method} {path}");
    }
    let declared = waygate.status().declared;
    assert_eq!(declared, 4);
}

#[tokio::test]
async fn g14_a_router_mounted_below_a_prefix_is_guarded() {
    let waygate = live(builder(), vec![disabled("GET:/payments/{id}"), disabled("GET:/v2/payments/{id}")]).await;
    let first = GuardedRouter::new()
        .route("/payments/{id}", get(ok))
        .route("/refunds", get(ok).maintenance("m"))
        .guard(&waygate);
    let second = GuardedRouter::new()
        .route("/payments/{id}", get(ok))
        .route("/refunds", get(ok))
        .mounted_at("/v2")
        .guard(&waygate);
    let app = Router::new().nest("/t/{tenant}/v1", first).nest("/v2", second);
    assert_eq!(status(&app, "GET", "/t/acme/v1/payments/7").await, 503);
    assert_eq!(status(&app, "GET", "/t/acme/v1/refunds").await, 503);
    assert_eq!(status(&app, "GET", "/v2/payments/7").await, 503);
    assert_eq!(status(&app, "GET", "/v2/refunds").await, 200);
}

#[tokio::test]
async fn g14_overlapping_templates_are_told_apart() {
    let waygate = live(builder(), vec![disabled("GET:/users/{id}"), disabled("GET:/files/{*path}")]).await;
    let app = GuardedRouter::new()
        .route("/users/{id}", get(async |Path(_): Path<u32>| "one"))
        .route("/users/me", get(ok))
        .route("/files/{*path}", get(ok))
        .route("/files/index", get(ok))
        .guard(&waygate);
    for (path, expected) in
        [("/users/7", 503), ("/users/zzz", 503), ("/users/me", 200), ("/files/a/b", 503), ("/files/index", 200)]
    {
        assert_eq!(status(&app, "GET", path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn g15_no_path_has_a_free_pass() {
    let waygate = live(builder(), vec![global_maintenance("all", &[])]).await;
    let paths = ["/docs", "/docsuser", "/openapi.json", "/redoc", "/waygate/x", "/health"];
    let app = paths.iter().fold(GuardedRouter::new(), |app, path| app.route(path, get(ok))).guard(&waygate);
    for path in paths {
        assert_eq!(status(&app, "GET", path).await, 503, "{path}");
    }
}

#[tokio::test]
async fn g13_the_environment_of_the_sdk_is_the_one_that_gates_use() {
    for (environment, expected) in
        [(Some(" production "), 200), (Some("dev"), 403), (Some("Production"), 403), (None, 403)]
    {
        let builder = environment.into_iter().fold(builder(), waygate_sdk::WaygateBuilder::environment);
        let waygate = live(builder, vec![]).await;
        let app = GuardedRouter::new().route("/a", get(ok).env_only(["production"])).guard(&waygate);
        assert_eq!(status(&app, "GET", "/a").await, expected, "{environment:?}");
    }
}

#[tokio::test]
async fn deprecation_is_announced_on_every_answer_of_the_handler() {
    let since = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut old = route(Control::default());
    old.deprecation =
        Some(Deprecation { since, sunset: Some("2030-01-01".to_owned()), successor: Some("/v2/old".to_owned()) });
    let mut closed = route(Control::new(Lifecycle::Disabled, "off"));
    closed.deprecation.clone_from(&old.deprecation);
    let waygate = live(builder(), vec![set("GET:/old", old), set("GET:/closed", closed)]).await;
    let not_found = async || (StatusCode::NOT_FOUND, [("link", "</x>; rel=\"up\"")], "nothing");
    let app = GuardedRouter::new()
        .route("/old", get(not_found))
        .route("/closed", get(ok))
        .route("/odd", get(ok).deprecated(Some("bientôt"), Some("/é\n")))
        .guard(&waygate);

    let answer = ask(&app, "GET", "/old").await;
    assert_eq!((answer.status, answer.body.as_str()), (404, "nothing"));
    assert_eq!(answer.header("deprecation"), Some("@1767225600"));
    assert_eq!(answer.header("sunset"), Some("Tue, 01 Jan 2030 00:00:00 GMT"));
    let links: Vec<&str> = answer.headers.get_all("link").iter().map(|link| link.to_str().unwrap()).collect();
    assert_eq!(links, ["</x>; rel=\"up\"", "</v2/old>; rel=\"successor-version\""]);

    assert_eq!(ask(&app, "GET", "/closed").await.header("deprecation"), None);

    let answer = ask(&app, "GET", "/odd").await;
    assert_eq!((answer.status, answer.header("sunset")), (200, None));
    assert!(answer.header("deprecation").unwrap().starts_with('@'));
    assert_eq!(answer.header("link"), Some("</%C3%A9>; rel=\"successor-version\""));
}

#[tokio::test]
async fn undeclared_routes_become_known_by_use_and_refused_methods_do_not() {
    let waygate = live(builder(), vec![]).await;
    let app = GuardedRouter::new()
        .route("/plain/{id}", routing::get(ok))
        .map(|router| router.route("/mapped", routing::post(ok)))
        .guard(&waygate);
    assert_eq!(waygate.status().declared, 0);
    for (method, path) in [
        ("GET", "/plain/1"),
        ("GET", "/plain/2"),
        ("HEAD", "/plain/2"),
        ("DELETE", "/plain/2"),
        ("OPTIONS", "/plain/2"),
        ("POST", "/mapped"),
        ("GET", "/nowhere"),
    ] {
        status(&app, method, path).await;
    }
    let known: Vec<String> = waygate.snapshot().view().service.routes.keys().map(ToString::to_string).collect();
    assert_eq!(known, ["POST:/mapped", "GET:/plain/{id}"]);
}

#[tokio::test]
async fn observed_routes_are_bounded() {
    let waygate = live(builder(), vec![]).await;
    let plain = (0..1010).fold(Router::new(), |app, number| app.route(&format!("/{number}"), routing::get(ok)));
    let app = plain.layer(waygate.layer());
    for number in 0..1010 {
        assert_eq!(status(&app, "GET", &format!("/{number}")).await, 200);
    }
    assert_eq!(waygate.status().declared, 1000);
}

#[tokio::test]
async fn an_axum_router_of_ones_own_is_guarded_by_the_plain_layer() {
    let waygate = live(builder(), vec![disabled("GET:/api/items/{id}"), enabled("POST:/api/items")]).await;
    waygate.declare(Routes::new().get("/api/items").disabled("x"));
    let api = Router::new().route("/items/{id}", routing::get(ok)).route("/items", routing::get(ok).post(ok));
    let app = Router::new().nest("/api", api).layer(waygate.layer());
    assert_eq!(status(&app, "GET", "/api/items/7").await, 503);
    assert_eq!(status(&app, "GET", "/api/items").await, 503);
    assert_eq!(status(&app, "POST", "/api/items").await, 200);
}

#[tokio::test]
async fn outside_of_a_router_paths_are_matched() {
    let waygate = live(builder(), vec![disabled("GET:/users/{id}"), enabled("GET:/users/me")]).await;
    let inner = tower::service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::from("ok"))));
    let service = waygate.layer().layer(inner);
    for (method, path, expected) in [
        (Method::GET, "/users/7", 503),
        (Method::GET, "/users/me", 200),
        (Method::POST, "/users/7", 200),
        (Method::GET, "/elsewhere", 200),
    ] {
        let request = Request::builder().method(&method).uri(path).body(Body::empty()).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), expected, "{method} {path}");
    }
}

#[tokio::test]
async fn handlers_keep_their_state_and_layers() {
    #[derive(Clone)]
    struct Name(&'static str);
    let waygate = builder().start().unwrap();
    let app = GuardedRouter::new()
        .route("/name", get(async |State(Name(name)): State<Name>| name))
        .route("/marked", get(ok).map(|routes| routes.layer(axum::middleware::map_response(mark))).disabled("x"))
        .with_state(Name("ada"))
        .map(|router| router.fallback(async || (StatusCode::IM_A_TEAPOT, "nothing here")))
        .guard(&waygate);
    assert_eq!(ask(&app, "GET", "/name").await.body, "ada");
    assert_eq!(status(&app, "GET", "/unknown").await, 418);
    let answer = ask(&app, "GET", "/marked").await;
    assert_eq!((answer.status, answer.header("x-mark")), (503, None));
}

async fn mark(mut response: axum::response::Response) -> axum::response::Response {
    response.headers_mut().insert("x-mark", "1".parse().unwrap());
    response
}

#[tokio::test]
async fn declared_states_are_enforced_with_no_control_plane_at_all() {
    let waygate = Waygate::builder("http://127.0.0.1:9", "pay").start().unwrap();
    let app = GuardedRouter::new()
        .route("/health", get(ok).force_active())
        .route("/api/payments", get(ok).maintenance("Payment processor upgrade"))
        .guard(&waygate);
    assert_eq!(status(&app, "GET", "/health").await, 200);
    assert_eq!(ask(&app, "GET", "/api/payments").await.code(), "MAINTENANCE_MODE");
}
