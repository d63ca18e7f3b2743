//! The forms that set, pause, resume, reset and remove a limit.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use waygate_api::error::ErrorCode;
use waygate_core::{
    Algorithm, Cidr, Command, Enforcement, LimitExpression, LocalKey, OnBackendFailure, OnMissingKey, RateLimitPolicy,
    RateLimitSwitch, Share, State, Tier,
};

use crate::control::Applied;
use crate::dashboard::form::Posted;
use crate::dashboard::frame::Section;
use crate::dashboard::limits::target::Target;
use crate::dashboard::limits::words::{self, sentence};
use crate::dashboard::sheet::{Fact, Field, Input, Sheet};
use crate::dashboard::visit::{Visit, local, page};
use crate::error::ApiError;

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
            Some("edit") => Ok(Self::Set),
            Some("pause") => Ok(Self::Pause),
            Some("resume") => Ok(Self::Resume),
            Some("reset") => Ok(Self::Reset),
            Some("remove") => Ok(Self::Remove),
            name => {
                let error = format!("there is nothing to do to a limit by the name `{}`", name.unwrap_or_default());
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
    sheet.refuse(visit, refused).await
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
    let limit: LimitExpression = named(posted, "limit")?;
    let mut policy = current.cloned().unwrap_or_else(|| RateLimitPolicy::new(limit.clone()));
    policy.limit = limit;
    policy.algorithm = named(posted, "algorithm")?;
    policy.key_strategy = named(posted, "key_strategy")?;
    policy.on_missing_key = match posted.text("on_missing_key") {
        "" => None,
        _ => Some(named(posted, "on_missing_key")?),
    };
    policy.burst = match posted.text("burst") {
        "" => 0,
        text => text.parse().map_err(|_| ApiError::invalid_field("burst", "expected a whole number from 0"))?,
    };
    policy.tiers = lines(posted, "tiers", tier)?;
    policy.tier_resolver = Some(posted.text("tier_resolver")).filter(|name| !name.is_empty()).map(ToOwned::to_owned);
    policy.exempt_routes = lines(posted, "exempt_routes", str::parse::<LocalKey>)?;
    policy.exempt_ips = lines(posted, "exempt_ips", str::parse::<Cidr>)?;
    policy.exempt_roles = lines(posted, "exempt_roles", |role| Ok::<_, String>(role.to_owned()))?;
    policy.share = named(posted, "share")?;
    policy.on_backend_failure = named(posted, "on_backend_failure")?;
    policy.enforcement = if posted.is_checked("shadow") { Enforcement::Shadow } else { Enforcement::Enforce };
    policy.until = posted.until()?;
    // A paused limit that is edited stays paused.
    policy.enabled = current.is_none_or(|current| current.enabled);
    Ok(policy)
}

fn named<T: FromStr<Err: Display>>(posted: &Posted, name: &'static str) -> Result<T, ApiError> {
    posted.text(name).parse().map_err(|problem| ApiError::invalid_field(name, problem))
}

/// `NAME LIMIT`, as in `gold 1000/minute`.
fn tier(line: &str) -> Result<Tier, String> {
    let (name, limit) =
        line.split_once([' ', '=', ':']).ok_or("expected a name and a limit, such as `gold 1000/minute`")?;
    let limit = limit.trim_start_matches([' ', '=', ':']).parse().map_err(|problem| format!("{problem}"))?;
    Ok(Tier { name: name.to_owned(), limit })
}

fn lines<T, E: Display>(
    posted: &Posted,
    name: &'static str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, ApiError> {
    let lines = posted.text(name).lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(read).collect::<Result<_, _>>().map_err(|problem| ApiError::invalid_field(name, problem))
}

async fn sheet(visit: &Visit, state: &State, target: &Target, act: Act) -> Result<Sheet, ApiError> {
    target.require_known(state)?;
    let current = target.policy(state);
    let (title, submit) = act.words();
    let mut sheet = Sheet::new(visit, state, Section::Limits, format!("{title} {}", target.name())).await;
    let now = match current {
        None => "No limit".to_owned(),
        Some(current) if current.is_on(|| visit.now) => sentence(current),
        Some(current) => format!("{}, paused", sentence(current)),
    };
    sheet.facts = vec![Fact::words("Now", now)];
    if act == Act::Remove {
        let then = match current.and_then(|current| current.overrides.as_ref()) {
            Some(declared) => format!("{}: the limit of the service's code comes back", sentence(declared)),
            None => "No limit".to_owned(),
        };
        sheet.facts.push(Fact::words("Then", then));
    }
    sheet.subjects = vec![(String::new(), current.map_or(0, |current| current.changed_at.0).to_string())];
    sheet.fields = if act == Act::Set { asked(current) } else { Vec::new() };
    sheet.fields.push(Field::reason(false));
    sheet.submit = submit;
    sheet.dangerous = act == Act::Remove;
    Ok(sheet)
}

fn asked(current: Option<&RateLimitPolicy>) -> Vec<Field> {
    let missing = vec![
        choice("", "As the key says"),
        choice(OnMissingKey::Exempt.as_str(), "Let the request through"),
        choice(OnMissingKey::FallbackIp.as_str(), "Count by address"),
        choice(OnMissingKey::Block.as_str(), "Refuse the request"),
    ];
    let algorithms =
        [Algorithm::FixedWindow, Algorithm::SlidingWindow, Algorithm::MovingWindow, Algorithm::TokenBucket];
    let shares = [Share::PerReplica, Share::Divided];
    let failures = [OnBackendFailure::Local, OnBackendFailure::Open, OnBackendFailure::Closed];
    let joined = |lines: Vec<String>| lines.join("\n");
    let Some(known) = current.cloned().or_else(|| "unlimited".parse().ok().map(RateLimitPolicy::new)) else {
        return Vec::new();
    };
    let mut fields = vec![
        Field::new("limit", "Limit", Input::Text)
            .hint("Such as 100/minute, or 10/second;1000/hour.")
            .value(current.map(|current| current.limit.to_string()).unwrap_or_default())
            .required(),
        Field::new("algorithm", "Algorithm", chosen(algorithms, Algorithm::as_str, words::algorithm))
            .value(known.algorithm.as_str()),
        Field::new("key_strategy", "Counted per", Input::Text)
            .hint("ip, user, api_key, global, custom, or header:NAME.")
            .value(known.key_strategy.to_string()),
        Field::new("on_missing_key", "Without the key", Input::Choice(missing))
            .value(known.on_missing_key.map(OnMissingKey::as_str).unwrap_or_default()),
        Field::new("burst", "Burst", Input::Text).hint("How many more pass at once.").value(known.burst.to_string()),
        Field::new("share", "Instances", chosen(shares, Share::as_str, words::share)).value(known.share.as_str()),
        Field::new(
            "on_backend_failure",
            "While shared counters, or the lease of a part, cannot be reached",
            chosen(failures, OnBackendFailure::as_str, words::backend_failure),
        )
        .value(known.on_backend_failure.as_str()),
        Field::new("exempt_routes", "Exempt routes", Input::Lines)
            .hint("One a line: METHOD:/path, or /path.")
            .value(joined(known.exempt_routes.iter().map(ToString::to_string).collect())),
        Field::new("exempt_ips", "Exempt addresses", Input::Lines)
            .hint("One address or range a line, such as 10.0.0.0/8.")
            .value(joined(known.exempt_ips.iter().map(ToString::to_string).collect())),
        Field::new("exempt_roles", "Exempt roles", Input::Lines)
            .hint("One a line, as the service's code names them.")
            .value(joined(known.exempt_roles.clone())),
        Field::new("tiers", "Tiers", Input::Lines)
            .hint("One a line: a name and its limit, such as gold 1000/minute. The first is for everybody else.")
            .value(joined(known.tiers.iter().map(|tier| format!("{} {}", tier.name, tier.limit)).collect())),
        Field::new("tier_resolver", "Tier named by", Input::Text)
            .hint("What of a request names the tier; empty for the usual.")
            .value(known.tier_resolver.clone().unwrap_or_default()),
    ];
    fields.extend(Field::ending("Ends"));
    if let (Some(until), [.., choice, time]) = (known.until, &mut fields[..]) {
        "time".clone_into(&mut choice.value);
        time.value = until.strftime("%Y-%m-%dT%H:%M").to_string();
    }
    fields.push(Field::shadow().value(known.enforcement.is_shadow().to_string()));
    fields
}

fn choice(name: &str, words: &str) -> (String, String) {
    (name.to_owned(), words.to_owned())
}

fn chosen<T: Copy, const N: usize>(
    all: [T; N],
    name: impl Fn(T) -> &'static str,
    words: impl Fn(T) -> &'static str,
) -> Input {
    Input::Choice(all.map(|one| choice(name(one), words(one))).to_vec())
}
