//! Instances that have a stream here: from its beginning to its end.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;
use waygate_api::instances::InstanceId;
use waygate_core::{Cursor, Revision, ServiceId};

use super::Presence;
use super::record::{Connection, Delivered, Heard, Instance, Name};
use super::table::{self, Which};
use crate::clients::{About, Client};
use crate::clock;

/// Somebody who opens a stream.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) service: ServiceId,
    /// Nobody can acknowledge without.
    pub(crate) id: Option<InstanceId>,
    pub(crate) client: Client,
    pub(crate) about: About,
    /// Whether it may speak for its service, and so acknowledge.
    pub(crate) may_speak: bool,
    /// Which of its starts it is, where it says so.
    pub(crate) process: Option<InstanceId>,
    /// What it knows already; it begins with nothing, whatever one of its name has said before, where that is nothing.
    pub(crate) resume: Option<Cursor>,
}

/// An instance has a stream as long as this.
pub(crate) struct Present {
    presence: Presence,
    /// Whose, and which of its streams.
    pub(super) place: Option<(Name, u64)>,
    /// There was no room for it: it is counted.
    unlisted: Option<ServiceId>,
    delivered: Delivered,
    /// Its shares of divided limits have become others.
    nudge: Arc<Notify>,
}

impl Presence {
    /// Takes the stream of an instance in.
    pub(crate) fn join(&self, arrival: Arrival) -> Present {
        let Arrival { service, id, client, about, may_speak, process, resume } = arrival;
        let (confirms, delivered, now) = (id.is_some() && may_speak, Delivered::default(), clock::now());
        let nudge = Arc::<Notify>::default();
        let id = id.or_else(|| format!("connection-{:016x}", getrandom::u64().unwrap_or_default()).parse().ok());
        let mut table = self.table();
        let place = id.map(|id| Name { service: service.clone(), id });
        let Some(name) = place.filter(|name| table.has_room_for(name, true, self.0.liveness, now)) else {
            tracing::warn!(most = table::MOST, "there are more instances than are kept; some are not listed");
            *table.unlisted.entry(service.clone()).or_default() += 1;
            return Present { presence: self.clone(), place: None, unlisted: Some(service), delivered, nudge };
        };
        table.streams += 1;
        let number = table.streams;
        let connection = Connection {
            node: self.0.node.clone(),
            number,
            process: process.clone(),
            client,
            confirms,
            about,
            since: now,
            seen: now,
            ended: None,
            delivered: delivered.clone(),
        };
        self.0.stays.begins(&name, number, process.clone(), now);
        if let Some(resume) = &resume {
            self.0.fleet.note_history(resume, &self.0.control.current().cursor.epoch);
        }
        if !table.own.get(&name).is_some_and(Instance::is_expected) {
            self.0.fleet.has_changed();
        }
        let instance = table.own.entry(name.clone()).or_default();
        instance.connection = Some(Arc::new(connection));
        if !std::mem::replace(&mut instance.here, true) {
            table.stream_changed(&name.service, true);
        }
        table.nudges.insert(name.clone(), (number, nudge.clone()));
        table.say(&name, Which::Connection);
        if confirms && let Some(heard) = self.begins_with(&table.known(&name), process, resume, now) {
            table.lower(&name, heard);
        }
        drop(table);
        self.tell();
        Present { presence: self.clone(), place: Some((name, number)), unlisted: None, delivered, nudge }
    }

    /// Has the stream of an instance begin anew with everything, where it has one here that can. Whether it has.
    pub(crate) fn renew(&self, name: &Name) -> bool {
        let mut table = self.table();
        let Some((number, nudge)) = table.nudges.get(name).filter(|_| table.can_begin_anew(name)) else { return false };
        let (number, nudge) = (*number, nudge.clone());
        table.renewals.insert(name.clone());
        drop(table);
        self.0.stays.begins_anew(name, number, clock::now());
        nudge.notify_one();
        true
    }

    /// Whether an instance has a stream here that can begin anew.
    pub(crate) fn can_renew(&self, name: &Name) -> bool {
        let table = self.table();
        table.nudges.contains_key(name) && table.can_begin_anew(name)
    }

    /// What counts as said by an instance that opens a stream until it says something: less than what is known of it,
    /// where it begins with less. `None` where it goes on.
    fn begins_with(
        &self,
        known: &Instance,
        process: Option<InstanceId>,
        resume: Option<Cursor>,
        now: Timestamp,
    ) -> Option<Heard> {
        let feed = self.0.control.feed();
        let heard = known.heard.as_ref();
        let goes_on = |resume: &Cursor| {
            heard.and_then(|heard| heard.cursor.as_ref()).is_none_or(|said| {
                said == resume || (feed.contains(said) && feed.contains(resume) && said.revision <= resume.revision)
            })
        };
        if resume.as_ref().is_some_and(goes_on) {
            return None;
        }
        // What it refuses it may still refuse; from the beginning it is told everything anew.
        let rejected = heard.filter(|_| resume.is_some()).map(|heard| heard.rejected.clone()).unwrap_or_default();
        Some(Heard { at: now, cursor: resume, digest: None, rejected, left: false, process, sequence: Some(0) })
    }

    /// One that there was no room for is gone.
    fn uncount(&self, service: &ServiceId) {
        let mut table = self.table();
        if let Some(count) = table.unlisted.get_mut(service) {
            *count -= 1;
            if *count == 0 {
                table.unlisted.remove(service);
            }
        }
    }

    fn leave(&self, name: &Name, number: u64) {
        self.0.stays.ends(name, number, clock::now());
        let mut table = self.table();
        if table.nudges.get(name).is_some_and(|(own, _)| *own == number) {
            table.nudges.remove(name);
            table.renewals.remove(name);
        }
        let Some(instance) = table.own.get_mut(name) else { return };
        let Some(connection) = instance.connection.as_ref().filter(|own| own.number == number && instance.here) else {
            // It has another stream by now.
            return;
        };
        let ended = Connection { ended: Some(clock::now()), seen: clock::now(), ..Connection::clone(connection) };
        instance.connection = Some(Arc::new(ended));
        instance.here = false;
        table.stream_changed(&name.service, false);
        table.say(name, Which::Connection);
        drop(table);
        self.tell();
    }
}

impl Present {
    /// The stream was handed everything up to a revision.
    pub(crate) fn delivered(&self, revision: Revision) {
        self.delivered.reach(revision);
    }

    /// Whether the stream is to begin anew. It is said once.
    pub(crate) fn begins_anew(&self) -> bool {
        self.place.as_ref().is_some_and(|(name, _)| self.presence.table().renewals.remove(name))
    }

    /// Waits until the shares of the instance have become others, or its stream is to begin anew.
    pub(crate) async fn nudged(&self) {
        self.nudge.notified().await;
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        if let Some((name, number)) = self.place.take() {
            self.presence.leave(&name, number);
        }
        if let Some(service) = self.unlisted.take() {
            self.presence.uncount(&service);
        }
    }
}

impl fmt::Debug for Present {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Present").field("place", &self.place).finish_non_exhaustive()
    }
}
