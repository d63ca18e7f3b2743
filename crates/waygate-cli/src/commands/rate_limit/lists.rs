//! The limits of routes, and the requests that were denied.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::value::RawValue;
use waygate_api::paths;
use waygate_api::rate_limits::{HitView, LimitView};

use super::{said, shown};
use crate::cli::Page;
use crate::commands::follow::Follower;
use crate::commands::status::{ROWS, anyone, anything, array};
use crate::context::{Connection, Context, Read, selector, service};
use crate::error::CliResult;
use crate::printer::Format;

/// How many come before those that follow.
const FOLLOWED: u32 = 10;
/// So often it is looked for further ones.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

pub(super) async fn limits(context: &Context, within: Option<&str>, page: &Page) -> CliResult {
    let within = service(within)?;
    let query: Vec<(&str, &str)> = within.iter().map(|service| ("service", service.as_str())).collect();
    let connection = context.connect()?;
    let rows: Vec<Box<RawValue>> = connection.get(paths::RATE_LIMITS, &query).await?.value;
    let all = rows.len();
    anyone(&connection, within.as_ref(), all == 0).await?;
    let (rows, more) = one_page(rows, page);
    let printer = &context.printer;
    if printer.format == Format::Json {
        printer.json(&array(&rows));
        return Ok(());
    }
    let views = read_all::<LimitView>(&connection, rows)?;
    if views.is_empty() {
        printer.note(if all == 0 { "no route has a rate limit" } else { "no rate limits on this page" });
        return Ok(());
    }
    printer.table(&shown::limits(&views));
    if let Some(next) = more {
        printer.note(&format!("  --page {next} →"));
    }
    let unsupported: Vec<String> = views
        .iter()
        .flat_map(|view| {
            let key = view.key.as_deref().unwrap_or_default();
            view.unsupported_by.iter().map(move |what| format!("{key}: {what}"))
        })
        .collect();
    said(context, &unsupported);
    Ok(())
}

pub(super) async fn hits(context: &Context, route: Option<&str>, within: Option<&str>, page: &Page) -> CliResult {
    let within = service(within)?;
    let selected = route.map(|route| selector(route, within.as_ref())).transpose()?;
    let route = selected.as_ref().map(ToString::to_string);
    let size = page.per_page.unwrap_or(ROWS) as usize;
    let limit = (page.page.unwrap_or(1) as usize * size + 1).min(10_000).to_string();
    let mut query = vec![("limit", limit.as_str())];
    query.extend(route.as_deref().map(|route| ("route", route)));
    query.extend(within.as_ref().map(|service| ("service", service.as_str())));
    let connection = context.connect()?;
    let rows: Vec<Box<RawValue>> = connection.get(paths::RATE_LIMIT_HITS, &query).await?.value;
    anyone(&connection, within.as_ref(), rows.is_empty()).await?;
    anything(&connection, selected.as_ref(), rows.is_empty()).await?;
    let (rows, more) = one_page(rows, page);
    let printer = &context.printer;
    if printer.format == Format::Json {
        printer.json(&array(&rows));
        return Ok(());
    }
    let views = read_all::<HitView>(&connection, rows)?;
    if views.is_empty() {
        printer.note("no denied requests were reported");
        return Ok(());
    }
    printer.table(&shown::hits(&views));
    if let Some(next) = more {
        printer.note(&format!("  --page {next} →"));
    }
    Ok(())
}

/// Shows the last few denied requests, oldest first, then every further one as it is reported, until interrupted.
pub(super) async fn follow(
    context: &Context,
    route: Option<&str>,
    within: Option<&str>,
    page: &Page,
    allow_unknown: bool,
) -> CliResult {
    let within = service(within)?;
    let selected = route.map(|route| selector(route, within.as_ref())).transpose()?;
    let route = selected.as_ref().map(ToString::to_string);
    let mut query = vec![("limit", "10000")];
    query.extend(route.as_deref().map(|route| ("route", route)));
    query.extend(within.as_ref().map(|service| ("service", service.as_str())));
    let connection = context.connect()?;
    let mut follower = Follower::new(context, &connection);
    let first: Read<Vec<Box<RawValue>>> = connection.get(paths::RATE_LIMIT_HITS, &query).await?;
    let is_asked = first.value.is_empty() && !allow_unknown;
    anyone(&connection, within.as_ref(), is_asked).await?;
    anything(&connection, selected.as_ref(), is_asked).await?;
    let mut seen: BTreeSet<String> = ids(&connection, &first.value)?;
    let mut new: Vec<Box<RawValue>> = first.value;
    new.truncate(page.per_page.unwrap_or(FOLLOWED) as usize);
    let mut is_first = true;
    loop {
        new.reverse();
        let views = read_all::<HitView>(&connection, new.clone())?;
        context.printer.stream(&new, &shown::hits(&views), is_first);
        is_first = false;
        if context.printer.is_unheard() {
            return Ok(());
        }
        let all: Vec<Box<RawValue>> = loop {
            // Reports come in by themselves; no event tells of them.
            tokio::time::sleep(BETWEEN_LOOKS).await;
            match connection.get(paths::RATE_LIMIT_HITS, &query).await {
                Ok(read) => break read.value,
                Err(error) => follower.lost(error).await?,
            }
        };
        follower.is_well();
        let now = ids(&connection, &all)?;
        new = all.into_iter().filter(|raw| !seen.contains(&id(&connection, raw).unwrap_or_default())).collect();
        seen = now;
    }
}

fn ids(connection: &Connection, rows: &[Box<RawValue>]) -> CliResult<BTreeSet<String>> {
    rows.iter().map(|raw| id(connection, raw)).collect()
}

fn id(connection: &Connection, raw: &RawValue) -> CliResult<String> {
    connection.read::<HitView>(raw.to_owned()).map(|read| read.value.id)
}

/// The rows of a page, and the number of the next one.
fn one_page(rows: Vec<Box<RawValue>>, page: &Page) -> (Vec<Box<RawValue>>, Option<u32>) {
    let (number, size) = (page.page.unwrap_or(1), page.per_page.unwrap_or(ROWS) as usize);
    let before = (number as usize - 1) * size;
    let more = rows.len() > before + size;
    (rows.into_iter().skip(before).take(size).collect(), more.then_some(number + 1))
}

fn read_all<T: serde::de::DeserializeOwned>(connection: &Connection, rows: Vec<Box<RawValue>>) -> CliResult<Vec<T>> {
    rows.into_iter().map(|raw| connection.read::<T>(raw).map(|read| read.value)).collect()
}
