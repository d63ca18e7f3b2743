//! The routes of requests, with a path on the first line and a template on each other one: see
//! `properties/matching.rs` of the core's tests.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/waygate-core/tests/it/properties/matching.rs"]
mod matching;

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let path = lines.next().unwrap_or_default();
    let templates: Vec<&str> = lines.take(40).collect();
    matching::finds_only_what_is_there(&templates, path);
});
