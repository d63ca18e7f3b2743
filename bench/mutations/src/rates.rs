//! How many changes are made in a second, through the control plane's own `execute`.

use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use waygate_server::ControlPlane;
use waygate_store::{FileStore, MemoryStore, RedisOptions, RedisStore, Store};

use crate::counted::Counted;
use crate::floor::{Appender, fsyncs};
use crate::world::{Switched, register};
use crate::{figure, median, notes};

const SLICE: Duration = Duration::from_millis(700);
/// How many pairs of slices are taken, floor and ours in turns; the medians are told.
const ROUNDS: usize = 9;
const WRITERS: [usize; 2] = [1, 64];

/// A control plane over a store that is counted.
struct Subject {
    store: Arc<Counted>,
    control: ControlPlane,
    routes: Arc<Vec<Switched>>,
}

/// One slice.
struct Taken {
    per_second: f64,
    /// Changes that shared a commit of the store.
    together: f64,
    /// Of one change.
    bytes: usize,
}

pub(crate) async fn measure() {
    let memory = Subject::over(Arc::new(MemoryStore::new().unwrap())).await;
    for writers in WRITERS {
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            rates.push(memory.take(writers).await.per_second);
        }
        let rate = median(rates);
        println!("memory, {writers} writers: {rate:.0} changes a second");
        figure(&format!("memory.{writers}.per_second"), rate);
    }
    let directory = tempfile::tempdir().unwrap();
    let file = Subject::over(Arc::new(FileStore::open(directory.path().join("state.json")).await.unwrap())).await;
    for writers in WRITERS {
        let bytes = file.take(writers).await.bytes;
        let floor = || async { fsyncs(directory.path(), bytes, SLICE) };
        compare("file", "the disk's fsyncs", "a flush", writers, &file, floor).await;
    }
    file.control.stop().await.unwrap();
    let Ok(url) = env::var("WAYGATE_TEST_REDIS_URL") else {
        println!("redis: WAYGATE_TEST_REDIS_URL names no server, so it is left out");
        return;
    };
    let mut connection = redis::Client::open(&*url).unwrap().get_multiplexed_async_connection().await.unwrap();
    for (name, policy) in [("redis", "everysec"), ("redis, flushed each time", "always")] {
        let mut command = redis::cmd("CONFIG");
        let set: redis::RedisResult<()> =
            command.arg("SET").arg("appendfsync").arg(policy).query_async(&mut connection).await;
        if set.is_err() {
            println!("{name}: this server's settings cannot be changed, so it is left out");
            continue;
        }
        let options = RedisOptions { prefix: format!("waygate-bench-{policy}"), ..RedisOptions::default() };
        let subject = Subject::over(Arc::new(RedisStore::connect(&url, options).await.unwrap())).await;
        let appender = Appender::over(connection.clone());
        for writers in WRITERS {
            let bytes = subject.take(writers).await.bytes;
            let floor = || appender.rate(writers, bytes, SLICE);
            compare(name, "the bare script", "a script", writers, &subject, floor).await;
        }
        if policy == "everysec" {
            notes::measure(&*subject.store, &mut connection).await;
        }
        subject.control.stop().await.unwrap();
    }
}

/// Ours and a floor in turns.
async fn compare<F: Future<Output = f64>>(
    name: &str,
    floor_name: &str,
    unit: &str,
    writers: usize,
    subject: &Subject,
    floor: impl Fn() -> F,
) {
    let (mut ratios, mut rates, mut floors, mut together) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let bare = floor().await;
        let taken = subject.take(writers).await;
        ratios.push(taken.per_second / bare);
        rates.push(taken.per_second);
        floors.push(bare);
        together.push(taken.together);
    }
    let (ratio, rate, bare, together) = (median(ratios), median(rates), median(floors), median(together));
    println!(
        "{name}, {writers} writers: {ratio:.2} times {floor_name} ({rate:.0} and {bare:.0} a second; {together:.1} \
         changes in {unit})"
    );
    let key = name.replace(", flushed each time", "_always");
    figure(&format!("{key}.{writers}.ratio"), ratio);
    figure(&format!("{key}.{writers}.per_second"), rate);
    figure(&format!("{key}.{writers}.floor_per_second"), bare);
    figure(&format!("{key}.{writers}.together"), together);
}

impl Subject {
    async fn over(store: Arc<dyn Store>) -> Self {
        let store = Arc::new(Counted::new(store));
        let control = ControlPlane::start(store.clone()).await.unwrap();
        let most = WRITERS.into_iter().max().unwrap_or_default();
        register(&control, "bench", most).await;
        Self { store, control, routes: Arc::new((0..most).map(|route| Switched::new("bench", route)).collect()) }
    }

    /// Each writer changes a route of its own, again as soon as it is acknowledged.
    async fn take(&self, writers: usize) -> Taken {
        let (began, before) = (Instant::now(), self.store.counts());
        let writer = |number: usize| {
            let (control, routes) = (self.control.clone(), self.routes.clone());
            tokio::spawn(async move {
                while began.elapsed() < SLICE {
                    routes[number].change(&control).await;
                }
            })
        };
        join_all((0..writers).map(writer)).await.into_iter().for_each(Result::unwrap);
        let (time, after) = (began.elapsed().as_secs_f64(), self.store.counts());
        let number = |count: u64| f64::from(u32::try_from(count).unwrap());
        let (commits, batches) = (after.commits - before.commits, after.batches - before.batches);
        Taken {
            per_second: number(commits) / time,
            together: number(commits) / number(batches),
            bytes: usize::try_from((after.bytes - before.bytes) / commits).unwrap(),
        }
    }
}
