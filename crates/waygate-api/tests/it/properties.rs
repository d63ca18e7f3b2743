//! What holds for any input at all: here for some that are made up quickly, under `fuzz/` for many more.

mod frames;
mod paths;

use proptest::prelude::*;
use serde_json::{Value, json};

const CURSOR: &str = "0123456789abcdef:7:0000000000000001";

/// A change or a part of a view as a server would send it, before something happens to it.
fn good() -> impl Strategy<Value = (&'static str, Value)> {
    let control = json!({"lifecycle": "maintenance", "reason": "x", "until": "2026-12-01T10:00:00Z"});
    let route = json!({"base": control, "changed_at": 3, "windows": [{"id": 1, "start": "2026-12-01T10:00:00Z",
        "end": "2026-12-01T11:00:00Z", "reason": "", "planned_at": 3}], "deprecation": {"since": "2026-12-01T10:00:00Z"}});
    let policy = json!({"limit": "10/second;100/minute", "enabled": true, "exempt_ips": ["10.0.0.0/8"], "tiers":
        [{"name": "pro", "limit": "9/s"}], "exempt_routes": ["GET:/a"], "key_strategy": {"header": "x-org"}});
    let maintenance = json!({"enabled": true, "reason": "down", "exempt": ["GET:/a"], "changed_at": 4});
    let scope = json!({"maintenance": maintenance, "rate_limit": policy, "routes": {"GET:/a": route}, "route_limits": {"/a": policy}});
    let change = |change: Value| ("commit", json!({"cursor": CURSOR, "after": 6, "changes": [change]}));
    prop::sample::select(vec![
        ("snapshot", json!({"cursor": CURSOR, "view": {"global": scope, "service": scope}})),
        change(json!({"kind": "route_set", "key": "pay:GET:/a", "route": route})),
        change(json!({"kind": "route_removed", "key": "pay:GET:/a"})),
        change(json!({"kind": "maintenance_set", "scope": "global", "maintenance": maintenance})),
        change(json!({"kind": "rate_limit_set", "scope": {"route": "pay:/a"}, "policy": policy})),
        change(json!({"kind": "rate_limit_cleared", "scope": {"service": "pay"}})),
        change(json!({"kind": "service_removed", "service": "pay"})),
        ("bookmark", json!({"cursor": CURSOR, "digest": "x"})),
        ("goodbye", json!({"reason": "stopping", "retry_after_ms": 5000})),
    ])
}

fn odd() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("\n\r\u{2028}\u{0}"),
        json!("GET:/b"),
        json!("9999-12-31T23:59:59Z"),
        json!([]),
        json!([null]),
        json!({}),
        json!({"kind": "route_set"}),
    ])
}

/// Puts `odd` in the place of the `at`-th value, counted from the outside in.
fn replaced(value: &mut Value, odd: &Value, at: &mut usize) {
    if *at == 0 {
        *value = odd.clone();
    }
    *at = at.wrapping_sub(1);
    match value {
        Value::Array(list) => list.iter_mut().for_each(|inner| replaced(inner, odd, at)),
        Value::Object(map) => map.values_mut().for_each(|inner| replaced(inner, odd, at)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn any_frame_is_read_or_refused((event, mut data) in good(), odd in odd(), at in 0..60_usize, cut in 0..2000_usize) {
        frames::are_read_or_refused(event, &data.to_string());
        replaced(&mut data, &odd, &mut { at });
        let text = data.to_string();
        frames::are_read_or_refused(event, &text);
        let cut = text.floor_char_boundary(cut);
        frames::are_read_or_refused(event, &text[..cut]);
    }

    #[test]
    fn any_text_comes_through_a_url(text in prop_oneof![any::<String>(), "[A-Za-z0-9_=+-]{0,12}"]) {
        paths::segments_come_back(&text);
    }
}

/// The frames above are what they seem: none of them is left out or skipped in part.
#[test]
fn the_good_frames_are_good() {
    proptest!(|((event, data) in good())| {
        let frame = waygate_api::stream::Frame::decode(event, &data.to_string()).unwrap().unwrap();
        match frame {
            waygate_api::stream::Frame::Snapshot { skipped, .. } | waygate_api::stream::Frame::Commit { skipped, .. } => {
                prop_assert_eq!(skipped, vec![]);
            }
            _ => {}
        }
    });
}
