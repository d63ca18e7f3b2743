//! `watch`: routes as they change.

use std::collections::BTreeMap;

use waygate_api::routes::RouteState;

use crate::cli::Watch;
use crate::clock;
use crate::commands::follow::Follower;
use crate::commands::lifecycle::targets::fits;
use crate::commands::status;
use crate::context::{Context, service};
use crate::error::CliResult;
use crate::moment;
use crate::render;
use crate::render::route::{colour, word};
use crate::render::table::{Cell, Table};

/// Shows the routes, then every change of what callers get, until it is interrupted.
pub(crate) async fn run(context: &Context, watch: Watch) -> CliResult {
    let scope = service(watch.service.name.as_deref())?;
    let connection = context.connect()?;
    let printer = &context.printer;
    let mut follower = Follower::new(context, &connection);
    let mut known: Option<BTreeMap<String, RouteState>> = None;
    while !printer.is_unheard() {
        let (raw, routes) = match status::routes(&connection, scope.as_ref()).await {
            Ok(read) => read,
            // The first time somebody waits for an answer; later somebody waits for the server.
            Err(error) if known.is_none() => return Err(error),
            Err(error) => {
                follower.lost(error).await?;
                continue;
            }
        };
        follower.is_well();
        let is_asked = known.is_none() && !watch.allow_unknown;
        status::anyone(&connection, scope.as_ref(), is_asked && routes.is_empty()).await?;
        let wanted = |route: &RouteState| watch.pattern.as_ref().is_none_or(|pattern| fits(pattern, route));
        let (raw, routes): (Vec<_>, Vec<_>) = raw.into_iter().zip(routes).filter(|(_, route)| wanted(route)).unzip();
        if let Some(pattern) = watch.pattern.as_ref().filter(|_| is_asked && routes.is_empty()) {
            let advice = "`--allow-unknown` waits for routes that are yet to come";
            return Err(status::nothing_fits(&connection, pattern, scope.as_ref()).await.hint(advice));
        }
        match &known {
            None => printer.stream(&raw, &render::route::table(&routes, scope.is_some()), true),
            Some(known) => {
                let is_new = |route: &RouteState| known.get(&route.path).is_none_or(|before| !same(before, route));
                let changed: Vec<_> = raw.iter().zip(&routes).filter(|(_, route)| is_new(route)).collect();
                let gone = known.keys().filter(|path| !routes.iter().any(|route| &route.path == *path));
                let mut table = Table::new(vec!["Time", "Route", "Before", "After", "Cause", "Reason"]);
                for (_, route) in &changed {
                    table.push_named(&route.path, row(known.get(&route.path), route));
                }
                for path in gone {
                    printer.note(&format!("{path} is gone"));
                }
                let raw: Vec<_> = changed.into_iter().map(|(raw, _)| raw.clone()).collect();
                printer.stream(&raw, &table, false);
            }
        }
        known = Some(routes.into_iter().map(|route| (route.path.clone(), route)).collect());
        follower.changed().await?;
    }
    Ok(())
}

fn same(before: &RouteState, now: &RouteState) -> bool {
    let shown = |route: &RouteState| {
        (route.effective, route.status, route.cause.clone(), route.reason.clone(), route.until, route.window.clone())
    };
    shown(before) == shown(now)
}

fn row(before: Option<&RouteState>, now: &RouteState) -> Vec<Cell> {
    vec![
        Cell::new(moment::shown(clock::now())),
        Cell::new(&now.path),
        Cell::new(before.map(|before| word(before.effective)).unwrap_or_default()),
        Cell::new(word(now.effective)).coloured(colour(now.effective)),
        Cell::new(now.cause.as_deref().unwrap_or_default().replace('_', " ")),
        Cell::new(&now.reason),
    ]
}
