//! A proxy between a service and the control plane that can hold a request back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Forwards everything; connections that begin with a given request wait until they are released.
pub(crate) struct Proxy {
    pub(crate) url: String,
    held: Arc<AtomicUsize>,
    open: Arc<AtomicBool>,
    release: Arc<Notify>,
}

impl Proxy {
    /// Holds connections back whose first bytes contain `request`.
    pub(crate) async fn holding(target: &str, request: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let target = target.trim_start_matches("http://").to_owned();
        let held = Arc::new(AtomicUsize::new(0));
        let open = Arc::new(AtomicBool::new(false));
        let release = Arc::new(Notify::new());
        let (counted, opened, released) = (held.clone(), open.clone(), release.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, counted, opened, released) =
                    (target.clone(), counted.clone(), opened.clone(), released.clone());
                tokio::spawn(async move {
                    let _ = forward(client, &target, request, &counted, &opened, &released).await;
                });
            }
        });
        Self { url, held, open, release }
    }

    /// How many requests have been held back so far.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    /// Lets everything through from now on.
    pub(crate) fn release(&self) {
        self.open.store(true, Ordering::SeqCst);
        self.release.notify_waiters();
    }
}

/// Each request head is looked at, since clients keep connections alive.
async fn forward(
    mut client: TcpStream,
    target: &str,
    request: &str,
    held: &AtomicUsize,
    open: &AtomicBool,
    release: &Notify,
) -> std::io::Result<()> {
    let server = TcpStream::connect(target).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.into_split();
    let upstream = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = from_client.read(&mut buffer).await?;
            if read == 0 {
                return to_server.shutdown().await;
            }
            let released = release.notified();
            let asked = String::from_utf8_lossy(&buffer[..read]);
            if asked.contains(request) && !open.load(Ordering::SeqCst) {
                held.fetch_add(1, Ordering::SeqCst);
                released.await;
            }
            to_server.write_all(&buffer[..read]).await?;
        }
    };
    let downstream = tokio::io::copy(&mut from_server, &mut to_client);
    tokio::select! {
        done = upstream => done,
        done = downstream => done.map(|_| ()),
    }
}
