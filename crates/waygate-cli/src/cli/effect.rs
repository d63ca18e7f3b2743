//! What commands do to the control plane.

use crate::cli::{
    Command, ConfigCommand, ContextCommand, GlobalCommand, GlobalLimitCommand, RouteLimitCommand, Schedule,
    ScheduleCommand, ServiceCommand, ServiceLimitCommand, TokenCommand,
};

/// Whether a command changes anything, and whether it can be rehearsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing is changed.
    Reads,
    /// Something of the control plane is changed; with `--dry-run` the server only tells what would be.
    Changes,
    /// Something else is changed, or the server cannot tell beforehand what would be.
    Acts,
}

impl Command {
    /// Whether it changes what others rely on at a control plane, so that a context may want a yes before it.
    pub(crate) fn needs_consent(&self) -> bool {
        match self.effect() {
            Effect::Reads => false,
            // These write to a store, not to the server of a context.
            Effect::Changes => !matches!(self, Self::Import(_) | Self::Restore(_)),
            Effect::Acts => matches!(self, Self::Token(_) | Self::Instances { .. }),
        }
    }

    // With an arm that is compiled only at times, the lint does not look.
    #[cfg_attr(
        not(feature = "demo"),
        expect(clippy::match_same_arms, reason = "the first names the readers among families that change")
    )]
    pub(crate) fn effect(&self) -> Effect {
        match self {
            #[cfg(feature = "demo")]
            Self::Demo(_) => Effect::Acts,
            Self::Schedule(Schedule {
                command: Some(ScheduleCommand::List { .. } | ScheduleCommand::Show { .. }),
                ..
            })
            | Self::Global(GlobalCommand::Status)
            | Self::ServiceMaintenance(ServiceCommand::Status { .. })
            | Self::RateLimits(
                RouteLimitCommand::Get(_) | RouteLimitCommand::List { .. } | RouteLimitCommand::Hits { .. },
            )
            | Self::GlobalRateLimit(GlobalLimitCommand::Get)
            | Self::ServiceRateLimit(ServiceLimitCommand::Get { .. })
            | Self::Token(TokenCommand::List { .. })
            | Self::Context(ContextCommand::List | ContextCommand::Show)
            | Self::Config(ConfigCommand::Show) => Effect::Reads,
            Self::Api(api) if api.verb.is_safe() => Effect::Reads,
            Self::Api(_)
            | Self::Apply(_)
            | Self::Copy(_)
            | Self::Undo(_)
            | Self::Rollback(_)
            | Self::Enable(_)
            | Self::Disable(_)
            | Self::Maintenance(_)
            | Self::Import(_)
            | Self::Restore(_)
            | Self::Schedule(_)
            | Self::Env(_)
            | Self::Global(_)
            | Self::ServiceMaintenance(_)
            | Self::RateLimits(_)
            | Self::GlobalRateLimit(_)
            | Self::ServiceRateLimit(_) => Effect::Changes,
            Self::Token(_)
            | Self::Config(_)
            | Self::Context(_)
            | Self::Instances { command: Some(_), .. }
            | Self::Login(_)
            | Self::Logout { .. }
            | Self::Backup(_)
            | Self::Serve(_) => Effect::Acts,
            Self::Wait(_)
            | Self::Watch(_)
            | Self::Top(_)
            | Self::Dashboard { .. }
            | Self::Help { .. }
            | Self::Doctor
            | Self::Completion { .. }
            | Self::Man { .. }
            | Self::Commands { .. }
            | Self::Explain(_)
            | Self::Export(_)
            | Self::Diff(_)
            | Self::Validate(_)
            | Self::Schema
            | Self::History(_)
            | Self::Whoami
            | Self::Services
            | Self::Instances { command: None, .. }
            | Self::CurrentService
            | Self::Status(_)
            | Self::Audit(_)
            | Self::HashPassword => Effect::Reads,
        }
    }
}
