//! Documents as they are, for readers who look at the text themselves.

use reqwest::StatusCode;

use crate::client::call::{Client, header_value};
use crate::client::failure::{ClientError, failure, refusal};
use crate::client::whole;
use crate::headers;

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// `None` where it is still the one that the caller has.
    pub text: Option<String>,
    /// Names this version of it.
    pub etag: Option<String>,
    /// Where in history it is true: later than where it was made where it is still the one that the caller has.
    pub cursor: Option<String>,
}

impl Client {
    /// Reads a document as it is, unless it is still the one that `etag` names: without its text then. `known` is where in
    /// history the caller stands, so that a server which is behind that does not take it back. For documents of any size:
    /// its parts must keep coming, the whole may take as long as it takes.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; as for every call.
    pub async fn document(
        &self,
        path: &str,
        query: &[(&str, &str)],
        etag: Option<&str>,
        known: Option<&str>,
    ) -> Result<Document, ClientError> {
        let url = self.url(path, query);
        let in_time = || ClientError::Timeout { url: url.clone(), is_in_doubt: false };
        let mut request = self.http.get(&url);
        if let Some(token) = &self.token {
            request = request.header(headers::TOKEN, token.clone());
        }
        if let Some(etag) = etag {
            request = request.header("if-none-match", header_value("if-none-match", etag)?);
        }
        if let Some(known) = known {
            request = request.header(headers::LAST_EVENT_ID, header_value(headers::LAST_EVENT_ID, known)?);
        }
        let response = tokio::time::timeout(self.timeout, request.send()).await.map_err(|_| in_time())?;
        let mut response = response.map_err(|error| failure(&url, &error))?;
        let (status, head) = (response.status(), response.headers().clone());
        let said = |name: &str| head.get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let (etag, cursor) = (said("etag"), said(headers::CURSOR));
        if status == StatusCode::NOT_MODIFIED {
            return Ok(Document { text: None, etag, cursor });
        }
        let mut bytes = Vec::new();
        loop {
            let chunk = tokio::time::timeout(self.timeout, response.chunk()).await.map_err(|_| in_time())?;
            let Some(chunk) = chunk.map_err(|error| failure(&url, &error))? else { break };
            whole::take(&mut bytes, &chunk, &url)?;
        }
        if !status.is_success() {
            return Err(refusal(status.as_u16(), &head, &bytes, &url));
        }
        let text = String::from_utf8(bytes)
            .map_err(|error| ClientError::Malformed { url: url.clone(), reason: error.to_string() })?;
        Ok(Document { text: Some(text), etag, cursor })
    }
}
