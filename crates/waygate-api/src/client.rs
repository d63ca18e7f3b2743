//! A typed client of the control plane's API, for the command line, services and programs.

mod call;
mod document;
mod events;
mod failure;
mod options;
mod url;
mod whole;

pub use call::{Answer, Body, Client};
pub use document::Document;
pub use events::{EventStream, ServerEvent};
pub use failure::ClientError;
pub use options::{Call, ClientOptions};
pub use reqwest::Method;
pub use url::{InvalidServerUrl, ServerUrl};
