//! Counters, with an arrival on each line, such as `100/minute moving_window 3 7 -20`: the limit (without blanks), the
//! algorithm, the burst, the caller, how much later in nanoseconds. See `properties/charging.rs` of the core's tests.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/waygate-core/tests/it/properties/charging.rs"]
mod charging;

use charging::{ALGORITHMS, Arrival};

fn read(line: &str) -> Option<Arrival> {
    let mut parts = line.split(' ');
    let limit = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let algorithm =
        ALGORITHMS.into_iter().find(|algorithm| serde_json::to_value(algorithm).is_ok_and(|it| it == name))?;
    let mut number = || parts.next()?.parse::<i64>().ok();
    let (burst, caller, later) = (number()?, number()?, number()?);
    Some(Arrival { limit, algorithm, burst: u32::try_from(burst).ok()?, caller: u8::try_from(caller).ok()?, later })
}

fuzz_target!(|text: &str| {
    let arrivals: Vec<Arrival> = text.lines().take(200).filter_map(read).collect();
    for most in [1, 1000] {
        charging::tells_the_truth(&arrivals, most);
    }
});
