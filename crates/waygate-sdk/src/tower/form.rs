//! What answers to denied requests are made of.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Response};

/// Answers with a body that can be made of bytes, as those of axum and of hyper can.
#[derive(Debug, Clone, Copy)]
pub struct WithBody;

/// Answers that are a head and nothing else, for bodies that can only be empty.
#[derive(Debug, Clone, Copy)]
pub struct HeadOnly;

/// Makes an answer of the service's own kind.
pub trait Form<B> {
    fn of(answer: Response<Bytes>) -> Response<B>;
}

impl<B: From<Bytes>> Form<B> for WithBody {
    fn of(answer: Response<Bytes>) -> Response<B> {
        answer.map(B::from)
    }
}

impl<B: Default> Form<B> for HeadOnly {
    fn of(mut answer: Response<Bytes>) -> Response<B> {
        if !answer.body().is_empty() {
            answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        answer.map(|_| B::default())
    }
}
