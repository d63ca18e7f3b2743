//! Services with routes, and changes to them.

use std::sync::atomic::{AtomicUsize, Ordering};

use waygate_core::{Actor, Cause, Command, Declaration, Platform, Switch, Timestamp};
use waygate_server::ControlPlane;

/// Makes a service known.
pub(crate) async fn register(control: &ControlPlane, service: &str, routes: usize) {
    let routes = (0..routes).map(|number| Declaration::active(format!("GET:/route/{number}").parse().unwrap()));
    let command = Command::Register { service: service.parse().unwrap(), routes: routes.collect() };
    control.execute(command, cause()).await.unwrap();
}

/// Switches a route over and over.
pub(crate) struct Switched {
    route: String,
    times: AtomicUsize,
}

impl Switched {
    pub(crate) fn new(service: &str, route: usize) -> Self {
        Self { route: format!("{service}:GET:/route/{route}"), times: AtomicUsize::new(0) }
    }

    /// Changes it, and waits until that is acknowledged.
    pub(crate) async fn change(&self, control: &ControlPlane) {
        let to = if self.times.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            Switch::disable()
        } else {
            Switch::enable()
        };
        let reason = "the payment provider is being replaced".to_owned();
        let command = Command::Route { route: self.route.parse().unwrap(), to, reason, expected: None };
        assert!(control.execute(command, cause()).await.unwrap().changed);
    }
}

fn cause() -> Cause {
    let actor: Actor = "ada@example.com".parse().unwrap();
    Cause { actor, platform: Platform::Api, at: Timestamp::now(), undoes: None }
}
