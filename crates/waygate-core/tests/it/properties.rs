//! What holds for any input at all: here for some that are made up quickly, under `fuzz/` for many more.

mod charging;
mod matching;
mod names;

use proptest::collection::vec;
use proptest::prelude::*;

use self::charging::{ALGORITHMS, Arrival};
use crate::world::parsed;

/// Texts that are nearly names.
fn near_names() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        2 => prop::sample::select(
            &["pay", "GET", "get", "ALL", "any", ":", "/", "/a", "{id}", "{p:path}", "__waygate", "é", " ", "\u{0}", "0123456789abcdef",
                "7", "0000000000000001", "100", "per", "minute", ";", "unlimited", "10.0.0.0", "/8", "::1", "-", "."][..]
        ).prop_map(str::to_owned),
        1 => ".{0,5}",
    ];
    vec(part, 0..8).prop_map(|parts| parts.concat())
}

fn templates() -> impl Strategy<Value = Vec<String>> {
    let segment = prop::sample::select(
        &["a", "b", "{id}", "{name}", "{p:path}", "{*rest}", "{", "}", "{}", "{id", "x{id}", "{id}x", "{{", "*", ""][..],
    );
    let method = prop::sample::select(&["", "GET:", "POST:", "HEAD:"][..]);
    let template = (method, vec(segment, 1..4)).prop_map(|(method, path)| format!("{method}/{}", path.join("/")));
    vec(template, 0..6)
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let limit = prop::sample::select(
        &[
            "1/second",
            "3/second",
            "2/second;5/minute",
            "100/minute",
            "0/hour",
            "1000000000/s",
            "7/3650 days",
            "unlimited",
        ][..],
    );
    let later = prop_oneof![
        3 => Just(0_i64),
        3 => 0..2_000_000_000_i64,
        2 => -2_000_000_000..0_i64,
        1 => prop::sample::select(&[60_000_000_000, -60_000_000_000, i64::MAX, i64::MIN][..]),
    ];
    let arrival = (limit, prop::sample::select(&ALGORITHMS[..]), 0..3_u32, 0..3_u8, later).prop_map(
        |(limit, algorithm, burst, caller, later)| Arrival { limit: parsed(limit), algorithm, burst, caller, later },
    );
    vec(arrival, 0..60)
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![any::<String>(), near_names()]) {
        names::are_read_or_refused(&text);
    }

    #[test]
    fn only_routes_that_are_there_are_found(templates in templates(), path in "/[ab{}x]{0,3}(/[ab]?){0,3}") {
        let templates: Vec<&str> = templates.iter().map(String::as_str).collect();
        matching::finds_only_what_is_there(&templates, &path);
        for template in &templates {
            matching::finds_only_what_is_there(&templates, template.trim_start_matches(|c| c != '/'));
        }
    }

    #[test]
    fn limits_tell_the_truth_however_they_change(arrivals in arrivals(), most in prop::sample::select(&[1, 1000][..])) {
        charging::tells_the_truth(&arrivals, most);
    }
}
