//! The forms that set, pause, resume, reset and remove a limit.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use waygate_api::error::ErrorCode;
use waygate_core::{Cidr, Command, Enforcement, LocalKey, RateLimitPolicy, RateLimitSwitch, State, Tier};

use crate::dashboard::fleet::Fleet;
use crate::dashboard::form::{Held, Posted};
use crate::dashboard::frame::Section;
use crate::dashboard::limits::fields::asked;
use crate::dashboard::limits::target::Target;
use crate::dashboard::limits::words::sentence;
use crate::dashboard::limits::{amount, foresight};
use crate::dashboard::sheet::{Fact, Field, Sheet};
use crate::dashboard::visit::{Visit, page};
use crate::dashboard::words::counted;
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

    /// What it is then, where that goes without the limit.
    fn then(self) -> Option<&'static str> {
        match self {
            Self::Pause => Some("Not enforced until it is resumed: every request passes uncounted"),
            Self::Resume => Some("Enforced again"),
            Self::Reset => Some("The same limit; everybody begins anew, at every instance"),
            Self::Set | Self::Remove => None,
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
    let command = change(&posted, &target, act);
    let wanted = command.as_ref().ok().and_then(set);
    let held = match posted.carry_out(command).await {
        Ok(answer) => return Ok(answer),
        Err(held) => held,
    };
    let held = match (held, wanted) {
        (Held::Preview(mut preview), Some(policy)) => {
            preview.notes.extend(foresight::notes(visit, &target, &policy));
            Held::Preview(preview)
        }
        (held, _) => held,
    };
    sheet(visit, &visit.state(), &target, act).await?.again(&posted, held).await
}

/// The policy that a command sets.
fn set(command: &Command) -> Option<RateLimitPolicy> {
    match command {
        Command::RateLimit { to: RateLimitSwitch::Set(policy), .. } => Some((**policy).clone()),
        _ => None,
    }
}

fn read(named: &[String]) -> Result<(Target, Act), ApiError> {
    let part = |at: usize| named.get(at).map(String::as_str);
    let target = Target::of(part(0).unwrap_or_default(), part(1).unwrap_or_default())?;
    Ok((target, Act::of(part(2))?))
}

fn change(posted: &Posted, target: &Target, act: Act) -> Result<Command, ApiError> {
    let visit = &posted.visit;
    let to = match act {
        Act::Set => RateLimitSwitch::Set(Box::new(policy(posted, target.policy(&visit.state()))?)),
        Act::Pause => RateLimitSwitch::Pause,
        Act::Resume => RateLimitSwitch::Resume,
        Act::Reset => RateLimitSwitch::Reset,
        Act::Remove => RateLimitSwitch::Delete,
    };
    Ok(Command::RateLimit {
        target: target.clone().into(),
        to,
        reason: posted.text("reason").to_owned(),
        allow_unknown: false,
        expected: posted.expected()?,
    })
}

/// The policy of the form. What the form does not ask for stays what it was.
fn policy(posted: &Posted, current: Option<&RateLimitPolicy>) -> Result<RateLimitPolicy, ApiError> {
    let limit = amount::limit(posted)?;
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
    if let Some(words) = act.then() {
        sheet.facts.push(Fact::words("Then", words));
    }
    let fleet = Fleet::of(visit).await;
    let instances = match target.scope().service() {
        Some(service) => fleet.count(service.as_str()),
        None => state.services.keys().map(|service| fleet.count(service.as_str())).sum(),
    };
    sheet.facts.push(Fact::words("Instances to update", counted(instances, "instance")));
    sheet.subjects = vec![(String::new(), current.map_or(0, |current| current.changed_at.0).to_string())];
    sheet.fields = if act == Act::Set { asked(current) } else { Vec::new() };
    sheet.fields.push(Field::reason(false));
    sheet.submit = submit;
    sheet.dangerous = act == Act::Remove;
    sheet.previews = act != Act::Reset;
    Ok(sheet)
}
