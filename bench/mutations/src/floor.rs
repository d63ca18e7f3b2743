//! The least that keeping changes takes: a file that is synchronised, a script that appends.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis::Script;
use redis::aio::MultiplexedConnection;
use tokio::sync::{mpsc, oneshot};

/// As many at a time as ours takes.
const BATCH: usize = 256;

/// Appends each of a batch, and remembers the last.
const APPEND: &str = r"
for index = 1, #ARGV do
  local id = redis.call('XADD', KEYS[1], '*', 'commit', ARGV[index])
  redis.call('HSET', KEYS[2], 'newest', id)
end
return #ARGV
";

/// How often in a second so many bytes are appended to a file and synchronised.
pub(crate) fn fsyncs(directory: &Path, bytes: usize, slice: Duration) -> f64 {
    let path = directory.join("floor");
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    let line = vec![b'x'; bytes];
    let (began, mut done) = (Instant::now(), 0.0);
    while began.elapsed() < slice {
        file.write_all(&line).unwrap();
        file.sync_data().unwrap();
        done += 1.0;
    }
    done / began.elapsed().as_secs_f64()
}

/// Keeps what writers hand it in Redis, whatever waits as one batch: as ours does, and nothing else.
#[derive(Clone)]
pub(crate) struct Appender {
    queue: mpsc::Sender<(String, oneshot::Sender<()>)>,
}

impl Appender {
    pub(crate) fn over(mut connection: MultiplexedConnection) -> Self {
        let (queue, mut waiting) = mpsc::channel::<(String, oneshot::Sender<()>)>(1024);
        tokio::spawn(async move {
            let script = Script::new(APPEND);
            let mut batch = Vec::new();
            while waiting.recv_many(&mut batch, BATCH).await > 0 {
                let mut invocation = script.key("{waygate-bare}:history");
                invocation.key("{waygate-bare}:head");
                for (text, _) in &batch {
                    invocation.arg(text);
                }
                let done: usize = invocation.invoke_async(&mut connection).await.unwrap();
                assert_eq!(done, batch.len());
                for (_, answer) in batch.drain(..) {
                    let _ = answer.send(());
                }
            }
        });
        Self { queue }
    }

    /// How many texts of so many bytes are kept in a second, by so many writers.
    pub(crate) async fn rate(&self, writers: usize, bytes: usize, slice: Duration) -> f64 {
        let began = Instant::now();
        let writer = || {
            let queue = self.queue.clone();
            tokio::spawn(async move {
                let mut done = 0.0;
                while began.elapsed() < slice {
                    let (answer, answered) = oneshot::channel();
                    queue.send(("x".repeat(bytes), answer)).await.unwrap();
                    answered.await.unwrap();
                    done += 1.0;
                }
                done
            })
        };
        let done: f64 = join_all((0..writers).map(|_| writer())).await.into_iter().map(Result::unwrap).sum();
        done / began.elapsed().as_secs_f64()
    }
}
