//! A control plane that does what a test says.

use std::fmt;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use waygate_sdk::api::sdk::{RegisterAnswer, RegisteredRoute, Rejected};
use waygate_sdk::api::stream::{Frame, Skipped};
use waygate_sdk::core::{
    Change, Control, Cursor, Digest, Lifecycle, Maintenance, MaintenanceScope, Revision, Route, RouteKey, ServiceView,
};
use waygate_sdk::{FrameStream, Outage, Source, Waygate, WaygateBuilder};

/// What comes over a connection.
pub(crate) enum Item {
    Frame(Frame),
    /// A sign of life without content.
    Alive,
    Broken(Outage),
}

impl From<Item> for Result<Option<Frame>, Outage> {
    fn from(item: Item) -> Self {
        match item {
            Item::Frame(frame) => Ok(Some(frame)),
            Item::Alive => Ok(None),
            Item::Broken(outage) => Err(outage),
        }
    }
}

/// What one attempt to connect meets.
pub(crate) enum Connection {
    Refused(Outage),
    /// Accepted, never answered.
    Hanging,
    /// These frames, and then the end.
    Ending(Vec<Item>),
    /// These frames, and then nothing.
    Silent(Vec<Item>),
    /// These frames, and then what the test sends.
    Open(Vec<Item>, mpsc::UnboundedReceiver<Item>),
}

type Play = Box<dyn FnMut(usize, Option<&Cursor>) -> Connection + Send>;
type Poll = Box<dyn FnMut(usize) -> Result<Option<Frame>, Outage> + Send>;

pub(crate) struct Script {
    play: Play,
    poll: Option<Poll>,
    servers: usize,
    seen: Arc<Mutex<Seen>>,
    refusals: Arc<Mutex<Vec<Outage>>>,
}

/// What the control plane has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) opens: Vec<(Instant, Option<Cursor>)>,
    pub(crate) polls: Vec<(Instant, Option<Cursor>)>,
    pub(crate) registrations: Vec<(Instant, Vec<RegisteredRoute>)>,
}

/// The test's end of a script.
#[derive(Clone)]
pub(crate) struct Observer {
    seen: Arc<Mutex<Seen>>,
    refusals: Arc<Mutex<Vec<Outage>>>,
}

impl Script {
    pub(crate) fn new(play: impl FnMut(usize, Option<&Cursor>) -> Connection + Send + 'static) -> (Self, Observer) {
        let (seen, refusals) = (Arc::<Mutex<Seen>>::default(), Arc::<Mutex<Vec<Outage>>>::default());
        let observer = Observer { seen: seen.clone(), refusals: refusals.clone() };
        (Self { play: Box::new(play), poll: None, servers: 1, seen, refusals }, observer)
    }

    /// As if there were several servers that all do the same.
    pub(crate) fn of_servers(self, servers: usize) -> Self {
        Self { servers, ..self }
    }

    /// Answers questions for snapshots, too; `answer` gets the number of the question.
    pub(crate) fn polled(self, answer: impl FnMut(usize) -> Result<Option<Frame>, Outage> + Send + 'static) -> Self {
        Self { poll: Some(Box::new(answer)), ..self }
    }
}

impl Observer {
    pub(crate) fn opens(&self) -> Vec<(Instant, Option<Cursor>)> {
        self.seen.lock().unwrap().opens.clone()
    }

    pub(crate) fn polls(&self) -> Vec<(Instant, Option<Cursor>)> {
        self.seen.lock().unwrap().polls.clone()
    }

    /// The keys of each registration.
    pub(crate) fn registrations(&self) -> Vec<Vec<String>> {
        let seen = self.seen.lock().unwrap();
        seen.registrations.iter().map(|(_, routes)| routes.iter().map(|route| route.path.clone()).collect()).collect()
    }

    pub(crate) fn registered_routes(&self) -> Vec<RegisteredRoute> {
        self.seen.lock().unwrap().registrations.last().unwrap().1.clone()
    }

    /// The next registrations fail so.
    pub(crate) fn refuse_registrations(&self, outages: impl IntoIterator<Item = Outage>) {
        *self.refusals.lock().unwrap() = outages.into_iter().collect();
    }
}

impl Source for Script {
    fn open(&mut self, resume: Option<Cursor>) -> BoxFuture<'_, Result<FrameStream, Outage>> {
        let mut seen = self.seen.lock().unwrap();
        seen.opens.push((Instant::now(), resume.clone()));
        let connection = (self.play)(seen.opens.len(), resume.as_ref());
        Box::pin(async move {
            Ok(match connection {
                Connection::Refused(outage) => return Err(outage),
                Connection::Hanging => std::future::pending().await,
                Connection::Ending(items) => Box::pin(played(items)) as FrameStream,
                Connection::Silent(items) => Box::pin(played(items).chain(stream::pending())),
                Connection::Open(items, more) => {
                    let more = stream::unfold(more, async |mut more| Some((more.recv().await?.into(), more)));
                    Box::pin(played(items).chain(more))
                }
            })
        })
    }

    fn servers(&self) -> usize {
        self.servers
    }

    fn poll(&mut self, known: Option<Cursor>) -> Option<BoxFuture<'_, Result<Option<Frame>, Outage>>> {
        let answer = self.poll.as_mut()?;
        let mut seen = self.seen.lock().unwrap();
        seen.polls.push((Instant::now(), known));
        let answer = answer(seen.polls.len());
        Some(Box::pin(async move { answer }))
    }

    fn register(&mut self, routes: Vec<RegisteredRoute>) -> BoxFuture<'static, Result<RegisterAnswer, Outage>> {
        self.seen.lock().unwrap().registrations.push((Instant::now(), routes.clone()));
        let refusal = {
            let mut refusals = self.refusals.lock().unwrap();
            if refusals.is_empty() { None } else { Some(refusals.remove(0)) }
        };
        let rejected = routes
            .iter()
            .enumerate()
            .filter(|(_, route)| route.path.contains("reject"))
            .map(|(index, route)| Rejected { index, path: Some(route.path.clone()), error: "no".to_owned() })
            .collect();
        Box::pin(async move { refusal.map_or(Ok(RegisterAnswer { states: Vec::new(), rejected }), Err) })
    }
}

fn played(items: Vec<Item>) -> impl futures_util::Stream<Item = Result<Option<Frame>, Outage>> + Send {
    stream::iter(items).map(Item::into)
}

impl fmt::Debug for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Script")
    }
}

pub(crate) const APP: &str = "pay";

pub(crate) fn builder() -> WaygateBuilder {
    Waygate::builder("http://localhost:9", APP)
}

/// A place in the first history.
pub(crate) fn at(revision: u64) -> Cursor {
    format!("firsthistory:{revision}:{revision:016x}").parse().unwrap()
}

/// A place in another history.
pub(crate) fn elsewhere(revision: u64) -> Cursor {
    format!("otherhistory:{revision}:{revision:016x}").parse().unwrap()
}

pub(crate) fn route(control: Control) -> Route {
    Route {
        declared: Control::default(),
        declared_deprecation: None,
        base: control,
        temporary: None,
        windows: Vec::new(),
        deprecation: None,
        force_active: false,
        last_window: 0,
        switched: false,
        changed_at: Revision(1),
    }
}

pub(crate) fn set(key: &str, route: Route) -> Change {
    Change::RouteSet { key: RouteKey::new(APP.parse().unwrap(), key.parse().unwrap()), route: Arc::new(route) }
}

pub(crate) fn disabled(key: &str) -> Change {
    set(key, route(Control::new(Lifecycle::Disabled, "off")))
}

pub(crate) fn enabled(key: &str) -> Change {
    set(key, route(Control::default()))
}

pub(crate) fn global_maintenance(reason: &str, exempt: &[&str]) -> Change {
    let maintenance = Maintenance {
        enabled: true,
        reason: reason.to_owned(),
        exempt: exempt.iter().map(|key| key.parse().unwrap()).collect(),
        ..Maintenance::default()
    };
    Change::MaintenanceSet { scope: MaintenanceScope::Global, maintenance }
}

pub(crate) fn service_maintenance(reason: &str) -> Change {
    let maintenance = Maintenance { enabled: true, reason: reason.to_owned(), ..Maintenance::default() };
    Change::MaintenanceSet { scope: MaintenanceScope::Service(APP.parse().unwrap()), maintenance }
}

pub(crate) fn view(changes: impl IntoIterator<Item = Change>) -> ServiceView {
    let mut view = ServiceView::default();
    changes.into_iter().for_each(|change| view.apply(&change));
    view
}

pub(crate) fn snapshot(cursor: Cursor, changes: impl IntoIterator<Item = Change>) -> Item {
    snapshot_without(cursor, changes, &[])
}

/// A snapshot with elements that could not be read.
pub(crate) fn snapshot_without(cursor: Cursor, changes: impl IntoIterator<Item = Change>, skipped: &[&str]) -> Item {
    let skipped = skipped.iter().map(|what| Skipped { what: (*what).to_owned(), why: "odd".to_owned() }).collect();
    Item::Frame(Frame::Snapshot { cursor, view: Box::new(view(changes)), skipped })
}

pub(crate) fn commit(cursor: Cursor, after: u64, changes: impl IntoIterator<Item = Change>) -> Item {
    let changes = changes.into_iter().collect();
    Item::Frame(Frame::Commit { cursor, after: Revision(after), changes, skipped: Vec::new() })
}

pub(crate) fn bookmark(cursor: Cursor) -> Item {
    Item::Frame(Frame::Bookmark { cursor, digest: None })
}

/// A bookmark that tells what should be known.
pub(crate) fn checked_bookmark(cursor: Cursor, known: impl IntoIterator<Item = Change>) -> Item {
    let digest = Digest::of(&view(known)).to_string();
    Item::Frame(Frame::Bookmark { cursor, digest: Some(digest) })
}

/// Follows a control plane that has said this and goes on saying nothing.
pub(crate) async fn live(builder: WaygateBuilder, changes: Vec<Change>) -> Waygate {
    let (script, _) =
        Script::new(move |_, _| Connection::Silent(vec![snapshot(at(1), changes.clone()), bookmark(at(1))]));
    let waygate = builder.start_with(script).unwrap();
    assert!(waygate.ready(std::time::Duration::from_secs(5)).await, "{:?}", waygate.status());
    waygate
}

/// Waits, bounded, until something holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + std::time::Duration::from_hours(1);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
