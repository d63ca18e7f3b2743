//! `rate-limits`, `service-rate-limit` and `global-rate-limit`: one set of commands for three scopes.

mod shown;

use serde_json::value::RawValue;
use waygate_api::client::{Answer, ClientError};
use waygate_api::paths;
use waygate_api::rate_limits::{HitView, LimitRequest, LimitState, LimitSwitched, LimitView, TierView};
use waygate_core::{Algorithm, Cidr, KeyStrategy, LimitExpression, OnMissingKey, RouteSelector, ServiceId};

use crate::cli::{GlobalLimitCommand, LimitSettings, LimitedRoute, Page, RouteLimitCommand, ServiceLimitCommand};
use crate::commands::lifecycle::until_of;
use crate::commands::maintenance::exemption;
use crate::commands::status::{ROWS, array};
use crate::context::{Connection, Context, Read, selector, service};
use crate::error::{CliError, CliResult, ExitStatus};
use crate::printer::{Colour, Format};

/// What is limited.
enum Target {
    Everything,
    Service(ServiceId),
    Route(RouteSelector),
}

/// What is done to a limit that is there.
#[derive(Clone, Copy)]
enum Switch {
    Disable,
    Enable,
    Reset,
    Delete,
}

pub(crate) async fn of_routes(context: &Context, command: RouteLimitCommand) -> CliResult {
    match command {
        RouteLimitCommand::Set { route, settings, service } => {
            let route = LimitedRoute { route, service };
            set(context, &Target::route(&route)?, settings).await
        }
        RouteLimitCommand::Get(route) => get_route(context, &route).await,
        RouteLimitCommand::List { service, page } => list(context, service.name.as_deref(), &page).await,
        RouteLimitCommand::Hits { route, service, page } => {
            hits(context, route.as_deref(), service.name.as_deref(), &page).await
        }
        RouteLimitCommand::Disable(route) => switch(context, &Target::route(&route)?, Switch::Disable).await,
        RouteLimitCommand::Enable(route) => switch(context, &Target::route(&route)?, Switch::Enable).await,
        RouteLimitCommand::Reset(route) => switch(context, &Target::route(&route)?, Switch::Reset).await,
        RouteLimitCommand::Delete(route) => switch(context, &Target::route(&route)?, Switch::Delete).await,
    }
}

pub(crate) async fn of_service(context: &Context, command: ServiceLimitCommand) -> CliResult {
    match command {
        ServiceLimitCommand::Get { service } => get(context, &Target::service(&service)?).await,
        ServiceLimitCommand::Set { service, settings } => set(context, &Target::service(&service)?, settings).await,
        ServiceLimitCommand::Disable { service } => switch(context, &Target::service(&service)?, Switch::Disable).await,
        ServiceLimitCommand::Enable { service } => switch(context, &Target::service(&service)?, Switch::Enable).await,
        ServiceLimitCommand::Reset { service } => switch(context, &Target::service(&service)?, Switch::Reset).await,
        ServiceLimitCommand::Delete { service } => switch(context, &Target::service(&service)?, Switch::Delete).await,
    }
}

pub(crate) async fn of_everything(context: &Context, command: GlobalLimitCommand) -> CliResult {
    let target = Target::Everything;
    match command {
        GlobalLimitCommand::Get => get(context, &target).await,
        GlobalLimitCommand::Set(settings) => set(context, &target, settings).await,
        GlobalLimitCommand::Disable => switch(context, &target, Switch::Disable).await,
        GlobalLimitCommand::Enable => switch(context, &target, Switch::Enable).await,
        GlobalLimitCommand::Reset => switch(context, &target, Switch::Reset).await,
        GlobalLimitCommand::Delete => switch(context, &target, Switch::Delete).await,
    }
}

impl Target {
    fn route(LimitedRoute { route, service: within }: &LimitedRoute) -> CliResult<Self> {
        Ok(Self::Route(selector(route, service(within.name.as_deref())?.as_ref())?))
    }

    fn service(name: &str) -> CliResult<Self> {
        name.parse().map(Self::Service).map_err(|error| CliError::usage(format!("{error}")))
    }

    fn title(&self) -> String {
        match self {
            Self::Everything => "Global rate limit".to_owned(),
            Self::Service(service) => format!("Service rate limit ({service})"),
            Self::Route(route) => format!("Rate limit of {route}"),
        }
    }

    /// Where the limit is, and with an action where it is switched.
    fn path(&self, action: Option<&str>) -> String {
        let path = match self {
            Self::Everything => paths::GLOBAL_RATE_LIMIT.to_owned(),
            Self::Service(service) => paths::service(service.as_str(), "rate-limit"),
            Self::Route(route) => return paths::rate_limit(&route.to_string(), action),
        };
        action.map_or(path.clone(), |action| format!("{path}/{action}"))
    }
}

async fn set(context: &Context, target: &Target, settings: Box<LimitSettings>) -> CliResult {
    let mut body = request(settings)?;
    let path = match target {
        Target::Route(route) => {
            body.path = Some(route.to_string());
            paths::RATE_LIMITS.to_owned()
        }
        _ => target.path(None),
    };
    let connection = context.connect()?;
    let answer: Answer<Box<RawValue>> = connection.client.post(&path, &body).await.map_err(|error| {
        let failure = connection.failure(error);
        match failure.status {
            ExitStatus::NotFound => failure.hint("`--allow-unknown` takes one that is yet to come"),
            _ => failure,
        }
    })?;
    let Read { raw, value: view } = connection.read::<LimitView>(answer.value)?;
    let printer = &context.printer;
    if printer.format == Format::Json {
        printer.json(raw.get());
    } else {
        let title = view.key.as_ref().map_or_else(|| target.title(), |key| format!("Rate limit of {key}"));
        printer.data(Some(Colour::Green), &format!("✓ {title}: {}", shown::summary(&view)));
    }
    if view.changed == Some(false) {
        printer.note("it was already so");
    }
    said(context, &answer.notices);
    Ok(())
}

async fn switch(context: &Context, target: &Target, to: Switch) -> CliResult {
    let connection = context.connect()?;
    let client = &connection.client;
    let nothing = serde_json::json!({});
    let answer: Result<Answer<Box<RawValue>>, ClientError> = match to {
        Switch::Disable => client.post(&target.path(Some("disable")), &nothing).await,
        Switch::Enable => client.post(&target.path(Some("enable")), &nothing).await,
        Switch::Reset => client.delete(&target.path(Some("reset")), &[]).await,
        Switch::Delete => client.delete(&target.path(None), &[]).await,
    };
    let answer = answer.map_err(|error| connection.failure(error))?;
    let Read { raw, value } = connection.read::<LimitSwitched>(answer.value)?;
    let printer = &context.printer;
    if printer.format == Format::Json {
        printer.json(raw.get());
    } else {
        let (colour, word) = match to {
            Switch::Disable => (Colour::Yellow, "PAUSED"),
            Switch::Enable => (Colour::Green, "in force"),
            Switch::Reset => (Colour::Green, "counts start afresh"),
            Switch::Delete => (Colour::Green, "deleted"),
        };
        let several = if value.count > 1 { format!(" ({} limits)", value.count) } else { String::new() };
        printer.data(Some(colour), &format!("✓ {}: {word}{several}", target.title()));
    }
    if !value.changed {
        printer.note("it was already so");
    }
    said(context, &answer.notices);
    Ok(())
}

async fn get(context: &Context, target: &Target) -> CliResult {
    let Read { raw, value } = context.connect()?.get::<LimitState>(&target.path(None), &[]).await?;
    let printer = &context.printer;
    if printer.format == Format::Json {
        printer.json(raw.get());
    } else if let Some(view) = &value.policy {
        printer.table(&shown::one(view));
    } else {
        printer.note(&format!("{}: none is set", target.title()));
    }
    said(context, &value.policy.map(|view| view.unsupported_by).unwrap_or_default());
    Ok(())
}

async fn get_route(context: &Context, route: &LimitedRoute) -> CliResult {
    let target = Target::route(route)?;
    let Read { raw, value } = context.connect()?.get::<LimitView>(&target.path(None), &[]).await?;
    let printer = &context.printer;
    if printer.format == Format::Json {
        printer.json(raw.get());
    } else {
        printer.table(&shown::one(&value));
    }
    said(context, &value.unsupported_by);
    Ok(())
}

async fn list(context: &Context, within: Option<&str>, page: &Page) -> CliResult {
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

async fn hits(context: &Context, route: Option<&str>, within: Option<&str>, page: &Page) -> CliResult {
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

fn said(context: &Context, lines: &[String]) {
    for line in lines {
        context.printer.warn(&format!("note: {line}"));
    }
}

/// The body of a call, with everything checked that can be checked here.
fn request(settings: Box<LimitSettings>) -> CliResult<LimitRequest> {
    checked::<LimitExpression>("LIMIT", Some(&settings.limit))?;
    checked::<Algorithm>("--algorithm", settings.algorithm.as_deref())?;
    checked::<KeyStrategy>("--key", settings.key.as_deref())?;
    checked::<OnMissingKey>("--on-missing-key", settings.on_missing_key.as_deref())?;
    settings.exempt_ip.iter().try_for_each(|range| checked::<Cidr>("--exempt-ip", Some(range)))?;
    let exempt_routes = settings.exempt.iter().map(|route| exemption(route)).collect::<CliResult<_>>()?;
    let tiers = settings.tier.iter().map(|tier| {
        let (name, limit) = tier
            .split_once('=')
            .ok_or_else(|| CliError::usage("`--tier`: expected NAME=LIMIT, such as pro=100/minute"))?;
        checked::<LimitExpression>("--tier", Some(limit))?;
        Ok(TierView { name: name.to_owned(), limit: limit.to_owned() })
    });
    Ok(LimitRequest {
        path: None,
        method: None,
        service: None,
        settings: waygate_api::rate_limits::LimitSettings {
            tiers: tiers.collect::<CliResult<_>>()?,
            limit: settings.limit,
            algorithm: settings.algorithm,
            key_strategy: settings.key,
            on_missing_key: settings.on_missing_key,
            burst: settings.burst,
            tier_resolver: None,
            exempt_ips: settings.exempt_ip,
            exempt_roles: settings.exempt_role,
            exempt_routes,
            shadow: settings.shadow,
            until: until_of(settings.until.as_deref())?,
            on_backend_failure: None,
        },
        reason: settings.reason,
        allow_unknown: settings.allow_unknown,
    })
}

fn checked<T: std::str::FromStr<Err: std::fmt::Display>>(option: &str, text: Option<&str>) -> CliResult {
    match text.map(str::parse::<T>) {
        Some(Err(problem)) => Err(CliError::usage(format!("`{option}`: {problem}"))),
        _ => Ok(()),
    }
}
