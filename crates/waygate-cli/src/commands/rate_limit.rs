//! `rate-limits`, `service-rate-limit` and `global-rate-limit`: one set of commands for three scopes.

mod lists;
mod settings;
mod shown;

use serde_json::value::RawValue;
use waygate_api::client::{Answer, ClientError, Method};
use waygate_api::paths;
use waygate_api::rate_limits::{LimitRequest, LimitState, LimitSwitched, LimitView};
use waygate_core::{RouteSelector, ServiceId};

use crate::cli::{
    GlobalLimitCommand, LimitSettings, LimitedRoute, RouteLimitCommand, ServiceLimitCommand, SwitchedLimit, Why,
};
use crate::commands::confirm::{self, Weight};
use crate::commands::declare::weight::admits_nothing;
use crate::commands::status::anyone;
use crate::context::{Connection, Context, Read, selector, service};
use crate::error::{CliError, CliResult, ExitStatus};
use crate::mark::marked;
use crate::printer::{Colour, Format};
use crate::render::table::{Cell, Table};

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
        RouteLimitCommand::List { service, page } => lists::limits(context, service.name.as_deref(), &page).await,
        RouteLimitCommand::Hits { route, follow: true, allow_unknown, service, page } => {
            lists::follow(context, route.as_deref(), service.name.as_deref(), &page, allow_unknown).await
        }
        RouteLimitCommand::Hits { route, service, page, .. } => {
            lists::hits(context, route.as_deref(), service.name.as_deref(), &page).await
        }
        RouteLimitCommand::Disable(SwitchedLimit { limited, why }) => {
            switch(context, &Target::route(&limited)?, Switch::Disable, &why).await
        }
        RouteLimitCommand::Enable(SwitchedLimit { limited, why }) => {
            switch(context, &Target::route(&limited)?, Switch::Enable, &why).await
        }
        RouteLimitCommand::Reset(SwitchedLimit { limited, why }) => {
            switch(context, &Target::route(&limited)?, Switch::Reset, &why).await
        }
        RouteLimitCommand::Delete(SwitchedLimit { limited, why }) => {
            switch(context, &Target::route(&limited)?, Switch::Delete, &why).await
        }
    }
}

pub(crate) async fn of_service(context: &Context, command: ServiceLimitCommand) -> CliResult {
    match command {
        ServiceLimitCommand::Get { service } => get(context, &Target::service(&service)?).await,
        ServiceLimitCommand::Set { service, settings } => set(context, &Target::service(&service)?, settings).await,
        ServiceLimitCommand::Disable { service, why } => {
            switch(context, &Target::service(&service)?, Switch::Disable, &why).await
        }
        ServiceLimitCommand::Enable { service, why } => {
            switch(context, &Target::service(&service)?, Switch::Enable, &why).await
        }
        ServiceLimitCommand::Reset { service, why } => {
            switch(context, &Target::service(&service)?, Switch::Reset, &why).await
        }
        ServiceLimitCommand::Delete { service, why } => {
            switch(context, &Target::service(&service)?, Switch::Delete, &why).await
        }
    }
}

pub(crate) async fn of_everything(context: &Context, command: GlobalLimitCommand) -> CliResult {
    let target = Target::Everything;
    match command {
        GlobalLimitCommand::Get => get(context, &target).await,
        GlobalLimitCommand::Set(settings) => set(context, &target, settings).await,
        GlobalLimitCommand::Disable(why) => switch(context, &target, Switch::Disable, &why).await,
        GlobalLimitCommand::Enable(why) => switch(context, &target, Switch::Enable, &why).await,
        GlobalLimitCommand::Reset(why) => switch(context, &target, Switch::Reset, &why).await,
        GlobalLimitCommand::Delete(why) => switch(context, &target, Switch::Delete, &why).await,
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

    fn name(&self) -> String {
        match self {
            Self::Everything => "global".to_owned(),
            Self::Service(service) => service.to_string(),
            Self::Route(route) => route.to_string(),
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
    let mut body = settings::request(settings)?;
    let path = match target {
        Target::Route(route) => {
            body.path = Some(route.to_string());
            paths::RATE_LIMITS.to_owned()
        }
        _ => target.path(None),
    };
    let connection = context.connect()?;
    agree(context, &connection, target, &body).await?;
    let answer: Answer<Box<RawValue>> = connection.changing()?.post(&path, &body).await.map_err(|error| {
        let failure = connection.failure(error);
        match failure.status {
            ExitStatus::NotFound => failure.hint("`--allow-unknown` takes one that is yet to come"),
            _ => failure,
        }
    })?;
    let Read { raw, value: view } = connection.read::<LimitView>(answer.value)?;
    if view.changed == Some(false) {
        context.nothing_changed();
    }
    let printer = &context.printer;
    printer.answer(
        raw.get(),
        || shown::limits(std::slice::from_ref(&view)),
        |printer| {
            let title = view.key.as_ref().map_or_else(|| target.title(), |key| format!("Rate limit of {key}"));
            let told = format!("{title}: {}", shown::summary(&view));
            printer.data(Some(Colour::Green), &marked(context, "✓", &told));
        },
    );
    if view.changed == Some(false) {
        printer.note("it was already so");
    }
    said(context, &answer.notices);
    Ok(())
}

/// Asks back where the limit is of more than a route; one that admits nothing to anything is the largest there is.
async fn agree(context: &Context, connection: &Connection, target: &Target, body: &LimitRequest) -> CliResult {
    let only = match target {
        Target::Route(_) => return Ok(()),
        Target::Service(service) => Some(service),
        Target::Everything => None,
    };
    let limit = body.settings.limit.as_str();
    let admits_nothing = admits_nothing(limit);
    let mut reach = Vec::new();
    if context.can_ask() && !context.settings.yes && !context.settings.dry_run {
        reach = super::reach::of(connection, only).await?;
        if admits_nothing {
            reach.push(format!("`{limit}` admits no request at all"));
        }
    }
    let weight = match only {
        None if admits_nothing => Weight::Retype(confirm::server_word(connection)),
        _ => Weight::Ask,
    };
    confirm::agreed(context, connection, &format!("{}: {limit}", target.title()), &reach, &weight)
}

async fn switch(context: &Context, target: &Target, to: Switch, why: &Why) -> CliResult {
    let connection = context.connect()?;
    let client = connection.changing()?;
    let (verb, action) = match to {
        Switch::Disable => (Method::POST, Some("disable")),
        Switch::Enable => (Method::POST, Some("enable")),
        Switch::Reset => (Method::DELETE, Some("reset")),
        Switch::Delete => (Method::DELETE, None),
    };
    // Not every proxy lets the body of a DELETE through, so it has one only where there is something to say.
    let has_body = verb == Method::POST || !why.reason.is_empty();
    let body = has_body.then(|| serde_json::json!({ "reason": why.reason }));
    let answer: Result<Answer<Box<RawValue>>, ClientError> =
        client.call(verb, &target.path(action), &[], body.as_ref(), &[]).await;
    let answer = answer.map_err(|error| connection.failure(error))?;
    let Read { raw, value } = connection.read::<LimitSwitched>(answer.value)?;
    if !value.changed {
        context.nothing_changed();
    }
    let printer = &context.printer;
    let (colour, word) = match to {
        Switch::Disable => (Colour::Yellow, "PAUSED"),
        Switch::Enable => (Colour::Green, "RESUMED"),
        Switch::Reset => (Colour::Green, "counts start afresh"),
        Switch::Delete => (Colour::Green, "deleted"),
    };
    printer.answer(
        raw.get(),
        || switched(target, word),
        |printer| {
            let several = if value.count > 1 { format!(" ({} limits)", value.count) } else { String::new() };
            printer.data(Some(colour), &marked(context, "✓", &format!("{}: {word}{several}", target.title())));
        },
    );
    if !value.changed {
        printer.note("it was already so");
    }
    said(context, &answer.notices);
    Ok(())
}

async fn get(context: &Context, target: &Target) -> CliResult {
    let connection = context.connect()?;
    let Read { raw, value } = connection.get::<LimitState>(&target.path(None), &[]).await?;
    let printer = &context.printer;
    if let Target::Service(service) = target {
        anyone(&connection, Some(service), value.policy.is_none()).await?;
    }
    let views = value.policy.as_slice();
    printer.answer(
        raw.get(),
        || shown::limits(views),
        |printer| match views {
            [view] => printer.table(&shown::one(view)),
            _ => printer.note(&format!("{}: none is set", target.title())),
        },
    );
    said(context, &value.policy.map(|view| view.unsupported_by).unwrap_or_default());
    Ok(())
}

async fn get_route(context: &Context, route: &LimitedRoute) -> CliResult {
    let target = Target::route(route)?;
    let Read { raw, value } = context.connect()?.get::<LimitView>(&target.path(None), &[]).await?;
    let views = std::slice::from_ref(&value);
    context.printer.answer(raw.get(), || shown::limits(views), |printer| printer.table(&shown::one(&value)));
    said(context, &value.unsupported_by);
    Ok(())
}

/// What was switched, as a row.
fn switched(target: &Target, word: &str) -> Table {
    let mut table = Table::new(vec!["Limit", "Is"]);
    table.push_named(target.name(), vec![Cell::new(target.name()), Cell::new(word)]);
    table
}

/// Programs find it in the answer.
fn said(context: &Context, lines: &[String]) {
    if context.printer.format == Format::Json {
        return;
    }
    for line in lines {
        context.printer.warn(&format!("note: {line}"));
    }
}
