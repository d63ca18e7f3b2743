//! Names that people write, read and written again.

use proptest::option;
use proptest::prelude::*;
use waygate_core::{
    Cursor, Environment, Epoch, Lineage, LocalKey, PathTemplate, Revision, RouteKey, RouteMethod, RouteSelector,
    ServiceId,
};

use crate::world::parsed;

fn method() -> impl Strategy<Value = RouteMethod> {
    prop_oneof![
        1 => Just(RouteMethod::Any),
        9 => prop::sample::select(&RouteMethod::NAMED[..]),
    ]
}

fn service() -> impl Strategy<Value = ServiceId> {
    "[A-Za-z0-9]([-A-Za-z0-9_.~@& ]{0,20}[-A-Za-z0-9_.~@&])?"
        .prop_filter("not a method", |text| RouteMethod::from_name(text).is_none())
        .prop_map(|text| parsed(&text))
}

fn path() -> impl Strategy<Value = PathTemplate> {
    r"/[^\x00-\x1f\x7f-\u{9f}]{0,40}".prop_map(|text| parsed(&text))
}

proptest! {
    #[test]
    fn selectors_and_keys_come_back_as_they_were(
        service in service(), chosen in option::of(method()), method in method(), path in path()
    ) {
        for service in [None, Some(service.clone())] {
            let selector = RouteSelector { service, method: chosen, path: path.clone() };
            prop_assert_eq!(&selector.to_string().parse::<RouteSelector>().unwrap(), &selector);
            let encoded = serde_json::to_string(&selector).unwrap();
            prop_assert_eq!(serde_json::from_str::<RouteSelector>(&encoded).unwrap(), selector);
        }
        let local = LocalKey::new(method, path);
        prop_assert_eq!(&local.to_string().parse::<LocalKey>().unwrap(), &local);
        let key = RouteKey::new(service, local);
        prop_assert_eq!(&key.to_string().parse::<RouteKey>().unwrap(), &key);
        let encoded = serde_json::to_string(&key).unwrap();
        prop_assert_eq!(serde_json::from_str::<RouteKey>(&encoded).unwrap(), key.clone());
        let selector = RouteSelector::from(key.clone());
        prop_assert_eq!(selector.service, Some(key.service));
        prop_assert_eq!(selector.method, Some(key.local.method));
    }

    #[test]
    fn cursors_come_back_as_they_were(epoch in "[A-Za-z0-9]{8,64}", revision: u64, lineage: u64) {
        let cursor = Cursor {
            epoch: parsed::<Epoch>(&epoch), revision: Revision(revision), lineage: Lineage(lineage)
        };
        prop_assert_eq!(&cursor.to_string().parse::<Cursor>().unwrap(), &cursor);
        let encoded = serde_json::to_string(&cursor).unwrap();
        prop_assert_eq!(serde_json::from_str::<Cursor>(&encoded).unwrap(), cursor);
    }
}

#[test]
fn g26_reserved_keys_are_no_names() {
    for reserved in ["__waygate:global__", "__waygate:svc_global:pay__", "__waygate:x:/y", "__waygate:/y"] {
        assert!(reserved.parse::<RouteSelector>().is_err(), "{reserved}");
        assert!(reserved.parse::<RouteKey>().is_err(), "{reserved}");
        assert!(reserved.parse::<LocalKey>().is_err(), "{reserved}");
    }
}

#[test]
fn the_longest_names_are_taken_and_one_more_is_refused() {
    assert!("x".repeat(100).parse::<ServiceId>().is_ok());
    assert!("x".repeat(101).parse::<ServiceId>().is_err());
    let path = |length: usize| format!("/{}", "x".repeat(length - 1));
    assert!(path(PathTemplate::LONGEST).parse::<PathTemplate>().is_ok());
    assert!(path(PathTemplate::LONGEST + 1).parse::<PathTemplate>().is_err());
    assert!("é".repeat(64).parse::<Environment>().is_ok());
    assert!("é".repeat(65).parse::<Environment>().is_err());
}

#[test]
fn a_selector_takes_the_chosen_service_only_where_it_names_none() {
    let chosen = parsed::<ServiceId>("pay");
    let open = parsed::<RouteSelector>("GET:/a").within(Some(&chosen));
    assert_eq!(open.to_string(), "pay:GET:/a");
    let named = parsed::<RouteSelector>("orders:/a").within(Some(&chosen));
    assert_eq!(named.to_string(), "orders:/a");
    assert_eq!(parsed::<RouteSelector>("/a").within(None).to_string(), "/a");
}
