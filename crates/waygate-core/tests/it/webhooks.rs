//! Who is told of which change.

use std::collections::BTreeSet;

use waygate_core::{
    Action, Change, Command, CommandError, MOST_WEBHOOKS, MaintenanceScope, Record, Revision, Webhook, WebhookFormat,
    WebhookSettings,
};

use crate::world::{World, at, parsed};

fn settings(url: &str) -> WebhookSettings {
    WebhookSettings {
        sealed_url: url.to_owned(),
        format: WebhookFormat::Generic,
        services: BTreeSet::new(),
        actions: BTreeSet::new(),
        enabled: true,
    }
}

fn set(id: &str, to: WebhookSettings) -> Command {
    Command::SetWebhook { id: parsed(id), to, reason: String::new(), expected: None }
}

fn webhook<'w>(world: &'w World, id: &str) -> &'w Webhook {
    &world.state.webhooks[id]
}

#[test]
fn a_webhook_is_made_changed_and_removed_each_with_an_entry() {
    let mut world = World::with_routes(&["/a"]);
    assert_eq!(world.run(&set("hook", settings("one")), at(0)).records[0].action, Action::WebhookSet);
    let made = webhook(&world, "hook").clone();
    assert_eq!((made.generation, made.since, made.changed_at), (1, Revision(2), Revision(2)));

    assert!(world.run(&set("hook", settings("one")), at(0)).records.is_empty(), "a repetition changes nothing");
    world.run(&set("hook", settings("two")), at(0));
    let changed = webhook(&world, "hook");
    assert_eq!((changed.generation, changed.since, changed.changed_at), (1, Revision(2), Revision(3)));

    let remove = Command::RemoveWebhook { id: parsed("hook"), reason: "gone".to_owned(), expected: None };
    let plan = world.run(&remove, at(0));
    assert_eq!((plan.records[0].action, plan.records[0].reason.as_str()), (Action::WebhookRemoved, "gone"));
    assert!(world.state.webhooks.is_empty());
    assert_eq!(world.try_run(&remove, at(0)), Err(CommandError::UnknownWebhook { id: parsed("hook") }));
}

#[test]
fn what_happens_while_it_is_off_is_not_told_afterwards() {
    let mut world = World::new();
    world.run(&set("hook", settings("one")), at(0));
    world.run(&set("hook", WebhookSettings { enabled: false, ..settings("one") }), at(0));
    assert_eq!(webhook(&world, "hook").since, Revision(1));
    world.run(&set("hook", settings("one")), at(0));
    assert_eq!(webhook(&world, "hook").since, Revision(3));
}

#[test]
fn a_rotation_counts_and_keeps_the_settings() {
    let mut world = World::new();
    world.run(&set("hook", settings("one")), at(0));
    let rotate = |expected| Command::RotateWebhookSecret { id: parsed("hook"), reason: String::new(), expected };
    assert_eq!(world.run(&rotate(None), at(7)).records[0].action, Action::WebhookSecretRotated);
    let rotated = webhook(&world, "hook");
    assert_eq!((rotated.generation, rotated.rotated, rotated.since), (2, Some(at(7)), Revision(1)));
    assert_eq!(rotated.settings, settings("one"));

    let late = world.try_run(&rotate(Some(Revision(1))), at(7)).unwrap_err();
    assert_eq!(late.to_string(), "`webhook hook` has changed: expected revision 1, it is at 2");
}

#[test]
fn there_are_not_endlessly_many() {
    let mut world = World::new();
    for number in 0..MOST_WEBHOOKS {
        world.run(&set(&format!("hook-{number}"), settings("one")), at(0));
    }
    let refused = world.try_run(&set("another", settings("one")), at(0)).unwrap_err();
    assert!(matches!(refused, CommandError::Invalid { field: "url", .. }), "{refused}");
    world.run(&set("hook-0", settings("two")), at(0));
}

#[test]
fn filters_name_services_and_actions() {
    let record = |action, change| Record { action, reason: String::new(), change, before: Vec::new() };
    let removed = |service: &str| Change::ServiceRemoved { service: parsed(service) };
    let of_pay = record(Action::ServiceRemove, removed("pay"));
    let of_orders = record(Action::ServiceRemove, removed("orders"));
    let of_all = record(
        Action::GlobalMaintenanceOff,
        Change::MaintenanceSet { scope: MaintenanceScope::Global, maintenance: waygate_core::Maintenance::default() },
    );
    let of_servers = record(Action::WebhookRemoved, Change::WebhookRemoved { id: parsed("hook") });
    let routine = record(Action::Register, removed("pay"));
    let told = |settings: &WebhookSettings| {
        [&of_pay, &of_orders, &of_all, &of_servers, &routine].map(|record| settings.concerns(record))
    };

    assert_eq!(told(&settings("one")), [true, true, true, true, false]);
    let pay = WebhookSettings { services: BTreeSet::from([parsed("pay")]), ..settings("one") };
    assert_eq!(told(&pay), [true, false, true, false, false]);
    let actions = BTreeSet::from([Action::Register, Action::WebhookRemoved]);
    assert_eq!(told(&WebhookSettings { actions, ..settings("one") }), [false, false, false, true, true]);
}
