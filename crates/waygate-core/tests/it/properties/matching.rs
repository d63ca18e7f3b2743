//! Finding the route of a request, whatever templates a service declares. Also run by the fuzzer.

use std::sync::Arc;

use waygate_core::{
    Control, Decision, Lifecycle, LocalKey, RequestFacts, Revision, Route, RouteMethod, ServiceView, Snapshot,
    Timestamp,
};

struct Asked<'a> {
    method: Option<RouteMethod>,
    template: Option<&'a str>,
    path: &'a str,
}

impl RequestFacts for Asked<'_> {
    fn method(&self) -> Option<RouteMethod> {
        self.method
    }

    fn template(&self) -> Option<&str> {
        self.template
    }

    fn path(&self) -> &str {
        self.path
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

/// Of a service with disabled routes at `templates`, requests for `path` are stopped where a route is found and let
/// through where none is, and what is found is one of the routes.
pub(crate) fn finds_only_what_is_there(templates: &[&str], path: &str) {
    let keys: Vec<LocalKey> = templates.iter().filter_map(|text| text.parse().ok()).collect();
    let snapshot = disabled(&keys);
    let found = snapshot.match_path(path);
    assert!(found.is_none_or(|found| keys.iter().any(|key| key.path.as_str() == found)), "{found:?}");
    if keys.iter().any(|key| key.path.as_str() == path) {
        assert_eq!(found, Some(path), "a path is its own template before it is another's");
    }
    for method in [None].into_iter().chain(RouteMethod::NAMED.map(Some)) {
        // A route for the method or for any may be hidden behind another's template, but none is made up.
        let stopped = matches!(snapshot.decide(&Asked { method, template: None, path }), Decision::Deny(_));
        assert!(!stopped || keys.iter().any(|key| answers(key, method)), "{method:?} {path:?}");
        for key in keys.iter().filter(|key| answers(key, method)) {
            let template = Some(key.path.as_str());
            let decision = snapshot.decide(&Asked { method, template, path });
            assert!(matches!(decision, Decision::Deny(_)), "{method:?} {key}");
        }
    }
}

fn answers(key: &LocalKey, method: Option<RouteMethod>) -> bool {
    let own = [Some(key.method), (key.method == RouteMethod::Get).then_some(RouteMethod::Head)];
    key.method == RouteMethod::Any || (method.is_some() && own.contains(&method))
}

fn disabled(keys: &[LocalKey]) -> Snapshot {
    let control = Control::new(Lifecycle::Disabled, "");
    let route = Arc::new(Route {
        declared: control.clone(),
        declared_deprecation: None,
        base: control,
        switched: false,
        temporary: None,
        windows: Vec::new(),
        last_window: 0,
        deprecation: None,
        force_active: false,
        changed_at: Revision(1),
    });
    let mut view = ServiceView::default();
    Arc::make_mut(&mut view.service).routes = keys.iter().map(|key| (key.clone(), route.clone())).collect();
    Snapshot::compile(view, None)
}
