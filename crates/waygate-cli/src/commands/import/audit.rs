//! Entries of the audit log, in the words that they had.

use waygate_core::{Action, Change, ImportedEntry, LifecycleKind, Record, ServiceId, Timestamp};

use crate::commands::import::entries::{AuditState, Status};
use crate::commands::import::routes::instant;

/// The entry with its time.
pub(super) fn entry(state: AuditState) -> Result<(Timestamp, Record), String> {
    let at = instant("timestamp", &state.timestamp)?;
    let entry = ImportedEntry {
        id: state.id,
        at,
        service: service_of(state.service.as_deref(), &state.path),
        action: state.action.clone(),
        actor: state.actor.unwrap_or_else(|| "system".to_owned()),
        platform: state.platform.unwrap_or_else(|| "system".to_owned()),
        previous_status: state.previous_status.map(kind),
        new_status: state.new_status.map(kind),
    };
    let record = Record {
        action: serde_json::from_value::<Action>(state.action.into()).unwrap_or(Action::Import),
        reason: state.reason.unwrap_or_default(),
        change: Change::Noted { subject: state.path, imported: Some(entry.into()) },
        before: Vec::new(),
    };
    Ok((at, record))
}

/// Whose entry it is: what it says, or what its path begins with.
fn service_of(service: Option<&str>, path: &str) -> Option<ServiceId> {
    let reserved = path.strip_prefix("__waygate:svc_rl:").or_else(|| path.strip_prefix("__waygate:svc_global:"));
    let named = reserved.and_then(|rest| rest.strip_suffix("__"));
    service.or(named).and_then(|service| service.parse().ok()).or_else(|| {
        let (first, _) = path.split_once(':')?;
        first.parse().ok()
    })
}

fn kind(status: Status) -> LifecycleKind {
    match status {
        Status::Active => LifecycleKind::Active,
        Status::Maintenance => LifecycleKind::Maintenance,
        Status::Disabled => LifecycleKind::Disabled,
        Status::EnvGated => LifecycleKind::EnvGated,
        Status::Deprecated => LifecycleKind::Deprecated,
    }
}
