//! From a change that is sent, and from its acknowledgement, to the service that enforces it: control plane and SDK in
//! this process, with real connections between them.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use waygate_core::{Decision, RequestFacts, RouteMethod, Timestamp};
use waygate_sdk::Waygate;
use waygate_server::Server;
use waygate_store::MemoryStore;

use crate::http::Connection;
use crate::{at, figure, world};

const CHANGES: usize = 2_000;
/// How many come before those that count.
const PRIMING: usize = 100;
const ROUTES: usize = 100;
/// Between two looks at what is enforced: two cores have to do with one who does nothing but look. It counts as late.
const BETWEEN_LOOKS: Duration = Duration::from_micros(20);

struct Request;

impl RequestFacts for Request {
    fn method(&self) -> Option<RouteMethod> {
        Some(RouteMethod::Get)
    }

    fn template(&self) -> Option<&str> {
        Some("/route/0")
    }

    fn path(&self) -> &'static str {
        "/route/0"
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

pub(crate) fn measure(server: &Runtime) {
    let address = server.block_on(async {
        let control = Server::builder().backend(Arc::new(MemoryStore::new().unwrap())).build().await.unwrap();
        world::register(&control.control(), "bench", ROUTES).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(control.serve(listener, std::future::pending()));
        address
    });
    let service = crate::runtime();
    let waygate = service.block_on(async {
        let waygate = Waygate::builder(&format!("http://{address}"), "bench").start().unwrap();
        assert!(waygate.ready(Duration::from_secs(10)).await, "the service does not follow");
        waygate
    });
    let (expect, expected) = mpsc::channel::<bool>();
    let (tell, told) = mpsc::channel::<Instant>();
    thread::spawn(move || {
        for denied in expected {
            while waygate.check(&Request, |decision| matches!(decision, Decision::Deny(_))) != denied {
                thread::sleep(BETWEEN_LOOKS);
            }
            tell.send(Instant::now()).unwrap();
        }
    });
    let mut connection = Connection::open(address).unwrap();
    let (mut from_sent, mut from_acknowledged) = (Vec::new(), Vec::new());
    for number in 0..PRIMING + CHANGES {
        let denied = number.is_multiple_of(2);
        expect.send(denied).unwrap();
        let sent = Instant::now();
        connection.switch("bench:GET:/route/0", if denied { "disable" } else { "enable" });
        let acknowledged = Instant::now();
        let enforced = told.recv_timeout(Duration::from_secs(10)).unwrap();
        if PRIMING <= number {
            from_sent.push(enforced.duration_since(sent).as_secs_f64() * 1e3);
            from_acknowledged.push(enforced.saturating_duration_since(acknowledged).as_secs_f64() * 1e3);
        }
        // Changes that follow at once find everything awake.
        thread::sleep(Duration::from_millis(3));
    }
    for (name, key, mut taken) in [("acknowledged", "acknowledged", from_acknowledged), ("sent", "sent", from_sent)] {
        taken.sort_by(f64::total_cmp);
        let (middle, nearly_all, last) = (at(&taken, 0.5), at(&taken, 0.99), taken[taken.len() - 1]);
        println!(
            "enforced after a change was {name}: median {middle:.3} ms, 99 % {nearly_all:.3} ms, longest {last:.3} ms \
             of {CHANGES}"
        );
        figure(&format!("from_{key}.median_ms"), middle);
        figure(&format!("from_{key}.p99_ms"), nearly_all);
    }
}
