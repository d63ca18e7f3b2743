//! What webhooks need the server's secret for: sealed targets, and signing secrets that are nowhere stored.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use pasetors::Local;
use pasetors::keys::SymmetricKey;
use pasetors::token::UntrustedToken;
use pasetors::version4::{LocalToken, V4};
use sha2::Sha256;
use waygate_core::{Webhook, WebhookId};

use crate::auth::Secret;
use crate::webhooks::payload::Delivery;

/// For how long deliveries carry a signature of the secret before, too, so that a receiver can change over in peace.
const CHANGE_OVER: Duration = Duration::from_hours(24);

pub(super) struct Keys {
    sealing: SymmetricKey<V4>,
    signing: Secret,
}

impl Keys {
    pub(super) fn new(secret: &Secret) -> Option<Self> {
        let sealing = SymmetricKey::from(secret.derive("waygate webhook url").as_bytes()).ok()?;
        Some(Self { sealing, signing: secret.derive("waygate webhook signing") })
    }

    /// A target, sealed for one webhook: under the id of another one it does not open.
    pub(super) fn seal(&self, id: &WebhookId, url: &str) -> Option<String> {
        LocalToken::encrypt(&self.sealing, url.as_bytes(), None, Some(&purpose(id))).ok()
    }

    pub(super) fn open(&self, id: &WebhookId, sealed: &str) -> Option<String> {
        let sealed = UntrustedToken::<Local, V4>::try_from(sealed).ok()?;
        let opened = LocalToken::decrypt(&self.sealing, &sealed, None, Some(&purpose(id))).ok()?;
        Some(opened.payload().to_owned())
    }

    pub(super) fn signing_secret(&self, id: &WebhookId, generation: u32) -> String {
        format!("whsec_{}", STANDARD.encode(self.signing_key(id, generation)))
    }

    /// The header of the Standard Webhooks specification: one signature, and right after a rotation a second one.
    pub(super) fn signatures(&self, id: &WebhookId, webhook: &Webhook, delivery: &Delivery, now: Timestamp) -> String {
        let changing_over =
            webhook.rotated.is_some_and(|rotated| now < rotated.checked_add(CHANGE_OVER).unwrap_or(Timestamp::MAX));
        let previous = changing_over.then(|| webhook.generation.saturating_sub(1));
        std::iter::once(webhook.generation)
            .chain(previous)
            .map(|generation| signature(&self.signing_key(id, generation), delivery, now))
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn signing_key(&self, id: &WebhookId, generation: u32) -> [u8; 32] {
        self.signing.digest(&[id.as_str().as_bytes(), &generation.to_be_bytes()])
    }
}

fn purpose(id: &WebhookId) -> Vec<u8> {
    format!("waygate webhook url 1 {id}").into_bytes()
}

fn signature(key: &[u8; 32], delivery: &Delivery, now: Timestamp) -> String {
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut digest = Hmac::<Sha256>::new(&block.into());
    digest.update(format!("{}.{}.", delivery.id, now.as_second()).as_bytes());
    digest.update(&delivery.body);
    format!("v1,{}", STANDARD.encode(digest.finalize().into_bytes()))
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Keys(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use waygate_core::{Revision, WebhookFormat, WebhookSettings};

    use super::*;

    fn keys(secret: &str) -> Keys {
        Keys::new(&Secret::of(secret)).unwrap()
    }

    fn id(text: &str) -> WebhookId {
        text.parse().unwrap()
    }

    #[test]
    fn a_target_opens_only_under_its_key_and_id() {
        let sealed = keys("one").seal(&id("a"), "https://example.com/secret").unwrap();
        assert!(!sealed.contains("secret"));
        assert_eq!(keys("one").open(&id("a"), &sealed).as_deref(), Some("https://example.com/secret"));
        assert_eq!(keys("two").open(&id("a"), &sealed), None);
        assert_eq!(keys("one").open(&id("b"), &sealed), None);
    }

    #[test]
    fn signing_secrets_differ_by_webhook_generation_and_key() {
        let secrets = [
            keys("one").signing_secret(&id("a"), 1),
            keys("one").signing_secret(&id("a"), 2),
            keys("one").signing_secret(&id("b"), 1),
            keys("two").signing_secret(&id("a"), 1),
        ];
        assert_eq!(std::collections::BTreeSet::from_iter(&secrets).len(), 4);
        assert_eq!(secrets[0], keys("one").signing_secret(&id("a"), 1));
    }

    /// Clocks have been anywhere, and imports bring what they like.
    #[test]
    fn the_secret_before_signs_for_a_day_whenever_that_begins() {
        let settings = WebhookSettings {
            sealed_url: String::new(),
            format: WebhookFormat::Generic,
            services: BTreeSet::new(),
            actions: BTreeSet::new(),
            enabled: true,
        };
        let (since, changed_at) = (Revision::ZERO, Revision::ZERO);
        let rotated_at = |at| Webhook { settings: settings.clone(), generation: 2, rotated: at, since, changed_at };
        let delivery = Delivery { id: "id".to_owned(), body: Vec::new() };
        let signed = |at, now| keys("one").signatures(&id("a"), &rotated_at(at), &delivery, now).split(' ').count();
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!([signed(None, at(0)), signed(Some(at(0)), at(86_399)), signed(Some(at(0)), at(86_400))], [1, 2, 1]);
        assert_eq!((signed(Some(Timestamp::MAX), at(0)), signed(Some(Timestamp::MAX), Timestamp::MAX)), (2, 1));
    }

    /// The example of the specification's reference implementations.
    #[test]
    fn a_signature_is_that_of_the_specification() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let mut key = [0; 32];
        key[..secret.len()].copy_from_slice(&secret);
        let delivery =
            Delivery { id: "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned(), body: br#"{"test": 2432232314}"#.to_vec() };
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        assert_eq!(signature(&key, &delivery, at), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
