//! Requests without a network: `layer CASE COUNT` answers so many, so that their instructions can be counted.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use tower_service::Service as _;

/// Has the router answer `count` requests, one after the other; nothing in it waits.
pub(crate) fn answer(mut router: Router, count: usize) {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..count {
        let request = Request::get("/accounts/7").header("host", "bench").header("accept", "*/*").body(Body::empty());
        let answer = pin!(router.call(request.unwrap())).poll(&mut context);
        assert!(matches!(answer, Poll::Ready(Ok(answer)) if answer.status() == 200), "a request was not answered");
    }
}
