//! Selectors, keys, limits and all other names: see `properties/names.rs` of the core's tests.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/waygate-core/tests/it/properties/names.rs"]
mod names;

fuzz_target!(|text: &str| names::are_read_or_refused(text));
