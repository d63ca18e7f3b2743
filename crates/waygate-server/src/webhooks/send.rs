//! One request to a receiver.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Once, OnceLock};

use jiff::Timestamp;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use crate::webhooks::WebhookOptions;
use crate::webhooks::address::is_public;
use crate::webhooks::payload::Delivery;

/// The longest URL, in characters.
const LONGEST_URL: usize = 2000;
const PRIVATE: &str = "is a private, loopback, link-local or reserved address; the server delivers there only with `--webhook-allow-private`";

/// Sends deliveries. Follows no redirect, uses no proxy, reads no answer beyond its head.
pub(super) struct Sender {
    options: WebhookOptions,
    /// Made at the first delivery: most servers have none.
    client: OnceLock<Result<Client, String>>,
}

impl Sender {
    pub(super) fn new(options: WebhookOptions) -> Self {
        Self { options, client: OnceLock::new() }
    }

    /// The status of an answer of success, or in words why there was none.
    pub(super) async fn post(
        &self,
        url: &str,
        delivery: &Delivery,
        now: Timestamp,
        signatures: &str,
    ) -> Result<u16, String> {
        let url = checked_url(url, self.options.allow_private)?;
        let client = self.client.get_or_init(|| client(&self.options)).as_ref().map_err(Clone::clone)?;
        let request = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &delivery.id)
            .header("webhook-timestamp", now.as_second())
            .header("webhook-signature", signatures)
            .body(delivery.body.clone());
        let response = request.send().await.map_err(|error| in_words(error, self.options))?;
        let status = response.status();
        if status.is_success() { Ok(status.as_u16()) } else { Err(format!("the receiver answered {status}")) }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sender").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A target that may be delivered to, as far as it can be told without looking its name up.
pub(super) fn checked_url(text: &str, allow_private: bool) -> Result<Url, String> {
    let expected = "expected an absolute `http` or `https` URL";
    if text.chars().count() > LONGEST_URL {
        return Err(format!("at most {LONGEST_URL} characters are accepted"));
    }
    let url = Url::parse(text).map_err(|problem| format!("{expected}: {problem}"))?;
    let Some(host) = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")) else {
        return Err(expected.to_owned());
    };
    // A name is checked when it is looked up, an address is not looked up.
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    match address.filter(|address| !allow_private && !is_public(*address)) {
        Some(address) => Err(format!("`{address}` {PRIVATE}")),
        None => Ok(url),
    }
}

fn client(options: &WebhookOptions) -> Result<Client, String> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Another part of the program may have chosen a provider; that one is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Client::builder()
        .user_agent(concat!("waygate/", env!("CARGO_PKG_VERSION")))
        .timeout(options.timeout)
        .redirect(Policy::none())
        .no_proxy()
        .dns_resolver(Arc::new(Resolver { allow_private: options.allow_private }))
        .build()
        .map_err(|error| format!("no request can be made: {error}"))
}

/// Looks names up, and keeps to itself the addresses that may not be connected to: what is checked is what is used.
struct Resolver {
    allow_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> =
                found.iter().copied().filter(|address| allow_private || is_public(address.ip())).collect();
            match found.first() {
                Some(first) if allowed.is_empty() => Err(format!("`{}` {PRIVATE}", first.ip()).into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// The whole chain of causes, without the URL, which is a secret.
fn in_words(error: reqwest::Error, options: WebhookOptions) -> String {
    if error.is_timeout() {
        return format!("no answer within {} seconds", options.timeout.as_secs_f32());
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_absolute_web_addresses_of_others() {
        for good in ["https://example.com/x", "http://example.com:8080/", "https://1.1.1.1/"] {
            assert!(checked_url(good, false).is_ok(), "{good}");
        }
        for bad in
            ["", "example.com", "ftp://example.com/", "file:///etc/passwd", "https://", &"https://x/".repeat(300)]
        {
            assert!(checked_url(bad, true).is_err(), "{bad}");
        }
        for private in
            ["http://127.0.0.1/", "http://2130706433/", "http://0x7f.1/", "http://[::1]/", "http://[::ffff:10.0.0.1]/"]
        {
            assert!(checked_url(private, false).is_err(), "{private}");
            assert!(checked_url(private, true).is_ok(), "{private}");
        }
    }

    #[tokio::test]
    async fn g39_a_name_of_a_private_address_is_refused_when_it_is_looked_up() {
        let sender = Sender::new(WebhookOptions::default());
        let delivery = Delivery { id: "id".to_owned(), body: Vec::new() };
        let refused = sender.post("http://localhost:9/", &delivery, Timestamp::UNIX_EPOCH, "").await.unwrap_err();
        assert!(refused.contains("--webhook-allow-private"), "{refused}");
    }
}
