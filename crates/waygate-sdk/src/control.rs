//! Switching things at the control plane from within a service.

use serde::Serialize;
use serde::de::DeserializeOwned;
use waygate_api::client::ClientError;
use waygate_api::maintenance::{MaintenanceRequest, MaintenanceView};
use waygate_api::paths;
use waygate_api::routes::{RouteState, SwitchRequest};
use waygate_core::{InvalidName, RouteSelector, ServiceId};

use crate::session::Session;

/// Mutations at the control plane, under the authority of the SDK's token or credentials.
///
/// Each call goes to the control plane and comes back when it is committed there; the change arrives in this and all
/// other services by their streams. Nothing is changed locally: without the control plane a call is an error.
#[derive(Debug, Clone)]
pub struct Control {
    session: Option<Session>,
    service: ServiceId,
}

/// Why a mutation was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The name of a route or service makes no sense; nothing was sent.
    #[error("{0}")]
    Name(#[from] InvalidName),
    /// The control plane refuses, or cannot be reached.
    #[error("{0}")]
    Call(#[from] ClientError),
    /// The SDK follows a source that takes no mutations.
    #[error("this connection has no control plane to send mutations to")]
    Unavailable,
}

impl Control {
    pub(crate) fn new(session: Option<Session>, service: ServiceId) -> Self {
        Self { session, service }
    }

    /// The same, for another service.
    ///
    /// # Errors
    ///
    /// [`ControlError::Name`] when no service can have this name.
    pub fn of(self, app_id: &str) -> Result<Self, ControlError> {
        Ok(Self { service: app_id.parse()?, ..self })
    }

    /// Enables a route: `GET:/api/payments`, `/api/payments` for the one route of that path, or a full key.
    ///
    /// # Errors
    ///
    /// [`ControlError`]; nothing has changed then, unless the answer was lost on the way.
    pub async fn enable(&self, route: &str, reason: &str) -> Result<RouteState, ControlError> {
        self.switch(route, "enable", reason).await
    }

    /// Disables a route; see [`Control::enable`].
    ///
    /// # Errors
    ///
    /// As for [`Control::enable`].
    pub async fn disable(&self, route: &str, reason: &str) -> Result<RouteState, ControlError> {
        self.switch(route, "disable", reason).await
    }

    /// Puts a route into maintenance; see [`Control::enable`].
    ///
    /// # Errors
    ///
    /// As for [`Control::enable`].
    pub async fn maintenance(&self, route: &str, reason: &str) -> Result<RouteState, ControlError> {
        self.switch(route, "maintenance", reason).await
    }

    /// Puts every route of the service into maintenance, apart from those that are `force_active` or exempt here.
    ///
    /// # Errors
    ///
    /// As for [`Control::enable`].
    pub async fn enable_service_maintenance(
        &self,
        reason: &str,
        exempt_paths: &[&str],
    ) -> Result<MaintenanceView, ControlError> {
        let request = MaintenanceRequest {
            reason: reason.to_owned(),
            exempt_paths: Some(exempt_paths.iter().map(|path| (*path).to_owned()).collect()),
            ..MaintenanceRequest::default()
        };
        self.post(&paths::service(self.service.as_str(), "maintenance/enable"), &request).await
    }

    /// Ends the maintenance of the service.
    ///
    /// # Errors
    ///
    /// As for [`Control::enable`].
    pub async fn disable_service_maintenance(&self) -> Result<MaintenanceView, ControlError> {
        self.post(&paths::service(self.service.as_str(), "maintenance/disable"), &serde_json::json!({})).await
    }

    /// The maintenance of the service, as the control plane has it.
    ///
    /// # Errors
    ///
    /// As for [`Control::enable`].
    pub async fn service_maintenance(&self) -> Result<MaintenanceView, ControlError> {
        let path = &paths::service(self.service.as_str(), "maintenance");
        let session = self.session.as_ref().ok_or(ControlError::Unavailable)?;
        Ok(session.call(|client| async move { client.get(path, &[]).await }).await?.value)
    }

    async fn switch(&self, route: &str, action: &str, reason: &str) -> Result<RouteState, ControlError> {
        // Always sent with its service, whatever the caller left out: a bare path means this service's route.
        let selector = route.parse::<RouteSelector>()?.within(Some(&self.service));
        let request = SwitchRequest { reason: reason.to_owned(), ..SwitchRequest::default() };
        self.post(&paths::route(&selector.to_string(), Some(action)), &request).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ControlError> {
        let session = self.session.as_ref().ok_or(ControlError::Unavailable)?;
        Ok(session.call(|client| async move { client.post(path, body).await }).await?.value)
    }
}
