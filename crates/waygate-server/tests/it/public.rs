//! What can be called without a token.

use reqwest::Method;
use waygate_server::{Access, endpoints};

use crate::helpers::{Caller, TestServer, path_key};

/// Words of our own paths, and what the reference took for a sign of a public path.
const NAMES: [&str; 12] = [
    "login",
    "logout",
    "static",
    "healthz",
    "readyz",
    "api",
    "auth",
    "x/static/y",
    "api/auth/login",
    "..",
    "%2e",
    "LOGIN",
];

async fn assert_refused(caller: &Caller, method: &Method, path: &str) {
    let status = caller.open(method.clone(), path, None).await.status().as_u16();
    assert_eq!(status, 401, "{method} {path}");
}

/// B03, G40: a name in a path decides nothing.
#[tokio::test]
async fn g40_only_the_listed_pairs_answer_without_a_token() {
    let server = TestServer::start().await;
    let (stranger, before) = (server.anonymous(), server.revision());
    let mut public = Vec::new();
    for endpoint in endpoints() {
        if endpoint.access == Access::Public {
            public.push(format!("{} {}", endpoint.method, endpoint.path));
            continue;
        }
        for name in NAMES {
            let segment = waygate_api::paths::percent_encoded(name);
            let path = endpoint.path.replace("{path_key}", &path_key(name)).replace("{service}", &segment);
            assert_refused(&stranger, &endpoint.method, &path).await;
            let raw = endpoint.path.replace("{path_key}", &segment).replace("{service}", &segment);
            assert_refused(&stranger, &endpoint.method, &raw).await;
        }
    }
    public.sort();
    let expected =
        ["GET /healthz", "GET /readyz", "POST /api/auth/login", "POST /api/auth/logout", "POST /login", "POST /logout"];
    assert_eq!(public, expected);
    assert_eq!(server.revision(), before);
}

#[tokio::test]
async fn paths_that_merely_look_public_are_not() {
    let server = TestServer::start().await;
    let stranger = server.anonymous();
    for path in [
        "/login/",
        "/x/login",
        "/static/app.css",
        "/api/routes/login",
        "/api/global/enable/login",
        "/api/services/static/maintenance/enable",
        "//api/auth/login",
        "/api/auth/login/",
        "/API/AUTH/LOGIN",
        "/healthz/",
        "/healthz/../api/routes",
        "/api/auth//login",
        "/",
    ] {
        assert_refused(&stranger, &Method::POST, path).await;
    }
    assert_refused(&stranger, &Method::GET, "/api/auth/login").await;
    assert_eq!(stranger.open(Method::GET, "/login", None).await.status(), 200, "the page to sign in at");
    assert_refused(&stranger, &Method::GET, "/logout").await;
    assert_refused(&stranger, &Method::DELETE, "/healthz").await;
    assert!(!server.control.current().global.maintenance.enabled);
}

/// B04.
#[tokio::test]
async fn a_malformed_host_opens_nothing() {
    let server = TestServer::start().await;
    for (host, expected) in
        [("x/api/auth/login", 400), ("a:b:c", 400), ("a b", 400), ("healthz", 401), ("[::1]:9", 401)]
    {
        for path in ["/api/routes", "/api/nothing"] {
            assert_eq!(server.anonymous().with("host", host).get(path).await.status, expected, "{host} {path}");
        }
    }
}
