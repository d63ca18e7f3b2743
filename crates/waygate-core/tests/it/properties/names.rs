//! Names that people write, whatever text they are given. Also run by the fuzzer.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use waygate_core::{
    Actor, Cidr, Cursor, Environment, Epoch, LimitExpression, LocalKey, PathTemplate, RouteKey, RouteSelector,
    ServiceId, TokenId, WebhookId,
};

/// Each name either reads the text and writes it in a form that it reads as the same, or refuses it in words that can
/// be shown.
pub(crate) fn are_read_or_refused(text: &str) {
    for_encoded::<RouteSelector>(text);
    for_encoded::<RouteKey>(text);
    for_encoded::<LocalKey>(text);
    for_encoded::<ServiceId>(text);
    for_encoded::<Environment>(text);
    for_encoded::<Actor>(text);
    for_encoded::<TokenId>(text);
    for_encoded::<WebhookId>(text);
    for_encoded::<Epoch>(text);
    for_encoded::<Cursor>(text);
    for_encoded::<Cidr>(text);
    for_encoded::<LimitExpression>(text);
    for_text::<PathTemplate>(text);
    forms_of_keys_are_told_apart(text);
    quotas_are_within_bounds(text);
}

fn for_text<T: FromStr<Err: Display> + Display + Debug + PartialEq>(text: &str) {
    match text.parse::<T>() {
        Ok(read) => match read.to_string().parse::<T>() {
            Ok(again) => assert_eq!(again, read, "{text:?}"),
            Err(error) => panic!("{text:?} was read as `{read}`, which is refused: {error}"),
        },
        Err(error) => {
            let error = error.to_string();
            assert!(!error.is_empty() && error.len() < 2_000, "{text:?}: {error:?}");
            assert!(!error.chars().any(char::is_control), "{text:?}: {error:?}");
        }
    }
}

fn for_encoded<T: FromStr<Err: Display> + Display + Debug + PartialEq + Serialize + DeserializeOwned>(text: &str) {
    for_text::<T>(text);
    let encoded = serde_json::to_string(text).unwrap();
    let (read, decoded) = (text.parse::<T>().ok(), serde_json::from_str::<T>(&encoded).ok());
    assert_eq!(read, decoded, "{text:?} in JSON is another than by itself");
    if let Some(read) = read {
        let encoded = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<T>(&encoded).ok(), Some(read), "{encoded}");
    }
}

/// A selector with a service is a fleet's key, one without is a service's.
fn forms_of_keys_are_told_apart(text: &str) {
    let selector = text.parse::<RouteSelector>().ok();
    let service = selector.as_ref().and_then(|selector| selector.service.as_ref());
    assert_eq!(text.parse::<RouteKey>().ok().map(|key| key.service).as_ref(), service, "{text:?}");
    assert_eq!(text.parse::<LocalKey>().is_ok(), selector.is_some() && service.is_none(), "{text:?}");
}

fn quotas_are_within_bounds(text: &str) {
    let Ok(limit) = text.parse::<LimitExpression>() else { return };
    assert_eq!(limit.as_str(), text);
    assert!(limit.quotas().len() <= LimitExpression::MOST_QUOTAS);
    for quota in limit.quotas() {
        assert!(quota.amount <= 1_000_000_000 && (1..=3650 * 86_400).contains(&quota.period_seconds), "{quota:?}");
    }
    assert!(limit.quotas().is_sorted_by(|one, next| one.period_seconds >= next.period_seconds), "{text:?}");
}
