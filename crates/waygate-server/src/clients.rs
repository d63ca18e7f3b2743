//! Which clients follow the control plane at the moment, by what they are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use waygate_core::ServiceId;

/// Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clients(Arc<Mutex<BTreeMap<ServiceId, Counts>>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// Takes our frames, and does all that we can say.
    Ours,
    /// Takes the guide's envelopes: the reference's SDK.
    Reference,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    ours: usize,
    reference: usize,
}

/// A client is there as long as this.
#[derive(Debug)]
pub(crate) struct Present {
    clients: Clients,
    service: ServiceId,
    client: Client,
}

impl Clients {
    pub(crate) fn join(&self, service: &ServiceId, client: Client) -> Present {
        self.change(service, client, |count| *count += 1);
        Present { clients: self.clone(), service: service.clone(), client }
    }

    /// One line for each service (or for the one) of which some instances are not able to do something.
    pub(crate) fn unable(&self, service: Option<&ServiceId>, cannot: &str) -> Vec<String> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let concerned = counts
            .iter()
            .filter(|(known, counts)| counts.reference > 0 && service.is_none_or(|service| service == *known));
        let line = |(service, counts): (&ServiceId, &Counts)| {
            let all = counts.ours + counts.reference;
            format!("{} of {all} connected instances of {service} {cannot}", counts.reference)
        };
        concerned.map(line).collect()
    }

    fn change(&self, service: &ServiceId, client: Client, change: impl FnOnce(&mut usize)) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = counts.entry(service.clone()).or_default();
        change(match client {
            Client::Ours => &mut entry.ours,
            Client::Reference => &mut entry.reference,
        });
        if entry.ours + entry.reference == 0 {
            counts.remove(service);
        }
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.clients.change(&self.service, self.client, |count| *count -= 1);
    }
}
