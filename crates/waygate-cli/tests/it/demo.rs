//! `waygate demo`, as somebody new meets it: what it prints is done.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::context::{shown, waygate};

fn status(url: &str) -> u16 {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_newcomer_sees_routes_close_and_open() {
    let home = tempfile::tempdir().unwrap();
    let mut demo = waygate(home.path());
    let mut demo = demo.arg("demo").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (say, said) = mpsc::channel();
    let stdout = BufReader::new(demo.stdout.take().unwrap());
    std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
    let mut lines = Vec::new();
    let mut until = |part: &str| {
        while !lines.last().is_some_and(|line: &String| line.contains(part)) {
            let line = said.recv_timeout(Duration::from_secs(20));
            lines.push(line.unwrap_or_else(|_| panic!("`{part}` is never said: {lines:#?}")));
        }
        lines.clone()
    };
    let words = until("Ctrl-C ends all of it");
    let url = |name: &str| words.iter().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    let (control, payments, orders) =
        (url("the control plane and its dashboard:"), url("payments-service:"), url("orders-service:"));
    let commands: Vec<&str> = words.iter().map(|line| line.trim()).filter(|line| line.contains(" --server ")).collect();
    assert_eq!(commands.len(), 4, "{words:#?}");
    // As they stand: the program is not in the `PATH` of a shell.
    let run = |line: &str| {
        let mut shell = Command::new("/bin/sh");
        let output = shell.args(["-c", line]).current_dir(home.path()).env("HOME", home.path()).output().unwrap();
        assert!(output.status.success(), "{line}: {}", shown(&output));
    };

    assert_eq!(status(&format!("{control}/")), 200, "the dashboard");
    until("payments-service GET /api/payments  503");
    assert_eq!((status(&payments), status(&orders)), (503, 200));
    run(commands[0]);
    until("payments-service GET /api/payments  200, was 503");
    assert_eq!(status(&payments), 200);
    run(commands[1]);
    assert_eq!(status(&orders), 503, "with `--wait` it is so when the command ends");
    until("orders-service GET /api/orders  503, was 200");
    run(commands[2]);
    until("payments-service GET /api/payments  503, was 200");
    assert_eq!(status(&payments.replace("/api/payments", "/health")), 200, "what is always on");
    run(commands[3]);
    until("payments-service GET /api/payments  200, was 503");

    assert!(Command::new("/bin/kill").args(["-INT", &demo.id().to_string()]).status().unwrap().success());
    assert!(demo.wait().unwrap().success());
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "nothing is kept: {left:?}");
}
