//! What is put into maintenance.

use waygate_api::maintenance::MaintenanceView;
use waygate_api::paths;
use waygate_core::ServiceId;

use crate::error::{CliError, CliResult};
use crate::moment;
use crate::render::table::{Cell, Table};

/// What is put into maintenance.
#[derive(Clone)]
pub(super) enum Scope {
    Everything,
    Service(ServiceId),
}

impl Scope {
    pub(super) fn service(name: &str) -> CliResult<Self> {
        name.parse().map(Self::Service).map_err(|error| CliError::usage(format!("{error}")))
    }

    pub(super) fn path(&self, action: Option<&str>) -> String {
        let path = match self {
            Self::Everything => paths::GLOBAL.to_owned(),
            Self::Service(service) => paths::service(service.as_str(), "maintenance"),
        };
        action.map_or(path.clone(), |action| format!("{path}/{action}"))
    }

    pub(super) fn id(&self) -> Option<&ServiceId> {
        match self {
            Self::Everything => None,
            Self::Service(service) => Some(service),
        }
    }

    pub(super) fn table(&self, view: &MaintenanceView) -> Table {
        let name = self.id().map_or_else(|| "global".to_owned(), ToString::to_string);
        let mut table = Table::new(vec!["Scope", "Maintenance", "Reason", "Exempt", "Until"]).widened(&[
            "Include force_active",
            "Shadow",
            "Revision",
        ]);
        table.push(vec![
            Cell::new(name),
            Cell::new(if view.enabled { "ON" } else { "OFF" }),
            Cell::new(&view.reason),
            Cell::new(view.exempt_paths.join(" ")),
            Cell::new(view.until.map(moment::shown).unwrap_or_default()),
            Cell::new(view.include_force_active.to_string()),
            Cell::new(view.shadow.to_string()),
            Cell::new(view.changed_at.to_string()),
        ]);
        table
    }

    pub(super) fn title(&self) -> String {
        match self {
            Self::Everything => "Global maintenance".to_owned(),
            Self::Service(service) => format!("Service maintenance ({service})"),
        }
    }

    /// What to type to block it, said to whoever restored what was not blocked.
    pub(super) fn way_to_block(&self) -> String {
        match self {
            Self::Everything => "to block every route use waygate global enable".to_owned(),
            Self::Service(service) => format!("to block its routes use waygate sm enable {service}"),
        }
    }
}
