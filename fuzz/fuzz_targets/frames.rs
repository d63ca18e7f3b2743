//! Frames of the stream, with the kind on the first line and the data after it: see `properties/frames.rs` of the
//! API's tests.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/waygate-api/tests/it/properties/frames.rs"]
mod frames;

fuzz_target!(|text: &str| {
    let (event, data) = text.split_once('\n').unwrap_or((text, ""));
    frames::are_read_or_refused(event, data);
});
