//! The pages, as a browser without script uses them: links, forms, redirects.

mod forms;
mod frames;
mod limits;
mod previews;
mod switches;
mod traffic;
mod truth;
mod usage;

use reqwest::Method;

use crate::helpers::{Caller, TestServer, path_key};

/// A page as it came.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) head: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

/// A signed-in browser.
pub(crate) struct Browser {
    caller: Caller,
    csrf: String,
}

impl Browser {
    pub(crate) async fn sign_in(server: &TestServer, user: &str, password: &str) -> Self {
        let form = format!("username={user}&password={password}");
        let caller = server.anonymous();
        let answer = caller
            .with("content-type", "application/x-www-form-urlencoded")
            .send(Method::POST, "/login", Some(form.into_bytes()))
            .await;
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let caller = caller.with("cookie", cookie).with("accept", "text/html");
        let me = caller.get("/api/auth/me").await.body;
        Self { csrf: me["csrf_token"].as_str().unwrap().to_owned(), caller }
    }

    pub(crate) async fn admin(server: &TestServer) -> Self {
        Self::sign_in(server, "admin", "secret").await
    }

    pub(crate) async fn get(&self, path: &str) -> Page {
        read(self.caller.open(Method::GET, path, None).await).await
    }

    /// Posts a form with the session's token.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let mut fields = fields.to_vec();
        fields.push(("csrf", &self.csrf));
        self.post_bare(path, &fields).await
    }

    pub(crate) async fn post_bare(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let pairs = fields.iter().map(|(name, value)| format!("{name}={}", waygate_api::paths::percent_encoded(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let caller = self.caller.with("content-type", "application/x-www-form-urlencoded");
        read(caller.open(Method::POST, path, Some(body.into_bytes())).await).await
    }
}

pub(crate) async fn read(response: reqwest::Response) -> Page {
    let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
    let (status, head) = (response.status().as_u16(), response.headers().clone());
    Page { status, location, head, text: response.text().await.unwrap() }
}

/// The address of what is done to a route.
pub(crate) fn act(route: &str, act: &str) -> String {
    format!("/routes/{}/{act}", path_key(route))
}
