//! Commands about one route.

use std::sync::Arc;

use jiff::Timestamp;

use crate::change::{Action, Change};
use crate::command::{CommandError, MOST_WINDOWS, Plan, Planner, Switch, expect, listed};
use crate::lifecycle::{Control, Deprecation, Lifecycle, Route, Temporary, Window};
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
                set_control(&mut route, control, *until);
                audit_of(lifecycle, reason)
            }
            Switch::Window { start, end } => {
                self.add_window(&mut route, *start, *end, reason)?;
                let action = if *start <= self.now { Action::MaintenanceOn } else { Action::Schedule };
                (action, reason.to_owned())
            }
            Switch::CancelWindows { id } => {
                ended = self.cancel_windows(&mut route, *id);
                (Action::ScheduleCancel, reason.to_owned())
            }
            Switch::Deprecation(deprecation) => {
                check_deprecation(deprecation.as_ref())?;
                route.deprecation.clone_from(deprecation);
                let action = if deprecation.is_some() { Action::Deprecate } else { Action::Undeprecate };
                (action, reason.to_owned())
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
        if let Some(route) = self.state.route(&key) {
            expect(&key, expected, route.changed_at)?;
        }
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
        expect(&key, expected, route.changed_at)?;
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

    fn cancel_windows(&self, route: &mut Route, id: Option<u32>) -> Vec<String> {
        self.end_windows(route, |window| id.is_none_or(|id| window.id == id))
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
        reason: &str,
    ) -> Result<(), CommandError> {
        check_window(start, end, self.now)?;
        route.windows.retain(|window| self.now < window.end);
        if route.windows.iter().any(|window| (window.start, window.end, &*window.reason) == (start, end, reason)) {
            return Ok(());
        }
        if route.windows.len() >= MOST_WINDOWS {
            return Err(CommandError::invalid("start", format!("a route has at most {MOST_WINDOWS} planned windows")));
        }
        let id = route.windows.iter().map(|window| window.id).max().unwrap_or(0) + 1;
        route.windows.push(Window { id, start, end, reason: reason.to_owned(), opened: start <= self.now });
        route.windows.sort_by_key(|window| (window.start, window.id));
        Ok(())
    }
}

pub(super) fn check_window(start: Timestamp, end: Timestamp, now: Timestamp) -> Result<(), CommandError> {
    if end <= start {
        return Err(CommandError::invalid("end", format!("`{end}` is not after the start `{start}`")));
    }
    if end <= now {
        return Err(CommandError::invalid("end", format!("`{end}` is not in the future; it is {now} now")));
    }
    Ok(())
}

fn set_control(route: &mut Route, control: Control, until: Option<Timestamp>) {
    match until {
        Some(until) => route.temporary = Some(Temporary { control, until }),
        None => route.base = control,
    }
}

pub(super) fn audit_of(lifecycle: &Lifecycle, reason: &str) -> (Action, String) {
    match lifecycle {
        Lifecycle::Active => (Action::Enable, reason.to_owned()),
        Lifecycle::Disabled => (Action::Disable, reason.to_owned()),
        Lifecycle::Maintenance => (Action::MaintenanceOn, reason.to_owned()),
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
