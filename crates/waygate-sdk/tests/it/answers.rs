//! Answers of the service's own, those of gRPC, and the guard without tower.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tower::{Layer as _, ServiceExt as _};
use waygate_sdk::axum::{GuardedRouter, any, get};
use waygate_sdk::testing::ControlPlane;
use waygate_sdk::{Denied, PeerAddress, RequestHead, Routes, Waygate, WaygateBuilder, escape_html};

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

async fn ask(app: &Router, line: &str, headers: &[(&str, &str)]) -> Answer {
    let (method, path) = line.split_once(' ').unwrap();
    let request = headers
        .iter()
        .fold(Request::builder().method(method).uri(path), |request, (name, value)| request.header(*name, *value));
    let (head, body) = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: head.status.as_u16(), headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

fn shop() -> WaygateBuilder {
    Waygate::builder("http://localhost:9000", "shop")
}

fn page(denied: &Denied<'_>) -> Response<bytes::Bytes> {
    if denied.accepts_html() { denied.html(format!("<p>{}", escape_html(denied.reason()))) } else { denied.standard() }
}

const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");

#[tokio::test]
async fn a_page_is_for_those_who_would_see_one_and_keeps_the_standard_headers() {
    let plane = ControlPlane::followed_by(shop().denied_with(page));
    let app = GuardedRouter::new().route("/a", get(async || "a")).guard(&plane.waygate());
    plane.route("/a").lasting(std::time::Duration::from_secs(90)).maintenance("<script>");
    let answer = ask(&app, "GET /a", &[BROWSER]).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "<p>&lt;script&gt;"));
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("retry-after"), Some("90"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-length"), Some("17"));
    let head = ask(&app, "HEAD /a", &[BROWSER]).await;
    assert_eq!((head.status, head.body.as_str(), head.header("content-length")), (503, "", Some("17")));
    let data = ask(&app, "GET /a", &[("accept", "application/json")]).await;
    assert!(data.body.starts_with(r#"{"error":{"code":"MAINTENANCE_MODE""#), "{}", data.body);

    plane.route("/a").enable();
    plane.route("/a").limit("1/minute");
    assert_eq!(ask(&app, "GET /a", &[BROWSER]).await.status, 200);
    let limited = ask(&app, "GET /a", &[BROWSER]).await;
    assert_eq!((limited.status, limited.body.as_str()), (429, "<p>"));
    assert_eq!((limited.header("retry-after"), limited.header("x-ratelimit-remaining")), (Some("60"), Some("0")));
    assert!(limited.header("ratelimit").is_some() && limited.header("ratelimit-policy").is_some());
}

#[tokio::test]
async fn a_route_has_an_answer_of_its_own_before_that_of_the_service() {
    let plane = ControlPlane::followed_by(shop().denied_with(|denied| Response::new(denied.code())));
    let app = GuardedRouter::new()
        .route("/cart", get(async || "").denied_with(|denied| denied.redirect("/sorry?from=cart")))
        .route("/data", get(async || "").denied_with(|denied| denied.json(&["later", denied.reason()])))
        .route("/other", get(async || ""))
        .route("/sorry", get(async || "").denied_with(|denied| denied.redirect("/sorry")))
        .guard(&plane.waygate());
    plane.everything().maintenance("db");

    let answer = ask(&app, "GET /cart", &[]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/sorry?from=cart")));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let answer = ask(&app, "GET /data", &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, r#"["later","db"]"#));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let answer = ask(&app, "GET /other", &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "MAINTENANCE_MODE"));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    let answer = ask(&app, "GET /sorry", &[]).await;
    assert_eq!((answer.status, answer.header("location")), (503, None), "nobody goes round in circles");
    let answer = ask(&app, "GET /nowhere", &[]).await;
    assert_eq!(answer.body, "MAINTENANCE_MODE", "what is no route has the service's answer");
}

#[tokio::test]
async fn what_is_no_answer_gives_the_standard_one() {
    let plane = ControlPlane::new("shop");
    let panics = |denied: &Denied<'_>| if denied.reason().is_empty() { denied.standard() } else { panic!("a bug") };
    let informs = |_: &Denied<'_>| Response::builder().status(103).body("early").unwrap();
    let empty = |_: &Denied<'_>| Response::builder().status(204).body("not sent").unwrap();
    let app = GuardedRouter::new()
        .route("/panics", get(async || "").denied_with(panics).disabled("off"))
        .route("/informs", get(async || "").denied_with(informs).disabled("off"))
        .route("/empty", get(async || "").denied_with(empty).disabled("off"))
        .guard(&plane.waygate());
    for path in ["/panics", "/informs"] {
        let answer = ask(&app, &format!("GET {path}"), &[]).await;
        assert_eq!(answer.status, 503, "{path}");
        assert!(answer.body.contains("ROUTE_DISABLED") && answer.header("cache-control").is_none(), "{path}");
    }
    let answer = ask(&app, "GET /empty", &[]).await;
    assert_eq!((answer.status, answer.body.as_str(), answer.header("content-type")), (204, "", None));
}

const GRPC: (&str, &str) = ("content-type", "application/grpc+proto");

#[tokio::test]
async fn a_call_of_grpc_is_answered_by_a_status_whatever_the_service_says_else() {
    let plane = ControlPlane::followed_by(shop().denied_with(page));
    // As tonic mounts a service.
    let app = Router::new().route("/shop.Cart/{*rest}", axum::routing::post(async || "served"));
    let app = app.layer(plane.waygate().layer());
    plane.waygate().declare(Routes::new().post("/shop.Cart/Add").post("/shop.Cart/List"));
    plane.route("/shop.Cart/Add").lasting(std::time::Duration::from_secs(90)).maintenance("é 100%");

    let answer = ask(&app, "POST /shop.Cart/Add", &[GRPC, BROWSER]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.header("content-type"), Some("application/grpc+proto"));
    assert_eq!(answer.header("grpc-status"), Some("14"));
    let message = "This endpoint is temporarily unavailable: %C3%A9 100%25";
    assert_eq!(answer.header("grpc-message"), Some(message));
    assert_eq!((answer.header("retry-after"), answer.header("grpc-retry-pushback-ms")), (Some("90"), Some("90000")));
    assert_eq!(ask(&app, "POST /shop.Cart/List", &[GRPC]).await.body, "served", "each method is a route");
    assert_eq!(ask(&app, "POST /shop.Cart/Add", &[]).await.body, "served", "what is no gRPC is the router's template");

    plane.route("/shop.Cart/List").limit("1/minute");
    assert_eq!(ask(&app, "POST /shop.Cart/List", &[GRPC]).await.body, "served");
    let answer = ask(&app, "POST /shop.Cart/List", &[GRPC]).await;
    assert_eq!((answer.header("grpc-status"), answer.header("grpc-retry-pushback-ms")), (Some("8"), Some("60000")));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
    plane.route("/shop.Cart/List").env_only(["prod"]);
    assert_eq!(ask(&app, "POST /shop.Cart/List", &[GRPC]).await.header("grpc-status"), Some("7"));
    plane.route("/shop.Cart/List").disable("");
    let answer = ask(&app, "POST /shop.Cart/List", &[GRPC]).await;
    assert_eq!(
        (answer.header("grpc-status"), answer.header("grpc-message")),
        (Some("14"), Some("This endpoint has been disabled"))
    );
    assert_eq!(answer.header("grpc-retry-pushback-ms"), None, "nobody knows when it ends");
}

#[tokio::test]
async fn bodies_that_cannot_be_made_of_bytes_are_empty() {
    /// As tonic's: there is an empty one, and none of bytes.
    #[derive(Debug, Default, PartialEq)]
    struct Opaque(Option<u8>);

    let plane = ControlPlane::new("shop");
    plane.waygate().declare(Routes::new().post("/shop.Cart/Add").disabled("off"));
    let inner =
        tower::service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(Opaque(Some(1)))));
    let service = plane.waygate().grpc_layer().layer(inner);
    let ask = async |kind: &str, path: &str| {
        let request = Request::post(path).header("content-type", kind).body(()).unwrap();
        service.clone().oneshot(request).await.unwrap()
    };
    let answer = ask("application/grpc", "/shop.Cart/Add").await;
    assert_eq!((answer.status().as_u16(), answer.headers()["grpc-status"].to_str().unwrap()), (200, "14"));
    assert_eq!(answer.body(), &Opaque(None));
    let answer = ask("application/json", "/shop.Cart/Add").await;
    assert_eq!((answer.status().as_u16(), answer.headers()["content-length"].to_str().unwrap()), (503, "0"));
    assert_eq!(ask("application/grpc", "/shop.Cart/List").await.body(), &Opaque(Some(1)));
}

#[tokio::test]
async fn what_is_not_built_on_tower_is_guarded_by_admission() {
    let plane = ControlPlane::followed_by(shop().denied_with(|denied| Response::new(denied.code())));
    let waygate = plane.waygate();
    waygate.declare(Routes::new().get("/items/{id}").rate_limit("1/minute"));
    let admit = async |path: &str, template: Option<&str>, peer: &str| {
        let mut request = Request::get(path).body(()).unwrap();
        request.extensions_mut().insert(PeerAddress(peer.parse().unwrap()));
        let admitted = waygate.admit(RequestHead::from(&request), template).await;
        let mut headers = HeaderMap::new();
        admitted.map(|admitted| admitted.finish(StatusCode::OK, &mut headers)).map(|()| headers)
    };
    let headers = admit("/items/7", Some("/items/{id}"), "10.0.0.1").await.unwrap();
    assert_eq!(headers["x-ratelimit-remaining"], "0");
    let refusal = admit("/items/8", None, "10.0.0.1").await.unwrap_err();
    assert_eq!(
        (refusal.body().as_ref(), &refusal.headers()["retry-after"]),
        (&b"RATE_LIMIT_EXCEEDED"[..], &"60".parse().unwrap())
    );
    assert!(
        admit("/items/8", None, "10.0.0.2").await.is_ok(),
        "callers are told apart by the address that the server tells"
    );
    assert!(admit("/new", Some("/new"), "10.0.0.1").await.is_ok());
    plane.route("/new").disable("it has become known by use");
    assert_eq!(admit("/new", Some("/new"), "10.0.0.1").await.unwrap_err().body().as_ref(), b"ROUTE_DISABLED");
    assert_eq!(plane.outcomes("/items/{id}").limited, 1);
}

#[tokio::test]
async fn an_answer_goes_with_the_last_declaration_of_its_route() {
    let plane = ControlPlane::new("shop");
    let app = GuardedRouter::new().route("/a", any(async || "").denied_with(|_| Response::new("own")).disabled("x"));
    let app = app.guard(&plane.waygate());
    assert_eq!(ask(&app, "PUT /a", &[]).await.body, "own");
    plane.waygate().declare(Routes::new().any("/a").disabled("x"));
    assert_eq!(ask(&app, "PUT /a", &[]).await.status, 503);
}
