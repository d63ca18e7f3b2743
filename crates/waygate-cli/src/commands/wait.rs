//! `wait`: until a route is what it is to be, at the control plane and at the instances of its service.

use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::time::Instant;
use waygate_api::instances::{Propagation, Unproven};
use waygate_api::paths;
use waygate_api::routes::RouteState;

use crate::cli::Wait;
use crate::commands::follow::Follower;
use crate::commands::lifecycle::route_of;
use crate::commands::propagation::{Place, hints, is_in_force, not_in_force, tell_in_force};
use crate::context::{Connection, Context, Read};
use crate::error::{CliError, CliResult, ExitStatus};
use crate::mark::marked;
use crate::render;
use crate::render::route::{colour, word};

/// For how long at most it is asked at a time how far a change has come: what is wanted may be over in between.
const AT_A_TIME: Duration = Duration::from_secs(2);
/// At most so often it is asked: what an instance has refused is answered at once.
const BETWEEN: Duration = Duration::from_millis(250);

/// What is known when the time is over.
struct Found {
    route: Read<RouteState>,
    /// How far it has come, once the route is as it is wanted.
    propagation: Option<Propagation>,
}

/// Returns when a route is as it is wanted and the instances of its service enforce that.
///
/// # Errors
///
/// [`ExitStatus::NotInForce`] when it does not come to that in time, or when nobody is there to prove it.
pub(crate) async fn run(context: &Context, wait: Wait) -> CliResult {
    let route = route_of(&wait.route, wait.service.name.as_deref())?;
    let connection = context.connect()?;
    let path = paths::route(&route.to_string(), None);
    let until = Instant::now() + wait.within;
    let route = connection.get::<RouteState>(&path, &[]).await?;
    let mut found = Found { route, propagation: None };
    // What is so at once is told although the time is over.
    if !found.look(&connection, &path, &wait, until).await? {
        let following = follow(context, &connection, &path, &wait, until, &mut found);
        if let Ok(failed @ Err(_)) = tokio::time::timeout_at(until, following).await {
            return failed;
        }
    }
    let Found { route: Read { raw, value: route }, propagation } = found;
    if route.effective != wait.wanted {
        return Err(late(&route, &wait));
    }
    if propagation.is_none() && !wait.stored {
        let told = format!(
            "{} is {}, but there was no time to ask whether that is in force",
            route.path,
            word(route.effective)
        );
        return Err(CliError::new(ExitStatus::NotInForce, told));
    }
    if let Some(propagation) = propagation.as_ref().filter(|come| !is_in_force(come)) {
        let told = format!("{} is {}: {}", route.path, word(route.effective), not_in_force(propagation));
        let error = CliError::new(ExitStatus::NotInForce, told);
        return Err(hints(propagation).into_iter().fold(error, CliError::hint));
    }
    tell(context, &raw, &route, propagation.as_ref());
    Ok(())
}

impl Found {
    /// Whether the route is as it is wanted and, where that counts, in force at the instances: asks for it, but not for
    /// longer than `until`.
    async fn look(&mut self, connection: &Connection, path: &str, wait: &Wait, until: Instant) -> CliResult<bool> {
        let route = &self.route.value;
        if route.effective != wait.wanted {
            self.propagation = None;
            return Ok(false);
        }
        if wait.stored {
            return Ok(true);
        }
        let services: Vec<&str> = route.service.as_deref().into_iter().collect();
        let left = until.saturating_duration_since(Instant::now()).min(AT_A_TIME);
        let come = connection.propagation(&services, left).await?;
        // Nobody has ever come: that is told at once.
        let is_known = is_in_force(&come) || come.unproven == Some(Unproven::Unheard);
        if is_known {
            // It may have become another meanwhile: until that is known, nothing is proven.
            self.propagation = None;
            self.route = connection.get(path, &[]).await?;
        }
        let is_wanted = self.route.value.effective == wait.wanted;
        self.propagation = is_wanted.then_some(come);
        Ok(is_known && is_wanted)
    }
}

async fn follow(
    context: &Context,
    connection: &Connection,
    path: &str,
    wait: &Wait,
    until: Instant,
    found: &mut Found,
) -> CliResult {
    let mut follower = Follower::new(context, connection);
    loop {
        if found.route.value.effective != wait.wanted {
            follower.changed().await?;
        }
        let begun = Instant::now();
        let read = async {
            found.route = connection.get::<RouteState>(path, &[]).await?;
            found.look(connection, path, wait, until).await
        };
        match read.await {
            Ok(true) => return Ok(()),
            Ok(false) => {
                follower.is_well();
                if found.propagation.is_some() {
                    tokio::time::sleep_until(begun + BETWEEN).await;
                }
            }
            Err(error) if error.status == ExitStatus::NotInForce => return Err(error),
            Err(error) => follower.lost(error).await?,
        }
    }
}

fn tell(context: &Context, raw: &RawValue, route: &RouteState, propagation: Option<&Propagation>) {
    if let Some(propagation) = propagation {
        context.propagations.note_found(propagation.clone());
    }
    let line = marked(context, "✓", &format!("{} is {}", route.path, word(route.effective)));
    context.printer.answer(
        &with(raw, propagation),
        || render::route::table(std::slice::from_ref(route), false),
        |printer| printer.data(Some(colour(route.effective)), &line),
    );
    match propagation {
        Some(propagation) => tell_in_force(context, propagation, Place::ForPrograms),
        None => context.printer.note("whether it has arrived at the instances was not asked"),
    }
}

/// The route as it came, and how far it has come.
fn with(raw: &RawValue, propagation: Option<&Propagation>) -> String {
    let told = propagation.and_then(|propagation| {
        let mut route: Map<String, Value> = serde_json::from_str(raw.get()).ok()?;
        route.insert("propagation".to_owned(), serde_json::to_value(propagation).ok()?);
        serde_json::to_string(&route).ok()
    });
    told.unwrap_or_else(|| raw.get().to_owned())
}

fn late(route: &RouteState, wait: &Wait) -> CliError {
    let (now, wanted) = (word(route.effective), word(wait.wanted));
    let told = format!("{} is {now}, not {wanted}, after {} s", route.path, wait.within.as_secs_f32());
    CliError::new(ExitStatus::NotInForce, told)
}
