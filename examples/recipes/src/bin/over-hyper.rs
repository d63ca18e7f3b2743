//! A guard around a service of hyper, without a router: `over-hyper 127.0.0.1:8000`. Paths are matched against what is
//! declared, and callers are told apart by the address that the connection comes from.

use std::convert::Infallible;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::{Layer as _, ServiceExt as _};
use waygate_sdk::{PeerAddress, Routes, Waygate};

async fn hello(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from(format!("hello at {}\n", request.uri().path()))))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let waygate = Waygate::from_env()?.start()?;
    waygate.declare(Routes::new().get("/health").force_active().get("/hello/{name}").rate_limit("2/hour"));
    let address = std::env::args().nth(1).context("expected an address, such as `127.0.0.1:8000`")?;
    let listener = TcpListener::bind(address).await?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = listener.accept().await?;
        let guarded = waygate.layer().layer(tower::service_fn(hello)).map_request(move |mut request: Request<_>| {
            request.extensions_mut().insert(PeerAddress(peer.ip()));
            request
        });
        connections
            .spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), TowerToHyperService::new(guarded)));
        while connections.try_join_next().is_some() {}
    }
}
