//! Answers to requests, whatever they are. Also run by the fuzzer.
//!
//! Requests are written down as in HTTP, with `---` on a line of its own between one and the next:
//!
//! ```text
//! POST /api/routes/<pay:GET:/a>/disable
//! if-match: 3
//!
//! {"reason":"hotfix"}
//! ---
//! GET /api/audit
//! ```
//!
//! What stands between `<` and `>` is sent as a path key, and `$id` as the `id` of the latest answer that had one. Nobody
//! waits for a change to be in force. Requests bear an administrator's token unless they have credentials of their own.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use waygate_api::paths::{EVENTS, path_key};
use waygate_server::{Server, WebhookOptions};
use waygate_store::MemoryStore;

/// How many requests of a script are sent.
const MOST_REQUESTS: usize = 24;
/// How long an answer may take: longer than anybody may ask to wait for his change to be in force.
const PATIENCE: Duration = Duration::from_secs(70);
/// An address of this machine at which nobody listens.
const NOWHERE: &str = "http://127.0.0.1:1/hook";

/// A control plane in memory with two services, and an administrator of it.
struct Subject {
    server: Server,
    router: Router,
    token: HeaderValue,
    /// The latest `id` that was told.
    id: String,
}

/// Sends the requests of a script to a new control plane, one after another. Nothing is answered as a failure of the
/// server, every refusal has the one shape of refusals, and what is refused has changed nothing. Gives the status of
/// each answer.
pub(crate) async fn are_answered(script: &str) -> Vec<u16> {
    let mut subject = Subject::new().await;
    let mut statuses = Vec::new();
    for request in script.split("\n---\n").take(MOST_REQUESTS) {
        if let Some(request) = subject.read(request) {
            let asked = format!("{} {}", request.method(), request.uri());
            let status = tokio::time::timeout(PATIENCE, subject.answers(&asked, request)).await;
            statuses.push(status.unwrap_or_else(|_| panic!("{asked} is not answered")));
        }
    }
    subject.server.stop().await.unwrap();
    statuses
}

impl Subject {
    async fn new() -> Self {
        let webhooks =
            WebhookOptions { allow_private: true, timeout: Duration::from_millis(100), ..WebhookOptions::default() };
        let server = Server::builder()
            .backend(Arc::new(MemoryStore::new().unwrap()))
            .auth([("admin", "secret")])
            .secret_key("a stable key for tests")
            .webhooks(webhooks)
            .build()
            .await
            .unwrap();
        let mut subject =
            Self { router: server.router(), server, token: HeaderValue::from_static(""), id: "none".to_owned() };
        let login = json!({"username": "admin", "password": "secret"});
        let body = subject.prepare("/api/auth/login", login).await;
        subject.token = body["token"].as_str().unwrap().parse().unwrap();
        for (service, keys) in [("pay", &["GET:/a", "POST:/a", "/b", "GET:/users/{id}"][..]), ("orders", &["GET:/a"])] {
            let states: Vec<Value> = keys.iter().map(|key| json!({"path": format!("{service}:{key}")})).collect();
            subject.prepare("/api/sdk/register", json!({"app_id": service, "states": states})).await;
        }
        subject
    }

    async fn prepare(&self, path: &str, body: Value) -> Value {
        let request = self.read(&format!("POST {path}\n\n{body}")).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert!(response.status().is_success(), "{path}");
        serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap()
    }

    /// `None` for what cannot be sent.
    fn read(&self, text: &str) -> Option<Request<Body>> {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let (method, target) = lines.next()?.split_once(' ')?;
        let mut headers = HeaderMap::new();
        for (name, value) in lines.take(20).filter_map(|line| line.split_once(": ")) {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
                headers.append(name, value);
            }
        }
        let own = [HeaderName::from_static("x-waygate-token"), header::AUTHORIZATION, header::COOKIE];
        if !own.iter().any(|name| headers.contains_key(name)) {
            headers.insert("x-waygate-token", self.token.clone());
        }
        let target = with_path_key(&target.replace("$id", &self.id).replace("wait=", "w="));
        let body = if target.contains("webhooks") { with_nobody_called(body) } else { body.to_owned() };
        let request = Request::builder().method(method.parse::<Method>().ok()?).uri(target);
        let mut request = request.body(Body::from(body)).ok()?;
        *request.headers_mut() = headers;
        Some(request)
    }

    async fn answers(&mut self, asked: &str, request: Request<Body>) -> u16 {
        let is_bodiless = request.method() == Method::HEAD || request.uri().path() == EVENTS;
        let before = self.server.control().current().cursor.clone();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, head) = (response.status(), response.headers().clone());
        assert!(!status.is_server_error() || [501, 503, 507].contains(&status.as_u16()), "{asked}: {status}");
        assert!(head.contains_key("x-request-id"), "{asked}");
        let media = head.get(header::CONTENT_TYPE).map(|media| media.to_str().unwrap()).unwrap_or_default();
        if is_bodiless || media.starts_with("text/event-stream") {
            return status.as_u16();
        }
        let text = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body = serde_json::from_slice::<Value>(&text);
        let read = |body: serde_json::Result<Value>| body.unwrap_or_else(|error| panic!("{asked}: {error}"));
        if status.is_success() && media == "application/json" {
            self.id = read(body)["id"].as_str().map_or(std::mem::take(&mut self.id), ToOwned::to_owned);
        } else if status.is_client_error() || status.is_server_error() {
            let body = read(body);
            let told = |field: &str| body[field].as_str().is_some_and(|text| !text.is_empty());
            assert!(told("error") && told("code") && told("request_id"), "{asked}: {body}");
            assert_eq!(self.server.control().current().cursor, before, "{asked} was refused and has changed something");
        }
        status.as_u16()
    }
}

/// A target with what stands in angle brackets as a path key.
fn with_path_key(target: &str) -> String {
    let read = || {
        let (before, rest) = target.split_once('<')?;
        let (key, after) = rest.split_once('>')?;
        Some(format!("{before}{}{after}", path_key(key)))
    };
    read().unwrap_or_else(|| target.to_owned())
}

/// A webhook's settings with a target on this machine: what is made up must not be sent to strangers.
fn with_nobody_called(body: &str) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(body.trim_start_matches('\u{feff}')) else {
        return body.to_owned();
    };
    if let Some(url) = fields.get_mut("url")
        && url.as_str().is_some_and(|text| text.contains(':'))
    {
        *url = NOWHERE.into();
    }
    Value::Object(fields).to_string()
}
