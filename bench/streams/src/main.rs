//! One change to many streams: how long until the first and the last are told, and what an idle stream takes up; of our
//! server, of nginx with nchan and of the reference where these are installed, and of a bare loop of writes, in turns. Run
//! by `scripts/bench streams`. It ends with an error where a stream of ours is not told within a minute; what peers lose
//! is counted.
//!
//! Environment: `WAYGATE_BENCH_ROUNDS` (3), `WAYGATE_BENCH_STREAMS` (18000, the most at a time), `WAYGATE_BENCH_SERVER`
//! (the `waygate` beside this program), `WAYGATE_PEER_VENV` (where the reference is installed).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of ours alone: what goes wrong ends it"
)]

mod floor;
mod load;
mod peer;

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use self::load::Load;
use self::peer::{Control, Peer};

/// How many changes come before those that count.
const PRIMING: usize = 3;
/// How many services there are where only one of them is changed.
const SERVICES: usize = 200;
const MANY: usize = 10_000;
/// Open files are limited to 20,000 for one process in places.
const IDLE: usize = 18_000;

/// What the changes of one round came to, each the median, in milliseconds; the CPU of the server in microseconds for
/// each change.
struct Figures {
    first: f64,
    middle: f64,
    nearly_all: f64,
    last: f64,
    cpu: f64,
    /// How often a stream was not told of a change.
    lost: usize,
}

fn main() {
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() == Some("floor") {
        return floor::serve();
    }
    let number = |name: &str, default: usize| env::var(name).map_or(default, |value| value.parse().unwrap());
    let rounds = number("WAYGATE_BENCH_ROUNDS", 3);
    let most = number("WAYGATE_BENCH_STREAMS", IDLE);
    let server = env::var_os("WAYGATE_BENCH_SERVER")
        .map_or_else(|| env::current_exe().unwrap().with_file_name("waygate"), PathBuf::from);
    for streams in [1, 10, 100, 1_000, MANY].into_iter().filter(|streams| *streams <= most) {
        fan_out(&server, streams, rounds);
    }
    if MANY <= most {
        let own = one_of_many(&server, MANY);
        let alone = one_of_many(&server, MANY / SERVICES);
        println!(
            "one of {SERVICES} services: {own:.0} µs of the server's CPU for a change, {:.2} times those without the streams \
             of other services ({alone:.0} µs)",
            own / alone
        );
        figure("one_of_many.ratio", own / alone);
    }
    for name in ["ours", "nchan", "reference"] {
        let Some(peer) = Peer::start(name, &server) else { continue };
        let each = idle(&peer, most);
        println!("{name}: {each:.1} KiB for each of {most} idle streams");
        figure(&format!("idle.{name}.kib"), each);
    }
}

/// What is written into the data file, by name.
fn figure(name: &str, value: f64) {
    println!("# {name} {value:.4}");
}

/// One change to `streams` streams, of all peers in turns.
fn fan_out(server: &Path, streams: usize, rounds: usize) {
    let mut taken: BTreeMap<&str, Vec<Figures>> = BTreeMap::new();
    for _ in 0..rounds {
        for name in ["floor", "nchan", "ours", "reference"] {
            let Some(peer) = Peer::start(name, server) else { continue };
            let mut load = Load::open(&peer, streams, |_| peer.stream(0));
            let mut control = peer.control();
            thread::sleep(peer.settling());
            let changes = if streams <= 100 { 50 } else { 15 };
            taken.entry(name).or_default().push(measure(&peer, &mut load, &mut control, changes, |_| true));
        }
    }
    for (name, rounds) in &taken {
        let over = |figure: fn(&Figures) -> f64| median(rounds.iter().map(figure).collect());
        let ratio = |other: &str| {
            let pairs = rounds.iter().zip(taken.get(other)?).map(|(own, other)| own.last / other.last);
            Some(median(pairs.collect()))
        };
        let others = ["floor", "nchan", "ours"].into_iter();
        let others = others.filter(|other| other != name && (*other != "ours" || *name == "reference"));
        let ratios: Vec<(&str, f64)> = others.filter_map(|other| Some((other, ratio(other)?))).collect();
        let compared: Vec<String> = ratios.iter().map(|(other, ratio)| format!(", {ratio:.2} times {other}")).collect();
        let compared = compared.concat();
        let lost: usize = rounds.iter().map(|figures| figures.lost).sum();
        println!(
            "{streams} streams, {name}: last {:.2} ms{compared} (first {:.2}, median {:.2}, 99 % {:.2}; CPU {:.1} µs a \
             stream; {lost} lost)",
            over(|figures| figures.last),
            over(|figures| figures.first),
            over(|figures| figures.middle),
            over(|figures| figures.nearly_all),
            over(|figures| figures.cpu) / f64::from(u32::try_from(streams).unwrap()),
        );
        let key = format!("{streams}.{name}");
        figure(&format!("{key}.last_ms"), over(|figures| figures.last));
        figure(&format!("{key}.cpu_us"), over(|figures| figures.cpu) / f64::from(u32::try_from(streams).unwrap()));
        figure(&format!("{key}.lost"), f64::from(u32::try_from(lost).unwrap()));
        for (other, ratio) in ratios {
            figure(&format!("{key}.times_{other}"), ratio);
        }
    }
}

/// Changes, one after the other; `concerns` says which streams are to be told, and that they all are is awaited.
fn measure(
    peer: &Peer,
    load: &mut Load,
    control: &mut Control,
    changes: usize,
    concerns: impl Fn(usize) -> bool,
) -> Figures {
    let mut taken = Vec::new();
    let (mut cpu, mut lost) = (Duration::ZERO, 0);
    for number in 1..=PRIMING + changes {
        let before = peer.cpu();
        let zero = Instant::now();
        control.send(&peer.change(number));
        let mut told = load.until_changed(zero, &concerns);
        control.answer();
        told.after.sort_by(f64::total_cmp);
        lost += told.lost;
        if number > PRIMING && !told.after.is_empty() {
            cpu += peer.cpu().saturating_sub(before);
            taken.push(told.after);
        }
    }
    assert!(!taken.is_empty(), "{} told no stream of any change", peer.name);
    let at = |place: fn(usize) -> usize| median(taken.iter().map(|told| told[place(told.len())]).collect());
    Figures {
        first: at(|_| 0),
        middle: at(|length| length / 2),
        nearly_all: at(|length| (length * 99 / 100).min(length - 1)),
        last: at(|length| length - 1),
        cpu: cpu.as_secs_f64() * 1e6 / f64::from(u32::try_from(taken.len()).unwrap()),
        lost,
    }
}

/// The server's CPU for a change to one of many services, in microseconds; that no stream of another one is told
/// anything is checked.
fn one_of_many(server: &Path, streams: usize) -> f64 {
    let peer = Peer::ours(server);
    peer.register(SERVICES);
    // Those of the service that is changed come first where there are no others.
    let service = |stream: usize| if streams <= MANY / SERVICES { 0 } else { stream % SERVICES };
    let mut load = Load::open(&peer, streams, |stream| peer.stream(service(stream)));
    let mut control = peer.control();
    // The clock of CPU time ticks a hundred times a second.
    let figures = measure(&peer, &mut load, &mut control, 1_000, |stream| service(stream) == 0);
    load.expect_unchanged(|stream| service(stream) != 0);
    figures.cpu
}

/// How much an idle stream takes up, in KiB.
fn idle(peer: &Peer, streams: usize) -> f64 {
    // The first connections make what all of them share.
    drop(Load::open(peer, 20, |_| peer.stream(0)));
    thread::sleep(Duration::from_secs(1));
    let before = peer.memory();
    let load = Load::open(peer, streams, |_| peer.stream(0));
    thread::sleep(Duration::from_secs(1));
    let after = peer.memory();
    drop(load);
    (after - before) / f64::from(u32::try_from(streams).unwrap())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
