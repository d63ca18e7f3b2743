//! What some of the connected instances are not able to do.

use std::collections::BTreeMap;

use waygate_core::ServiceId;

use super::Presence;
use super::record::Connection;
use crate::clients::Client;
use crate::clock;

impl Presence {
    /// One line for each service (or for the one) of which some instances are not able to do something. What other
    /// nodes have is known as of some seconds ago.
    pub(crate) fn unable(&self, service: Option<&ServiceId>, cannot: &str) -> Vec<String> {
        self.unable_lines(service, cannot, |connection| connection.client == Client::Reference)
    }

    pub(super) fn unable_lines(
        &self,
        service: Option<&ServiceId>,
        cannot: &str,
        is_unable: impl Fn(&Connection) -> bool,
    ) -> Vec<String> {
        let concerned = self.unable_counts(service, is_unable).into_iter().filter(|(_, (unable, _))| *unable > 0);
        let line = |(service, (unable, all))| format!("{unable} of {all} connected instances of {service} {cannot}");
        concerned.map(line).collect()
    }

    /// Of how many connected instances of each service so many are unable to do something.
    pub(super) fn unable_counts(
        &self,
        service: Option<&ServiceId>,
        is_unable: impl Fn(&Connection) -> bool,
    ) -> BTreeMap<ServiceId, (usize, usize)> {
        let (now, stale) = (clock::now(), self.stale());
        let mut counts: BTreeMap<ServiceId, (usize, usize)> = BTreeMap::new();
        let table = self.table();
        let elsewhere = table.others.iter().filter(|(name, _)| !table.own.get(name).is_some_and(|own| own.here));
        for (name, instance) in table.own.iter().filter(|(_, own)| own.here).chain(elsewhere) {
            let Some(connection) = instance.connection.as_ref().filter(|_| instance.is_open(now, stale)) else {
                continue;
            };
            if service.is_none_or(|service| *service == name.service) {
                let (unable, all) = counts.entry(name.service.clone()).or_default();
                *unable += usize::from(is_unable(connection));
                *all += 1;
            }
        }
        counts
    }
}
