//! What a maintenance reaches: how many routes, and how many live instances.

use waygate_api::paths;
use waygate_api::services::ServiceSummary;
use waygate_core::ServiceId;

use crate::context::Connection;
use crate::error::CliResult;

/// Lines for a question: of one service, or of all.
pub(crate) async fn of(connection: &Connection, only: Option<&ServiceId>) -> CliResult<Vec<String>> {
    let services = connection.get::<Vec<ServiceSummary>>(paths::SERVICES, &[("details", "true")]).await?.value;
    let meant: Vec<&ServiceSummary> =
        services.iter().filter(|service| only.is_none_or(|only| only.as_str() == service.service)).collect();
    let routes: usize = meant.iter().map(|service| service.routes).sum();
    let mut lines = vec![match only {
        Some(service) => format!("{routes} routes of {service}"),
        None => format!("{routes} routes of {} services", meant.len()),
    }];
    if let Some(live) = instances(connection, only).await {
        lines.push(format!("{live} live instances"));
    }
    Ok(lines)
}

/// How many instances are connected; `None` where the server does not say.
async fn instances(connection: &Connection, only: Option<&ServiceId>) -> Option<usize> {
    let query: Vec<(&str, &str)> = only.iter().map(|service| ("service", service.as_str())).collect();
    let answer = connection.get::<Vec<serde_json::Value>>(paths::INSTANCES, &query).await;
    Some(answer.ok()?.value.len())
}
