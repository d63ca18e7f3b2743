//! Which routes are meant, where more than one may be.

use std::collections::BTreeSet;

use waygate_api::routes::RouteState;
use waygate_core::{RouteKey, RouteSelector, ServiceId};

use crate::commands::status;
use crate::context::{Connection, Context, joined, selector};
use crate::error::{CliError, CliResult, ExitStatus};
use crate::input;
use crate::render::count::counted;

/// What was typed.
#[derive(Debug)]
pub(crate) enum Targets {
    /// One route, which the server looks up.
    One(RouteSelector),
    Several {
        patterns: Vec<String>,
        all_methods: bool,
    },
}

impl Targets {
    /// Reads what was typed; `-` stands for lines on stdin.
    pub(crate) fn of(typed: &[String], all_methods: bool, scope: Option<&ServiceId>) -> CliResult<Self> {
        let mut patterns = Vec::new();
        for text in typed {
            if text == "-" {
                let lines = input::piped(input::NAMES)
                    .map_err(|error| CliError::usage(format!("cannot read routes from stdin: {error}")))?;
                patterns.extend(lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(ToOwned::to_owned));
            } else {
                patterns.push(text.trim().to_owned());
            }
        }
        let patterns: Vec<String> = patterns.iter().map(|pattern| joined(pattern)).collect();
        for pattern in patterns.iter().filter(|pattern| !pattern.contains('*')) {
            selector(pattern, scope)?;
        }
        match patterns.as_slice() {
            [] => Err(CliError::usage("no route came from stdin")),
            [one] if !all_methods && !one.contains('*') => selector(one, scope).map(Self::One),
            _ => Ok(Self::Several { patterns, all_methods }),
        }
    }
}

/// The keys that several patterns stand for, each once, in the order of keys.
pub(crate) async fn found(
    context: &Context,
    connection: &Connection,
    patterns: &[String],
    all_methods: bool,
    scope: Option<&ServiceId>,
) -> CliResult<Vec<String>> {
    let (_, routes) = status::routes(connection, scope).await?;
    let mut keys = BTreeSet::new();
    for pattern in patterns {
        let hits: Vec<&RouteState> = if pattern.contains('*') {
            let hits: Vec<_> = routes.iter().filter(|route| fits(pattern, route)).collect();
            let fixed = hits.iter().filter(|route| route.force_active).count();
            if fixed > 0 {
                context
                    .printer
                    .note(&format!("left out, for it is declared force_active: {}", counted(fixed, "route")));
            }
            hits.into_iter().filter(|route| !route.force_active).collect()
        } else {
            named(&routes, &selector(pattern, scope)?, all_methods)?
        };
        if hits.is_empty() {
            return Err(CliError::new(ExitStatus::NotFound, format!("no route fits `{pattern}`")));
        }
        keys.extend(hits.into_iter().map(|route| route.path.clone()));
    }
    Ok(keys.into_iter().collect())
}

fn named<'r>(routes: &'r [RouteState], wanted: &RouteSelector, all_methods: bool) -> CliResult<Vec<&'r RouteState>> {
    let meant = |route: &&RouteState| {
        route.path.parse::<RouteKey>().is_ok_and(|key| {
            wanted.path == key.local.path
                && wanted.method.is_none_or(|method| method == key.local.method)
                && wanted.service.as_ref().is_none_or(|service| *service == key.service)
        })
    };
    let hits: Vec<&RouteState> = routes.iter().filter(meant).collect();
    let services: BTreeSet<Option<&str>> = hits.iter().map(|route| route.service.as_deref()).collect();
    if hits.len() > 1 && (!all_methods || services.len() > 1) {
        let error = format!("ambiguous: {} routes fit `{wanted}`; name one of them", hits.len());
        let error = CliError::new(ExitStatus::Conflict, error);
        let error = hits.iter().fold(error, |error, route| error.hint(route.path.clone()));
        return Err(if services.len() > 1 { error } else { error.hint("`--all-methods` takes them all") });
    }
    Ok(hits)
}

/// Whether a pattern stands for a route: for its whole key, its key within the service, or its path.
pub(crate) fn fits(pattern: &str, route: &RouteState) -> bool {
    let Ok(key) = route.path.parse::<RouteKey>() else { return false };
    let pattern = &joined(pattern);
    let (whole, local, path) = (&route.path, key.local.to_string(), key.local.path.to_string());
    [whole, &local, &path].into_iter().any(|text| is_like(pattern, text))
}

/// Whether the text is the pattern, a star being any text.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text) in
            [("*", "a"), ("GET:/api/*", "GET:/api/x/y"), ("*/x", "a/x"), ("a*b*c", "aXbYc"), ("a", "a")]
        {
            assert!(is_like(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a", "ab"), ("GET:/api/*", "POST:/api/x"), ("*b*c", "acb"), ("a*a", "a")] {
            assert!(!is_like(pattern, text), "{pattern} {text}");
        }
    }
}
