//! Forgetting instances that are gone.

use waygate_api::instances::{InstanceId, InstanceState};
use waygate_core::ServiceId;

use super::Presence;
use super::record::Name;
use super::table::Which;
use crate::clock;

/// Why an instance is not forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotForgotten {
    Unknown,
    /// It is there.
    Present(InstanceState),
}

impl Presence {
    /// Forgets an instance that was lost or has left, at every node; it is listed anew once it comes back. What was kept
    /// for it of divided limits is free again.
    pub(crate) async fn forget(&self, service: &ServiceId, id: &InstanceId) -> Result<(), NotForgotten> {
        let known = self.instances(Some(service)).await;
        let instance = known.iter().find(|known| known.id == id.as_str()).ok_or(NotForgotten::Unknown)?;
        if !matches!(instance.state, InstanceState::Lost | InstanceState::Left) {
            return Err(NotForgotten::Present(instance.state));
        }
        let name = Name { service: service.clone(), id: id.clone() };
        {
            let mut table = self.table();
            table.own.entry(name.clone()).or_default().forgotten = Some(clock::now());
            table.say(&name, Which::Forgotten);
        }
        self.0.fleet.has_changed();
        self.tell();
        self.forget_shares(&name).await;
        Ok(())
    }
}
