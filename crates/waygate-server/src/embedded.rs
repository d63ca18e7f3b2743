//! Control from the program that embeds the server: the guide's "From the engine".

use waygate_core::{
    Actor, Cause, Command, CommandError, Enforcement, InvalidName, Lifecycle, LocalKey, Maintenance, MaintenanceScope,
    MaintenanceSwitch, Platform, RouteSelector, ServiceId, Switch,
};

use crate::clock;
use crate::control::{Applied, ControlPlane, ExecuteError};

/// Switches routes and services in the name of one actor. Cheap to clone.
///
/// ```
/// # use std::sync::Arc;
/// # use waygate_server::Server;
/// # use waygate_store::MemoryStore;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = Server::builder().backend(Arc::new(MemoryStore::new()?)).build().await?;
/// let operator = server.operator("deploy-job")?;
/// # let register = waygate_core::Command::Register {
/// #     service: "payments-service".parse()?,
/// #     routes: vec![waygate_core::Declaration::active("GET:/health".parse()?)],
/// # };
/// # let cause = waygate_core::Cause {
/// #     actor: "payments-service".parse()?,
/// #     platform: waygate_core::Platform::Sdk,
/// #     at: waygate_core::Timestamp::UNIX_EPOCH,
/// #     undoes: None,
/// # };
/// # server.control().execute(register, cause).await?;
/// operator.enable_service_maintenance("payments-service", "DB migration", &["/health"]).await?;
/// let maintenance = operator.service_maintenance("payments-service")?;
/// assert!(maintenance.enabled);
/// assert_eq!(maintenance.reason, "DB migration");
/// operator.disable_service_maintenance("payments-service").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Operator {
    control: ControlPlane,
    actor: Actor,
}

/// Why an operator's call came to nothing.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// A route, service or exemption is not named as it should be.
    #[error(transparent)]
    Name(#[from] InvalidName),
    #[error(transparent)]
    Execute(#[from] ExecuteError),
}

impl Operator {
    pub(crate) fn new(control: ControlPlane, actor: Actor) -> Self {
        Self { control, actor }
    }

    /// Lets a route answer again; ends what is planned for it. `route` is `/path`, `METHOD:/path`, `service:/path` or
    /// `service:METHOD:/path`.
    ///
    /// # Errors
    ///
    /// [`OperatorError`]; as for every call here, nothing has changed then.
    pub async fn enable(&self, route: &str, reason: &str) -> Result<Applied, OperatorError> {
        self.switch(route, Lifecycle::Active, reason).await
    }

    /// Switches a route off.
    ///
    /// # Errors
    ///
    /// [`OperatorError`].
    pub async fn disable(&self, route: &str, reason: &str) -> Result<Applied, OperatorError> {
        self.switch(route, Lifecycle::Disabled, reason).await
    }

    /// Puts a route into maintenance.
    ///
    /// # Errors
    ///
    /// [`OperatorError`].
    pub async fn maintenance(&self, route: &str, reason: &str) -> Result<Applied, OperatorError> {
        self.switch(route, Lifecycle::Maintenance, reason).await
    }

    /// Puts all routes of a service into maintenance, but for `exempt_paths`: `/path` or `METHOD:/path`.
    ///
    /// # Errors
    ///
    /// [`OperatorError`]; also for a service that nothing is known of.
    pub async fn enable_service_maintenance(
        &self,
        service: &str,
        reason: &str,
        exempt_paths: &[&str],
    ) -> Result<Applied, OperatorError> {
        let scope = MaintenanceScope::Service(service.parse()?);
        self.switch_maintenance(scope, on(exempt_paths)?, reason).await
    }

    /// # Errors
    ///
    /// [`OperatorError`].
    pub async fn disable_service_maintenance(&self, service: &str) -> Result<Applied, OperatorError> {
        self.switch_maintenance(MaintenanceScope::Service(service.parse()?), MaintenanceSwitch::Off, "").await
    }

    /// The maintenance of a service as it stands.
    ///
    /// # Errors
    ///
    /// [`OperatorError`] when nothing is known of the service.
    pub fn service_maintenance(&self, service: &str) -> Result<Maintenance, OperatorError> {
        let service: ServiceId = service.parse()?;
        let state = self.control.current();
        if let Some(known) = state.services.get(&service) {
            return Ok(known.maintenance.clone());
        }
        let near = state.near_services(&service);
        Err(ExecuteError::Command(CommandError::UnknownService { service, near }).into())
    }

    /// Puts all routes of all services into maintenance, but for `exempt_paths`.
    ///
    /// # Errors
    ///
    /// [`OperatorError`].
    pub async fn enable_global_maintenance(
        &self,
        reason: &str,
        exempt_paths: &[&str],
    ) -> Result<Applied, OperatorError> {
        self.switch_maintenance(MaintenanceScope::Global, on(exempt_paths)?, reason).await
    }

    /// # Errors
    ///
    /// [`OperatorError`].
    pub async fn disable_global_maintenance(&self) -> Result<Applied, OperatorError> {
        self.switch_maintenance(MaintenanceScope::Global, MaintenanceSwitch::Off, "").await
    }

    /// The maintenance of everything as it stands.
    pub fn global_maintenance(&self) -> Maintenance {
        self.control.current().global.maintenance.clone()
    }

    async fn switch(&self, route: &str, lifecycle: Lifecycle, reason: &str) -> Result<Applied, OperatorError> {
        let route: RouteSelector = route.parse()?;
        let to = Switch::Control { lifecycle, until: None, enforcement: Enforcement::Enforce };
        self.execute(Command::Route { route, to, reason: reason.to_owned(), expected: None }).await
    }

    async fn switch_maintenance(
        &self,
        scope: MaintenanceScope,
        to: MaintenanceSwitch,
        reason: &str,
    ) -> Result<Applied, OperatorError> {
        let reason = reason.to_owned();
        self.execute(Command::Maintenance { scope, to, reason, allow_unknown: false, expected: None }).await
    }

    async fn execute(&self, command: Command) -> Result<Applied, OperatorError> {
        let cause = Cause { actor: self.actor.clone(), platform: Platform::Api, at: clock::now(), undoes: None };
        Ok(self.control.execute(command, cause).await?)
    }
}

fn on(exempt_paths: &[&str]) -> Result<MaintenanceSwitch, InvalidName> {
    let exempt: Vec<LocalKey> = exempt_paths.iter().map(|path| path.parse()).collect::<Result<_, _>>()?;
    Ok(MaintenanceSwitch::On {
        exempt: Some(exempt),
        include_force_active: false,
        until: None,
        enforcement: Enforcement::Enforce,
    })
}
