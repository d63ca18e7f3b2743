//! A TCP proxy that does to connections what networks do.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What happens to connections, to those that exist and to new ones, from the time on that it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Everything waits, and goes on where it was afterwards.
    Paused,
    /// New connections are accepted and then never answered; those that exist fall silent for good.
    BlackHole,
    /// Answers come a few bytes at a time.
    Trickle,
    /// Connections are reset after so many bytes of answers.
    Reset(usize),
    /// Connections are closed as soon as they are made.
    Closed,
    /// Of answers on the stream's path only the head comes through; all else is as usual.
    Swallowed,
}

const STREAM: &str = "GET /api/sdk/stream";

pub(crate) struct Proxy {
    pub(crate) url: String,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

struct State {
    target: SocketAddr,
    fault: watch::Sender<Fault>,
    /// Connections of an earlier generation are dead, without an end: half-open.
    generation: watch::Sender<usize>,
    connections: AtomicUsize,
}

impl Proxy {
    pub(crate) async fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (fault, generation) = (watch::Sender::new(Fault::None), watch::Sender::new(0));
        let state = Arc::new(State { target, fault, generation, connections: AtomicUsize::new(0) });
        let accepted = state.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                accepted.connections.fetch_add(1, Ordering::Relaxed);
                let state = accepted.clone();
                tokio::spawn(async move { drop(state.serve(client).await) });
            }
        });
        Self { url, state, accepting }
    }

    pub(crate) fn set(&self, fault: Fault) {
        if fault == Fault::BlackHole {
            self.cut_off();
        }
        self.state.fault.send_replace(fault);
    }

    /// Whatever is connected now stays connected and never hears anything again. New connections are as usual.
    pub(crate) fn cut_off(&self) {
        self.state.generation.send_modify(|generation| *generation += 1);
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl State {
    async fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let mut generation = self.generation.subscribe();
        let born = *generation.borrow_and_update();
        let fault = *self.fault.borrow();
        match fault {
            Fault::BlackHole => return std::future::pending().await,
            Fault::Closed => return Ok(()),
            _ => {}
        }
        let mut server = TcpStream::connect(self.target).await?;
        let reset = {
            let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
            let is_stream = AtomicBool::new(false);
            tokio::select! {
                _ = generation.wait_for(|now| *now != born) => None,
                done = self.upstream(from_client, to_server, &is_stream) => Some(done.map(|()| false)),
                done = self.downstream(from_server, to_client, &is_stream) => Some(done),
            }
        };
        match reset {
            // Both ends stay open.
            None => std::future::pending().await,
            Some(Ok(true)) => client.set_zero_linger(),
            Some(done) => done.map(|_| ()),
        }
    }

    /// Each request is looked at, since clients keep connections alive.
    async fn upstream(
        &self,
        mut from_client: ReadHalf<'_>,
        mut to_server: WriteHalf<'_>,
        is_stream: &AtomicBool,
    ) -> io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = from_client.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            self.may_go_on().await;
            is_stream.store(buffer[..read].starts_with(STREAM.as_bytes()), Ordering::Relaxed);
            to_server.write_all(&buffer[..read]).await?;
        }
    }

    /// Whether the connection is to end by a reset.
    async fn downstream(
        &self,
        mut from_server: ReadHalf<'_>,
        mut to_client: WriteHalf<'_>,
        is_stream: &AtomicBool,
    ) -> io::Result<bool> {
        let mut buffer = vec![0; 16 * 1024];
        let mut sent = 0;
        loop {
            let read = from_server.read(&mut buffer).await?;
            if read == 0 {
                return Ok(false);
            }
            self.may_go_on().await;
            let mut bytes = &buffer[..read];
            let fault = *self.fault.borrow();
            match fault {
                Fault::Trickle => {
                    for few in bytes.chunks(8) {
                        to_client.write_all(few).await?;
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    continue;
                }
                Fault::Swallowed if is_stream.load(Ordering::Relaxed) => {
                    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |end| end + 4);
                    bytes = if bytes.starts_with(b"HTTP/1.1 ") { &bytes[..head] } else { &[] };
                }
                Fault::Reset(after) => bytes = &bytes[..bytes.len().min(after.saturating_sub(sent))],
                _ => {}
            }
            to_client.write_all(bytes).await?;
            sent += bytes.len();
            if matches!(fault, Fault::Reset(after) if sent >= after) {
                return Ok(true);
            }
        }
    }

    async fn may_go_on(&self) {
        let mut fault = self.fault.subscribe();
        let _ = fault.wait_for(|fault| *fault != Fault::Paused).await;
    }
}
