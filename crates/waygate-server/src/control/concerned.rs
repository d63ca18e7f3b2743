//! Whose rules a command is about.

use std::collections::BTreeSet;

use waygate_core::{Audience, Command, LimitTarget, MaintenanceScope, Plan, Scope, ServiceId};

/// The services whose instances a command concerns, whether or not it has changed anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concerned {
    /// All of them, those to come included.
    Everyone,
    /// These; none where it is nothing that services hear of.
    Services(BTreeSet<ServiceId>),
}

impl Concerned {
    pub(super) fn of(command: &Command, plan: &Plan) -> Self {
        let mut services = BTreeSet::new();
        let mut everyone = false;
        for change in plan.records.iter().map(|record| &record.change) {
            match change.audience() {
                Audience::Everyone => everyone = true,
                Audience::Service(service) => drop(services.insert(service.clone())),
                Audience::Servers => {}
            }
        }
        services.extend(plan.routes.iter().map(|key| key.service.clone()));
        services.extend(plan.limits.iter().filter_map(Scope::service).cloned());
        everyone |= plan.limits.contains(&Scope::Global) | names(command, &mut services);
        if everyone { Self::Everyone } else { Self::Services(services) }
    }

    /// Whether the instances of a service are concerned.
    pub fn includes(&self, service: &ServiceId) -> bool {
        match self {
            Self::Everyone => true,
            Self::Services(services) => services.contains(service),
        }
    }

    /// The one service that is concerned; `None` also for several.
    pub(crate) fn only(&self) -> Option<&ServiceId> {
        match self {
            Self::Services(services) if services.len() == 1 => services.first(),
            _ => None,
        }
    }
}

/// Adds the services that a command itself names. Whether it is about all of them.
fn names(command: &Command, services: &mut BTreeSet<ServiceId>) -> bool {
    match command {
        Command::Maintenance { scope: MaintenanceScope::Global, .. }
        | Command::RateLimit { target: LimitTarget::Global, .. } => return true,
        Command::Maintenance { scope: MaintenanceScope::Service(service), .. }
        | Command::RateLimit { target: LimitTarget::Service(service), .. }
        | Command::RemoveService { service, .. }
        | Command::Register { service, .. } => {
            services.insert(service.clone());
        }
        Command::All(commands) => {
            let mut everyone = false;
            for command in commands {
                everyone |= names(command, services);
            }
            return everyone;
        }
        _ => {}
    }
    false
}
