//! What stores take that need nothing beside them: a commit alone, many as one batch, and a page of history. In a file
//! most of a commit is the disk's flush. Run by `scripts/bench stores`.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Builder;
use waygate_store::testing::draft;
use waygate_store::{FileStore, HistoryQuery, MemoryStore, Store};

/// How many drafts are committed at a time.
const BATCHES: [u64; 2] = [1, 64];
const PAGE: usize = 100;

fn benchmarks(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = runtime.block_on(FileStore::open(directory.path().join("state.json"))).unwrap();
    let stores: [(&str, Arc<dyn Store>); 2] =
        [("memory", Arc::new(MemoryStore::new().unwrap())), ("file", Arc::new(file))];
    for (name, store) in stores {
        let mut group = criterion.benchmark_group(name);
        let mut cursor = runtime.block_on(store.load()).unwrap().cursor;
        let mut numbers = 0..;
        for batch in BATCHES {
            group.throughput(Throughput::Elements(batch));
            group.bench_function(format!("commit_{batch}"), |bencher| {
                bencher.iter(|| {
                    let drafts = numbers.by_ref().take(usize::try_from(batch).unwrap()).map(draft).collect();
                    let commits = runtime.block_on(store.commit(&cursor, drafts)).unwrap();
                    cursor = commits.last().unwrap().cursor.clone();
                });
            });
        }
        group.throughput(Throughput::Elements(1));
        let query = HistoryQuery { before: None, limit: PAGE };
        group.bench_function("history", |bencher| {
            bencher.iter(|| black_box(runtime.block_on(store.history(query)).unwrap()));
        });
        group.finish();
        runtime.block_on(store.close()).unwrap();
    }
}

criterion_group!(stores, benchmarks);
criterion_main!(stores);
