//! Streams that are read: one thread, one poll, and the time after each read.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};

use crate::peer::Peer;

/// How many connections are opened before their first words are awaited.
const AT_ONCE: usize = 100;
/// One address has some 28,000 ports. Those of the run before are not free again at once: each run has addresses of its
/// own.
const FROM_ONE_ADDRESS: usize = 20_000;
static RUN: AtomicU16 = AtomicU16::new(0);
/// Who has not been told by then never will be.
const PATIENCE: Duration = Duration::from_mins(1);
/// The same for changes of peers that lose some, so that a run comes to its end.
const PATIENCE_WITH_LOSS: Duration = Duration::from_secs(10);

pub(crate) struct Load {
    peer: &'static str,
    may_lose: bool,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    streams: Vec<Stream>,
}

struct Stream {
    socket: TcpStream,
    hello: Seeker,
    change: Seeker,
    /// How many changes it was to have heard of when the last one came.
    due: usize,
}

/// How a change went.
pub(crate) struct Told {
    /// How long after zero each stream had it that did have it, in milliseconds.
    pub(crate) after: Vec<f64>,
    /// How many streams never had it.
    pub(crate) lost: usize,
}

/// Counts how often some words come by, however they are cut into pieces. Words whose beginning comes again within
/// them only by one letter.
struct Seeker {
    words: &'static [u8],
    matched: usize,
    found: usize,
}

impl Load {
    /// Opens streams, and waits until each has been told where things stand.
    pub(crate) fn open(peer: &Peer, count: usize, request: impl Fn(usize) -> String) -> Self {
        let mut load = Self {
            peer: peer.name,
            may_lose: peer.may_lose(),
            poll: Poll::new().unwrap(),
            events: Events::with_capacity(1024),
            buffer: vec![0; 1 << 16],
            streams: Vec::with_capacity(count),
        };
        let [run, of_run] = RUN.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for index in 0..count {
            let last = u8::try_from(1 + index / FROM_ONE_ADDRESS).unwrap();
            let from = Ipv4Addr::new(127, 1 + run, of_run, last);
            let mut socket = TcpStream::from_std(connect(from, peer.address, &request(index)));
            load.poll.registry().register(&mut socket, Token(index), Interest::READABLE).unwrap();
            load.streams.push(Stream { socket, hello: Seeker::of(peer.hello), change: Seeker::of(peer.told), due: 0 });
            if (index + 1) % AT_ONCE == 0 || index + 1 == count {
                let lacking = load.until(PATIENCE, |_| true, |stream| 0 < stream.hello.found, |_| {});
                assert_eq!(lacking, 0, "streams of {} heard nothing when they were open", load.peer);
            }
        }
        load
    }

    /// Waits until all streams that a change concerns have had one more than before, and says how long after `zero`
    /// each had. Where one never has, that is an error unless the peer is known to lose changes.
    pub(crate) fn until_changed(&mut self, zero: Instant, concerns: impl Fn(usize) -> bool) -> Told {
        for stream in &mut self.streams {
            stream.due = stream.change.found + 1;
        }
        let mut after = Vec::with_capacity(self.streams.len());
        let lost = self.until(
            if self.may_lose { PATIENCE_WITH_LOSS } else { PATIENCE },
            concerns,
            |stream| stream.due <= stream.change.found,
            |at| after.push(at.duration_since(zero).as_secs_f64() * 1e3),
        );
        assert!(lost == 0 || self.may_lose, "{lost} streams of {} were not told of a change", self.peer);
        Told { after, lost }
    }

    pub(crate) fn expect_unchanged(&self, streams: impl Fn(usize) -> bool) {
        let told = self.streams.iter().enumerate().filter(|(index, stream)| streams(*index) && 0 < stream.change.found);
        assert_eq!(told.count(), 0, "streams of {} were told what does not concern them", self.peer);
    }

    /// Reads until those streams that `concerns` names hold what `holds` says, and tells when each came to; how many do
    /// not when patience is at its end.
    fn until(
        &mut self,
        patience: Duration,
        concerns: impl Fn(usize) -> bool,
        holds: impl Fn(&Stream) -> bool,
        mut came: impl FnMut(Instant),
    ) -> usize {
        let lacking = |(index, stream): (usize, &Stream)| concerns(index) && !holds(stream);
        let mut lacking = self.streams.iter().enumerate().filter(|stream| lacking(*stream)).count();
        let end = Instant::now() + patience;
        while 0 < lacking {
            if end <= Instant::now() {
                break;
            }
            self.poll.poll(&mut self.events, Some(Duration::from_secs(1))).unwrap();
            for event in &self.events {
                let index = event.token().0;
                let stream = &mut self.streams[index];
                let held = holds(stream);
                stream.take(&mut self.buffer);
                let now = Instant::now();
                if !held && holds(stream) && concerns(index) {
                    lacking -= 1;
                    came(now);
                }
            }
        }
        lacking
    }
}

impl Stream {
    fn take(&mut self, buffer: &mut [u8]) {
        loop {
            match self.socket.read(buffer) {
                Ok(0) => panic!("a stream has ended"),
                Ok(length) => {
                    self.hello.seek(&buffer[..length]);
                    self.change.seek(&buffer[..length]);
                    // Less than asked for is all that there is.
                    if length < buffer.len() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("a stream broke: {error}"),
            }
        }
    }
}

impl Seeker {
    fn of(words: &'static [u8]) -> Self {
        Self { words, matched: 0, found: 0 }
    }

    fn seek(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.matched =
                if *byte == self.words[self.matched] { self.matched + 1 } else { usize::from(*byte == self.words[0]) };
            if self.matched == self.words.len() {
                self.found += 1;
                self.matched = 0;
            }
        }
    }
}

fn connect(from: Ipv4Addr, address: SocketAddr, request: &str) -> std::net::TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut socket = std::net::TcpStream::from(socket);
    socket.write_all(request.as_bytes()).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}
