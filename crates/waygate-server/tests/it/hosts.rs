//! The names by which a server without authentication may be called.

use serde_json::json;
use waygate_server::{BuildError, Credentials, Server};
use waygate_store::MemoryStore;

use crate::helpers::{Caller, TestServer};

async fn statuses(caller: &Caller) -> [u16; 4] {
    let read = caller.get("/api/routes").await.status;
    let unknown = caller.get("/api/nothing").await.status;
    let switch = caller.post("/api/global/disable", json!({})).await.status;
    let stream = caller.open(reqwest::Method::GET, "/api/sdk/stream?service=pay", None).await.status().as_u16();
    [read, unknown, switch, stream]
}

/// DNS rebinding: a page has its own name lead to this machine, and its browser takes the two for one origin.
#[tokio::test]
async fn g40_a_name_that_may_be_anybody_s_is_refused_where_no_token_is_asked_for() {
    let open = TestServer::start_with(|server| {
        server.auth(Credentials::none()).allowed_hosts(["waygate.example", "*.corp.example"])
    })
    .await;
    let stranger = open.anonymous();
    for own in [
        "127.0.0.1:9000",
        "localhost:9000",
        "[::1]:9000",
        "waygate-server:9000",
        "Waygate.Example",
        "a.corp.example:80",
    ] {
        assert_eq!(statuses(&stranger.with("host", own)).await, [200, 404, 200, 200], "{own}");
    }
    let before = open.revision();
    for other in ["evil.example", "evil.example:9000", "127.0.0.1.evil.example", "corp.example"] {
        let caller = stranger.with("host", other).with("origin", format!("http://{other}"));
        assert_eq!(statuses(&caller).await, [421; 4], "{other}");
        let answer = caller.get("/api/routes").await;
        assert_eq!((answer.refusal(), &answer.body["field"]), ((421, "host_not_allowed"), &json!("host")));
        let told = answer.body["error"].as_str().unwrap();
        assert!(told.contains("`Host`") && told.contains(other) && told.contains("--allowed-host"), "{told}");
        for probe in ["/healthz", "/readyz"] {
            assert_eq!(caller.get(probe).await.status, 200, "{probe}");
        }
    }
    assert_eq!(open.revision(), before);

    let closed = TestServer::start().await;
    let admin = closed.admin().await.with("host", "evil.example");
    assert_eq!(admin.get("/api/routes").await.status, 200, "a token is what such a page does not have");
}

#[tokio::test]
async fn a_name_that_is_none_is_refused_at_the_start() {
    for bad in ["http://waygate.example", "waygate.example:9000", ""] {
        let store = std::sync::Arc::new(MemoryStore::new().unwrap());
        let refusal = Server::builder().backend(store).allowed_hosts([bad]).build().await.unwrap_err();
        assert!(matches!(&refusal, BuildError::AllowedHost(text) if text.contains("`*.example`")), "{refusal}");
    }
}
