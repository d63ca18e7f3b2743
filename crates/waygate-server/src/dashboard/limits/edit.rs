//! The forms that set, pause, resume, reset and remove a limit.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use waygate_api::error::ErrorCode;
use waygate_core::{
    Algorithm, Cidr, Command, Enforcement, KeyStrategy, LimitExpression, LocalKey, OnMissingKey, RateLimitPolicy,
    RateLimitSwitch, State,
};

use crate::control::Applied;
use crate::dashboard::form::Posted;
use crate::dashboard::frame::Section;
use crate::dashboard::limits::sentence;
use crate::dashboard::limits::target::Target;
use crate::dashboard::sheet::{Fact, Field, Input, Sheet};
use crate::dashboard::visit::{Visit, local, page};
use crate::error::ApiError;

/// How many instances are listed with what they hold.
const MOST_SHARES: usize = 20;

/// What can be done to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Set,
    Pause,
    Resume,
    Reset,
    Remove,
}

impl Act {
    fn of(name: Option<&str>) -> Result<Self, ApiError> {
        match name {
            None => Ok(Self::Set),
            Some("pause") => Ok(Self::Pause),
            Some("resume") => Ok(Self::Resume),
            Some("reset") => Ok(Self::Reset),
            Some("remove") => Ok(Self::Remove),
            Some(name) => {
                let error = format!("there is nothing to do to a limit by the name `{name}`");
                Err(ApiError::new(StatusCode::NOT_FOUND, ErrorCode::UnknownPath, error))
            }
        }
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Set => ("Rate limit of", "Save"),
            Self::Pause => ("Pause the rate limit of", "Pause"),
            Self::Resume => ("Resume the rate limit of", "Resume"),
            Self::Reset => ("Reset the counts of", "Reset"),
            Self::Remove => ("Remove the rate limit of", "Remove"),
        }
    }
}

pub(in crate::dashboard) async fn ask(visit: Visit, Path(named): Path<Vec<String>>) -> Result<Response, ApiError> {
    let (target, act) = read(&named)?;
    page(&sheet(&visit, &visit.state(), &target, act).await?)
}

pub(in crate::dashboard) async fn carry_out(
    Path(named): Path<Vec<String>>,
    posted: Posted,
) -> Result<Response, ApiError> {
    let (target, act) = read(&named)?;
    let visit = &posted.visit;
    let refused = match change(&posted, &target, act).await {
        Ok(applied) => return Ok(posted.done(&applied)),
        Err(refused) => refused,
    };
    let mut sheet = sheet(visit, &visit.state(), &target, act).await?;
    sheet.refill(|name| posted.text(name));
    local(posted.text("back")).clone_into(&mut sheet.back);
    sheet.refuse(refused)
}

fn read(named: &[String]) -> Result<(Target, Act), ApiError> {
    let part = |at: usize| named.get(at).map(String::as_str);
    let target = Target::of(part(0).unwrap_or_default(), part(1).unwrap_or_default())?;
    Ok((target, Act::of(part(2))?))
}

async fn change(posted: &Posted, target: &Target, act: Act) -> Result<Applied, ApiError> {
    let visit = &posted.visit;
    let to = match act {
        Act::Set => RateLimitSwitch::Set(Box::new(policy(posted, target.policy(&visit.state()))?)),
        Act::Pause => RateLimitSwitch::Pause,
        Act::Resume => RateLimitSwitch::Resume,
        Act::Reset => RateLimitSwitch::Reset,
        Act::Remove => RateLimitSwitch::Delete,
    };
    let command = Command::RateLimit {
        target: target.clone().into(),
        to,
        reason: posted.text("reason").to_owned(),
        allow_unknown: false,
        expected: posted.expected()?,
    };
    visit.app.execute(&visit.principal, command).await
}

/// The policy of the form. What the form does not ask for stays what it was.
fn policy(posted: &Posted, current: Option<&RateLimitPolicy>) -> Result<RateLimitPolicy, ApiError> {
    let limit: LimitExpression =
        posted.text("limit").parse().map_err(|problem| ApiError::invalid_field("limit", problem))?;
    let mut policy = current.cloned().unwrap_or_else(|| RateLimitPolicy::new(limit.clone()));
    policy.limit = limit;
    policy.algorithm =
        posted.text("algorithm").parse().map_err(|problem| ApiError::invalid_field("algorithm", problem))?;
    policy.key_strategy = posted.text("key").parse().map_err(|problem| ApiError::invalid_field("key", problem))?;
    policy.on_missing_key = match posted.text("on_missing_key") {
        "" => None,
        text => Some(text.parse().map_err(|problem| ApiError::invalid_field("on_missing_key", problem))?),
    };
    policy.burst = match posted.text("burst") {
        "" => 0,
        text => text.parse().map_err(|_| ApiError::invalid_field("burst", "expected a whole number from 0"))?,
    };
    policy.exempt_routes = lines::<LocalKey>(posted, "exempt")?;
    policy.exempt_ips = lines::<Cidr>(posted, "exempt_ips")?;
    policy.enforcement = if posted.is_checked("shadow") { Enforcement::Shadow } else { Enforcement::Enforce };
    policy.until = posted.until()?;
    policy.enabled = true;
    Ok(policy)
}

fn lines<T: std::str::FromStr<Err: std::fmt::Display>>(
    posted: &Posted,
    name: &'static str,
) -> Result<Vec<T>, ApiError> {
    let lines = posted.text(name).lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(str::parse).collect::<Result<_, _>>().map_err(|problem| ApiError::invalid_field(name, problem))
}

async fn sheet(visit: &Visit, state: &State, target: &Target, act: Act) -> Result<Sheet, ApiError> {
    match target {
        Target::Service(service) if !state.services.contains_key(service) => {
            return Err(ApiError::unknown_service(service, state));
        }
        Target::Route(key) if target.policy(state).is_none() => drop(state.resolve(&key.clone().into())?),
        _ => {}
    }
    let current = target.policy(state);
    let (title, submit) = act.words();
    let mut sheet = Sheet::new(visit, state, Section::Limits, format!("{title} {}", target.name())).await;
    let now = current.map_or_else(|| "No limit".to_owned(), sentence);
    sheet.facts = vec![Fact::words("Now", now)];
    if let Some(current) = current {
        let shares = visit.app.presence.shares(&target.scope(), current).await;
        for held in shares.iter().take(MOST_SHARES) {
            let name = if held.lapsed { "Kept, its lease has ended" } else { "Held" };
            sheet.facts.push(Fact::words(name, format!("{} by {} of {}", held.limit, held.instance, held.service)));
        }
        if let Some(more) = shares.len().checked_sub(MOST_SHARES).filter(|more| *more > 0) {
            sheet.facts.push(Fact::words("Held", format!("and by {more} more")));
        }
    }
    if act == Act::Remove && current.is_some_and(|current| current.overrides.is_some()) {
        sheet.facts.push(Fact::words("Then", "The limit of the service's code comes back"));
    }
    sheet.subjects = vec![(String::new(), current.map_or(0, |current| current.changed_at.0).to_string())];
    sheet.fields = if act == Act::Set { asked(current) } else { Vec::new() };
    sheet.fields.push(Field::reason(false));
    sheet.submit = submit;
    sheet.dangerous = act == Act::Remove;
    Ok(sheet)
}

fn asked(current: Option<&RateLimitPolicy>) -> Vec<Field> {
    let choice = |name: &str, words: &str| (name.to_owned(), words.to_owned());
    let algorithms = vec![
        choice(Algorithm::FixedWindow.as_str(), "Fixed window: counts from the first request on"),
        choice(Algorithm::SlidingWindow.as_str(), "Sliding window: an estimate over the last period"),
        choice(Algorithm::MovingWindow.as_str(), "Moving window: exact over any period"),
        choice(Algorithm::TokenBucket.as_str(), "Token bucket: an even rate with a burst"),
    ];
    let missing = vec![
        choice("", "As the key says"),
        choice(OnMissingKey::Exempt.as_str(), "Let the request through"),
        choice(OnMissingKey::FallbackIp.as_str(), "Count by address"),
        choice(OnMissingKey::Block.as_str(), "Refuse the request"),
    ];
    let joined = |lines: Vec<String>| lines.join("\n");
    let exempt = current.into_iter().flat_map(|current| &current.exempt_routes);
    let exempt_ips = current.into_iter().flat_map(|current| &current.exempt_ips);
    let key = current.map_or_else(KeyStrategy::default, |current| current.key_strategy.clone());
    let on_missing_key = current.and_then(|current| current.on_missing_key);
    let mut fields = vec![
        Field::new("limit", "Limit", Input::Text)
            .hint("Such as 100/minute, or 10/second;1000/hour.")
            .value(current.map(|current| current.limit.to_string()).unwrap_or_default())
            .required(),
        Field::new("algorithm", "Algorithm", Input::Choice(algorithms))
            .value(current.map(|current| current.algorithm).unwrap_or_default().as_str()),
        Field::new("key", "Counted per", Input::Text)
            .hint("ip, user, api_key, global, or header:NAME.")
            .value(key.to_string()),
        Field::new("burst", "Burst", Input::Text)
            .hint("How many more pass at once.")
            .value(current.map_or(0, |current| current.burst).to_string()),
        Field::new("on_missing_key", "Without the key", Input::Choice(missing))
            .value(on_missing_key.map(OnMissingKey::as_str).unwrap_or_default()),
        Field::new("exempt", "Exempt routes", Input::Lines)
            .hint("One a line: METHOD:/path, or /path.")
            .value(joined(exempt.map(ToString::to_string).collect())),
        Field::new("exempt_ips", "Exempt addresses", Input::Lines)
            .hint("One address or range a line, such as 10.0.0.0/8.")
            .value(joined(exempt_ips.map(ToString::to_string).collect())),
    ];
    fields.extend(Field::ending("Ends"));
    if let (Some(until), [.., choice, time]) = (current.and_then(|current| current.until), &mut fields[..]) {
        "time".clone_into(&mut choice.value);
        time.value = until.strftime("%Y-%m-%dT%H:%M").to_string();
    }
    fields.push(Field::shadow().value(current.is_some_and(|current| current.enforcement.is_shadow()).to_string()));
    fields
}
