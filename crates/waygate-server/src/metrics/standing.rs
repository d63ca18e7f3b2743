//! What can be looked up at any time: how this node, the state and the fleet stand.

use std::collections::BTreeMap;

use prometheus_client::registry::Registry;
use waygate_api::instances::{InstanceState, InstanceView};

use crate::app::App;
use crate::clock;
use crate::metrics::definition as defined;
use crate::metrics::family::{Gauges, inform};

/// Looks everything up.
pub(crate) async fn look_up(app: &App) -> Registry {
    let mut registry = Registry::default();
    inform(&defined::BUILD, &[env!("CARGO_PKG_VERSION")], &mut registry);
    this_node(app, &mut registry);
    rules(app, &mut registry);
    fleet(&app.presence.instances(None).await, &mut registry);
    registry
}

fn this_node(app: &App, registry: &mut Registry) {
    let started = app.control.started().as_millisecond();
    Gauges::new(&defined::START_TIME, registry).set(NONE, rounded(started) / 1000.0);
    let is_ready = !app.stopping.is_cancelled() && app.control.trouble().is_none();
    Gauges::new(&defined::READY, registry).set(NONE, f64::from(u8::from(is_ready)));
    let streams = Gauges::new(&defined::STREAMS, registry);
    for ((protocol, service), count) in app.control.metrics().open_streams.counts() {
        let service = service.map(|service| service.to_string()).unwrap_or_default();
        streams.set([protocol.to_owned(), service], whole(count));
    }
}

fn rules(app: &App, registry: &mut Registry) {
    let (state, now) = (app.control.current(), clock::now());
    Gauges::new(&defined::REVISION, registry).set(NONE, whole(state.cursor.revision.0));
    Gauges::new(&defined::SERVICES, registry).set(NONE, whole(state.services.len() as u64));
    let (routes, maintenance) = (Gauges::new(&defined::ROUTES, registry), Gauges::new(&defined::MAINTENANCE, registry));
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (service, rules) in &state.services {
        for route in rules.routes.values() {
            *counts.entry(route.status(now).as_str()).or_default() += 1;
        }
        if rules.maintenance.enabled {
            maintenance.set([service.to_string()], 1.0);
        }
    }
    if state.global.maintenance.enabled {
        maintenance.set([""], 1.0);
    }
    for (status, count) in counts {
        routes.set([status], whole(count));
    }
}

fn fleet(instances: &[InstanceView], registry: &mut Registry) {
    let mut counts: BTreeMap<(&str, &'static str), u64> = BTreeMap::new();
    let mut lags: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for instance in instances {
        *counts.entry((&instance.service, word(instance.state))).or_default() += 1;
        if let (true, Some(revisions)) = (instance.connected, instance.lag) {
            let worst = lags.entry(&instance.service).or_default();
            worst.0 = worst.0.max(revisions);
            worst.1 = worst.1.max(instance.lag_ms.unwrap_or_default());
        }
    }
    let shown = Gauges::new(&defined::INSTANCES, registry);
    for ((service, state), count) in counts {
        shown.set([service.to_owned(), state.to_owned()], whole(count));
    }
    let revisions = Gauges::new(&defined::LAG_REVISIONS, registry);
    let seconds = Gauges::new(&defined::LAG_SECONDS, registry);
    for (service, (missing, milliseconds)) in lags {
        revisions.set([service.to_owned()], whole(missing));
        seconds.set([service.to_owned()], whole(milliseconds) / 1000.0);
    }
}

/// For a metric that has no labels.
const NONE: [&str; 0] = [];

const fn word(state: InstanceState) -> &'static str {
    match state {
        InstanceState::InSync => "in_sync",
        InstanceState::Applying => "applying",
        InstanceState::Behind => "behind",
        InstanceState::Unconfirmed => "unconfirmed",
        InstanceState::Lost => "lost",
        InstanceState::Left => "left",
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of things, and milliseconds, stay below 2^53")]
fn whole(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 stay below 2^53")]
fn rounded(milliseconds: i64) -> f64 {
    milliseconds as f64
}
