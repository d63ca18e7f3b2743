//! The HTTP contract of Waygate: what travels between the control plane, services, the command line and scripts.
//!
//! - [`paths`]: where things are, and how a route's key is written in a URL.
//! - Bodies: [`routes`], [`schedules`], [`services`], [`maintenance`], [`rate_limits`], [`audit`], [`auth`], [`batch`], [`document`], [`explain`], [`sdk`], [`instances`], [`traffic`], [`webhooks`]; errors in [`error`].
//! - [`stream`]: the frames by which a service follows the control plane.
//! - [`trace`]: how a call says which trace it is a part of.
//! - With the feature `client`, a typed client in [`client`].

pub mod audit;
pub mod auth;
pub mod batch;
#[cfg(feature = "client")]
pub mod client;
pub mod document;
pub mod error;
pub mod explain;
pub mod instances;
mod instant;
pub mod maintenance;
pub mod paths;
pub mod rate_limits;
pub mod routes;
pub mod schedules;
pub mod sdk;
pub mod services;
pub mod stream;
pub mod trace;
pub mod traffic;
pub mod webhooks;

/// Request and response headers of our own.
pub mod headers {
    /// The credential, raw. Equal to `Authorization: Bearer …`.
    pub const TOKEN: &str = "x-waygate-token";
    /// Through what a person acts: `cli`.
    pub const PLATFORM: &str = "x-waygate-platform";
    /// Who acts, believed only where the control plane has no authentication.
    pub const ACTOR: &str = "x-waygate-actor";
    /// The service that an SDK speaks for.
    pub const APP_ID: &str = "x-waygate-app-id";
    /// Names an instance of that service among the others.
    pub const INSTANCE: &str = "x-waygate-instance";
    /// What the instance runs: `name/version`.
    pub const SDK: &str = "x-waygate-sdk";
    /// The environment that its gates compare with.
    pub const ENVIRONMENT: &str = "x-waygate-environment";
    /// The version of the protocol that it speaks, a number.
    pub const PROTOCOL: &str = "x-waygate-protocol";
    /// What else it can do: names with commas between them.
    pub const CAPABILITIES: &str = "x-waygate-capabilities";
    /// Tells this start of an instance from others of the same name.
    pub const PROCESS: &str = "x-waygate-process";
    /// Where in history an answer is true.
    pub const CURSOR: &str = "x-waygate-cursor";
    /// The revision that a mutation has made, or that an answer was read at.
    pub const REVISION: &str = "x-waygate-revision";
    /// What a switch ended or what the caller should know: one header line each, percent-encoded UTF-8.
    pub const NOTICE: &str = "x-waygate-notice";
    /// Whether a mutation has changed anything, or would have: `true` or `false`.
    pub const CHANGED: &str = "x-waygate-changed";
    /// `true`: nothing was committed, the answer says what would have come of it.
    pub const DRY_RUN: &str = "x-waygate-dry-run";
    /// The `cursor` of the next page of a list; absent on the last.
    pub const NEXT: &str = "x-waygate-next";
    /// How many there are on all pages of a list together.
    pub const TOTAL: &str = "x-waygate-total";
    /// The token that changes by a browser's session must bear.
    pub const CSRF: &str = "x-waygate-csrf";
    /// Names a request in logs and errors.
    pub const REQUEST_ID: &str = "x-request-id";
    /// The trace that a call is a part of (W3C Trace Context).
    pub const TRACEPARENT: &str = "traceparent";
    /// The cursor that a stream resumes after.
    pub const LAST_EVENT_ID: &str = "last-event-id";
}
