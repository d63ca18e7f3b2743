//! Random commands and changes over a small vocabulary, so that they meet.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use waygate_core::{
    Action, Change, Command, Control, Declaration, Deprecation, Enforcement, Environment, Lifecycle, LocalKey,
    Maintenance, MaintenanceScope, MaintenanceSwitch, RateLimitPolicy, Revision, Route, RouteKey, RouteSelector, Scope,
    ServiceId, Switch, Temporary, Timestamp, Webhook, WebhookFormat, WebhookSettings, Window,
};

use crate::world::{at, parsed};

pub(crate) const SERVICES: [&str; 3] = ["pay", "orders", "stock"];
const LOCAL_KEYS: [&str; 7] = ["/a", "GET:/a", "POST:/a", "GET:/b", "POST:/b", "GET:/c/{id}", "/d"];

/// A command and how much later than the one before it comes, in milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) later: i64,
    pub(crate) command: Command,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec((0..800_i64, command()).prop_map(|(later, command)| Step { later, command }), 1..40)
}

pub(crate) fn command() -> impl Strategy<Value = Command> {
    let simple = prop_oneof![
        8 => (selector(), switch(), reason(), expected()).prop_map(|(route, to, reason, expected)| Command::Route {
            route, to, reason, expected
        }),
        1 => (selector(), reason(), expected()).prop_map(|(route, reason, expected)| Command::RemoveRoute {
            route, reason, expected
        }),
        1 => (service(), reason(), expected()).prop_map(|(service, reason, expected)| Command::RemoveService {
            service, reason, expected
        }),
        4 => (scope(), maintenance_switch(), reason(), any::<bool>(), expected()).prop_map(
            |(scope, to, reason, allow_unknown, expected)| Command::Maintenance {
                scope, to, reason, allow_unknown, expected
            }
        ),
        5 => (service(), vec(declaration(), 0..5))
            .prop_map(|(service, routes)| Command::Register { service, routes }),
        1 => (0..3_u8, time()).prop_map(|(id, expires)| Command::RevokeToken {
            id: parsed(&format!("token-{id}")), expires
        }),
        1 => Just(Command::Settle),
        1 => reason().prop_map(|reason| Command::Note { action: Action::Login, subject: "ada".to_owned(), reason }),
    ];
    let simple = simple.boxed();
    prop_oneof![9 => simple.clone(), 1 => vec(simple, 0..4).prop_map(Command::All)]
}

/// Of no service in its filter: the text of its change would name one that it does not concern.
fn webhook() -> impl Strategy<Value = WebhookSettings> {
    (prop::sample::select(&["one", "two"][..]), any::<bool>()).prop_map(|(url, enabled)| WebhookSettings {
        sealed_url: url.to_owned(),
        format: WebhookFormat::default(),
        services: BTreeSet::new(),
        actions: BTreeSet::new(),
        enabled,
    })
}

pub(crate) fn service() -> impl Strategy<Value = ServiceId> {
    prop::sample::select(&SERVICES[..]).prop_map(parsed)
}

pub(crate) fn local_key() -> impl Strategy<Value = LocalKey> {
    prop::sample::select(&LOCAL_KEYS[..]).prop_map(parsed)
}

fn route_key() -> impl Strategy<Value = RouteKey> {
    (service(), local_key()).prop_map(|(service, local)| RouteKey::new(service, local))
}

fn selector() -> impl Strategy<Value = RouteSelector> {
    prop_oneof![
        3 => route_key().prop_map(RouteSelector::from),
        1 => prop::sample::select(&["/a", "/b", "/d", "GET:/c/{id}", "pay:/a", "orders:/b", "POST:/b"][..])
            .prop_map(parsed),
    ]
}

fn reason() -> impl Strategy<Value = String> {
    prop::sample::select(&["", "one", "two"][..]).prop_map(str::to_owned)
}

fn expected() -> impl Strategy<Value = Option<Revision>> {
    prop_oneof![9 => Just(None), 1 => (0..20_u64).prop_map(|revision| Some(Revision(revision)))]
}

/// Times around those at which commands come.
fn time() -> impl Strategy<Value = Timestamp> {
    (0..15_i64).prop_map(|second| at(second * 1000))
}

fn lifecycle() -> impl Strategy<Value = Lifecycle> {
    prop_oneof![
        3 => Just(Lifecycle::Active),
        2 => Just(Lifecycle::Maintenance),
        2 => Just(Lifecycle::Disabled),
        1 => environments().prop_map(Lifecycle::EnvGated),
    ]
}

fn environments() -> impl Strategy<Value = BTreeSet<Environment>> {
    btree_set(prop::sample::select(&["dev", "prod"][..]).prop_map(parsed), 0..3)
}

fn enforcement() -> impl Strategy<Value = Enforcement> {
    prop_oneof![4 => Just(Enforcement::Enforce), 1 => Just(Enforcement::Shadow)]
}

fn switch() -> impl Strategy<Value = Switch> {
    prop_oneof![
        4 => (lifecycle(), option::of(time()), enforcement()).prop_map(|(lifecycle, until, enforcement)| {
            Switch::Control { lifecycle, until, enforcement }
        }),
        2 => (time(), time()).prop_map(|(start, end)| crate::world::planned(start, end)),
        1 => option::of(1..4_u32).prop_map(|id| Switch::CancelWindows { id }),
        1 => option::of(deprecation()).prop_map(Switch::Deprecation),
    ]
}

fn deprecation() -> impl Strategy<Value = Deprecation> {
    (time(), option::of(prop::sample::select(&["2028-01-01", "2029-01-01"][..])))
        .prop_map(|(since, sunset)| Deprecation { since, sunset: sunset.map(str::to_owned), successor: None })
}

fn scope() -> impl Strategy<Value = MaintenanceScope> {
    prop_oneof![Just(MaintenanceScope::Global), service().prop_map(MaintenanceScope::Service)]
}

fn maintenance_switch() -> impl Strategy<Value = MaintenanceSwitch> {
    let on = (option::of(vec(local_key(), 0..3)), any::<bool>(), option::of(time()), enforcement()).prop_map(
        |(exempt, include_force_active, until, enforcement)| MaintenanceSwitch::On {
            exempt,
            include_force_active,
            until,
            enforcement,
        },
    );
    prop_oneof![
        3 => on,
        2 => Just(MaintenanceSwitch::Off),
        1 => (vec(local_key(), 0..3), vec(local_key(), 0..3))
            .prop_map(|(add, remove)| MaintenanceSwitch::Exemptions { add, remove }),
    ]
}

fn control() -> impl Strategy<Value = Control> {
    (lifecycle(), reason()).prop_map(|(lifecycle, reason)| Control::new(lifecycle, reason))
}

fn declaration() -> impl Strategy<Value = Declaration> {
    let force_active = prop_oneof![4 => Just(false), 1 => Just(true)];
    (local_key(), control(), option::of(deprecation()), force_active, option::of((time(), time()))).prop_map(
        |(key, control, deprecation, force_active, window)| Declaration {
            key,
            control,
            deprecation,
            force_active,
            window,
            rate_limit: None,
        },
    )
}

fn route() -> impl Strategy<Value = Route> {
    let timed = (option::of((control(), time())), vec((time(), time(), reason()), 0..3));
    (control(), control(), timed, option::of(deprecation()), any::<bool>(), 0..99_u64).prop_map(
        |(declared, base, (temporary, windows), deprecation, force_active, changed_at)| Route {
            declared,
            declared_deprecation: deprecation.clone(),
            base,
            switched: force_active,
            last_window: 3,
            temporary: temporary.map(|(control, until)| Temporary { control, until, planned_at: Revision::ZERO }),
            windows: windows
                .into_iter()
                .zip(1..)
                .map(|((start, end, reason), id)| Window {
                    id,
                    start,
                    end,
                    reason,
                    opened: false,
                    enforcement: Enforcement::Enforce,
                    planned_at: Revision(id.into()),
                })
                .collect(),
            deprecation,
            force_active,
            changed_at: Revision(changed_at),
        },
    )
}

fn maintenance() -> impl Strategy<Value = Maintenance> {
    (any::<bool>(), reason(), vec(local_key(), 0..3), option::of(time()), enforcement()).prop_map(
        |(enabled, reason, exempt, until, enforcement)| Maintenance {
            enabled,
            reason,
            exempt,
            until,
            enforcement,
            ..Maintenance::default()
        },
    )
}

fn policy() -> impl Strategy<Value = RateLimitPolicy> {
    (prop::sample::select(&["1/minute", "2/s;5/h", "unlimited"][..]), any::<bool>(), 0..9_u64).prop_map(
        |(limit, enabled, generation)| {
            let value = serde_json::json!({ "limit": limit, "enabled": enabled, "generation": generation });
            serde_json::from_value(value).unwrap()
        },
    )
}

fn limit_scope() -> impl Strategy<Value = Scope> {
    prop_oneof![Just(Scope::Global), service().prop_map(Scope::Service), route_key().prop_map(Scope::Route)]
}

/// Any change, also of kinds that no command makes yet.
pub(crate) fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (route_key(), route()).prop_map(|(key, route)| Change::RouteSet { key, route: route.into() }),
        2 => route_key().prop_map(|key| Change::RouteRemoved { key }),
        3 => (scope(), maintenance()).prop_map(|(scope, maintenance)| Change::MaintenanceSet { scope, maintenance }),
        4 => (limit_scope(), policy()).prop_map(|(scope, policy)| Change::RateLimitSet { scope, policy: policy.into() }),
        2 => limit_scope().prop_map(|scope| Change::RateLimitCleared { scope }),
        1 => service().prop_map(|service| Change::ServiceRemoved { service }),
        1 => time().prop_map(|expires| Change::TokenRevoked { id: parsed("token"), expires }),
        2 => (0..2_u8, webhook()).prop_map(|(id, settings)| Change::WebhookSet {
            id: parsed(&format!("hook-{id}")),
            webhook: Webhook { settings, generation: 1, rotated: None, since: Revision(1), changed_at: Revision(1) }.into(),
        }),
        1 => (0..2_u8).prop_map(|id| Change::WebhookRemoved { id: parsed(&format!("hook-{id}")) }),
        1 => Just(Change::Noted { subject: "ada".to_owned(), imported: None }),
    ]
}
