//! The recipes as they are typed: each program with a real control plane and real requests.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../src/bin/over-tonic/text.rs"]
mod text;

use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use axum::http::uri::PathAndQuery;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tonic::transport::Endpoint;
use tonic::{Code, Status};
use waygate_sdk::{Control, Waygate};
use waygate_server::Server;
use waygate_store::MemoryStore;

const PATIENCE: Duration = Duration::from_secs(30);

/// A program of a recipe, and the operator's hand on it.
struct Recipe {
    program: Child,
    address: String,
    operator: Control,
    _connection: Waygate,
}

impl Drop for Recipe {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

impl Recipe {
    async fn start(program: &str) -> Self {
        let server = Server::builder().backend(Arc::new(MemoryStore::new().unwrap())).build().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = server.router();
        tokio::task::spawn(async move {
            let _keep = server;
            axum::serve(listener, app).await
        });
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let program = Command::new(program)
            .arg(&address)
            .env("WAYGATE_SERVER_URL", &url)
            .env("WAYGATE_APP_ID", "recipe")
            .spawn()
            .unwrap();
        let connection = Waygate::builder(&url, "operator").start().unwrap();
        let operator = connection.control().of("recipe").unwrap();
        Self { program, address, operator, _connection: connection }
    }

    /// The whole answer in lower case; nothing while nobody listens.
    async fn get(&self, path: &str, accept: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(&self.address).await else { return String::new() };
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\naccept: {accept}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.to_lowercase()
    }

    async fn answers(&self, path: &str, accept: &str, expected: &[&str]) {
        let begun = Instant::now();
        loop {
            let answer = self.get(path, accept).await;
            if expected.iter().all(|part| answer.contains(part)) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{path} never answers {expected:?}: {answer}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn disable(&self, route: &str) {
        let begun = Instant::now();
        while let Err(error) = self.operator.disable(route, "by the test").await {
            assert!(begun.elapsed() < PATIENCE, "{error}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn the_least_that_a_guarded_service_is_has_fewer_than_20_lines_and_obeys() {
    let source = include_str!("../../src/bin/minimal.rs");
    assert!(source.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("//")).count() < 20);
    let recipe = Recipe::start(env!("CARGO_BIN_EXE_minimal")).await;
    recipe.answers("/hello", "*/*", &["200 ok", "hello"]).await;
    recipe.disable("/hello").await;
    recipe.answers("/hello", "*/*", &["503", "by the test"]).await;
    recipe.answers("/health", "*/*", &["200 ok"]).await;
}

#[tokio::test]
async fn browsers_see_a_page_and_programs_the_standard_answer() {
    let recipe = Recipe::start(env!("CARGO_BIN_EXE_pages")).await;
    recipe.disable("GET:/").await;
    recipe.answers("/", "text/html", &["503", "text/html", "<h1>back soon</h1><p>by the test</p>"]).await;
    recipe.answers("/", "application/json", &["503", "route_disabled"]).await;
    recipe.disable("/cart").await;
    recipe.answers("/cart", "*/*", &["303", "location: /saved", "cache-control: no-store"]).await;
    recipe.answers("/saved", "*/*", &["200 ok", "your cart is kept"]).await;
}

#[tokio::test]
async fn a_service_of_hyper_is_guarded_and_its_callers_are_told_apart() {
    let recipe = Recipe::start(env!("CARGO_BIN_EXE_over-hyper")).await;
    recipe.answers("/health", "*/*", &["200 ok"]).await;
    // The control plane's limit takes the place of the declared one in between, and counts afresh.
    let mut allowed = 0;
    while !recipe.get("/hello/ada", "*/*").await.contains("429") {
        allowed += 1;
        assert!(allowed <= 4, "more than 2 by the declared limit and 2 by the registered one");
    }
    assert!(2 <= allowed, "only {allowed} of 2");
    recipe.disable("/hello/{name}").await;
    recipe.answers("/hello/ada", "*/*", &["503", "route_disabled"]).await;
}

async fn hello(recipe: &Recipe, name: &str) -> Result<String, Status> {
    let channel = Endpoint::from_shared(format!("http://{}", recipe.address)).unwrap().connect_lazy();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let method = PathAndQuery::from_static("/helloworld.Greeter/SayHello");
    Ok(client.unary(tonic::Request::new(name.to_owned()), method, text::Text).await?.into_inner())
}

#[tokio::test]
async fn calls_of_tonic_are_guarded_and_end_with_the_status_that_clients_know() {
    let recipe = Recipe::start(env!("CARGO_BIN_EXE_over-tonic")).await;
    let begun = Instant::now();
    while hello(&recipe, "ada").await.ok().as_deref() != Some("hello ada") {
        assert!(begun.elapsed() < PATIENCE, "it never answers");
        sleep(Duration::from_millis(20)).await;
    }
    // As with hyper: the declared limit, and the registered one.
    let mut allowed = 1;
    let limited = loop {
        match hello(&recipe, "ada").await {
            Ok(_) => allowed += 1,
            Err(status) => break status,
        }
        assert!(allowed <= 4, "more than 2 by the declared limit and 2 by the registered one");
    };
    assert_eq!(limited.code(), Code::ResourceExhausted, "{limited}");
    assert!(limited.metadata().contains_key("grpc-retry-pushback-ms"), "{limited:?}");
    recipe.disable("POST:/helloworld.Greeter/SayHello").await;
    let stopped = loop {
        let said = hello(&recipe, "ada").await;
        match said {
            Err(status) if status.code() != Code::ResourceExhausted => break status,
            _ => assert!(begun.elapsed() < PATIENCE, "{said:?}"),
        }
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(stopped.code(), Code::Unavailable);
    assert!(stopped.message().contains("by the test"), "{stopped}");
}

#[tokio::test]
async fn a_document_of_openapi_says_what_does_not_answer() {
    let recipe = Recipe::start(env!("CARGO_BIN_EXE_documented")).await;
    let goes_away = "\"x-sunset\":\"2031-01-01t00:00:00z\"";
    recipe.answers("/openapi.json", "*/*", &["200 ok", goes_away, "\"x-waygate-successor\":\"/orders\""]).await;
    recipe.disable("/orders/{id}").await;
    recipe.answers("/orders/7", "*/*", &["503", "by the test"]).await;
    recipe.answers("/openapi.json", "*/*", &["\"x-waygate-status\":\"disabled\"", "by the test"]).await;
}
