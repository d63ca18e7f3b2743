//! Somebody who sends requests.

use std::sync::Once;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// A client with the headers that it always sends.
#[derive(Clone)]
pub(crate) struct Caller {
    http: reqwest::Client,
    url: String,
    headers: Vec<(&'static str, String)>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: HeaderMap,
    /// `null` when the body is no JSON.
    pub(crate) body: Value,
}

impl Caller {
    pub(crate) fn new(url: &str) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_gzip().build().unwrap();
        Self { http, url: url.to_owned(), headers: Vec::new() }
    }

    /// The same caller with one more header.
    pub(crate) fn with(&self, name: &'static str, value: impl Into<String>) -> Self {
        let mut caller = self.clone();
        caller.headers.push((name, value.into()));
        caller
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(given, _)| *given == name).map(|(_, value)| value.as_str()).unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body.to_string().into_bytes())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Answer {
        let response = self.open(method, path, body).await;
        let (status, head) = (response.status().as_u16(), response.headers().clone());
        // A refused event stream is broken off; what there is of it is not of interest.
        let text = response.bytes().await.unwrap_or_default();
        Answer { status, head, body: serde_json::from_slice(&text).unwrap_or_default() }
    }

    /// Sends a request and gives the answer before its body has come.
    pub(crate) async fn open(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> reqwest::Response {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        request.send().await.unwrap()
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.get(name).and_then(|value| value.to_str().ok())
    }

    /// The `path` of each element of a list.
    pub(crate) fn paths(&self) -> Vec<&str> {
        self.body.as_array().unwrap().iter().map(|element| element["path"].as_str().unwrap()).collect()
    }

    /// Asserts the one shape of refusals, and gives the status and the code.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        assert!(self.status >= 400, "no refusal: {} {}", self.status, self.body);
        assert!(self.body["error"].as_str().is_some_and(|text| !text.is_empty()), "{}", self.body);
        assert_eq!(self.body["request_id"].as_str(), self.header("x-request-id"));
        (self.status, self.body["code"].as_str().unwrap())
    }
}
