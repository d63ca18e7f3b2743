//! What can be wrong with the settings. After the start there are no errors: there is a status.

use waygate_api::client::{ClientError, InvalidServerUrl};
use waygate_api::instances::InvalidInstanceId;
use waygate_core::InvalidName;

/// Why the SDK cannot start with the given settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    #[error("the server URL is not usable: {0}")]
    ServerUrl(#[source] InvalidServerUrl),
    #[error("there is no server; expected at least one URL such as `http://localhost:9000`")]
    NoServer,
    #[error("the app id is not usable: {0}")]
    AppId(#[source] InvalidName),
    #[error("the environment is not usable: {0}")]
    Environment(#[source] InvalidName),
    #[error("the instance's id is not usable: {0}")]
    Instance(#[source] InvalidInstanceId),
    #[error("the system gives no random bytes")]
    NoRandomness,
    #[error("a trusted proxy is not usable: {0}")]
    TrustedProxy(#[source] InvalidName),
    #[error("the rate limit backend is not usable: {0}")]
    RateLimitBackend(String),
    /// The file of [`WaygateBuilder::ca_file`](crate::WaygateBuilder::ca_file).
    #[error("the file of authorities `{path}` cannot be read: {reason}", path = path.display())]
    CaFile { path: std::path::PathBuf, reason: String },
    #[error("the connection cannot be set up: {0}")]
    Client(#[source] ClientError),
    #[error("`{name}` is not set; expected {expected}")]
    MissingVariable { name: &'static str, expected: &'static str },
    #[error("`{name}` is not usable: expected {expected}")]
    InvalidVariable { name: &'static str, expected: &'static str },
    #[error("`{one}` and `{other}` are both set; expected one of them")]
    ConflictingVariables { one: &'static str, other: &'static str },
    #[error("there is no tokio runtime here; call `start` within one, such as in `#[tokio::main]`")]
    NoRuntime,
}
