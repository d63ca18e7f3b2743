//! The rules of Waygate: what the control plane knows, how it changes, and what a request gets.
//!
//! Everything here is pure: no clock, no file, no socket, no lock on the way of a decision. Time is one of the facts.
//! Only counters change in place, each request under a short lock.
//!
//! - [`State`] is the replicated document. A [`Command`] is [planned](plan) against it and becomes changes; a
//!   [`Commit`] carries them with a [`Cursor`] that says where in history they stand.
//! - [`Snapshot`] is one service's view of the state, compiled for reading. [`Snapshot::decide`] is the only place
//!   that says yes or no.
//! - [`LocalCounters`] charge a request that a decision lets through to the rate limits that it names.
//!
//! ```
//! use waygate_core::{Decision, Denial, Declaration, Command, Cursor, RequestFacts, RouteMethod, Snapshot, State,
//!     Switch, Timestamp, plan};
//! # use waygate_core::{Cause, Commit, Draft, Platform};
//!
//! struct Get(&'static str);
//!
//! impl RequestFacts for Get {
//!     fn method(&self) -> Option<RouteMethod> { Some(RouteMethod::Get) }
//!     fn template(&self) -> Option<&str> { Some(self.0) }
//!     fn path(&self) -> &str { self.0 }
//!     fn now(&self) -> Timestamp { Timestamp::UNIX_EPOCH }
//! }
//!
//! let mut state = State::new(Cursor::start_of("0123456789abcdef".parse()?));
//! # let mut number = 0;
//! let mut execute = |state: &mut State, command: Command| -> Result<(), Box<dyn std::error::Error>> {
//!     let records = plan(state, &command, Timestamp::UNIX_EPOCH)?.records;
//! #   number += 1;
//! #   let cause = Cause { actor: "ada".parse()?, platform: Platform::Cli, at: Timestamp::UNIX_EPOCH, undoes: None };
//! #   let draft = Draft { id: format!("draft-{number:016}").try_into()?, cause, records };
//!     let commit = Commit::after(&state.cursor, draft); // what a store does
//!     state.apply(&commit)?;
//!     Ok(())
//! };
//! let routes = vec![Declaration::active("GET:/api/payments".parse()?)];
//! execute(&mut state, Command::Register { service: "payments".parse()?, routes })?;
//! execute(&mut state, Command::Route {
//!     route: "/api/payments".parse()?,
//!     to: Switch::disable(),
//!     reason: "hotfix".into(),
//!     expected: None,
//! })?;
//!
//! let snapshot = Snapshot::compile(state.service_view(&"payments".parse()?), None);
//! let decision = snapshot.decide(&Get("/api/payments"));
//! assert_eq!(decision, Decision::Deny(Denial::Disabled { reason: "hotfix", until: None }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod action;
mod change;
mod command;
mod commit;
mod decide;
mod denial;
mod digest;
mod explain;
mod facts;
mod heaviest;
mod id;
mod lifecycle;
mod limit;
mod maintenance;
mod past;
mod revision;
mod route;
mod schedule;
mod scope;
mod snapshot;
mod state;
mod token;
mod unheard;
mod webhook;

pub use action::Action;
pub use change::{Audience, Change, ImportedEntry};
pub use command::{
    Command, CommandError, Declaration, LONGEST_REASON, LimitTarget, MOST_EXEMPTIONS, MOST_ROUTES, MOST_TOKENS,
    MOST_WEBHOOKS, MOST_WINDOWS, MaintenanceSwitch, Plan, RateLimitSwitch, Switch, plan,
};
pub use commit::{Cause, Commit, Draft, DraftId, Platform, Record};
pub use decide::{Decision, Denial, Layer, LimitChain, Pass, Trace, Verdict};
pub use denial::{DenialResponse, seconds_until};
pub use digest::{Digest, DigestKind};
pub use facts::RequestFacts;
pub use heaviest::{Counted, Heaviest};
pub use id::{Actor, Environment, InvalidName, ServiceId, TokenId, WebhookId};
pub use jiff::Timestamp;
pub use lifecycle::{Control, Deprecation, Effective, Enforcement, Lifecycle, LifecycleKind, Route, Temporary, Window};
pub use limit::{
    API_KEY_HEADER, Algorithm, CallerFacts, Charged, Cidr, CounterMemory, DEFAULT_TIER_RESOLVER, Division, Exceeded,
    Granted, Held, Holding, KeyStrategy, LIMIT_GRAMMAR, LeaseTerms, LimitExpression, LocalCounters, Meter,
    OnBackendFailure, OnMissingKey, Part, Quota, RateLimitPolicy, Share, SharedCharge, SharedLimit, Standing, Step,
    Tier, Usage, client_ip, masked_caller,
};
pub use maintenance::{Maintenance, MaintenanceScope};
pub use revision::{Cursor, Epoch, Lineage, Revision};
pub use route::{LocalKey, PathTemplate, RouteKey, RouteMethod, RouteSelector};
pub use schedule::Schedule;
pub use scope::Scope;
pub use snapshot::{Snapshot, SnapshotCell};
pub use state::{GlobalState, OutOfOrder, ServiceState, ServiceView, State};
pub use token::{IssuedToken, TokenKind};
pub use unheard::{Unheard, WhenUnknown};
pub use webhook::{Webhook, WebhookFormat, WebhookSettings};
