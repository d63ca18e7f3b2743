//! The limits of routes, and the requests that were denied.

use serde_json::value::RawValue;
use waygate_api::paths;
use waygate_api::rate_limits::{HitView, LimitView};

use super::{said, shown};
use crate::cli::Page;
use crate::commands::status::{ROWS, array};
use crate::context::{Connection, Context, selector, service};
use crate::error::CliResult;
use crate::printer::Format;

pub(super) async fn limits(context: &Context, within: Option<&str>, page: &Page) -> CliResult {
    let within = service(within)?;
    let query: Vec<(&str, &str)> = within.iter().map(|service| ("service", service.as_str())).collect();
    let connection = context.connect()?;
    let rows: Vec<Box<RawValue>> = connection.get(paths::RATE_LIMITS, &query).await?.value;
    let all = rows.len();
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
    let route = route.map(|route| selector(route, within.as_ref())).transpose()?.map(|route| route.to_string());
    let size = page.per_page.unwrap_or(ROWS) as usize;
    let limit = (page.page.unwrap_or(1) as usize * size + 1).min(10_000).to_string();
    let mut query = vec![("limit", limit.as_str())];
    query.extend(route.as_deref().map(|route| ("route", route)));
    query.extend(within.as_ref().map(|service| ("service", service.as_str())));
    let connection = context.connect()?;
    let rows: Vec<Box<RawValue>> = connection.get(paths::RATE_LIMIT_HITS, &query).await?.value;
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
