//! Who may read the metrics.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use secrecy::{ExposeSecret as _, SecretString};

use crate::app::App;
use crate::auth::Authority;
use crate::auth::login::is_same;
use crate::auth::presented::presented_token;
use crate::auth::principal::{Access, Proof, admit};
use crate::edge::Client;
use crate::error::ApiError;

impl Authority {
    /// The same, with a token that is for scraping only.
    pub(crate) fn with_scraper_token(mut self, token: Option<SecretString>) -> Self {
        self.scraper_token = token;
        self
    }

    /// Whether a request bears no token at all.
    pub(crate) fn is_token_missing(&self, head: &HeaderMap, client: &Client) -> bool {
        self.is_required() && matches!(presented_token(head, client), Ok(None))
    }

    fn is_scraper(&self, head: &HeaderMap, client: &Client) -> bool {
        let Ok(Some((given, false))) = presented_token(head, client) else { return false };
        self.scraper_token.as_ref().is_some_and(|token| is_same(given, token.expose_secret()))
    }
}

/// Lets whoever bears the token for scraping read; else people who may look at everything. Where people need none, and
/// there is one for scraping, it is needed.
pub(crate) async fn enforce_scraper(State(app): State<App>, client: Client, request: Request, next: Next) -> Response {
    match may_scrape(&app, &client, request.method(), request.headers()).await {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn may_scrape(app: &App, client: &Client, method: &Method, head: &HeaderMap) -> Result<(), ApiError> {
    if app.authority.is_scraper(head, client) {
        return Ok(());
    }
    if app.authority.scraper_token.is_some() && !app.authority.is_required() {
        app.not_let_in("token");
        return Err(ApiError::unauthorized("the token of `--metrics-token` is needed, as `Authorization: Bearer`"));
    }
    let principal = admit(app, Access::Viewer, client, (method, head), Proof::Header).await?;
    if principal.sees_everything() {
        return Ok(());
    }
    app.not_let_in("forbidden");
    Err(ApiError::forbidden("metrics are about all services, and you may see some of them only"))
}
