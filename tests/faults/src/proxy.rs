//! A link between two processes that can be broken in every way that networks know.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a link does to its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Everything goes through.
    Pass,
    /// What the client says arrives; nothing comes back. Whoever has missed something gets nothing on that connection
    /// any more, also when the link is whole again.
    HalfOpen,
    /// A few bytes at a time.
    Trickle,
    /// Connections are reset, and new ones as soon as they come.
    Reset,
    /// Nothing moves; what was sent arrives when the link is whole again.
    Pause,
    /// Connections stand, and what is said is gone, in both directions and for good.
    BlackHole,
}

impl Mode {
    /// All that break something.
    pub const FAULTS: [Self; 5] = [Self::HalfOpen, Self::Trickle, Self::Reset, Self::Pause, Self::BlackHole];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::HalfOpen => "half-open",
            Self::Trickle => "trickle",
            Self::Reset => "reset",
            Self::Pause => "pause",
            Self::BlackHole => "black hole",
        }
    }
}

/// So much goes through a trickling link at a time, and so often.
const TRICKLE: (usize, Duration) = (64, Duration::from_millis(20));
const BUFFER: usize = 16 * 1024;

/// A link that listens. Dropping it ends it and all of its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    connections: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Begins to listen, and forwards to a port of this machine.
    ///
    /// # Errors
    ///
    /// When there is no port to listen on.
    pub async fn to(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mode = watch::Sender::new(Mode::Pass);
        let connections = Arc::new(AtomicU64::new(0));
        let (followed, counted) = (mode.subscribe(), connections.clone());
        let accepting = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                while open.try_join_next().is_some() {}
                counted.fetch_add(1, Ordering::Relaxed);
                open.spawn(connection(client, port, followed.clone()));
            }
        });
        Ok(Self { address, mode, connections, accepting })
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Where it listens, for HTTP.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes what it does, to connections that are open too.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    pub fn mode(&self) -> Mode {
        *self.mode.borrow()
    }

    /// How many connections have come.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One connection, from its first byte to its last.
async fn connection(mut client: TcpStream, port: u16, mut mode: watch::Receiver<Mode>) {
    // Who comes to a wall or to a black hole meets nobody behind it, then or later.
    let Ok(first) = mode.wait_for(|mode| *mode != Mode::Pause).await.map(|mode| *mode) else { return };
    if first == Mode::Reset {
        return reset(client);
    }
    if first == Mode::BlackHole {
        return until_reset(client, mode).await;
    }
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return reset(client) };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let is_reset = {
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        let up = forward(from_client, to_server, Direction::Up, mode.clone());
        let down = forward(from_server, to_client, Direction::Down, mode.clone());
        tokio::select! {
            (up, down) = async { tokio::join!(up, down) } => up.is_err() || down.is_err(),
            _ = mode.wait_for(|mode| *mode == Mode::Reset) => true,
        }
    };
    if is_reset {
        reset(client);
        reset(server);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

impl Direction {
    /// Whether what goes this way is gone.
    fn loses(self, mode: Mode) -> bool {
        mode == Mode::BlackHole || (mode == Mode::HalfOpen && self == Self::Down)
    }
}

/// Copies what goes one way until its end. Once something was lost, nothing more arrives, not even the end.
async fn forward(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    direction: Direction,
    mut mode: watch::Receiver<Mode>,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut has_lost = false;
    loop {
        let read = from.read(&mut buffer).await?;
        let mut rest = &buffer[..read];
        loop {
            let Ok(now) = mode.wait_for(|mode| *mode != Mode::Pause).await.map(|mode| *mode) else { return Ok(()) };
            has_lost |= direction.loses(now);
            if has_lost || rest.is_empty() {
                break;
            }
            let count = if now == Mode::Trickle { rest.len().min(TRICKLE.0) } else { rest.len() };
            to.write_all(&rest[..count]).await?;
            rest = &rest[count..];
            if now == Mode::Trickle {
                tokio::time::sleep(TRICKLE.1).await;
            }
        }
        if read == 0 {
            return if has_lost { Ok(()) } else { to.shutdown().await };
        }
    }
}

/// Takes what comes and gives nothing, until the client goes or the link resets it.
async fn until_reset(mut client: TcpStream, mut mode: watch::Receiver<Mode>) {
    let mut buffer = vec![0; BUFFER];
    loop {
        tokio::select! {
            read = client.read(&mut buffer) => if matches!(read, Ok(0) | Err(_)) { return },
            _ = mode.wait_for(|mode| *mode == Mode::Reset) => return reset(client),
        }
    }
}

fn reset(connection: TcpStream) {
    // Where that fails it is closed in order.
    let _ = connection.set_zero_linger();
    drop(connection);
}
