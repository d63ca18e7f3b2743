//! What the clients of streams say of themselves.

use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use serde::{Deserialize, Serialize};
use waygate_api::headers;
use waygate_api::instances::InstanceId;

/// The longest text that is taken, in characters.
const LONGEST: usize = 100;
/// The most capabilities that are taken.
const MOST_CAPABILITIES: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Client {
    /// Takes our frames, and does all that we can say.
    Ours,
    /// Takes the guide's envelopes: the reference's SDK.
    Reference,
}

/// What an instance runs. A stream is worth more than a good introduction: what cannot be read is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) sdk: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) protocol: Option<u32>,
    pub(crate) capabilities: Vec<String>,
}

impl About {
    pub(crate) fn read(head: &HeaderMap) -> Self {
        // The reference's SDK says what its HTTP library is.
        let named = text(head, headers::SDK).or_else(|| text(head, USER_AGENT.as_str()));
        let product = named.as_deref().and_then(|named| named.split_whitespace().next());
        let (sdk, version) = product.map(|product| product.split_once('/').unwrap_or((product, ""))).unzip();
        let names = text(head, headers::CAPABILITIES).unwrap_or_default();
        let capabilities = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        Self {
            sdk: sdk.filter(|sdk| !sdk.is_empty()).map(ToOwned::to_owned),
            version: version.filter(|version| !version.is_empty()).map(ToOwned::to_owned),
            environment: text(head, headers::ENVIRONMENT),
            protocol: text(head, headers::PROTOCOL).and_then(|number| number.parse().ok()),
            capabilities: capabilities.take(MOST_CAPABILITIES).map(ToOwned::to_owned).collect(),
        }
    }
}

/// The name of an instance; none where it gives none that can be one.
pub(crate) fn instance(head: &HeaderMap) -> Option<InstanceId> {
    head.get(headers::INSTANCE)?.to_str().ok()?.trim().parse().ok()
}

/// Which of its starts an instance is, where it says so.
pub(crate) fn process(head: &HeaderMap) -> Option<InstanceId> {
    head.get(headers::PROCESS)?.to_str().ok()?.trim().parse().ok()
}

fn text(head: &HeaderMap, name: &str) -> Option<String> {
    let text = head.get(name)?.to_str().ok()?.trim();
    (!text.is_empty()).then(|| text.chars().take(LONGEST).collect())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn head(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn what_an_instance_says_is_taken_and_what_makes_no_sense_is_not() {
        let said = head(&[
            (headers::INSTANCE, "pod-7"),
            (headers::SDK, "waygate-rust/0.1.0"),
            (headers::ENVIRONMENT, "production"),
            (headers::PROTOCOL, "1"),
            (headers::CAPABILITIES, "acknowledge, ,digest"),
        ]);
        let about = About::read(&said);
        assert_eq!((about.sdk.as_deref(), about.version.as_deref()), (Some("waygate-rust"), Some("0.1.0")));
        assert_eq!((about.environment.as_deref(), about.protocol), (Some("production"), Some(1)));
        assert_eq!(about.capabilities, ["acknowledge", "digest"]);
        assert_eq!(instance(&said).unwrap().as_str(), "pod-7");

        let odd = head(&[(headers::INSTANCE, "pod 7"), (headers::PROTOCOL, "one"), (headers::SDK, "é")]);
        assert_eq!((About::read(&odd), instance(&odd)), (About::default(), None));
        let reference = About::read(&head(&[("user-agent", "python-httpx/0.28.1")]));
        assert_eq!(reference.sdk.as_deref(), Some("python-httpx"));
    }
}
