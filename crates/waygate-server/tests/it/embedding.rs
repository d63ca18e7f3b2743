//! The server as part of another program.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use waygate_server::{Access, BuildError, Credentials, ExecuteError, OperatorError, Server, endpoints};
use waygate_store::{FileStore, MemoryStore, Store as _};

use crate::helpers::Caller;

/// A program with one route of its own and the control plane below a prefix.
async fn mounted(server: &Server) -> Caller {
    let app = Router::new().route("/own", get(async || "own")).nest("/waygate", server.router());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    Caller::new(&url)
}

async fn build(credentials: impl Into<Credentials>) -> Server {
    let store = Arc::new(MemoryStore::new().unwrap());
    Server::builder().backend(store).auth(credentials).secret_key("k").build().await.unwrap()
}

#[tokio::test]
async fn a_mounted_server_keeps_its_exact_public_paths() {
    let server = build(("admin", "secret")).await;
    let caller = mounted(&server).await;
    assert_eq!(caller.open(Method::GET, "/own", None).await.status(), 200);
    assert_eq!(caller.get("/waygate/healthz").await.status, 200);
    assert_eq!(caller.get("/healthz").await.status, 404);
    for endpoint in endpoints().into_iter().filter(|endpoint| endpoint.access != Access::Public) {
        let path = format!("/waygate{}", endpoint.path.replace("{path_key}", "login").replace("{service}", "static"));
        assert_eq!(caller.open(endpoint.method, &path, None).await.status(), 401, "{path}");
    }
    assert_eq!(caller.get("/waygate/api/login").await.refusal(), (401, "unauthorized"));
    let login = caller.post("/waygate/api/auth/login", json!({"username": "admin", "password": "secret"})).await;
    let admin = caller.with("x-waygate-token", login.body["token"].as_str().unwrap());
    assert_eq!(admin.get("/waygate/api/routes").await.body, json!([]));
    assert_eq!(admin.get("/waygate/api/nothing").await.refusal(), (404, "unknown_path"));
}

#[tokio::test]
async fn g21_an_embedded_control_plane_can_always_be_reached_to_switch_maintenance_off() {
    let server = build(Credentials::none()).await;
    let caller = mounted(&server).await;
    let everything = json!({"reason": "locked", "include_force_active": true});
    assert_eq!(caller.post("/waygate/api/global/enable", everything).await.status, 200);
    assert_eq!(caller.get("/waygate/readyz").await.status, 200);
    assert_eq!(caller.post("/waygate/api/global/disable", json!({})).await.body["enabled"], false);
}

#[tokio::test]
async fn an_operator_inside_of_the_program_acts_in_its_own_name() {
    let server = build(Credentials::none()).await;
    let caller = mounted(&server).await;
    let operator = server.operator("deploy-job").unwrap();
    let body = json!({"app_id": "pay", "states": [{"path": "pay:GET:/a"}, {"path": "pay:GET:/health"}]});
    caller.post("/waygate/api/sdk/register", body).await;
    operator.enable_service_maintenance("pay", "DB migration", &["/health"]).await.unwrap();
    let maintenance = operator.service_maintenance("pay").unwrap();
    assert_eq!((maintenance.enabled, &*maintenance.reason), (true, "DB migration"));
    operator.disable_service_maintenance("pay").await.unwrap();
    assert!(!operator.service_maintenance("pay").unwrap().enabled);
    operator.disable("/a", "hotfix").await.unwrap();
    let applied = operator.disable("/a", "hotfix").await.unwrap();
    assert!(!applied.changed);
    operator.maintenance("/a", "later").await.unwrap();
    operator.enable("pay:GET:/a", "").await.unwrap();
    operator.enable_global_maintenance("deploy", &[]).await.unwrap();
    assert!(operator.global_maintenance().enabled);
    operator.disable_global_maintenance().await.unwrap();
    let log = caller.get("/waygate/api/audit").await;
    assert_eq!(log.paths().len(), 7);
    assert!(
        log.body.as_array().unwrap().iter().all(|entry| entry["actor"] == "deploy-job" && entry["platform"] == "api")
    );
    for error in [
        operator.service_maintenance("pey").unwrap_err(),
        operator.disable_service_maintenance("pey").await.unwrap_err(),
        operator.disable("/unheard-of", "").await.unwrap_err(),
    ] {
        assert!(matches!(error, OperatorError::Execute(ExecuteError::Command(_))), "{error}");
    }
    assert!(matches!(operator.disable("no path", "").await, Err(OperatorError::Name(_))));
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let builder = || Server::builder().backend(Arc::new(MemoryStore::new().unwrap()));
    assert!(matches!(Server::builder().build().await, Err(BuildError::NoBackend)));
    assert!(matches!(builder().secret_key("").build().await, Err(BuildError::EmptySecretKey)));
    for bad in
        [[("", "x"), ("b", "y")], [("a", ""), ("b", "y")], [("a", "x"), ("a", "y")], [("a\n", "x"), ("a\u{1}", "y")]]
    {
        assert!(matches!(builder().auth(bad).build().await, Err(BuildError::Credentials(_))), "{bad:?}");
    }
    let shown = format!("{:?}", builder().auth(("admin", "hidden-password")).secret_key("hidden-key"));
    assert!(shown.contains("admin") && !shown.contains("hidden"), "{shown}");
}

/// G24: the file is free again, without a word to the server.
#[tokio::test]
async fn g24_a_server_that_is_dropped_lets_go_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let store = Arc::new(FileStore::open(&path).await.unwrap());
    let server = Server::builder().backend(store).build().await.unwrap();
    let (router, control) = (server.router(), server.control());
    let ask = |method: &str, path: &str| {
        let request = axum::http::Request::builder().method(method).uri(path);
        router.clone().oneshot(request.body(axum::body::Body::empty()).unwrap())
    };
    drop(server);
    assert_eq!(ask("POST", "/api/global/enable").await.unwrap().status(), 200, "its router is still there");
    assert!(FileStore::open(&path).await.is_err());
    drop(router);
    let mut tries = 0;
    let reopened = loop {
        match FileStore::open(&path).await {
            Ok(store) => break store,
            Err(error) => {
                tries += 1;
                assert!(tries < 500, "{error}");
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        }
    };
    assert!(reopened.load().await.unwrap().global.maintenance.enabled);
    let operator = waygate_core::Cause {
        actor: "left-over".parse().unwrap(),
        platform: waygate_core::Platform::Api,
        at: waygate_core::Timestamp::UNIX_EPOCH,
        undoes: None,
    };
    let refusal = control.execute(waygate_core::Command::Settle, operator).await.unwrap_err();
    assert!(matches!(refusal, ExecuteError::Store(_)), "a handle does not keep it: {refusal}");
}

#[tokio::test]
async fn a_stopped_server_is_alive_but_not_ready() {
    let server = build(Credentials::none()).await;
    let caller = mounted(&server).await;
    assert_eq!(caller.get("/waygate/readyz").await.body, json!({"status": "ready"}));
    server.stop().await.unwrap();
    assert_eq!(caller.get("/waygate/healthz").await.status, 200);
    assert_eq!(caller.get("/waygate/readyz").await.refusal(), (503, "store_unavailable"));
    let answer = caller.post("/waygate/api/global/enable", json!({})).await;
    assert_eq!((answer.refusal(), answer.header("retry-after")), ((503, "store_unavailable"), Some("5")));
}
