//! The control plane as one would write it without history, sharing or encoding: plain maps, changed in place.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use waygate_core::{
    Change, Command, CommandError, Control, Declaration, Deprecation, Enforcement, LocalKey, MaintenanceScope,
    MaintenanceSwitch, Revision, RouteMethod, RouteSelector, State, Switch, Timestamp, plan,
};

use crate::random::{Step, command, steps};
use crate::world::{World, at, commit_after};

#[derive(Debug, Clone, Default, PartialEq)]
struct RouteModel {
    declared: Control,
    declared_deprecation: Option<Deprecation>,
    base: Control,
    temporary: Option<(Control, Timestamp)>,
    /// Id, start, end, reason, and whether the opening is on record; in the order of start and id.
    windows: Vec<(u32, Timestamp, Timestamp, String, bool)>,
    last_window: u32,
    switched: bool,
    deprecation: Option<Deprecation>,
    force_active: bool,
    changed_at: u64,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct MaintenanceModel {
    enabled: bool,
    reason: String,
    exempt: Vec<String>,
    include_force_active: bool,
    until: Option<Timestamp>,
    shadow: bool,
    changed_at: u64,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    revision: u64,
    services: BTreeSet<String>,
    /// By service and local key.
    routes: BTreeMap<(String, String), RouteModel>,
    /// By service; the empty name is everything.
    maintenance: BTreeMap<String, MaintenanceModel>,
    revoked: BTreeMap<String, Timestamp>,
}

/// The command is refused.
#[derive(Debug)]
struct Refused;

impl Model {
    fn run(&mut self, command: &Command, now: Timestamp) -> Result<(), Refused> {
        let mut next = self.clone();
        if next.carry_out(command, self, now)? {
            next.revision += 1;
            *self = next;
        }
        Ok(())
    }

    /// Whether anything was put on record. Callers have `seen` what was there before the whole commit.
    fn carry_out(&mut self, command: &Command, seen: &Self, now: Timestamp) -> Result<bool, Refused> {
        match command {
            Command::Route { route, to, reason, expected } => {
                let key = self.find(route)?;
                let revision = self.revision + 1;
                let route = self.routes.get_mut(&key).ok_or(Refused)?;
                if route.force_active {
                    return Err(Refused);
                }
                unmoved(*expected, seen.routes.get(&key).map(|seen| seen.changed_at))?;
                let before = route.clone();
                route.switch(to, reason, now)?;
                let changed = *route != before;
                if changed {
                    route.changed_at = revision;
                }
                Ok(changed)
            }
            Command::RemoveRoute { route, expected, .. } => {
                let key = self.find(route)?;
                unmoved(*expected, seen.routes.get(&key).map(|seen| seen.changed_at))?;
                self.routes.remove(&key);
                Ok(true)
            }
            Command::RemoveService { service, expected, .. } => {
                if !self.services.contains(service.as_str()) {
                    return Err(Refused);
                }
                let routes = seen.routes.iter().filter(|((of, _), _)| of == service.as_str());
                let newest = routes.map(|(_, route)| route.changed_at).max();
                let maintenance = seen.maintenance.get(service.as_str()).map(|scope| scope.changed_at);
                unmoved(*expected, newest.max(maintenance))?;
                self.services.remove(service.as_str());
                self.routes.retain(|(of, _), _| of != service.as_str());
                self.maintenance.remove(service.as_str());
                Ok(true)
            }
            Command::Maintenance { scope, to, reason, allow_unknown, expected } => {
                let name = match scope {
                    MaintenanceScope::Global => "",
                    MaintenanceScope::Service(service) => service.as_str(),
                };
                if !name.is_empty() && !allow_unknown && !self.services.contains(name) {
                    return Err(Refused);
                }
                let before = self.maintenance.get(name).cloned().unwrap_or_default();
                unmoved(*expected, seen.maintenance.get(name).map(|seen| seen.changed_at))?;
                let mut after = before.clone();
                after.switch(to, reason, now)?;
                if after == before {
                    return Ok(false);
                }
                after.changed_at = self.revision + 1;
                self.maintenance.insert(name.to_owned(), after);
                if !name.is_empty() {
                    self.services.insert(name.to_owned());
                }
                Ok(true)
            }
            Command::Register { service, routes } => {
                let mut last = BTreeMap::new();
                for declaration in routes {
                    last.insert(declaration.key.to_string(), declaration);
                }
                if last.values().any(|declaration| declaration.window.is_some_and(|(start, end)| end <= start)) {
                    return Err(Refused);
                }
                let mut changed = false;
                for (local, declaration) in last {
                    let key = (service.to_string(), local);
                    let before = self.routes.get(&key).cloned();
                    let mut after = before.clone().unwrap_or_else(|| RouteModel::declared(declaration, now));
                    after.declare(declaration);
                    if before.as_ref() != Some(&after) {
                        after.changed_at = self.revision + 1;
                        self.routes.insert(key, after);
                        self.services.insert(service.to_string());
                        changed = true;
                    }
                }
                Ok(changed)
            }
            Command::Settle => Ok(self.settle(now)),
            Command::RevokeToken { id, expires } | Command::LogOut { id, expires } => {
                let fresh = now < *expires && self.revoked.get(id.as_str()).is_none_or(|until| until < expires);
                if fresh {
                    self.revoked.insert(id.as_str().to_owned(), *expires);
                }
                Ok(fresh)
            }
            Command::Note { .. } => Ok(true),
            Command::IssueToken { .. }
            | Command::RateLimit { .. }
            | Command::SetWebhook { .. }
            | Command::RemoveWebhook { .. }
            | Command::RotateWebhookSecret { .. } => {
                unreachable!("limits, webhooks and issued tokens have tests of their own")
            }
            Command::All(commands) => {
                let mut changed = false;
                for command in commands {
                    changed |= self.carry_out(command, seen, now)?;
                }
                Ok(changed)
            }
        }
    }

    fn find(&self, selector: &RouteSelector) -> Result<(String, String), Refused> {
        let mut found = Vec::new();
        for service in &self.services {
            if selector.service.as_ref().is_some_and(|asked| asked.as_str() != service) {
                continue;
            }
            let key_of = |method: RouteMethod| {
                let path = selector.path.as_str();
                let local = if method == RouteMethod::Any { path.to_owned() } else { format!("{method}:{path}") };
                (service.clone(), local)
            };
            let exists = |method: &RouteMethod| self.routes.contains_key(&key_of(*method));
            match selector.method {
                Some(method) => found.extend(exists(&method).then(|| key_of(method))),
                None if exists(&RouteMethod::Any) => found.push(key_of(RouteMethod::Any)),
                None => found.extend(RouteMethod::NAMED.into_iter().filter(|method| exists(method)).map(key_of)),
            }
        }
        if found.len() == 1 { Ok(found.remove(0)) } else { Err(Refused) }
    }

    fn settle(&mut self, now: Timestamp) -> bool {
        let mut changed = false;
        for maintenance in self.maintenance.values_mut() {
            if maintenance.enabled && maintenance.until.is_some_and(|until| until <= now) {
                let exempt = std::mem::take(&mut maintenance.exempt);
                *maintenance = MaintenanceModel { exempt, changed_at: self.revision + 1, ..Default::default() };
                changed = true;
            }
        }
        for route in self.routes.values_mut() {
            let before = route.clone();
            route.windows.retain(|(_, _, end, _, _)| now < *end);
            for (_, start, _, _, opened) in &mut route.windows {
                *opened |= *start <= now;
            }
            if route.temporary.as_ref().is_some_and(|(_, until)| *until <= now) {
                route.temporary = None;
            }
            if *route != before {
                route.changed_at = self.revision + 1;
                changed = true;
            }
        }
        changed
    }
}

impl RouteModel {
    fn declared(declaration: &Declaration, now: Timestamp) -> Self {
        let window = declaration.window.filter(|(start, end)| start < end && now < *end);
        let reason = declaration.control.reason.clone();
        Self {
            declared: declaration.control.clone(),
            base: declaration.control.clone(),
            declared_deprecation: declaration.deprecation.clone(),
            deprecation: declaration.deprecation.clone(),
            windows: window.map(|(start, end)| (1, start, end, reason, start <= now)).into_iter().collect(),
            last_window: window.map_or(0, |_| 1),
            ..Self::default()
        }
    }

    fn declare(&mut self, declaration: &Declaration) {
        if !self.switched && self.base == self.declared {
            self.base = declaration.control.clone();
        }
        self.declared = declaration.control.clone();
        let said = |deprecation: &Option<Deprecation>| {
            deprecation.as_ref().map(|deprecation| (deprecation.sunset.clone(), deprecation.successor.clone()))
        };
        if said(&self.declared_deprecation) != said(&declaration.deprecation) {
            if self.deprecation == self.declared_deprecation {
                self.deprecation = declaration.deprecation.clone();
            }
            self.declared_deprecation = declaration.deprecation.clone();
        }
        self.force_active = declaration.force_active;
    }

    fn switch(&mut self, to: &Switch, reason: &str, now: Timestamp) -> Result<(), Refused> {
        match to {
            Switch::Control { lifecycle, until, enforcement } => {
                let control =
                    Control { lifecycle: lifecycle.clone(), reason: reason.to_owned(), enforcement: *enforcement };
                self.temporary = None;
                match until {
                    Some(until) if *until <= now => return Err(Refused),
                    Some(until) => {
                        self.windows.retain(|(_, start, ..)| until <= start);
                        self.temporary = Some((control, *until));
                    }
                    None => {
                        self.windows.clear();
                        self.base = control;
                        self.switched = true;
                    }
                }
            }
            Switch::Window { start, end, enforcement: _ } => {
                if end <= start || *end <= now {
                    return Err(Refused);
                }
                let same = |window: &(u32, Timestamp, Timestamp, String, bool)| {
                    (window.1, window.2, window.3.as_str()) == (*start, *end, reason)
                };
                if !self.windows.iter().any(same) {
                    self.last_window += 1;
                    let id = self.last_window;
                    self.windows.push((id, *start, *end, reason.to_owned(), *start <= now));
                    self.windows.sort_by_key(|window| (window.1, window.0));
                }
            }
            Switch::CancelWindows { id: Some(id) } if !self.windows.iter().any(|window| window.0 == *id) => {
                return Err(Refused);
            }
            Switch::CancelWindows { id: Some(id) } => self.windows.retain(|window| window.0 != *id),
            Switch::CancelWindows { id: None } => self.windows.clear(),
            Switch::Restore(_) | Switch::Declared => unreachable!("the model is not asked to restore"),
            Switch::Deprecation(deprecation) => {
                let said = |deprecation: &Option<Deprecation>| {
                    deprecation.as_ref().map(|deprecation| (deprecation.sunset.clone(), deprecation.successor.clone()))
                };
                if said(&self.deprecation) != said(deprecation) {
                    self.deprecation.clone_from(deprecation);
                }
            }
        }
        Ok(())
    }
}

impl MaintenanceModel {
    fn switch(&mut self, to: &MaintenanceSwitch, why: &str, now: Timestamp) -> Result<(), Refused> {
        match to {
            MaintenanceSwitch::On { exempt, include_force_active, until, enforcement } => {
                if until.is_some_and(|until| until <= now) {
                    return Err(Refused);
                }
                if let Some(exempt) = exempt {
                    self.exempt.clear();
                    self.exempt_too(exempt);
                }
                self.enabled = true;
                why.clone_into(&mut self.reason);
                self.include_force_active = *include_force_active;
                self.until = *until;
                self.shadow = *enforcement == Enforcement::Shadow;
            }
            MaintenanceSwitch::Off => {
                let Self { exempt, changed_at, .. } = self.clone();
                *self = Self { exempt, changed_at, ..Self::default() };
            }
            MaintenanceSwitch::Exemptions { add, remove } => {
                let gone = remove.iter().filter(|key| !add.contains(key));
                let gone: Vec<String> = gone.map(ToString::to_string).collect();
                self.exempt.retain(|key| !gone.contains(key));
                self.exempt_too(add);
            }
        }
        Ok(())
    }

    fn exempt_too(&mut self, keys: &[LocalKey]) {
        for key in keys.iter().map(ToString::to_string) {
            if !self.exempt.contains(&key) {
                self.exempt.push(key);
            }
        }
    }
}

/// What was not there has revision zero.
fn unmoved(expected: Option<Revision>, actual: Option<u64>) -> Result<(), Refused> {
    match expected {
        Some(Revision(expected)) if expected != actual.unwrap_or_default() => Err(Refused),
        _ => Ok(()),
    }
}

/// The state in the model's terms.
fn modelled(state: &State) -> Model {
    let mut model = Model { revision: state.cursor.revision.0, ..Model::default() };
    let mut maintenance = |name: &str, maintenance: &waygate_core::Maintenance| {
        let maintenance = MaintenanceModel {
            enabled: maintenance.enabled,
            reason: maintenance.reason.clone(),
            exempt: maintenance.exempt.iter().map(ToString::to_string).collect(),
            include_force_active: maintenance.include_force_active,
            until: maintenance.until,
            shadow: maintenance.enforcement == Enforcement::Shadow,
            changed_at: maintenance.changed_at.0,
        };
        if maintenance != MaintenanceModel::default() {
            model.maintenance.insert(name.to_owned(), maintenance);
        }
    };
    maintenance("", &state.global.maintenance);
    for (service, known) in &state.services {
        maintenance(service.as_str(), &known.maintenance);
    }
    for (service, known) in &state.services {
        model.services.insert(service.to_string());
        for (local, route) in &known.routes {
            let windows = route
                .windows
                .iter()
                .map(|window| (window.id, window.start, window.end, window.reason.clone(), window.opened));
            let route = RouteModel {
                declared: route.declared.clone(),
                declared_deprecation: route.declared_deprecation.clone(),
                base: route.base.clone(),
                temporary: route.temporary.as_ref().map(|timed| (timed.control.clone(), timed.until)),
                windows: windows.collect(),
                last_window: route.last_window,
                switched: route.switched,
                deprecation: route.deprecation.clone(),
                force_active: route.force_active,
                changed_at: route.changed_at.0,
            };
            model.routes.insert((service.to_string(), local.to_string()), route);
        }
    }
    model.revoked = state.revoked_tokens.iter().map(|(id, expires)| (id.as_str().to_owned(), *expires)).collect();
    model
}

/// Commands whose repetition right after is not harmless by design: they say that something happened, or that
/// something must be there.
fn speaks_anew(command: &Command) -> bool {
    match command {
        Command::Note { .. }
        | Command::RateLimit { .. }
        | Command::IssueToken { .. }
        | Command::RemoveRoute { .. }
        | Command::RemoveService { .. }
        | Command::RemoveWebhook { .. }
        | Command::RotateWebhookSecret { .. }
        | Command::Route { to: Switch::CancelWindows { id: Some(_) }, .. } => true,
        // With an expectation, the caller asks to be told.
        Command::Route { expected, .. }
        | Command::Maintenance { expected, .. }
        | Command::SetWebhook { expected, .. } => expected.is_some(),
        // What one of them did another may have undone.
        Command::All(commands) => commands.len() > 1 || commands.iter().any(speaks_anew),
        Command::Register { .. } | Command::Settle | Command::RevokeToken { .. } | Command::LogOut { .. } => false,
    }
}

/// A state that random steps led to, and the time there.
fn led_to(steps: &[Step]) -> (World, Timestamp) {
    let mut world = World::new();
    let mut now = 0;
    for step in steps {
        now += step.later;
        let _ = world.try_run(&step.command, at(now));
    }
    (world, at(now))
}

fn without_revisions(state: &State) -> Model {
    let mut model = modelled(state);
    model.revision = 0;
    model.routes.values_mut().for_each(|route| route.changed_at = 0);
    model.maintenance.values_mut().for_each(|maintenance| maintenance.changed_at = 0);
    model
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn commands_do_what_the_naive_model_does(steps in steps()) {
        let mut world = World::new();
        let mut model = Model::default();
        let mut now = 0;
        for step in &steps {
            now += step.later;
            let done = world.try_run(&step.command, at(now));
            let expected = model.run(&step.command, at(now));
            prop_assert_eq!(done.is_ok(), expected.is_ok(), "{:?}: {:?}", step.command, done.err());
            prop_assert_eq!(&modelled(&world.state), &model, "{:?}", step.command);
        }
    }

    #[test]
    fn a_command_repeated_right_after_commits_nothing(
        steps in steps(), command in command().prop_filter("harmless", |command| !speaks_anew(command))
    ) {
        let (mut world, now) = led_to(&steps);
        if world.try_run(&command, now).is_ok() {
            let again = plan(&world.state, &command, now);
            prop_assert!(again.as_ref().is_ok_and(|plan| plan.records.is_empty()), "{:?}", again);
            prop_assert!(again.is_ok_and(|plan| plan.ended.is_empty()));
        }
    }

    #[test]
    fn planning_is_pure_and_a_refusal_changes_nothing(steps in steps(), command in command()) {
        let (world, now) = led_to(&steps);
        let before = world.state.clone();
        let plans = [plan(&world.state, &command, now), plan(&world.state, &command, now)];
        prop_assert_eq!(&plans[0], &plans[1]);
        prop_assert_eq!(&world.state, &before);
    }

    #[test]
    fn the_before_of_a_commit_in_reverse_leads_back(steps in steps(), command in command()) {
        let (mut world, now) = led_to(&steps);
        let before = world.state.clone();
        let Ok(done) = world.try_run(&command, now) else { return Ok(()) };
        let back = done.records.iter().rev().flat_map(|record| record.before.iter().cloned());
        let records = back
            .map(|change| waygate_core::Record {
                action: waygate_core::Action::Register,
                reason: String::new(),
                before: Vec::new(),
                change,
            })
            .collect();
        let mut state = world.state.clone();
        state.apply(&commit_after(&state, records, now)).unwrap();
        // Revocations are not taken back, and end by themselves.
        (state.cursor, state.revoked_tokens) = (before.cursor.clone(), before.revoked_tokens.clone());
        prop_assert_eq!(state, before);
    }

    #[test]
    fn a_bundle_is_its_commands_one_after_another(
        steps in steps(), bundle in proptest::collection::vec(command(), 0..5)
    ) {
        let (mut together, now) = led_to(&steps);
        let (mut apart, _) = led_to(&steps);
        // An expectation names a revision, and a bundle has one revision where its commands have several.
        let expects = |command: &Command| format!("{command:?}").contains("expected: Some");
        prop_assume!(!bundle.iter().any(expects));
        let commits = together.commits.len();
        let one_by_one: Result<Vec<_>, _> = bundle.iter().map(|command| apart.try_run(command, now)).collect();
        let whole = together.try_run(&Command::All(bundle), now);
        match (one_by_one, whole) {
            (Ok(plans), Ok(whole)) => {
                prop_assert_eq!(without_revisions(&together.state), without_revisions(&apart.state));
                prop_assert!(together.commits.len() <= commits + 1);
                let actions = |plan: &waygate_core::Plan| plan.records.iter().map(|r| r.action).collect::<Vec<_>>();
                prop_assert_eq!(plans.iter().flat_map(actions).collect::<Vec<_>>(), actions(&whole));
            }
            (Err(one), Err(CommandError::OneOfAll { refusal, .. })) => prop_assert_eq!(one, *refusal),
            (one, other) => prop_assert!(false, "{:?} but {:?}", one, other),
        }
    }

    #[test]
    fn every_change_dates_what_it_changes(steps in steps()) {
        let (world, _) = led_to(&steps);
        for commit in &world.commits {
            for change in commit.changes() {
                match change {
                    Change::RouteSet { route, .. } => prop_assert_eq!(route.changed_at, commit.revision()),
                    Change::MaintenanceSet { maintenance, .. } => {
                        prop_assert_eq!(maintenance.changed_at, commit.revision());
                    }
                    _ => {}
                }
            }
        }
    }
}
