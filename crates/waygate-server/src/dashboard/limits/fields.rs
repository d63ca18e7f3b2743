//! What the form of a limit asks for.

use waygate_core::{Algorithm, OnBackendFailure, OnMissingKey, RateLimitPolicy, Share};

use crate::dashboard::limits::{amount, words};
use crate::dashboard::sheet::{Field, Input};

/// The fields, filled in with the limit that there is.
pub(super) fn asked(current: Option<&RateLimitPolicy>) -> Vec<Field> {
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
    let mut fields = Vec::from(amount::asked(current.map(|current| &current.limit)));
    fields.extend([
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
    ]);
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
