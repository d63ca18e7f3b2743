//! Requests to a control plane: see `properties/requests.rs` of the server's tests.
#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

#[path = "../../crates/waygate-server/tests/it/properties/requests.rs"]
mod requests;

thread_local! {
    static RUNTIME: LazyCell<Runtime> = LazyCell::new(|| Builder::new_current_thread().enable_all().build().unwrap());
}

fuzz_target!(|script: &str| {
    RUNTIME.with(|runtime| runtime.block_on(requests::are_answered(script)));
});
