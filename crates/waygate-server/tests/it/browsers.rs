//! Callers that are browsers: cookies, pages of other sites, and protective headers.

use reqwest::Method;
use serde_json::json;
use waygate_server::{Access, endpoints};

use crate::helpers::{Answer, Caller, TestServer, path_key};

const FORM: &str = "application/x-www-form-urlencoded";

async fn submit(caller: &Caller, path: &str, form: &str) -> Answer {
    caller.with("content-type", FORM).send(Method::POST, path, Some(form.as_bytes().to_vec())).await
}

/// The name and value of the cookie that an answer sets.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

async fn session(server: &TestServer) -> (Caller, String) {
    let answer = submit(&server.anonymous(), "/login", "username=admin&password=secret").await;
    let browser = server.anonymous().with("cookie", cookie(&answer));
    let me = browser.get("/api/auth/me").await.body;
    (browser, me["csrf_token"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn g44_a_form_logs_a_browser_in_and_out() {
    let server = TestServer::start().await;
    let answer = submit(&server.anonymous(), "/login", "username=admin&password=secret&next=/audit").await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/audit")));
    let set = answer.header("set-cookie").unwrap();
    assert!(set.starts_with("waygate_session=v4.local."), "{set}");
    assert!(set.ends_with("; Path=/; Max-Age=86399; HttpOnly; SameSite=Lax") || set.contains("Max-Age=86400"), "{set}");
    let browser = server.anonymous().with("cookie", cookie(&answer));
    let me = browser.get("/api/auth/me").await.body;
    assert_eq!(
        (&me["username"], &me["platform"], &me["role"]),
        (&json!("admin"), &json!("dashboard"), &json!("admin"))
    );
    let wrong = submit(&server.anonymous(), "/login", "username=admin&password=wrong&next=/audit?q=a").await;
    assert_eq!(wrong.status, 303);
    assert_eq!(wrong.header("location"), Some("login?error=Invalid+credentials&next=%2Faudit%3Fq%3Da"));
    // What was typed is kept for the page that follows, but for the password, and not in an address.
    assert!(wrong.header("set-cookie").unwrap().starts_with("waygate_name=admin; Path=/; Max-Age=60; HttpOnly"));
    let again = server.anonymous().with("cookie", "waygate_name=admin").with("accept", "text/html");
    let page = again.open(Method::GET, "/login?error=x", None).await.text().await.unwrap();
    assert!(page.contains("value=\"admin\""), "{page}");
    assert_eq!(submit(&server.anonymous(), "/login", "%ff=%ff").await.status, 303);

    let own = browser.with("origin", format!("http://{}", server.address()));
    let out = submit(&own, "/logout", "").await;
    assert_eq!((out.status, out.header("location")), (303, Some("login")));
    assert!(out.header("set-cookie").unwrap().starts_with("waygate_session=; Path=/; Max-Age=0"));
    assert_eq!(browser.get("/api/auth/me").await.status, 401);
}

/// B27: every logout ends the session that it came with, and no other site logs anybody out.
#[tokio::test]
async fn g44_the_api_s_logout_ends_a_browser_s_session() {
    let server = TestServer::start().await;
    let (browser, csrf) = session(&server).await;
    for foreign in [browser.with("origin", "http://evil.example"), browser.with("sec-fetch-site", "cross-site")] {
        assert_eq!(foreign.post("/api/auth/logout", json!({})).await.refusal(), (403, "forbidden"));
        assert_eq!(submit(&foreign, "/logout", "").await.refusal(), (403, "forbidden"));
    }
    assert_eq!(browser.post("/api/auth/logout", json!({})).await.status, 403, "no proof at all");
    assert_eq!(browser.get("/api/auth/me").await.status, 200);
    let answer = browser.with("x-waygate-csrf", csrf).post("/api/auth/logout", json!({})).await;
    assert_eq!((answer.status, &answer.body), (200, &json!({"ok": true})));
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(browser.get("/api/auth/me").await.status, 401);
}

/// B27: over the router's own list.
#[tokio::test]
async fn g44_a_browser_s_changes_need_its_token_and_come_from_our_own_pages() {
    let server = TestServer::start().await;
    let (browser, csrf) = session(&server).await;
    let own = format!("http://{}", server.address());
    let admin = server.admin().await;
    let changes = endpoints()
        .into_iter()
        .filter(|endpoint| endpoint.method != Method::GET && !matches!(endpoint.access, Access::Public));
    let before = server.revision();
    let mut checked = 0;
    for endpoint in changes {
        let path = endpoint.path.replace("{path_key}", &path_key("GET:/nowhere")).replace("{service}", "nowhere");
        let path = path.replace("{webhook}", "none").replace("{token}", "none");
        let status = async |caller: Caller| {
            caller.open(endpoint.method.clone(), &path, Some(b"[]".to_vec())).await.status().as_u16()
        };
        let with_token = browser.with("x-waygate-csrf", &csrf);
        for refused in [
            browser.clone(),
            browser.with("origin", &own),
            browser.with("origin", &own).with("x-waygate-csrf", "0".repeat(32)),
            with_token.with("origin", "http://evil.example"),
            with_token.with("origin", "null"),
            with_token.with("sec-fetch-site", "same-site"),
            with_token.with("sec-fetch-site", "cross-site").with("origin", &own),
        ] {
            assert_eq!(status(refused).await, 403, "{endpoint:?}");
        }
        for allowed in [
            with_token.clone(),
            with_token.with("origin", &own),
            with_token.with("sec-fetch-site", "same-origin"),
            // A token in a header is never sent by a browser on its own.
            admin.with("origin", "http://evil.example").with("sec-fetch-site", "cross-site"),
        ] {
            assert_ne!(status(allowed).await, 403, "{endpoint:?}");
        }
        checked += 1;
    }
    assert!(checked > 20, "{checked}");
    assert_eq!(server.revision(), before);
    assert_eq!(browser.get("/api/routes").await.status, 200, "reading takes no proof");
}

#[tokio::test]
async fn g44_a_page_of_another_site_changes_nothing_on_an_open_server() {
    let server = TestServer::open().await;
    let stranger = server.anonymous();
    for foreign in [
        stranger.with("origin", "http://evil.example"),
        stranger.with("origin", "null"),
        stranger.with("sec-fetch-site", "cross-site"),
    ] {
        assert_eq!(foreign.post("/api/global/enable", json!({})).await.refusal(), (403, "forbidden"));
        assert_eq!(foreign.get("/api/global").await.status, 200);
    }
    assert_eq!(server.revision(), 0);
    let own = stranger.with("origin", format!("http://{}", server.address()));
    assert_eq!(own.post("/api/global/enable", json!({})).await.status, 200);
    assert_eq!(stranger.post("/api/global/disable", json!({})).await.status, 200);
}

#[tokio::test]
async fn g44_a_cookie_carries_sessions_of_browsers_only() {
    let server = TestServer::start().await;
    for token in [server.admin().await, server.sdk("payments").await] {
        let cookie = format!("waygate_session={}", token.header("x-waygate-token"));
        assert_eq!(server.anonymous().with("cookie", cookie).get("/api/routes").await.status, 401);
    }
    let (browser, _) = session(&server).await;
    let bad = browser.with("x-waygate-token", "nonsense");
    assert_eq!(bad.get("/api/routes").await.status, 401, "a bad header is not rescued by a good cookie");
}

#[tokio::test]
async fn g44_behind_a_proxy_with_tls_cookies_are_secure() {
    let server = TestServer::start_with(|server| server.trusted_proxies(["127.0.0.0/8".parse().unwrap()])).await;
    let proxied = server.anonymous().with("x-forwarded-proto", "https").with("x-forwarded-host", "waygate.example");
    let answer = submit(&proxied, "/login", "username=admin&password=secret").await;
    let set = answer.header("set-cookie").unwrap();
    assert!(set.starts_with("__Host-waygate_session=") && set.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{set}");
    let browser = proxied.with("cookie", cookie(&answer));
    assert_eq!(browser.get("/api/auth/me").await.status, 200);
    // G46: without the proxy's word it is not TLS, and the cookie is not for here.
    let direct = TestServer::start().await;
    let answer =
        submit(&direct.anonymous().with("x-forwarded-proto", "https"), "/login", "username=admin&password=secret")
            .await;
    assert!(answer.header("set-cookie").unwrap().starts_with("waygate_session="));
}

/// B27: whatever the answer is.
#[tokio::test]
async fn g44_every_answer_protects_browsers() {
    let server = TestServer::start().await;
    let (admin, stranger) = (server.admin().await, server.anonymous());
    for endpoint in endpoints() {
        let path = endpoint.path.replace("{path_key}", &path_key("GET:/nowhere")).replace("{service}", "nowhere");
        for caller in [&admin, &stranger] {
            let answer = caller.open(endpoint.method.clone(), &path, None).await;
            let head = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(head("x-content-type-options").as_deref(), Some("nosniff"), "{endpoint:?}");
            assert_eq!(head("x-frame-options").as_deref(), Some("DENY"), "{endpoint:?}");
            assert_eq!(head("referrer-policy").as_deref(), Some("no-referrer"), "{endpoint:?}");
            assert!(head("content-security-policy").unwrap().contains("frame-ancestors 'none'"), "{endpoint:?}");
            assert!(head("cache-control").unwrap().starts_with("no-"), "{endpoint:?}");
        }
    }
}
