//! The least that can be done: two threads that write some bytes to half of the streams each.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

/// As long as a frame of ours about one route.
const LENGTH: usize = 400;

/// Listens, tells where, and serves for ever.
pub(crate) fn serve() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    println!("floor at http://{}", listener.local_addr().unwrap());
    let halves: [Arc<Mutex<Vec<TcpStream>>>; 2] = Default::default();
    let (done, all_done) = mpsc::channel();
    let writers = halves.clone().map(|half| writer(half, done.clone()));
    let mut all_done = Some(all_done);
    for number in 0.. {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        if !request(&mut reader) {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: hi\n\n").unwrap();
            halves[number % 2].lock().unwrap().push(stream);
            continue;
        }
        let all_done = all_done.take().unwrap();
        let writers = writers.clone();
        thread::spawn(move || {
            loop {
                for writer in &writers {
                    writer.send(()).unwrap();
                }
                for () in all_done.iter().take(writers.len()) {}
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                if !request(&mut reader) {
                    return;
                }
            }
        });
    }
}

fn writer(half: Arc<Mutex<Vec<TcpStream>>>, done: Sender<()>) -> Sender<()> {
    let (sender, changes) = mpsc::channel();
    let frame = format!("event: commit\ndata: {:x<LENGTH$}\n\n", "");
    thread::spawn(move || {
        for () in changes {
            for stream in half.lock().unwrap().iter_mut() {
                stream.write_all(frame.as_bytes()).unwrap();
            }
            done.send(()).unwrap();
        }
    });
    sender
}

/// Reads a request, and says whether it is a change.
fn request(reader: &mut BufReader<TcpStream>) -> bool {
    let (mut line, mut is_change, mut length) = (String::new(), false, 0);
    while 0 < reader.read_line(&mut line).unwrap_or(0) && line != "\r\n" {
        is_change |= line.starts_with("POST");
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    is_change
}
