//! Who may open what, and what every page has in common.

use std::sync::Arc;

use reqwest::Method;
use waygate_server::{Access, Credentials, Role, Server, User, pages};

use crate::dashboard::{Browser, act, read};
use crate::helpers::{TestServer, path_key};

/// An address of the page for a fleet with `payments:GET:/a`.
fn address(path: &str) -> String {
    if path == "/routes/bulk" {
        return format!("{path}?do=disable&route={}", path_key("payments:GET:/a"));
    }
    path.replace("{path_key}", &path_key("payments:GET:/a"))
        .replace("{service}", "payments")
        .replace("{kind}", "services")
        .replace("{name}", "payments")
        .replace("{revision}", "1")
        .replace("{action}", if path.starts_with("/limits") { "remove" } else { "disable" })
}

async fn fleet() -> TestServer {
    let users = Credentials::from(("admin", "secret"))
        .and_user(User::new("vera", "pw").role(Role::Viewer))
        .and_user(User::new("otto", "pw").role(Role::Operator).services(["orders".parse().unwrap()]));
    let server = TestServer::start_with(|server| server.auth(users)).await;
    server.register("payments", &["GET:/a"]).await;
    server.register("orders", &["GET:/b"]).await;
    server
}

#[tokio::test]
async fn g44_every_page_is_opened_by_those_it_is_for() {
    let server = fleet().await;
    let (admin, vera) = (Browser::admin(&server).await, Browser::sign_in(&server, "vera", "pw").await);
    let mut seen = 0;
    for page in pages().into_iter().filter(|page| page.access != Access::Public && page.path != "/ui/events") {
        let path = address(page.path);
        let stranger = server.anonymous().open(page.method.clone(), &path, Some(Vec::new())).await;
        let stranger = read(stranger).await;
        assert_eq!(stranger.status, 303, "{page:?}");
        assert!(stranger.location.unwrap().starts_with("/login?next=%2F"), "{page:?}");
        if page.method == Method::GET {
            let shown = admin.get(&path).await;
            let missing = page.path.contains("{instance}") || page.path.contains("{window}");
            assert_eq!(shown.status, if missing { 404 } else { 200 }, "{page:?}: {}", shown.text);
            let shown = vera.get(&path).await;
            assert_eq!(shown.status == 403, page.access > Access::Viewer, "{page:?}: {}", shown.status);
        } else {
            assert_eq!(vera.post(&path, &[]).await.status == 403, page.access > Access::Viewer, "{page:?}");
            assert_eq!(admin.post_bare(&path, &[]).await.status, 403, "without the session's token: {page:?}");
        }
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
}

#[tokio::test]
async fn g44_every_page_keeps_scripts_frames_and_caches_out() {
    let server = fleet().await;
    let admin = Browser::admin(&server).await;
    let paths = ["/login", "/", "/routes", "/limits", "/schedule", "/audit", "/settings", "/nothing", "/changes/99999"];
    for path in paths {
        let page = admin.get(path).await;
        let policy = page.head["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}");
        for (name, value) in
            [("cache-control", "no-store"), ("x-frame-options", "DENY"), ("referrer-policy", "same-origin")]
        {
            assert_eq!(page.head[name], value, "{path}");
        }
        for inline in ["<script>", " style=", " onclick=", "http://", "https://"] {
            assert!(!page.text.contains(inline), "{path} has {inline}");
        }
    }
}

#[tokio::test]
async fn an_asset_is_kept_for_good_under_its_hash_and_under_no_other() {
    let server = TestServer::start().await;
    let page = read(server.anonymous().open(Method::GET, "/login", None).await).await;
    let style = page.text.split("href=\"").nth(1).unwrap().split('"').next().unwrap();
    let asset = server.anonymous().get(style).await;
    assert_eq!((asset.status, asset.header("cache-control")), (200, Some("public, max-age=31536000, immutable")));
    assert_eq!(asset.header("content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(server.anonymous().get(&style.replace('-', "-0")).await.status, 404);
}

#[tokio::test]
async fn a_shared_link_leads_back_after_signing_in() {
    let server = fleet().await;
    let anonymous = server.anonymous();
    let link = read(anonymous.open(Method::GET, "/audit?q=a%20b", None).await).await;
    assert_eq!(link.location.as_deref(), Some("/login?next=%2Faudit%3Fq%3Da%2520b"));
    let page = read(anonymous.open(Method::GET, &link.location.unwrap(), None).await).await;
    assert!(page.text.contains("name=\"next\" value=\"/audit?q=a%20b\""), "{}", page.text);
}

#[tokio::test]
async fn whoever_tries_too_often_is_told_how_long_to_wait_and_where_it_leads() {
    let server = fleet().await;
    let browser =
        server.anonymous().with("accept", "text/html").with("content-type", "application/x-www-form-urlencoded");
    let form = "username=admin&password=wrong&next=%2Faudit";
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.push(read(browser.open(Method::POST, "/login", Some(form.into())).await).await);
    }
    let last = answers.pop().unwrap();
    let location = last.location.unwrap();
    assert!(last.status == 303 && location.starts_with("login?error=wait&seconds="), "{location}");
    assert!(location.ends_with("&next=%2Faudit"), "{location}");
    let page = read(browser.open(Method::GET, &format!("/{location}"), None).await).await;
    assert!(page.text.contains("Too many attempts. Try again in"), "{}", page.text);
}

#[tokio::test]
async fn a_role_for_some_services_sees_and_switches_those_alone() {
    let server = fleet().await;
    let otto = Browser::sign_in(&server, "otto", "pw").await;
    let list = otto.get("/routes").await.text;
    assert!(list.contains("/b") && !list.contains("payments"), "{list}");
    let before = server.changes();
    let refused = otto
        .post(
            &act("payments:GET:/a", "disable"),
            &[("route", &path_key("payments:GET:/a")), ("expected", ""), ("reason", "x")],
        )
        .await;
    assert!(matches!(refused.status, 403 | 404), "{}", refused.status);
    assert_eq!(otto.post("/stop", &[("scope", ""), ("reason", "x")]).await.status, 403);
    assert_eq!(server.changes(), before);
}

#[tokio::test]
async fn refusals_are_pages_with_a_way_back_for_browsers_and_json_for_others() {
    let server = fleet().await;
    let admin = Browser::admin(&server).await;
    let page = admin.get("/nope").await;
    assert_eq!(page.status, 404);
    assert!(page.text.contains("<h1 id=\"dialog-title\">Not found</h1>"), "{}", page.text);
    assert_eq!(admin.get("/routes?page=abc&status=purple").await.status, 200);
    assert_eq!(server.admin().await.get("/nope").await.refusal(), (404, "unknown_path"));
}

#[tokio::test]
async fn a_dashboard_below_a_prefix_leads_nowhere_else() {
    let store = Arc::new(waygate_store::MemoryStore::new().unwrap());
    let server = Server::builder().backend(store).build().await.unwrap();
    let mounted = axum::Router::new().nest("/waygate", server.router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, mounted).await.unwrap() });
    let caller = crate::helpers::Caller::new(&url);
    for path in ["/waygate", "/waygate/routes", "/waygate/audit"] {
        let page = read(caller.open(Method::GET, path, None).await).await;
        assert_eq!(page.status, 200, "{path}");
        let outside = page
            .text
            .split("href=\"/")
            .skip(1)
            .find(|link| !link.starts_with("waygate/") && !link.starts_with("waygate\""));
        assert_eq!(outside, None, "{path}");
    }
}
