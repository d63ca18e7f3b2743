//! Routes: what they are set to, for how long, what is planned, what is announced.

use std::fmt::Write as _;

use serde_json::{Value, json};
use waygate_api::document::{ControlDocument, RouteDocument, ServiceDocument, TemporaryDocument, WindowDocument};
use waygate_core::LifecycleKind;

use crate::commands::declare::plan::{Plan, Planner, Unnamed, whole_key};
use crate::moment;
use crate::render::route::word;

impl Planner<'_> {
    pub(super) fn routes(&self, service: &str, now: &ServiceDocument, wanted: &ServiceDocument, plan: &mut Plan) {
        for (key, wanted) in &wanted.routes {
            let subject = whole_key(service, key);
            match now.routes.get(key) {
                Some(now) if now.force_active => {}
                Some(now) => self.route(subject, now, wanted, plan),
                None if self.unnamed != Unnamed::IsOfLater => plan.unknown.push(subject),
                None if self.is_default(wanted) || is_untouched(wanted) => {}
                None => plan.gone.push(subject),
            }
        }
        if self.unnamed == Unnamed::Stays {
            return;
        }
        let others = now
            .routes
            .iter()
            .filter(|(key, route)| !wanted.routes.contains_key(*key) && !route.force_active && !is_untouched(route));
        for (key, route) in others {
            // What the code announces is the code's.
            let declared = self.unnamed == Unnamed::IsOfLater;
            let plain = RouteDocument { deprecation: route.deprecation.clone(), declared, ..unset() };
            self.route(whole_key(service, key), route, &plain, plan);
        }
    }

    fn route(&self, subject: String, now: &RouteDocument, wanted: &RouteDocument, plan: &mut Plan) {
        let temporary = wanted.temporary.as_ref().filter(|timed| self.now < timed.until);
        let windows: Vec<&WindowDocument> = wanted.windows.iter().filter(|window| self.now < window.end).collect();
        let goes = now.windows.iter().any(|window| !windows.contains(&window));
        // Documents of the past say whether an operator had switched the route at all.
        let follows = self.unnamed == Unnamed::IsOfLater && wanted.declared;
        let moves = match self.unnamed {
            Unnamed::IsOfLater if now.declared && wanted.declared => false,
            Unnamed::IsOfLater => now.declared != wanted.declared || now.control != wanted.control,
            Unnamed::Stays | Unnamed::GoesBack => now.control != wanted.control,
        };
        let is_set = moves || now.temporary.as_ref() != temporary || goes;
        let mut commands = Vec::new();
        if is_set {
            // It ends whatever is planned, which is then planned anew.
            commands.push(if follows {
                json!({ "action": "as_declared", "reason": self.reason })
            } else {
                control(&wanted.control, None)
            });
            commands.extend(temporary.map(|timed| control(&timed.control, Some(timed))));
        }
        let plans = windows.iter().filter(|window| is_set || !now.windows.contains(window));
        commands.extend(plans.map(|window| {
            json!({
                "action": "schedule",
                "start": window.start,
                "end": window.end,
                "reason": window.reason,
                "shadow": window.shadow,
            })
        }));
        if now.deprecation != wanted.deprecation {
            commands.push(match &wanted.deprecation {
                Some(announced) => json!({
                    "action": "deprecate",
                    "sunset_date": announced.sunset,
                    "successor_path": announced.successor,
                    "reason": self.reason,
                }),
                None => json!({ "action": "undeprecate", "reason": self.reason }),
            });
        }
        if commands.is_empty() {
            return;
        }
        for command in &mut commands {
            command["route"] = json!(subject);
        }
        let after = RouteDocument {
            temporary: temporary.cloned(),
            windows: windows.into_iter().cloned().collect(),
            ..wanted.clone()
        };
        let (before, mut after) = (told(now), told(&after));
        if follows && before == after {
            after.push_str(", as its code says");
        }
        plan.push(subject, before, after, commands, now.changed_at);
    }

    fn is_default(&self, wanted: &RouteDocument) -> bool {
        let plain = unset();
        wanted.control == plain.control
            && wanted.temporary.as_ref().is_none_or(|timed| timed.until <= self.now)
            && wanted.windows.iter().all(|window| window.end <= self.now)
            && wanted.deprecation.is_none()
    }
}

/// Whether it is only what its code says.
fn is_untouched(route: &RouteDocument) -> bool {
    route.declared && route.temporary.is_none() && route.windows.is_empty()
}

/// A route of which nothing is set.
pub(in crate::commands::declare) fn unset() -> RouteDocument {
    RouteDocument {
        control: ControlDocument {
            status: LifecycleKind::Active,
            reason: String::new(),
            environments: Vec::new(),
            shadow: false,
        },
        temporary: None,
        windows: Vec::new(),
        deprecation: None,
        force_active: false,
        declared: false,
        changed_at: None,
    }
}

fn control(told: &ControlDocument, timed: Option<&TemporaryDocument>) -> Value {
    let action = match told.status {
        LifecycleKind::Maintenance => "maintenance_on",
        LifecycleKind::Disabled => "disable",
        LifecycleKind::EnvGated => "env_gate",
        LifecycleKind::Active | LifecycleKind::Deprecated => "enable",
    };
    let envs = (told.status == LifecycleKind::EnvGated).then_some(&told.environments);
    json!({
        "action": action,
        "reason": told.reason,
        "shadow": (action != "enable").then_some(told.shadow),
        "envs": envs,
        "until": timed.map(|timed| timed.until),
    })
}

fn told(route: &RouteDocument) -> String {
    let set = |control: &ControlDocument| {
        let mut text = word(control.status);
        if !control.environments.is_empty() {
            let _ = write!(text, " in {}", control.environments.join(" "));
        }
        if !control.reason.is_empty() {
            let _ = write!(text, ": {}", control.reason);
        }
        if control.shadow {
            text.push_str(" (shadow)");
        }
        text
    };
    // What callers get comes first.
    let mut parts = match &route.temporary {
        Some(timed) => {
            let until = format!("until {} {}", moment::shown(timed.until), set(&timed.control));
            vec![until, format!("then {}", set(&route.control))]
        }
        None => vec![set(&route.control)],
    };
    for window in &route.windows {
        parts.push(format!("maintenance {} → {}", moment::shown(window.start), moment::shown(window.end)));
    }
    if let Some(deprecation) = &route.deprecation {
        let sunset = deprecation.sunset.as_deref().map(|sunset| format!(", ends {sunset}")).unwrap_or_default();
        parts.push(format!("deprecated{sunset}"));
    }
    parts.join("; ")
}
