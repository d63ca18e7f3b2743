//! Commands about one route.

use std::sync::Arc;

use jiff::Timestamp;

use crate::action::Action;
use crate::change::Change;
use crate::command::{CommandError, MOST_WINDOWS, Plan, Planner, Switch, listed};
use crate::lifecycle::{Control, Deprecation, Enforcement, Lifecycle, Route, Temporary, Window};
use crate::revision::Revision;
use crate::route::{RouteKey, RouteSelector};

impl Planner<'_> {
    pub(super) fn switch_route(
        &self,
        selector: &RouteSelector,
        to: &Switch,
        reason: &str,
        expected: Option<Revision>,
    ) -> Result<Plan, CommandError> {
        let (key, before) = self.switchable(selector, expected)?;
        let mut route = Route::clone(before);
        let mut ended = Vec::new();
        let (action, reason) = match to {
            Switch::Control { lifecycle, until, enforcement } => {
                if let Some(until) = until {
                    self.in_future("until", *until)?;
                }
                let control =
                    Control { lifecycle: lifecycle.clone(), reason: reason.to_owned(), enforcement: *enforcement };
                ended = self.end_planned(&mut route, *until);
                self.set_control(&mut route, before, control, *until);
                audit_of(lifecycle, reason)
            }
            Switch::Window { start, end, enforcement } => {
                self.add_window(&mut route, *start, *end, *enforcement, reason)?;
                let action = if *start <= self.now { Action::MaintenanceOn } else { Action::Schedule };
                (action, reason.to_owned())
            }
            Switch::CancelWindows { id } => {
                if let Some(id) = *id
                    && !route.windows.iter().any(|window| window.id == id)
                {
                    return Err(CommandError::UnknownWindow { key: Box::new(key), id });
                }
                ended = self.end_windows(&mut route, |window| id.is_none_or(|id| window.id == id));
                (Action::ScheduleCancel, reason.to_owned())
            }
            Switch::Deprecation(deprecation) => {
                check_deprecation(deprecation.as_ref())?;
                let announced =
                    |known: &Deprecation| deprecation.as_ref().is_some_and(|new| known.announces_the_same_as(new));
                // The same again: the first time counts.
                if !route.deprecation.as_ref().is_some_and(announced) {
                    route.deprecation.clone_from(deprecation);
                }
                let action = if deprecation.is_some() { Action::Deprecate } else { Action::Undeprecate };
                (action, reason.to_owned())
            }
            Switch::Declared => {
                ended = self.end_planned(&mut route, None);
                route.base.clone_from(&before.declared);
                route.switched = false;
                (restored(before, &route), reason.to_owned())
            }
            Switch::Restore(earlier) => {
                ended = self.restore(&mut route, earlier);
                (restored(before, &route), reason.to_owned())
            }
        };
        let mut plan = Plan { routes: vec![key.clone()], ended, ..Plan::default() };
        if route.same_as(before) {
            plan.ended.clear();
        } else {
            route.changed_at = self.changed_at;
            let change = Change::RouteSet { key, route: Arc::new(route) };
            plan.records.push(self.record(action, &reason, change));
        }
        Ok(plan)
    }

    pub(super) fn remove_route(
        &self,
        selector: &RouteSelector,
        reason: &str,
        expected: Option<Revision>,
    ) -> Result<Plan, CommandError> {
        let key = self.state.resolve(selector)?;
        self.expect(&key, expected, |seen| seen.route(&key).map(|route| route.changed_at))?;
        let mut plan = self.single(Action::RouteRemove, reason, Change::RouteRemoved { key: key.clone() });
        plan.routes.push(key);
        Ok(plan)
    }

    /// Resolves a selector to a route that operators may switch.
    fn switchable(
        &self,
        selector: &RouteSelector,
        expected: Option<Revision>,
    ) -> Result<(RouteKey, &Arc<Route>), CommandError> {
        let key = self.state.resolve(selector)?;
        let Some(route) = self.state.route(&key) else {
            return Err(CommandError::UnknownRoute { selector: Box::new(selector.clone()), near: Vec::new() });
        };
        if route.force_active {
            return Err(CommandError::ForceActive { key: Box::new(key) });
        }
        self.expect(&key, expected, |seen| seen.route(&key).map(|route| route.changed_at))?;
        Ok((key, route))
    }

    /// An explicit switch ends what was planned: everything when it is for good, else what it overlaps.
    fn end_planned(&self, route: &mut Route, until: Option<Timestamp>) -> Vec<String> {
        let overlaps = |window: &Window| until.is_none_or(|until| window.start < until);
        let mut ended = self.end_windows(route, overlaps);
        if let Some(temporary) = route.temporary.take()
            && self.now < temporary.until
        {
            let kind = temporary.control.lifecycle.kind().as_str();
            ended.push(format!("{kind} until {}", temporary.until));
        }
        ended
    }

    fn set_control(&self, route: &mut Route, before: &Route, control: Control, until: Option<Timestamp>) {
        let Some(until) = until else {
            route.base = control;
            route.switched = true;
            return;
        };
        let same = |timed: &&Temporary| (&timed.control, timed.until) == (&control, until);
        let planned_at = before.temporary.as_ref().filter(same).map_or(self.changed_at, |timed| timed.planned_at);
        route.temporary = Some(Temporary { control, until, planned_at });
    }

    /// Makes a route what operators had made of it earlier. The windows that this ends, in words.
    fn restore(&self, route: &mut Route, earlier: &Route) -> Vec<String> {
        let ended = self.end_windows(route, |window| !earlier.windows.iter().any(|known| known.id == window.id));
        route.base.clone_from(&earlier.base);
        route.switched = earlier.switched;
        route.temporary = earlier.temporary.clone().filter(|temporary| self.now < temporary.until);
        route.windows = earlier.windows.iter().filter(|window| self.now < window.end).cloned().collect();
        route.deprecation.clone_from(&earlier.deprecation);
        ended
    }

    fn end_windows(&self, route: &mut Route, ends: impl Fn(&Window) -> bool) -> Vec<String> {
        let told = |window: &Window| format!("maintenance window {} to {}", window.start, window.end);
        let ended = route.windows.iter().filter(|window| ends(window) && self.now < window.end).map(told).collect();
        route.windows.retain(|window| !ends(window));
        ended
    }

    fn add_window(
        &self,
        route: &mut Route,
        start: Timestamp,
        end: Timestamp,
        enforcement: Enforcement,
        reason: &str,
    ) -> Result<(), CommandError> {
        check_window(start, end, self.now)?;
        let same = |window: &Window| {
            (window.start, window.end, window.enforcement, &*window.reason) == (start, end, enforcement, reason)
        };
        if route.windows.iter().any(same) {
            return Ok(());
        }
        // Those that are over are still to be written down.
        if route.windows.iter().filter(|window| self.now < window.end).count() >= MOST_WINDOWS {
            return Err(CommandError::invalid("start", format!("a route has at most {MOST_WINDOWS} planned windows")));
        }
        let id = 1 + route.windows.iter().map(|window| window.id).fold(route.last_window, u32::max);
        route.last_window = id;
        route.windows.push(Window {
            id,
            start,
            end,
            reason: reason.to_owned(),
            opened: start <= self.now,
            enforcement,
            planned_at: self.changed_at,
        });
        route.windows.sort_by_key(|window| (window.start, window.id));
        Ok(())
    }
}

/// What it is called that a route was restored: by the first thing about it that differs.
fn restored(before: &Route, after: &Route) -> Action {
    let controls = |route: &Route| (route.base.clone(), route.temporary.clone());
    if controls(before) != controls(after) || before.switched != after.switched {
        let lifecycle = after.temporary.as_ref().map_or(&after.base, |temporary| &temporary.control);
        return audit_of(&lifecycle.lifecycle, "").0;
    }
    if before.windows != after.windows {
        return if before.windows.len() < after.windows.len() { Action::Schedule } else { Action::ScheduleCancel };
    }
    if after.deprecation.is_some() { Action::Deprecate } else { Action::Undeprecate }
}

/// A window may be over; only its end must be after its start.
pub(super) fn check_order(start: Timestamp, end: Timestamp) -> Result<(), CommandError> {
    if end <= start {
        return Err(CommandError::invalid("end", format!("`{end}` is not after the start `{start}`")));
    }
    Ok(())
}

fn check_window(start: Timestamp, end: Timestamp, now: Timestamp) -> Result<(), CommandError> {
    check_order(start, end)?;
    if end <= now {
        return Err(CommandError::invalid("end", format!("`{end}` is not in the future; it is {now} now")));
    }
    Ok(())
}

pub(super) fn audit_of(lifecycle: &Lifecycle, reason: &str) -> (Action, String) {
    match lifecycle {
        Lifecycle::Active => (Action::Enable, reason.to_owned()),
        Lifecycle::Disabled => (Action::Disable, reason.to_owned()),
        Lifecycle::Maintenance => (Action::MaintenanceOn, reason.to_owned()),
        Lifecycle::EnvGated(allowed) if reason.is_empty() && allowed.is_empty() => {
            (Action::EnvGate, "restricted to no environment: blocked everywhere".to_owned())
        }
        Lifecycle::EnvGated(allowed) if reason.is_empty() => {
            (Action::EnvGate, format!("restricted to: {}", listed(allowed)))
        }
        Lifecycle::EnvGated(_) => (Action::EnvGate, reason.to_owned()),
    }
}

pub(super) fn check_deprecation(deprecation: Option<&Deprecation>) -> Result<(), CommandError> {
    let fields = deprecation.map(|deprecation| {
        [("sunset_date", deprecation.sunset.as_deref()), ("successor_path", deprecation.successor.as_deref())]
    });
    for (field, text) in fields.into_iter().flatten() {
        if text.is_some_and(|text| text.chars().count() > 1000 || text.chars().any(char::is_control)) {
            return Err(CommandError::invalid(field, "at most 1000 characters, no control characters"));
        }
    }
    Ok(())
}
