//! A service that follows the control plane, and what must hold for it at any moment.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use waygate_api::stream::Frame;
use waygate_core::{Cursor, Digest, RequestFacts, RouteMethod, ServiceId, ServiceView, Snapshot, Timestamp};
use waygate_sdk::{Phase, Routes, Waygate, simulation};

use crate::chance::Chance;
use crate::link::Link;
use crate::node::Node;
use crate::world::World;

/// One instance of a service.
#[derive(Debug)]
pub struct Client {
    pub name: String,
    pub service: ServiceId,
    pub world: Arc<World>,
    /// When it acts, see [`World::turn`].
    pub slot: usize,
    environment: &'static str,
    waygate: Mutex<Option<Waygate>>,
    /// No stream gets through to it; what is asked for without one does.
    pub swallowed: std::sync::atomic::AtomicBool,
}

/// What a service knows, and where in history that stands.
pub type Known = Option<(Cursor, ServiceView)>;

/// A frame that was handed over, with what was known before.
#[derive(Debug)]
pub struct Handed {
    pub frame: Option<Frame>,
    pub before: Known,
}

impl Client {
    pub fn new(number: usize, service: &str, environment: &'static str, world: Arc<World>) -> Arc<Self> {
        Arc::new(Self {
            name: format!("{service}-{number}"),
            slot: number,
            service: service.parse().expect("it is a name of a service"),
            world,
            environment,
            waygate: Mutex::new(None),
            swallowed: std::sync::atomic::AtomicBool::new(false),
        })
    }

    /// Starts to follow the nodes.
    pub fn start(self: &Arc<Self>, nodes: &Arc<Vec<Node>>, chance: Chance) {
        let link = Link::new(self.clone(), nodes.clone(), chance);
        let builder = Waygate::builder("http://simulated", self.service.as_str())
            .environment(self.environment)
            .reconnect_delay(Duration::from_secs(2));
        let waygate = builder.start_with(link).expect("the settings are good");
        waygate.declare(Routes::new().get("/a").get("/b"));
        *self.waygate.lock().expect("nobody panics with it") = Some(waygate);
        self.world.note(&self.name, "starts");
    }

    /// Ends it, with all that it knows.
    pub async fn stop(&self) {
        let waygate = self.waygate.lock().expect("nobody panics with it").take();
        if let Some(waygate) = waygate {
            self.world.note(&self.name, "stops");
            waygate.shutdown().await;
        }
    }

    pub fn declare(&self, path: &str) {
        if let Some(waygate) = self.waygate() {
            waygate.declare(Routes::new().get(path));
            self.world.note(&self.name, format_args!("declares {path}"));
        }
    }

    pub fn known(&self) -> Known {
        simulation::known(&self.waygate()?)
    }

    fn waygate(&self) -> Option<Waygate> {
        self.waygate.lock().expect("nobody panics with it").clone()
    }

    /// What holds at any moment: what is known is what the control plane knew at that very place.
    pub fn check(&self) {
        if let Some((cursor, view)) = self.known() {
            match self.world.truth.view(&cursor, &self.service) {
                Some(truth) if truth == view => {}
                Some(_) => self.violated(format_args!("atomic: what it knows at {cursor} is not what the server had")),
                None => self.violated(format_args!("it stands at {cursor}, where no history ever was")),
            }
        }
    }

    /// The frame that was handed over last was taken: the service asks for the next one.
    pub fn accepted(&self, handed: &Handed) {
        self.check();
        let Some(frame) = &handed.frame else { return };
        let (cursor, truth) = match frame {
            Frame::Snapshot { cursor, .. } | Frame::Commit { cursor, .. } | Frame::Bookmark { cursor, .. } => {
                (cursor, &self.world.truth)
            }
            Frame::Shares => return,
            Frame::Goodbye { .. } => return self.violated("it goes on after a goodbye"),
        };
        if self.known().map(|(cursor, _)| cursor).as_ref() != Some(cursor) {
            self.violated(format_args!("resumable: it does not stand at {cursor}, which it has taken"));
        }
        let before = handed.before.as_ref().map(|(cursor, _)| cursor);
        match (frame, before) {
            (Frame::Commit { .. }, None) => self.violated(format_args!("reliable: {cursor} came before any snapshot")),
            (Frame::Commit { after, .. }, Some(before)) => {
                if cursor.epoch == before.epoch && cursor.revision <= before.revision {
                    self.violated(format_args!("unique, ordered: at {before} it took {cursor}"));
                } else if *after > before.revision {
                    self.violated(format_args!("reliable: at {before} it took {cursor}, which follows {after}"));
                } else if truth.distance(before, cursor).is_none() {
                    self.violated(format_args!("ordered: {before} does not lead to {cursor}"));
                }
            }
            (Frame::Bookmark { digest, .. }, _) => {
                if before.is_none_or(|before| truth.distance(before, cursor).is_none()) {
                    self.violated(format_args!("bookmarkable: {before:?} does not lead to {cursor}"));
                }
                let expected = truth.view(cursor, &self.service).map(|view| Digest::of(&view).to_string());
                if *digest != expected {
                    self.violated(format_args!(
                        "bookmarkable: the digest at {cursor} is not that of the server's state"
                    ));
                }
            }
            _ => {}
        }
    }

    /// The frame that was handed over last was not taken: the connection was given up, and nothing has changed.
    pub fn refused(&self, handed: &Handed) {
        self.check();
        if self.waygate().is_some() && self.known() != handed.before {
            self.violated("atomic: a frame that it refused has changed what it knows");
        }
    }

    /// Whether it follows, knows all that the newest state says, and decides accordingly.
    pub fn unequal(&self) -> Option<String> {
        let Some(waygate) = self.waygate() else { return Some("it is not there".to_owned()) };
        let status = waygate.status();
        if status.phase != Phase::Live || !status.registered {
            return Some(format!("its phase is {:?}, registered: {}", status.phase, status.registered));
        }
        let newest = self.world.truth.newest();
        let Some(truth) = self.world.truth.view(&newest, &self.service) else { return Some("no truth".to_owned()) };
        let Some((cursor, view)) = self.known() else { return Some("it knows nothing".to_owned()) };
        if view != truth {
            return Some(format!("at {cursor} it does not know what {newest} says"));
        }
        if Digest::of(&view) != Digest::of(&truth) {
            return Some(format!("at {cursor} its digest is not that of {newest}"));
        }
        let snapshot = Snapshot::compile(truth, self.environment.parse().ok());
        for path in ["/a", "/b", "/c", "/d", "/e", "/f"] {
            for minutes in [0, 5, 60] {
                let now = self.world.now() + jiff::SignedDuration::from_mins(minutes);
                let request = Request { path, now };
                // Elsewhere what the service declares is in force, which the server does not know.
                if !snapshot.knows(request.method(), path) {
                    continue;
                }
                let expected = snapshot.decide(&request);
                let other = waygate.check(&request, |own| (own != expected).then(|| format!("{own:?}")));
                if let Some(other) = other {
                    return Some(format!("{path} in {minutes} minutes is {other} instead of {expected:?}"));
                }
            }
        }
        None
    }

    fn violated(&self, what: impl std::fmt::Display) {
        self.world.violated(&self.name, what);
    }
}

/// A request by its template.
struct Request {
    path: &'static str,
    now: Timestamp,
}

impl RequestFacts for Request {
    fn method(&self) -> Option<RouteMethod> {
        Some(RouteMethod::Get)
    }

    fn template(&self) -> Option<&str> {
        Some(self.path)
    }

    fn path(&self) -> &str {
        self.path
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}
