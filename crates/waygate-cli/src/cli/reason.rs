//! Why something is done.

use crate::cli::{
    Apply, ApplyManner, Closing, Command, Copy, EnvCommand, GatedRoute, GlobalCommand, GlobalLimitCommand,
    LimitSettings, Rollback, RouteLimitCommand, RouteMaintenance, Schedule, ScheduleCommand, ScopeSwitch,
    ServiceCommand, ServiceLimitCommand, Switch, SwitchedLimit, Undo, Why,
};

impl Command {
    /// The reason of a command that takes one: of every one that changes routes, maintenance or limits.
    pub(crate) fn reason(&mut self) -> Option<&mut String> {
        match self {
            Self::Enable(Switch { reason, .. })
            | Self::Disable(Closing { switch: Switch { reason, .. }, .. })
            | Self::Maintenance(RouteMaintenance { closing: Closing { switch: Switch { reason, .. }, .. }, .. })
            | Self::Schedule(
                Schedule { command: Some(ScheduleCommand::Cancel { why: Why { reason }, .. }), .. }
                | Schedule { command: None, reason, .. },
            )
            | Self::Env(EnvCommand::Set { reason, .. } | EnvCommand::Clear(GatedRoute { reason, .. }))
            | Self::Global(
                GlobalCommand::Enable(ScopeSwitch { reason, .. })
                | GlobalCommand::Disable { reason }
                | GlobalCommand::ExemptAdd { why: Why { reason }, .. }
                | GlobalCommand::ExemptRemove { why: Why { reason }, .. },
            )
            | Self::ServiceMaintenance(
                ServiceCommand::Enable { switch: ScopeSwitch { reason, .. }, .. }
                | ServiceCommand::Disable { reason, .. }
                | ServiceCommand::ExemptAdd { why: Why { reason }, .. }
                | ServiceCommand::ExemptRemove { why: Why { reason }, .. },
            )
            | Self::Apply(Apply { manner: ApplyManner { reason, .. }, .. })
            | Self::Copy(Copy { manner: ApplyManner { reason, .. }, .. })
            | Self::Undo(Undo { reason, .. })
            | Self::Rollback(Rollback { reason, .. }) => Some(reason),
            Self::RateLimits(command) => of_route(command),
            Self::GlobalRateLimit(command) => of_everything(command),
            Self::ServiceRateLimit(command) => of_service(command),
            _ => None,
        }
    }
}

fn of_route(command: &mut RouteLimitCommand) -> Option<&mut String> {
    match command {
        RouteLimitCommand::Set { settings, .. } => Some(of_settings(settings)),
        RouteLimitCommand::Disable(SwitchedLimit { why, .. })
        | RouteLimitCommand::Enable(SwitchedLimit { why, .. })
        | RouteLimitCommand::Reset(SwitchedLimit { why, .. })
        | RouteLimitCommand::Delete(SwitchedLimit { why, .. }) => Some(&mut why.reason),
        RouteLimitCommand::Get(_) | RouteLimitCommand::List { .. } | RouteLimitCommand::Hits { .. } => None,
    }
}

fn of_everything(command: &mut GlobalLimitCommand) -> Option<&mut String> {
    match command {
        GlobalLimitCommand::Set(settings) => Some(of_settings(settings)),
        GlobalLimitCommand::Disable(why)
        | GlobalLimitCommand::Enable(why)
        | GlobalLimitCommand::Reset(why)
        | GlobalLimitCommand::Delete(why) => Some(&mut why.reason),
        GlobalLimitCommand::Get => None,
    }
}

fn of_service(command: &mut ServiceLimitCommand) -> Option<&mut String> {
    match command {
        ServiceLimitCommand::Set { settings, .. } => Some(of_settings(settings)),
        ServiceLimitCommand::Disable { why, .. }
        | ServiceLimitCommand::Enable { why, .. }
        | ServiceLimitCommand::Reset { why, .. }
        | ServiceLimitCommand::Delete { why, .. } => Some(&mut why.reason),
        ServiceLimitCommand::Get { .. } => None,
    }
}

fn of_settings(settings: &mut LimitSettings) -> &mut String {
    &mut settings.reason
}
