//! One call of the API, as it is.

use std::path::PathBuf;

use clap::Args;
use waygate_api::client::Method;

#[derive(Debug, Args)]
pub(crate) struct Api {
    /// GET, POST, PUT, PATCH or DELETE
    #[arg(value_name = "METHOD", value_parser = method)]
    pub(crate) verb: Method,
    /// From / on, such as /api/routes?service=payments-service
    pub(crate) path: String,
    /// A field of the body, with GET of the query: NAME=TEXT, or NAME:=JSON; repeat for more
    #[arg(long = "field", short = 'f', value_name = "NAME=VALUE")]
    pub(crate) fields: Vec<String>,
    /// The body: a file of JSON, or - for stdin
    #[arg(long, value_name = "FILE", conflicts_with = "fields")]
    pub(crate) input: Option<PathBuf>,
}

fn method(text: &str) -> Result<Method, String> {
    let known = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let meant = known.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(text));
    meant.ok_or_else(|| "expected GET, POST, PUT, PATCH or DELETE".to_owned())
}
