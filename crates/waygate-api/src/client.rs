//! A typed client of the control plane's API, for the command line, services and programs.

mod call;
mod document;
mod events;
mod url;

pub use call::{Answer, Call, Client, ClientError, ClientOptions};
pub use document::Document;
pub use events::{EventStream, ServerEvent};
pub use url::{InvalidServerUrl, ServerUrl};
