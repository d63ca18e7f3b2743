//! Whoever follows the changes ends where the control plane is, from wherever it starts.

use proptest::collection::vec;
use proptest::prelude::*;
use waygate_core::{Action, Change, Commit, Record, ServiceView, Snapshot};

use crate::random::{SERVICES, change, steps};
use crate::world::{World, at, commit_after, empty_state, parsed};

/// What a stream brings a service: the changes that concern it, of the commits that concern it, over the wire.
fn follow(view: &mut ServiceView, commits: &[Commit], service: &str) {
    let service = parsed(service);
    for commit in commits.iter().filter(|commit| commit.concerns(&service)) {
        for change in commit.changes().filter(|change| change.concerns(&service)) {
            let encoded = serde_json::to_string(change).unwrap();
            view.apply(&serde_json::from_str(&encoded).unwrap());
        }
    }
}

fn assert_every_resume_point(world: &World) -> Result<(), TestCaseError> {
    // A service that nothing is known of yet may follow too.
    for service in SERVICES.into_iter().chain(["unknown"]) {
        let target = world.state.service_view(&parsed(service));
        for (seen, state) in world.states.iter().enumerate() {
            let mut view = state.service_view(&parsed(service));
            follow(&mut view, &world.commits[seen..], service);
            prop_assert_eq!(&view, &target, "service {} resumed after {} commits", service, seen);
        }
    }
    Ok(())
}

fn world_of(changes: Vec<Vec<Change>>) -> World {
    let mut world = World::new();
    for changes in changes {
        let records = changes
            .into_iter()
            .map(|change| Record { action: Action::Register, reason: String::new(), before: Vec::new(), change })
            .collect();
        world.commit(records, at(0));
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn g3_g4_a_stream_resumed_anywhere_ends_at_the_servers_state(steps in steps()) {
        let mut world = World::new();
        let mut now = 0;
        for step in &steps {
            now += step.later;
            let _ = world.try_run(&step.command, at(now));
        }
        assert_every_resume_point(&world)?;
    }

    #[test]
    fn g3_g4_every_kind_of_change_reaches_who_it_concerns(changes in vec(vec(change(), 1..4), 1..16)) {
        assert_every_resume_point(&world_of(changes))?;
    }

    #[test]
    fn g12_a_service_is_told_its_own_and_what_is_global(changes in vec(change(), 1..30)) {
        for change in &changes {
            let concerned: Vec<&str> =
                SERVICES.into_iter().filter(|service| change.concerns(&parsed(service))).collect();
            let encoded = serde_json::to_value(change).unwrap();
            let named: Vec<&str> = SERVICES.into_iter().filter(|service| names(&encoded, service)).collect();
            let secret = matches!(change, Change::TokenRevoked { .. } | Change::Noted { .. } | Change::WebhookSet { .. } | Change::WebhookRemoved { .. });
            let expected = if secret { vec![] } else if named.is_empty() { SERVICES.to_vec() } else { named };
            prop_assert_eq!(concerned, expected, "{:?}", change);
        }
    }

    #[test]
    fn g12_the_view_of_a_service_does_not_depend_on_the_others(changes in vec(change(), 1..30)) {
        let whole = world_of(vec![changes.clone()]);
        for service in SERVICES {
            let own = changes.iter().filter(|change| change.concerns(&parsed(service))).cloned().collect();
            let alone = world_of(vec![own]);
            let view = whole.state.service_view(&parsed(service));
            prop_assert_eq!(alone.state.service_view(&parsed(service)), view);
        }
    }

    #[test]
    fn a_restart_from_history_or_from_a_document_is_the_same_state(steps in steps()) {
        let mut world = World::new();
        let mut now = 0;
        for step in &steps {
            now += step.later;
            let _ = world.try_run(&step.command, at(now));
        }
        let mut replayed = empty_state();
        for commit in &world.commits {
            let encoded = serde_json::to_string(commit).unwrap();
            let decoded: Commit = serde_json::from_str(&encoded).unwrap();
            prop_assert_eq!(&decoded, commit);
            prop_assert_eq!(Commit::after(&replayed.cursor, decoded.draft.clone()).cursor, decoded.cursor.clone());
            replayed.apply(&decoded).unwrap();
        }
        prop_assert_eq!(&replayed, &world.state);
        let document = serde_json::to_string(&world.state).unwrap();
        prop_assert_eq!(serde_json::from_str::<waygate_core::State>(&document).unwrap(), replayed);
    }

    #[test]
    fn inverses_lead_back(changes in vec(change(), 1..30)) {
        let mut world = World::new();
        for change in changes {
            let back = world.state.inverse(&change);
            let before = world.state.clone();
            world.change(change);
            let mut state = world.state.clone();
            let records = back
                .into_iter()
                .map(|change| Record { action: Action::Register, reason: String::new(), before: Vec::new(), change })
                .collect();
            state.apply(&commit_after(&state, records, at(0))).unwrap();
            (state.cursor, state.revoked_tokens) = (before.cursor.clone(), before.revoked_tokens.clone());
            prop_assert_eq!(&state, &before);
        }
    }
}

/// Whether a change is about something that lies in a service.
fn names(encoded: &serde_json::Value, service: &str) -> bool {
    let about = |text: &str| text == service || text.starts_with(&format!("{service}:"));
    let subject = encoded.get("key").or_else(|| encoded.get("service")).or_else(|| encoded.get("scope"));
    match subject {
        Some(serde_json::Value::String(text)) => about(text),
        Some(serde_json::Value::Object(scope)) => scope.values().filter_map(|value| value.as_str()).any(about),
        _ => false,
    }
}

#[test]
fn g2_a_service_that_appears_during_global_maintenance_obeys_it() {
    let mut world = World::new();
    world.maintain(waygate_core::MaintenanceScope::Global, crate::world::on(&[]), "deploy");
    let mut view = ServiceView::default();
    follow(&mut view, &world.commits, "newcomer");
    let snapshot = Snapshot::compile(view, None);
    let decision = snapshot.decide(&crate::world::Request::to("GET /anything"));
    assert_eq!(crate::world::told(&decision), "global_maintenance maintenance: deploy");
}
