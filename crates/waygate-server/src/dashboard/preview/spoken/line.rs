//! A command as arguments of the command line.

use waygate_core::{
    Command, DEFAULT_TIER_RESOLVER, Lifecycle, LimitTarget, MaintenanceScope, MaintenanceSwitch, RateLimitPolicy,
    RateLimitSwitch, Switch,
};

/// Of how many routes one line is written.
const MOST: usize = 20;

/// The lines that come to the same, one after the other; none where there are none.
pub(super) fn lines(command: &Command) -> Vec<String> {
    let mut lines: Vec<String> = line(command).into_iter().collect();
    // To set a limit is to put it in force; one that is paused stays so here.
    if let Command::RateLimit { target, to: RateLimitSwitch::Set(policy), .. } = command
        && !policy.enabled
        && !lines.is_empty()
    {
        lines.push(of_limit(target, "disable").join(" "));
    }
    lines
}

fn line(command: &Command) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    let reason = match command {
        Command::Route { route, to, reason, .. } => {
            words = of_switch(&quoted(&route.to_string()), to)?;
            reason
        }
        Command::Maintenance { scope, to, reason, .. } => {
            words.extend(match scope {
                MaintenanceScope::Global => vec!["global".to_owned()],
                MaintenanceScope::Service(_) => vec!["sm".to_owned()],
            });
            words.push(if matches!(to, MaintenanceSwitch::Off) { "disable" } else { "enable" }.to_owned());
            if let MaintenanceScope::Service(service) = scope {
                words.push(quoted(service.as_str()));
            }
            if let MaintenanceSwitch::On { exempt, include_force_active, until, enforcement } = to {
                words.extend(
                    exempt.iter().flatten().flat_map(|route| ["--exempt".to_owned(), quoted(&route.to_string())]),
                );
                words.extend(include_force_active.then(|| "--include-force-active".to_owned()));
                words.extend(ending(*until));
                words.extend(enforcement.is_shadow().then(|| "--shadow".to_owned()));
            }
            reason
        }
        Command::RateLimit { target, to, reason, .. } => {
            let verb = match to {
                RateLimitSwitch::Set(_) => "set",
                RateLimitSwitch::Pause => "disable",
                RateLimitSwitch::Resume => "enable",
                RateLimitSwitch::Reset => "reset",
                RateLimitSwitch::Delete => "delete",
            };
            words = of_limit(target, verb);
            let RateLimitSwitch::Set(policy) = to else { return Some(words.join(" ")) };
            words.extend(of_policy(policy)?);
            reason
        }
        // Several routes that are switched alike are one line.
        Command::All(commands) if commands.len() <= MOST => {
            let [Command::Route { to, reason, .. }, ..] = &commands[..] else { return None };
            let mut names = Vec::new();
            for command in commands {
                let Command::Route { route, to: own, .. } = command else { return None };
                if own != to || !matches!(own, Switch::Control { .. }) {
                    return None;
                }
                names.push(quoted(&route.to_string()));
            }
            words = of_switch(&names.join(" "), to).filter(|words| words[0] != "env")?;
            reason
        }
        _ => return None,
    };
    if !reason.is_empty() {
        words.extend(option("reason", reason));
    }
    Some(words.join(" "))
}

fn of_limit(target: &LimitTarget, verb: &str) -> Vec<String> {
    let (group, of) = match target {
        LimitTarget::Global => ("grl", None),
        LimitTarget::Service(service) => ("srl", Some(quoted(service.as_str()))),
        LimitTarget::Route(route) => ("rl", Some(quoted(&route.to_string()))),
    };
    [group.to_owned(), verb.to_owned()].into_iter().chain(of).collect()
}

/// An option with its value. What begins with a dash would be taken for another option.
fn option(name: &str, value: &str) -> Vec<String> {
    if value.starts_with('-') {
        vec![format!("--{name}={}", quoted(value))]
    } else {
        vec![format!("--{name}"), quoted(value)]
    }
}

fn of_switch(route: &str, to: &Switch) -> Option<Vec<String>> {
    let mut words = Vec::new();
    match to {
        Switch::Control { lifecycle, until, enforcement } => {
            match lifecycle {
                Lifecycle::Active => words.extend(["enable".to_owned(), route.to_owned()]),
                Lifecycle::Disabled => words.extend(["disable".to_owned(), route.to_owned()]),
                Lifecycle::Maintenance => words.extend(["maintenance".to_owned(), route.to_owned()]),
                // What begins with a dash is no argument.
                Lifecycle::EnvGated(allowed) if allowed.iter().any(|name| name.as_str().starts_with('-')) => {
                    return None;
                }
                Lifecycle::EnvGated(allowed) => {
                    words.extend(["env".to_owned(), "set".to_owned(), route.to_owned()]);
                    words.extend(allowed.iter().map(|name| quoted(name.as_str())));
                }
            }
            words.extend(ending(*until));
            words.extend(enforcement.is_shadow().then(|| "--shadow".to_owned()));
        }
        Switch::Window { start, end, enforcement } => {
            words.extend(
                ["maintenance", route, "--start", &start.to_string(), "--end", &end.to_string()].map(ToOwned::to_owned),
            );
            words.extend(enforcement.is_shadow().then(|| "--shadow".to_owned()));
        }
        // The command line gives no reason here.
        Switch::CancelWindows { .. } | Switch::Deprecation(_) | Switch::Restore(_) | Switch::Declared => return None,
    }
    Some(words)
}

/// `None` where the command line cannot say all of it.
fn of_policy(policy: &RateLimitPolicy) -> Option<Vec<String>> {
    if policy.tier_resolver.as_deref().is_some_and(|resolver| resolver != DEFAULT_TIER_RESOLVER) {
        return None;
    }
    let mut words = vec![quoted(policy.limit.as_str())];
    let mut say = |name: &str, value: &str| words.extend(option(name, value));
    say("algorithm", policy.algorithm.as_str());
    say("key", &policy.key_strategy.to_string());
    if let Some(rule) = policy.on_missing_key {
        say("on-missing-key", rule.as_str());
    }
    if policy.burst > 0 {
        say("burst", &policy.burst.to_string());
    }
    say("share", &policy.share.as_str().replace('_', "-"));
    say("on-backend-failure", policy.on_backend_failure.as_str());
    for tier in &policy.tiers {
        say("tier", &format!("{}={}", tier.name, tier.limit));
    }
    for route in &policy.exempt_routes {
        say("exempt", &route.to_string());
    }
    for range in &policy.exempt_ips {
        say("exempt-ip", &range.to_string());
    }
    for role in &policy.exempt_roles {
        say("exempt-role", role);
    }
    words.extend(ending(policy.until));
    words.extend(policy.enforcement.is_shadow().then(|| "--shadow".to_owned()));
    Some(words)
}

fn ending(until: Option<jiff::Timestamp>) -> Vec<String> {
    until.map(|until| vec!["--until".to_owned(), until.to_string()]).unwrap_or_default()
}

/// For a shell. Zsh takes what begins with an equals sign for the name of a program.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:=@%+,-".contains(&byte);
    if !text.is_empty() && !text.starts_with('=') && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
