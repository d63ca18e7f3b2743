//! Finding the template of a concrete path, for adapters whose framework does not tell it.

use std::sync::OnceLock;

use crate::route::{LocalKey, PathTemplate, RouteMethod};
use crate::snapshot::{RouteEntry, Snapshot};

/// For each method the templates that answer it, and last all of them. Built when a path is matched for the first
/// time: adapters that know the template never need it.
#[derive(Debug, Default)]
pub(super) struct PathMatchers([OnceLock<PathMatcher>; RouteMethod::COUNT + 1]);

#[derive(Debug)]
struct PathMatcher {
    templates: matchit::Router<PathTemplate>,
    /// What has no place beside the templates before it.
    refused: Vec<LocalKey>,
}

const EVERY_METHOD: usize = RouteMethod::COUNT;

impl Snapshot {
    /// The template that a concrete path belongs to, whatever the method.
    pub fn match_path(&self, path: &str) -> Option<&str> {
        if let Some((template, _)) = self.by_template.get_key_value(path) {
            return Some(template);
        }
        self.matcher(EVERY_METHOD, &RouteMethod::EVERY).find(path)
    }

    /// The template that a request belongs to, for adapters whose framework does not tell: the most specific one with
    /// a route that answers the method, else as [`Snapshot::match_path`].
    pub(crate) fn match_request(&self, method: Option<RouteMethod>, path: &str) -> Option<&str> {
        if self.entry(method, path).is_some() {
            return self.by_template.get_key_value(path).map(|(template, _)| &**template);
        }
        self.matcher_of(method.unwrap_or(RouteMethod::Any)).find(path).or_else(|| self.match_path(path))
    }

    /// The routes that a concrete path can never be found to belong to, because their templates are malformed or contradict
    /// other ones. Where the framework tells the template they are guarded nevertheless, elsewhere they are not.
    pub fn unmatched(&self) -> Vec<&LocalKey> {
        let mut refused: Vec<&LocalKey> = RouteMethod::EVERY
            .into_iter()
            .filter(|method| self.routes.iter().any(|entry| entry.key.method == *method))
            .flat_map(|method| self.matcher_of(method).refused.iter().filter(move |key| key.method == method))
            .collect();
        refused.sort();
        refused
    }

    fn matcher_of(&self, method: RouteMethod) -> &PathMatcher {
        let answers: &[RouteMethod] = match method {
            RouteMethod::Head => &[RouteMethod::Head, RouteMethod::Get, RouteMethod::Any],
            RouteMethod::Any => &[RouteMethod::Any],
            method => &[method, RouteMethod::Any],
        };
        self.matcher(method as usize, answers)
    }

    /// The matcher at a place, of the routes of some methods, of which the earlier are preferred.
    fn matcher(&self, place: usize, methods: &[RouteMethod]) -> &PathMatcher {
        self.by_path.0[place].get_or_init(|| PathMatcher::new(&self.routes, methods))
    }
}

impl PathMatcher {
    fn new(routes: &[RouteEntry], methods: &[RouteMethod]) -> Self {
        let mut templates = matchit::Router::new();
        let (mut taken, mut refused) = (std::collections::HashSet::new(), Vec::new());
        for method in methods {
            for entry in routes.iter().filter(|entry| entry.key.method == *method) {
                let pattern = positional(entry.key.path.as_str());
                // Templates that differ only in parameter names are one to the matcher; the first stands for both.
                if taken.contains(&pattern) {
                    continue;
                }
                match templates.insert(pattern.clone(), entry.key.path.clone()) {
                    Ok(()) => drop(taken.insert(pattern)),
                    Err(_) => refused.push(entry.key.clone()),
                }
            }
        }
        Self { templates, refused }
    }

    fn find(&self, path: &str) -> Option<&str> {
        self.templates.at(path).ok().map(|matched| matched.value.as_str())
    }
}

/// A template in the matcher's form, with parameters named by position: `{id:int}` becomes `{p0}`, `{rest:path}` and
/// `{*rest}` become `{*p0}`.
fn positional(template: &str) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    let mut position = 0;
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}').map(|close| open + close) else { break };
        let name = &rest[open + 1..close];
        let catch_all = name.starts_with('*') || name.ends_with(":path");
        out.push_str(&rest[..open]);
        out.push_str(if catch_all { "{*p" } else { "{p" });
        out.push_str(&position.to_string());
        out.push('}');
        position += 1;
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    out
}
