//! How calls are made.

use std::time::Duration;

/// How to reach a control plane.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    pub connect_timeout: Duration,
    /// For a whole call, its answer included. Streams are not subject to it.
    pub timeout: Duration,
    /// Sent as `User-Agent`: name and version of the program.
    pub user_agent: String,
    /// Sent as `X-Waygate-Platform`.
    pub platform: Option<&'static str>,
    /// Authorities that are trusted for https besides those of the system: certificates in PEM.
    pub ca_certificates: Option<Vec<u8>>,
    /// Any certificate is believed: whoever is on the way can read and change everything.
    pub accept_any_certificate: bool,
    /// How often a call that only reads is tried again when nothing comes back, after a moment each time.
    pub retries: u32,
    /// Sent as `X-Waygate-App-Id`.
    pub app_id: Option<String>,
    /// Sent with every call besides.
    pub headers: Vec<(String, String)>,
    /// How long the answer to a change waits until instances enforce it, as `?wait=…`; whole milliseconds.
    pub wait: Option<Duration>,
    /// Ask that nothing be changed: calls other than reads only tell what they would come to. The endpoint has to know
    /// of it; see `dry_run` in the description of the API.
    pub dry_run: bool,
    /// Is told of every call once it is over.
    pub observer: Option<fn(&Call<'_>)>,
}

/// One call that is over.
#[derive(Debug, Clone, Copy)]
pub struct Call<'c> {
    pub method: &'c str,
    pub url: &'c str,
    /// `None` where no answer came.
    pub status: Option<u16>,
    pub took: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            timeout: Duration::from_secs(10),
            user_agent: concat!("waygate-api/", env!("CARGO_PKG_VERSION")).to_owned(),
            platform: None,
            app_id: None,
            headers: Vec::new(),
            wait: None,
            dry_run: false,
            observer: None,
            ca_certificates: None,
            accept_any_certificate: false,
            retries: 0,
        }
    }
}
