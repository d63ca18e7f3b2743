//! Calls and their answers.

use std::sync::Once;
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use waygate_core::Revision;

use crate::client::events::EventStream;
use crate::client::failure::{ClientError, failure, reason, refusal};
use crate::client::options::{Call, ClientOptions};
use crate::client::url::ServerUrl;
use crate::client::whole;
use crate::{headers, paths};

/// Before a call is tried again; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// A client of one control plane. Cheap to clone; follows no redirects and uses no token but the one it is given.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) http: reqwest::Client,
    server: ServerUrl,
    pub(super) token: Option<HeaderValue>,
    pub(super) timeout: Duration,
    wait: Option<Duration>,
    dry_run: bool,
    observer: Option<fn(&Call<'_>)>,
    retries: u32,
}

/// An answer with the revision that it was read at, or that the call has made.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    pub value: T,
    pub revision: Option<Revision>,
    /// What a switch ended or what the caller should know.
    pub notices: Vec<String>,
    /// Whether the call has changed anything, where the server says.
    pub changed: Option<bool>,
}

/// The body of an answer as it came.
#[derive(Debug, Clone)]
pub struct Body {
    /// Where it comes from.
    pub url: String,
    /// Its `Content-Type`; empty where it says none.
    pub media_type: String,
    pub bytes: Vec<u8>,
}

impl Client {
    /// # Errors
    ///
    /// [`ClientError::Setup`] when the options cannot be sent as headers or TLS cannot be set up.
    pub fn new(server: ServerUrl, options: &ClientOptions) -> Result<Self, ClientError> {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // Another part of the program may have chosen a provider; that one is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let mut fixed = HeaderMap::new();
        let pairs = [(headers::PLATFORM, options.platform), (headers::APP_ID, options.app_id.as_deref())];
        let given = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let more = options.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in given.chain(more) {
            let parsed = name.parse::<HeaderName>();
            let parsed = parsed.map_err(|_| ClientError::Setup(format!("`{name}` is no name of a header")))?;
            fixed.insert(parsed, header_value(name, value)?);
        }
        let authorities = authorities(options.ca_certificates.as_deref())?;
        let builder = reqwest::Client::builder();
        // The authorities of the system are hundreds of files, which may be missing, and are read for each process anew.
        let builder =
            if needs_tls(&server) { builder.tls_certs_merge(authorities) } else { builder.tls_certs_only(authorities) };
        let http = builder
            .tls_danger_accept_invalid_certs(options.accept_any_certificate)
            .default_headers(fixed)
            .user_agent(&options.user_agent)
            .connect_timeout(options.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build()
            .map_err(|error| ClientError::Setup(reason(&error)))?;
        let &ClientOptions { timeout, wait, dry_run, observer, retries, .. } = options;
        Ok(Self { http, server, token: None, timeout, wait, dry_run, observer, retries })
    }

    /// The same client with a token.
    ///
    /// # Errors
    ///
    /// [`ClientError::Setup`] when the text cannot be a header value.
    pub fn with_token(mut self, token: Option<&str>) -> Result<Self, ClientError> {
        self.token = token
            .map(|token| {
                let mut value = header_value(headers::TOKEN, token.trim())?;
                value.set_sensitive(true);
                Ok::<_, ClientError>(value)
            })
            .transpose()?;
        Ok(self)
    }

    pub fn server(&self) -> &ServerUrl {
        &self.server
    }

    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// # Errors
    ///
    /// [`ClientError`]; as for every call.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer<T>, ClientError> {
        self.call(Method::GET, path, query, None::<&()>, &[]).await
    }

    /// # Errors
    ///
    /// [`ClientError`]; as for every call.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<Answer<T>, ClientError> {
        self.call(Method::POST, path, &[], Some(body), &[]).await
    }

    /// A post that is refused with a conflict when its subject is no longer at `expected`.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; as for every call.
    pub async fn post_expecting<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        expected: Revision,
    ) -> Result<Answer<T>, ClientError> {
        let expected = format!("\"{}\"", expected.0);
        self.call(Method::POST, path, &[], Some(body), &[("if-match", &expected)]).await
    }

    /// # Errors
    ///
    /// [`ClientError`]; as for every call.
    pub async fn delete<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Answer<T>, ClientError> {
        self.call(Method::DELETE, path, query, None::<&()>, &[]).await
    }

    /// Any call of the API.
    ///
    /// # Errors
    ///
    /// [`ClientError`], with the URL wherever that helps.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&impl Serialize>,
        extra: &[(&'static str, &str)],
    ) -> Result<Answer<T>, ClientError> {
        read(self.call_raw(method, path, query, body, extra).await?)
    }

    /// Any call, its answer as it came, also where it is no JSON.
    ///
    /// # Errors
    ///
    /// [`ClientError`], as for every call, but for [`ClientError::Malformed`].
    pub async fn call_raw(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&impl Serialize>,
        extra: &[(&'static str, &str)],
    ) -> Result<Answer<Body>, ClientError> {
        let wait = self.wait.filter(|_| method != Method::GET);
        self.call_waiting(method, path, query, body, extra, wait).await
    }

    /// How far everything that is stored has come at the instances of the services, or of all where none is named, once it is
    /// in force there or after `wait`; the answer as it came, a [`Propagation`](crate::instances::Propagation).
    ///
    /// # Errors
    ///
    /// [`ClientError`], as for every call.
    pub async fn propagation<T: DeserializeOwned>(
        &self,
        services: &[&str],
        wait: Duration,
    ) -> Result<Answer<T>, ClientError> {
        let services = services.join(",");
        let query: &[(&str, &str)] = if services.is_empty() { &[] } else { &[("service", &services)] };
        let nothing = None::<&()>;
        read(self.call_waiting(Method::GET, paths::PROPAGATION, query, nothing, &[], Some(wait)).await?)
    }

    async fn call_waiting(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&impl Serialize>,
        extra: &[(&'static str, &str)],
        wait: Option<Duration>,
    ) -> Result<Answer<Body>, ClientError> {
        let wait_text = wait.map(|wait| format!("{}ms", wait.as_millis()));
        let wait_query = wait_text.as_deref().map(|wait| ("wait", wait));
        let dry_run = (self.dry_run && method != Method::GET).then_some(("dry_run", "true"));
        let query: Vec<(&str, &str)> = query.iter().copied().chain(wait_query).chain(dry_run).collect();
        let url = self.url(path, &query);
        let mut request = self.http.request(method.clone(), &url).timeout(self.timeout + wait.unwrap_or_default());
        if let Some(token) = &self.token {
            request = request.header(headers::TOKEN, token.clone());
        }
        for (name, value) in extra {
            request = request.header(*name, header_value(name, value)?);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = self.send(request, &method, &url).await?;
        let status = response.status();
        let head = response.headers().clone();
        let bytes = whole::body(response, &url, |error| self.failure(&method, &url, error)).await?;
        if !status.is_success() {
            return Err(refusal(status.as_u16(), &head, &bytes, &url));
        }
        let media_type = head.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let revision = head.get(headers::REVISION).and_then(|value| value.to_str().ok()?.parse().ok()).map(Revision);
        let notices = head.get_all(headers::NOTICE).iter().filter_map(decoded).collect();
        let changed = head.get(headers::CHANGED).and_then(|text| text.to_str().ok()?.parse().ok());
        Ok(Answer { value: Body { url, media_type, bytes }, revision, notices, changed })
    }

    /// Sends it, again where it only reads and nothing comes back.
    async fn send(&self, request: RequestBuilder, method: &Method, url: &str) -> Result<Response, ClientError> {
        let mut left = if *method == Method::GET { self.retries } else { 0 };
        let mut pause = FIRST_PAUSE;
        loop {
            let again = request.try_clone().filter(|_| left > 0);
            let began = Instant::now();
            let response = match again {
                Some(again) => again.send().await,
                None => return self.told(request.send().await, method, url, began),
            };
            match self.told(response, method, url, began) {
                Err(_) => {}
                Ok(response) if matches!(response.status().as_u16(), 502..=504) => {}
                answer => return answer,
            }
            left -= 1;
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    fn told(
        &self,
        response: reqwest::Result<Response>,
        method: &Method,
        url: &str,
        began: Instant,
    ) -> Result<Response, ClientError> {
        if let Some(observer) = self.observer {
            let status = response.as_ref().ok().map(|response| response.status().as_u16());
            observer(&Call { method: method.as_str(), url, status, took: began.elapsed() });
        }
        response.map_err(|error| self.failure(method, url, &error))
    }

    /// A call that changes something may have done so although no answer came, unless it has not even been sent.
    fn failure(&self, method: &Method, url: &str, error: &reqwest::Error) -> ClientError {
        let changes = !method.is_safe() && !self.dry_run;
        failure(url, error).in_doubt(changes && !error.is_connect())
    }

    /// Opens a stream of server-sent events. It ends with the connection; reconnecting is the caller's.
    ///
    /// # Errors
    ///
    /// [`ClientError`] when the stream cannot be opened.
    pub async fn events(
        &self,
        path: &str,
        query: &[(&str, &str)],
        last_event_id: Option<&str>,
    ) -> Result<EventStream, ClientError> {
        let url = self.url(path, query);
        let mut request = self.http.get(&url).header("accept", "text/event-stream");
        if let Some(token) = &self.token {
            request = request.header(headers::TOKEN, token.clone());
        }
        if let Some(id) = last_event_id {
            request = request.header(headers::LAST_EVENT_ID, header_value(headers::LAST_EVENT_ID, id)?);
        }
        // The answer's head must come in time; its body may take for ever.
        let response = tokio::time::timeout(self.timeout, request.send())
            .await
            .map_err(|_| ClientError::Timeout { url: url.clone(), is_in_doubt: false })?
            .map_err(|error| failure(&url, &error))?;
        let status = response.status();
        if !status.is_success() {
            let head = response.headers().clone();
            let body = whole::body(response, &url, |error| failure(&url, error));
            let body = tokio::time::timeout(self.timeout, body).await;
            let bytes = body.ok().and_then(Result::ok).unwrap_or_default();
            return Err(refusal(status.as_u16(), &head, &bytes, &url));
        }
        Ok(EventStream::new(response))
    }

    pub(super) fn url(&self, path: &str, query: &[(&str, &str)]) -> String {
        let mut url = self.server.join(path);
        for (position, (name, value)) in query.iter().enumerate() {
            url.push(if position == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.push_str(&paths::percent_encoded(value));
        }
        url
    }
}

fn read<T: DeserializeOwned>(answer: Answer<Body>) -> Result<Answer<T>, ClientError> {
    let Answer { value: Body { url, bytes, .. }, revision, notices, changed } = answer;
    let value =
        serde_json::from_slice(&bytes).map_err(|error| ClientError::Malformed { url, reason: error.to_string() })?;
    Ok(Answer { value, revision, notices, changed })
}

/// Whether calls go through TLS: to the server, or to a proxy before it. Redirects are not followed.
#[expect(clippy::disallowed_methods, reason = "the HTTP library takes its proxies from there by itself")]
fn needs_tls(server: &ServerUrl) -> bool {
    let by_tls = |proxy: &str| std::env::var(proxy).is_ok_and(|url| url.to_ascii_lowercase().starts_with("https:"));
    !server.as_str().starts_with("http:")
        || ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"].into_iter().any(by_tls)
}

fn authorities(pem: Option<&[u8]>) -> Result<Vec<reqwest::Certificate>, ClientError> {
    let Some(pem) = pem else { return Ok(Vec::new()) };
    let read = reqwest::Certificate::from_pem_bundle(pem).ok().filter(|found| !found.is_empty());
    let expected = "the certificates of authorities cannot be read: expected PEM with at least one `BEGIN CERTIFICATE`";
    read.ok_or_else(|| ClientError::Setup(expected.to_owned()))
}

pub(super) fn header_value(name: &str, value: &str) -> Result<HeaderValue, ClientError> {
    HeaderValue::from_str(value).map_err(|_| ClientError::Setup(format!("the value of `{name}` cannot be sent")))
}

/// Undoes the percent-encoding of a notice.
fn decoded(value: &HeaderValue) -> Option<String> {
    value.to_str().ok().map(paths::percent_decoded)
}
