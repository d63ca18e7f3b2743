//! A shop that shows a page while it is closed, and sends those with a cart elsewhere: `pages 127.0.0.1:8000`.

use anyhow::Context as _;
use axum::Router;
use waygate_sdk::axum::{GuardedRouter, get};
use waygate_sdk::{Waygate, WaygateBuilder, escape_html};

/// Browsers see a page; programs get the standard answer in JSON.
fn with_pages(settings: WaygateBuilder) -> WaygateBuilder {
    settings.denied_with(|denied| {
        if denied.accepts_html() {
            denied.html(format!("<h1>Back soon</h1><p>{}</p>", escape_html(denied.reason())))
        } else {
            denied.standard()
        }
    })
}

fn shop(waygate: &Waygate) -> Router {
    GuardedRouter::new()
        .route("/", get(async || "the shop"))
        .route("/cart", get(async || "the cart").denied_with(|denied| denied.redirect("/saved")))
        .route("/saved", get(async || "your cart is kept").force_active())
        .guard(waygate)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let waygate = with_pages(Waygate::from_env()?).start()?;
    let address = std::env::args().nth(1).context("expected an address, such as `127.0.0.1:8000`")?;
    axum::serve(tokio::net::TcpListener::bind(address).await?, shop(&waygate)).await?;
    Ok(())
}

/// How a service tests what it does while it is switched off: no server, no network, no waiting.
#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;
    use waygate_sdk::testing::ControlPlane;

    use super::*;

    #[tokio::test]
    async fn those_with_a_cart_are_told_that_it_is_kept() {
        let plane = ControlPlane::followed_by(with_pages(Waygate::builder("http://unused", "shop")));
        let app = shop(&plane.waygate());
        plane.service().maintenance("stocktaking");
        let request = Request::get("/cart").body(Body::empty()).unwrap();
        let answer = app.oneshot(request).await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (303, &"/saved".parse().unwrap()));
        assert_eq!(plane.outcomes("/cart").blocked, 1);
    }
}
