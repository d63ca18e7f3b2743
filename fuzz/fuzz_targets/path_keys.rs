//! Keys in URLs: see `properties/paths.rs` of the API's tests.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/waygate-api/tests/it/properties/paths.rs"]
mod paths;

fuzz_target!(|text: &str| paths::segments_come_back(text));
