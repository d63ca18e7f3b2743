//! Taking the time of threads.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How long `threads` threads need for `iterations` calls of `operation` each, in CPU time of one of them. An operation
/// is told its number.
pub(crate) fn measured(threads: usize, iterations: u64, operation: impl Fn(usize) + Sync) -> Duration {
    let together = Barrier::new(threads);
    let run = |number: usize| {
        together.wait();
        let began = thread_time();
        let first = number * 7919;
        for index in 0..usize::try_from(iterations).unwrap() {
            operation(first.wrapping_add(index));
        }
        thread_time().saturating_sub(began)
    };
    let sum: Duration = thread::scope(|scope| {
        let run = &run;
        let running: Vec<_> = (0..threads).map(|number| scope.spawn(move || run(number))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    sum / u32::try_from(threads).unwrap()
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}
