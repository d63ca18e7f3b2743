//! `wait`: until a route is what it is to be.

use std::time::Duration;

use waygate_api::paths;
use waygate_api::routes::RouteState;

use crate::cli::Wait;
use crate::commands::follow::Follower;
use crate::commands::lifecycle::route_of;
use crate::context::{Connection, Context, Read};
use crate::error::{CliError, CliResult, ExitStatus};
use crate::render;
use crate::render::route::{colour, word};

/// Returns when callers find the route as it is wanted.
///
/// # Errors
///
/// [`ExitStatus::NotInForce`] when it does not come to that in time.
pub(crate) async fn run(context: &Context, wait: Wait) -> CliResult {
    let route = route_of(&wait.route, wait.service.name.as_deref())?;
    let connection = context.connect()?;
    let path = paths::route(&route.to_string(), None);
    let mut last = connection.get::<RouteState>(&path, &[]).await?;
    if last.value.effective != wait.wanted {
        let waited = tokio::time::timeout(wait.within, until(context, &connection, &path, &wait, &mut last)).await;
        match waited {
            Ok(result) => result?,
            Err(_) => return Err(late(&last.value, &wait, wait.within)),
        }
    }
    let Read { raw, value: route } = last;
    context.printer.answer(
        raw.get(),
        || render::route::table(std::slice::from_ref(&route), false),
        |printer| {
            printer.data(Some(colour(route.effective)), &format!("✓ {} is {}", route.path, word(route.effective)));
        },
    );
    Ok(())
}

async fn until(
    context: &Context,
    connection: &Connection,
    path: &str,
    wait: &Wait,
    last: &mut Read<RouteState>,
) -> CliResult {
    let mut follower = Follower::new(context, connection);
    while last.value.effective != wait.wanted {
        follower.changed().await?;
        match connection.get::<RouteState>(path, &[]).await {
            Ok(now) => {
                follower.is_well();
                *last = now;
            }
            Err(error) => follower.lost(error).await?,
        }
    }
    Ok(())
}

fn late(route: &RouteState, wait: &Wait, within: Duration) -> CliError {
    let (now, wanted) = (word(route.effective), word(wait.wanted));
    let told = format!("{} is {now}, not {wanted}, after {} s", route.path, within.as_secs_f32());
    CliError::new(ExitStatus::NotInForce, told)
}
