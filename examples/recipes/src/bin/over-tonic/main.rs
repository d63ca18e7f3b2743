//! A guard around a server of tonic: `over-tonic 127.0.0.1:8000`. A method of gRPC is a route, `POST` and its path; callers are
//! told apart by the address that the connection comes from.

mod text;

use std::convert::Infallible;

use anyhow::Context as _;
use axum::http::{Request, Response};
use futures_util::future::BoxFuture;
use tonic::body::Body;

use tonic::server::{Grpc, NamedService};
use tonic::transport::Server;
use tonic::transport::server::TcpConnectInfo;
use tower::{Service, ServiceBuilder};
use waygate_sdk::{PeerAddress, Routes, Waygate};

const SAY_HELLO: &str = "/helloworld.Greeter/SayHello";

/// What `tonic-prost-build` makes of a service with one method, written out.
#[derive(Debug, Clone)]
struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "helloworld.Greeter";
}

impl Service<Request<Body>> for Greeter {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(async move {
            if request.uri().path() != SAY_HELLO {
                return Ok(tonic::Status::unimplemented("there is no such method").into_http());
            }
            Ok(Grpc::new(text::Text).unary(tower::service_fn(say_hello), request).await)
        })
    }
}

async fn say_hello(name: tonic::Request<String>) -> Result<tonic::Response<String>, tonic::Status> {
    Ok(tonic::Response::new(format!("hello {}", name.into_inner())))
}

/// Tells the guard whose connection it is, for limits of each address.
fn with_peer(mut request: Request<Body>) -> Request<Body> {
    let peer = request.extensions().get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
    if let Some(peer) = peer {
        request.extensions_mut().insert(PeerAddress(peer.ip()));
    }
    request
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let waygate = Waygate::from_env()?.start()?;
    waygate.declare(Routes::new().post(SAY_HELLO).rate_limit("2/hour"));
    let address = std::env::args().nth(1).context("expected an address, such as `127.0.0.1:8000`")?;
    let guard = ServiceBuilder::new().map_request(with_peer).layer(waygate.grpc_layer()).into_inner();
    Server::builder().layer(guard).add_service(Greeter).serve(address.parse()?).await?;
    Ok(())
}
