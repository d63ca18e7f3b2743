//! An address that somebody calls, such as `/user/42`, and the routes whose templates take it.

use waygate_core::{RouteKey, RouteSelector};

use crate::commands::status;
use crate::context::Connection;
use crate::error::CliResult;

/// The keys of the routes that take requests to this address. What is a template itself is none.
pub(crate) async fn taken_by(connection: &Connection, typed: &RouteSelector) -> CliResult<Vec<String>> {
    let address = typed.path.as_str();
    if address.contains('{') {
        return Ok(Vec::new());
    }
    let (_, routes) = status::routes(connection, None).await?;
    let takes = |key: &RouteKey| {
        takes(key.local.path.as_str(), address)
            && typed.method.is_none_or(|method| method == key.local.method)
            && typed.service.as_ref().is_none_or(|service| *service == key.service)
    };
    let keys = routes.iter().filter_map(|route| route.path.parse::<RouteKey>().ok());
    Ok(keys.filter(takes).map(|key| key.to_string()).collect())
}

/// Whether a template takes an address: a part in braces is one segment, `{*rest}` all that follow.
fn takes(template: &str, address: &str) -> bool {
    let (mut parts, mut segments) = (template.split('/'), address.split('/'));
    loop {
        match (parts.next(), segments.next()) {
            (None, None) => return true,
            (Some(part), Some(_)) if part.starts_with("{*") => return true,
            (Some(part), Some(segment)) if part == segment => {}
            (Some(part), Some(segment)) if part.starts_with('{') && part.ends_with('}') && !segment.is_empty() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_takes_the_addresses_that_it_stands_for() {
        for (template, address) in
            [("/user/{id}", "/user/42"), ("/a/{b}/c", "/a/x/c"), ("/files/{*path}", "/files/a/b")]
        {
            assert!(takes(template, address), "{template} {address}");
        }
        for (template, address) in
            [("/user/{id}", "/user"), ("/user/{id}", "/user/"), ("/user/{id}", "/user/42/x"), ("/a/{b}/c", "/a/x/d")]
        {
            assert!(!takes(template, address), "{template} {address}");
        }
    }
}
