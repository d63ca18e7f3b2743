//! Why something is done.

use crate::cli::{
    Apply, ApplyManner, Closing, Command, Copy, EnvCommand, GatedRoute, GlobalCommand, GlobalLimitCommand,
    LimitSettings, Rollback, RouteLimitCommand, RouteMaintenance, Schedule, ScopeSwitch, ServiceCommand,
    ServiceLimitCommand, Switch, Undo,
};

impl Command {
    /// The reason of a command that takes one.
    pub(crate) fn reason(&mut self) -> Option<&mut String> {
        match self {
            Self::Enable(Switch { reason, .. })
            | Self::Disable(Closing { switch: Switch { reason, .. }, .. })
            | Self::Maintenance(RouteMaintenance { closing: Closing { switch: Switch { reason, .. }, .. }, .. })
            | Self::Schedule(Schedule { command: None, reason, .. })
            | Self::Env(EnvCommand::Set { reason, .. } | EnvCommand::Clear(GatedRoute { reason, .. }))
            | Self::Global(GlobalCommand::Enable(ScopeSwitch { reason, .. }) | GlobalCommand::Disable { reason })
            | Self::ServiceMaintenance(
                ServiceCommand::Enable { switch: ScopeSwitch { reason, .. }, .. }
                | ServiceCommand::Disable { reason, .. },
            )
            | Self::Apply(Apply { manner: ApplyManner { reason, .. }, .. })
            | Self::Copy(Copy { manner: ApplyManner { reason, .. }, .. })
            | Self::Undo(Undo { reason, .. })
            | Self::Rollback(Rollback { reason, .. }) => Some(reason),
            Self::RateLimits(RouteLimitCommand::Set { settings, .. })
            | Self::GlobalRateLimit(GlobalLimitCommand::Set(settings))
            | Self::ServiceRateLimit(ServiceLimitCommand::Set { settings, .. }) => {
                let LimitSettings { reason, .. } = &mut **settings;
                Some(reason)
            }
            _ => None,
        }
    }
}
