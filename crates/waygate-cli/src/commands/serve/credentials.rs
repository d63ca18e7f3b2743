//! Who may log in, as it is given to `serve`.

use crate::error::{CliError, CliResult};

/// Who acts where no person does.
const RESERVED: [&str; 3] = ["anonymous", "scheduler", "system"];

/// `USER:PASSWORD` per flag; without flags, the comma-separated list of `WAYGATE_AUTH`.
pub(crate) fn users(flags: &[String], variable: Option<&str>) -> CliResult<Vec<(String, String)>> {
    let pairs: Vec<(&str, &str)> = if flags.is_empty() {
        let listed = variable.into_iter().flat_map(|text| text.split(','));
        listed.map(str::trim).filter(|pair| !pair.is_empty()).map(|pair| ("WAYGATE_AUTH", pair)).collect()
    } else {
        flags.iter().map(|pair| ("--auth", pair.as_str())).collect()
    };
    let mut users: Vec<(String, String)> = Vec::new();
    for (place, (origin, pair)) in pairs.into_iter().enumerate() {
        // The pair may hold a password, so it is named by its place only.
        let place = place + 1;
        let (user, password) = pair
            .split_once(':')
            .filter(|(user, password)| !user.trim().is_empty() && !password.is_empty())
            .ok_or_else(|| {
                CliError::usage(format!("{origin} takes USER:PASSWORD; entry {place} is not of that form"))
            })?;
        let user = user.trim();
        if users.iter().any(|(known, _)| known == user) {
            return Err(CliError::usage(format!("{origin} names the user `{user}` twice")));
        }
        if RESERVED.contains(&user) {
            return Err(CliError::usage(format!("{origin}: `{user}` is a name that the audit log uses itself")));
        }
        users.push((user.to_owned(), password.to_owned()));
    }
    if users.is_empty() && variable.is_some() {
        // Usually a secret that was not filled in: to start open would be the opposite of what was meant.
        return Err(CliError::usage(
            "WAYGATE_AUTH is set and names nobody; expected user:password,…, or not set at all",
        ));
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_before_the_variable_and_passwords_may_hold_anything() {
        let given =
            |flags: &[&str], variable| users(&flags.iter().map(ToString::to_string).collect::<Vec<_>>(), variable);
        let pair = |user: &str, password: &str| (user.to_owned(), password.to_owned());
        assert_eq!(given(&["a:p,q:r"], Some("b:x")).unwrap(), [pair("a", "p,q:r")]);
        assert_eq!(given(&[], Some("a:x, b:y:z,")).unwrap(), [pair("a", "x"), pair("b", "y:z")]);
        assert_eq!(given(&[], None).unwrap(), []);
        for nobody in ["", " ", ",", " , "] {
            assert!(given(&[], Some(nobody)).is_err(), "{nobody:?}");
        }
        for bad in [&["admin"][..], &[":x"], &["a:"], &["a:1", "a:2"], &["scheduler:x"]] {
            let error = given(bad, None).unwrap_err();
            assert!(!error.message.contains("admin"), "{}", error.message);
        }
    }
}
