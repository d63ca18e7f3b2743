//! Settings from environment variables: the only place of the crate that reads them.

use std::env::VarError;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use crate::builder::WaygateBuilder;
use crate::bypass::Bypass;
use crate::error::BuildError;

const SERVER_URL: &str = "WAYGATE_SERVER_URL";
const APP_ID: &str = "WAYGATE_APP_ID";
const TOKEN: &str = "WAYGATE_TOKEN";
const USERNAME: &str = "WAYGATE_USERNAME";
const PASSWORD: &str = "WAYGATE_PASSWORD";
const ENVIRONMENT: &str = "WAYGATE_ENV";
const CA_FILE: &str = "WAYGATE_CA_FILE";
const INSTANCE: &str = "WAYGATE_INSTANCE";
const CACHE_DIR: &str = "WAYGATE_CACHE_DIR";
const BOOTSTRAP_FILE: &str = "WAYGATE_BOOTSTRAP_FILE";
const WHEN_UNKNOWN: &str = "WAYGATE_WHEN_UNKNOWN";
const RECONNECT_DELAY: &str = "WAYGATE_RECONNECT_DELAY";
const TRUSTED_PROXIES: &str = "WAYGATE_TRUSTED_PROXIES";
const TRUSTED_HOPS: &str = "WAYGATE_TRUSTED_HOPS";
const RATE_LIMIT_BACKEND: &str = "WAYGATE_RATE_LIMIT_BACKEND";
const RATE_LIMIT_DEADLINE: &str = "WAYGATE_RATE_LIMIT_DEADLINE_MS";
const BYPASS_LIFECYCLE: &str = "WAYGATE_BYPASS_LIFECYCLE";
const BYPASS_RATE_LIMITS: &str = "WAYGATE_BYPASS_RATE_LIMITS";

/// The longest reconnect delay: a day.
const LONGEST_DELAY: f64 = 86_400.0;

pub(crate) fn from_env() -> Result<WaygateBuilder, BuildError> {
    #[expect(clippy::disallowed_methods, reason = "this is the place where settings are read")]
    read(std::env::var)
}

fn read(variable: impl Fn(&'static str) -> Result<String, VarError>) -> Result<WaygateBuilder, BuildError> {
    let optional = |name: &'static str| match variable(name) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => Ok(Some(text)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(BuildError::InvalidVariable { name, expected: "text in UTF-8" }),
    };
    let required = |name: &'static str, expected: &'static str| {
        optional(name)?.ok_or(BuildError::MissingVariable { name, expected })
    };
    let server_url = required(SERVER_URL, "the control plane's URL, such as `http://localhost:9000`")?;
    let app_id = required(APP_ID, "the name of this service, such as `payments-service`")?;
    let mut builder = WaygateBuilder::new(&server_url, &app_id);
    builder = match (optional(TOKEN)?, optional(USERNAME)?, optional(PASSWORD)?) {
        (None, None, None) => builder,
        (Some(token), None, None) => builder.token(token),
        (None, Some(username), Some(password)) => builder.credentials(username.trim(), password),
        (Some(_), Some(_), _) => return Err(BuildError::ConflictingVariables { one: TOKEN, other: USERNAME }),
        (Some(_), None, Some(_)) => return Err(BuildError::ConflictingVariables { one: TOKEN, other: PASSWORD }),
        (None, Some(_), None) => {
            return Err(BuildError::MissingVariable { name: PASSWORD, expected: "the password of `WAYGATE_USERNAME`" });
        }
        (None, None, Some(_)) => {
            return Err(BuildError::MissingVariable {
                name: USERNAME,
                expected: "the user whose password `WAYGATE_PASSWORD` is",
            });
        }
    };
    if let Some(environment) = optional(ENVIRONMENT)? {
        builder = builder.environment(&environment);
    }
    if let Some(file) = optional(CA_FILE)? {
        builder = builder.ca_file(file);
    }
    if let Some(instance) = optional(INSTANCE)? {
        builder = builder.instance(instance.trim());
    }
    if let Some(directory) = optional(CACHE_DIR)? {
        builder = builder.cache_dir(directory);
    }
    if let Some(file) = optional(BOOTSTRAP_FILE)? {
        builder = builder.bootstrap_file(file);
    }
    if let Some(choice) = optional(WHEN_UNKNOWN)? {
        let expected = "`open`, `closed` or `maintenance`";
        let choice = choice.parse().map_err(|_| BuildError::InvalidVariable { name: WHEN_UNKNOWN, expected })?;
        builder = builder.when_unknown(choice);
    }
    if let Some(seconds) = optional(RECONNECT_DELAY)? {
        builder = builder.reconnect_delay(delay_of(&seconds)?);
    }
    if let Some(ranges) = optional(TRUSTED_PROXIES)? {
        builder = builder.trusted_proxies(ranges.split(',').map(str::trim).filter(|range| !range.is_empty()));
    }
    if let Some(hops) = optional(TRUSTED_HOPS)? {
        builder = builder.trusted_hops(number(TRUSTED_HOPS, &hops, 1..=100, "a whole number from 1 to 100")?);
    }
    if let Some(url) = optional(RATE_LIMIT_BACKEND)? {
        builder = builder.rate_limit_backend(url.trim());
    }
    if let Some(milliseconds) = optional(RATE_LIMIT_DEADLINE)? {
        let expected = "a whole number of milliseconds from 1 to 60000";
        let milliseconds = number(RATE_LIMIT_DEADLINE, &milliseconds, 1..=60_000, expected)?;
        builder = builder.rate_limit_deadline(Duration::from_millis(milliseconds));
    }
    for (name, bypass) in [(BYPASS_LIFECYCLE, Bypass::lifecycle()), (BYPASS_RATE_LIMITS, Bypass::rate_limits())] {
        if let Some(text) = optional(name)?
            && is_yes(name, &text)?
        {
            builder = builder.bypass(bypass);
        }
    }
    Ok(builder)
}

fn is_yes(name: &'static str, text: &str) -> Result<bool, BuildError> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(BuildError::InvalidVariable {
            name,
            expected: "`true` or `false` (or `1`, `yes`, `on`; `0`, `no`, `off`)",
        }),
    }
}

fn number<T: FromStr + PartialOrd>(
    name: &'static str,
    text: &str,
    accepted: RangeInclusive<T>,
    expected: &'static str,
) -> Result<T, BuildError> {
    let number = text.trim().parse().ok().filter(|number| accepted.contains(number));
    number.ok_or(BuildError::InvalidVariable { name, expected })
}

fn delay_of(text: &str) -> Result<Duration, BuildError> {
    let seconds = text.trim().parse::<f64>().ok().filter(|seconds| (0.0..=LONGEST_DELAY).contains(seconds));
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).ok_or(BuildError::InvalidVariable {
        name: RECONNECT_DELAY,
        expected: "a number of seconds from 0 to 86400, such as `5` or `0.5`",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(variables: &[(&str, &str)]) -> Result<WaygateBuilder, BuildError> {
        read(|name| {
            let value = variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            value.ok_or(VarError::NotPresent)
        })
    }

    const NEEDED: [(&str, &str); 2] = [(SERVER_URL, "http://localhost:9000"), (APP_ID, "payments-service")];

    #[test]
    fn what_is_blank_counts_as_not_set() {
        let builder = read_from(&[&NEEDED[..], &[(TOKEN, " "), (ENVIRONMENT, "")]].concat()).unwrap();
        let shown = format!("{builder:?}");
        assert!(shown.contains("payments-service") && shown.contains("environment: None"), "{shown}");
    }

    #[test]
    fn errors_name_the_variable() {
        let message = |extra: &[(&str, &str)]| read_from(&[&NEEDED[..], extra].concat()).unwrap_err().to_string();
        assert!(read_from(&[]).unwrap_err().to_string().contains("`WAYGATE_SERVER_URL` is not set"));
        assert!(read_from(&NEEDED[..1]).unwrap_err().to_string().contains("`WAYGATE_APP_ID` is not set"));
        assert!(message(&[(USERNAME, "admin")]).contains("`WAYGATE_PASSWORD` is not set"));
        assert!(message(&[(PASSWORD, "secret")]).contains("`WAYGATE_USERNAME` is not set"));
        assert!(message(&[(TOKEN, "t"), (USERNAME, "a")]).contains("both set"));
        for bad in ["0", "-1", "1.5", "all", "101"] {
            assert!(message(&[(TRUSTED_HOPS, bad)]).contains("`WAYGATE_TRUSTED_HOPS`"), "{bad}");
        }
        for bad in ["0", "-1", "50ms", "60001"] {
            assert!(message(&[(RATE_LIMIT_DEADLINE, bad)]).contains("`WAYGATE_RATE_LIMIT_DEADLINE_MS`"), "{bad}");
        }
        for bad in ["shut", "Open closed", "1"] {
            assert!(message(&[(WHEN_UNKNOWN, bad)]).contains("`maintenance`"), "{bad}");
        }
        for bad in ["soon", "-1", "NaN", "inf", "1e9"] {
            assert!(message(&[(RECONNECT_DELAY, bad)]).contains("`WAYGATE_RECONNECT_DELAY`"), "{bad}");
        }
    }

    #[test]
    fn a43_what_is_said_to_be_off_is_off() {
        for name in [BYPASS_LIFECYCLE, BYPASS_RATE_LIMITS] {
            let read = |text: &str| read_from(&[&NEEDED[..], &[(name, text)]].concat());
            let bypass = |text: &str| format!("{:?}", read(text).unwrap());
            let off = bypass("false");
            for text in ["0", "no", "off", "False", " OFF ", ""] {
                assert_eq!(bypass(text), off, "{name}={text}");
            }
            for text in ["1", "yes", "on", "true", " ON "] {
                assert_ne!(bypass(text), off, "{name}={text}");
            }
            for text in ["2", "enabled", "t", "null", "-"] {
                assert!(read(text).unwrap_err().to_string().contains(name), "{name}={text}");
            }
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let builder = read_from(&[&NEEDED[..], &[(USERNAME, "admin"), (PASSWORD, "hunter2")]].concat()).unwrap();
        assert!(!format!("{builder:?}").contains("hunter2"));
    }
}
