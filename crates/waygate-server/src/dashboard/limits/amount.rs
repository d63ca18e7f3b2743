//! How much a limit admits, as its form asks for it: requests in so many of a unit, or all of it as text.

use waygate_core::LimitExpression;

use crate::dashboard::form::Posted;
use crate::dashboard::sheet::{Field, Input};
use crate::error::ApiError;

/// The units that the form offers, the longest first, with their seconds.
const UNITS: [(&str, u64); 4] = [("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)];

/// The fields, filled in with the limit that there is. What is shown is kept: only what is filled in anew counts.
pub(super) fn asked(current: Option<&LimitExpression>) -> [Field; 5] {
    let text = current.map(ToString::to_string).unwrap_or_default();
    let [count, per, unit] = parts(&text);
    let units = UNITS.iter().rev().map(|(name, _)| ((*name).to_owned(), format!("{name}s"))).collect();
    [
        Field::new("count", "Requests", Input::Text).value(count),
        Field::new("per", "In", Input::Text).value(per),
        Field::new("unit", "Unit", Input::Choice(units)).value(unit),
        Field::new("limit", "Or as text", Input::Text)
            .hint("Such as 100/minute, or 10/second;1000/hour where both are to be kept.")
            .value(text.clone()),
        Field::new("shown", "", Input::Fixed).value(text),
    ]
}

/// The limit that was filled in.
pub(super) fn limit(posted: &Posted) -> Result<LimitExpression, ApiError> {
    let typed = ["count", "per", "unit"].map(|name| posted.text(name));
    let (field, text) = chosen(posted.text("limit"), posted.text("shown"), typed)
        .map_err(|problem| ApiError::invalid_field("limit", problem))?;
    text.parse().map_err(|problem| ApiError::invalid_field(field, problem))
}

/// The field that counts, and the text of the limit.
fn chosen(text: &str, shown: &str, typed: [&str; 3]) -> Result<(&'static str, String), String> {
    let [count, per, unit] = typed;
    if count.is_empty() {
        return Ok(("limit", text.to_owned()));
    }
    let per = if per.is_empty() { "1" } else { per };
    let joined = if per == "1" { format!("{count}/{unit}") } else { format!("{count}/{per} {unit}s") };
    let are_anew = parts(shown) != [count, per, unit];
    if text.is_empty() || are_anew && text == shown {
        return Ok(("count", joined));
    }
    if are_anew && !means_the_same(text, &joined) {
        return Err(format!("`{text}` and `{joined}` are not the same: fill in one of them, or leave this empty"));
    }
    Ok(("limit", text.to_owned()))
}

/// The requests, the units and the unit of a limit that is one; otherwise what an empty form has.
fn parts(text: &str) -> [String; 3] {
    let limit = text.parse::<LimitExpression>().ok();
    let [quota] = limit.as_ref().map(LimitExpression::quotas).unwrap_or_default() else {
        return ["", "1", "minute"].map(ToOwned::to_owned);
    };
    let whole = |(_, seconds): &&(&str, u64)| quota.period_seconds.is_multiple_of(*seconds);
    let (unit, seconds) = UNITS.iter().find(whole).unwrap_or(&UNITS[3]);
    [quota.amount.to_string(), (quota.period_seconds / seconds).to_string(), (*unit).to_owned()]
}

fn means_the_same(one: &str, other: &str) -> bool {
    let [one, other] = [one, other].map(|text| text.parse::<LimitExpression>().ok());
    one.zip(other).is_some_and(|(one, other)| one.quotas() == other.quotas())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_anew_counts() {
        let minute = ["100", "1", "minute"];
        for (text, shown, typed, wanted) in [
            ("100/minute", "", ["", "", ""], Some(("limit", "100/minute"))),
            ("", "", ["5", "10", "second"], Some(("count", "5/10 seconds"))),
            ("", "", ["5", "", "hour"], Some(("count", "5/hour"))),
            ("100/minute", "100/minute", minute, Some(("limit", "100/minute"))),
            ("200/minute", "100/minute", minute, Some(("limit", "200/minute"))),
            ("100/minute", "100/minute", ["300", "1", "minute"], Some(("count", "300/minute"))),
            ("", "100/minute", minute, Some(("count", "100/minute"))),
            ("1/second;9/hour", "1/second;9/hour", ["", "1", "minute"], Some(("limit", "1/second;9/hour"))),
            ("1/second;9/hour", "1/second;9/hour", ["7", "1", "minute"], Some(("count", "7/minute"))),
            ("60/60 seconds", "100/minute", ["60", "1", "minute"], Some(("limit", "60/60 seconds"))),
            ("200/minute", "100/minute", ["300", "1", "minute"], None),
            ("200/minute", "", ["300", "1", "minute"], None),
        ] {
            let found = chosen(text, shown, typed).ok();
            let found = found.as_ref().map(|(field, text)| (*field, text.as_str()));
            assert_eq!(found, wanted, "{text:?} shown {shown:?} typed {typed:?}");
        }
    }

    #[test]
    fn a_limit_is_taken_apart_where_it_is_one() {
        assert_eq!(parts("5/10 seconds"), ["5", "10", "second"]);
        assert_eq!(parts("9 per 2 months"), ["9", "60", "day"]);
        assert_eq!(parts("0/hour"), ["0", "1", "hour"]);
        for none in ["", "unlimited", "1/second;2/hour", "nonsense"] {
            assert_eq!(parts(none), ["", "1", "minute"], "{none}");
        }
    }
}
