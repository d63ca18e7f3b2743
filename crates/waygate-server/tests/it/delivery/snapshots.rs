//! `GET /api/sdk/snapshot`: for clients that cannot keep a stream open.

use std::io::Read as _;
use std::sync::Arc;

use reqwest::Method;
use serde_json::json;
use waygate_api::stream::Frame;
use waygate_core::ServiceView;
use waygate_store::MemoryStore;

use super::switch;
use crate::helpers::{Answer, Caller, Shared, TestServer};

const PATH: &str = "/api/sdk/snapshot?service=pay";

fn view_of(answer: &Answer) -> ServiceView {
    let Frame::Snapshot { view, skipped, .. } = Frame::decode("snapshot", &answer.body.to_string()).unwrap().unwrap()
    else {
        panic!("no snapshot: {}", answer.body)
    };
    assert!(skipped.is_empty());
    *view
}

/// Asks again with the entity tag of an earlier answer.
async fn again(caller: &Caller, tag: &str) -> Answer {
    caller.with("if-none-match", tag).get(PATH).await
}

#[tokio::test]
async fn a_snapshot_is_given_again_only_when_something_of_the_service_has_changed() {
    let store = Arc::new(MemoryStore::new().unwrap());
    let server = TestServer::start_on(Arc::new(Shared(store.clone())), |server| server).await;
    server.register("pay", &["GET:/a"]).await;
    server.register("orders", &["GET:/o"]).await;
    let (admin, service) = (server.admin().await, server.sdk("pay").await);
    let first = service.get(PATH).await;
    assert_eq!(first.status, 200);
    let tag = first.header("etag").unwrap().to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag} is strong");
    assert_eq!(tag.trim_matches('"'), first.body["cursor"].as_str().unwrap());
    assert_eq!(view_of(&first), server.control.current().service_view(&"pay".parse().unwrap()));
    assert!(!first.body.to_string().contains("orders"));
    assert_eq!(first.header("cache-control"), Some("private, no-cache"));

    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
        let unchanged = again(&service, &known).await;
        assert_eq!((unchanged.status, unchanged.header("etag")), (304, Some(&*tag)));
    }
    switch(&admin, "orders:GET:/o", "disable").await;
    assert_eq!(again(&service, &tag).await.status, 304, "others are no concern of the service");
    let second = TestServer::start_on(Arc::new(Shared(store)), |server| server).await;
    assert_eq!(again(&second.sdk("pay").await, &tag).await.status, 304, "every node knows the tag");

    switch(&admin, "pay:GET:/a", "disable").await;
    let changed = again(&service, &tag).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.body["view"]["service"]["routes"]["GET:/a"]["base"]["lifecycle"], "disabled");
    let tag = changed.header("etag").unwrap().to_owned();
    admin.post("/api/global/enable", json!({})).await;
    assert_eq!(again(&service, &tag).await.status, 200, "what is global concerns everyone");
    for odd in ["nonsense", "\"0123456789abcdef:1:0000000000000000\"", "\"\"", ""] {
        assert_eq!(again(&service, odd).await.status, 200, "{odd}");
    }
}

#[tokio::test]
async fn a_snapshot_is_compressed_for_those_who_take_it() {
    let server = TestServer::start().await;
    let routes: Vec<String> = (0..300).map(|number| format!("GET:/r{number}")).collect();
    server.register("pay", &routes.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let service = server.sdk("pay").await;
    let plain = service.open(Method::GET, PATH, None).await;
    assert_eq!(plain.headers().get("vary").unwrap(), "accept-encoding");
    let (plain_tag, plain) = (plain.headers()["etag"].clone(), plain.bytes().await.unwrap());
    for (accepted, zipped) in [
        ("gzip", true),
        ("br, GZIP;q=0.5", true),
        ("gzip;q=0", false),
        ("gzip; q=0.0, identity", false),
        ("identity", false),
        ("gzipped", false),
    ] {
        let answer = service.with("accept-encoding", accepted).open(Method::GET, PATH, None).await;
        let encoding = answer.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(encoding.as_deref(), zipped.then_some("gzip"), "{accepted}");
        let tag = answer.headers()["etag"].clone();
        assert_eq!(tag != plain_tag, zipped, "other bytes have another tag");
        let bytes = answer.bytes().await.unwrap();
        if zipped {
            assert!(bytes.len() * 5 < plain.len(), "{} of {}", bytes.len(), plain.len());
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(&*bytes).read_to_end(&mut text).unwrap();
            assert!(text == plain, "it is the same document");
            assert_eq!(again(&service, tag.to_str().unwrap()).await.status, 304);
        } else {
            assert!(bytes == plain);
        }
    }
}

#[tokio::test]
async fn g12_a_service_takes_the_snapshot_of_itself_alone() {
    let server = TestServer::start().await;
    server.register("orders", &["GET:/o"]).await;
    let service = server.sdk("pay").await;
    assert_eq!(service.get("/api/sdk/snapshot?service=orders").await.refusal(), (403, "forbidden"));
    assert_eq!(service.get("/api/sdk/snapshot").await.refusal(), (400, "invalid_field"));
    assert_eq!(server.anonymous().get(PATH).await.refusal(), (401, "unauthorized"));
    // As with a stream, a service that nobody has heard of yet gets what is global.
    assert_eq!(service.get(PATH).await.status, 200);
}
