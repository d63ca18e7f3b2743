//! Reading YAML: what JSON can hold, and nothing else.

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Number, Value};

/// The one document of a text.
///
/// # Errors
///
/// Where it cannot be read, with line and column.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    let documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
    match documents.as_slice() {
        [document] => value(document),
        [] => Err("it is empty".to_owned()),
        _ => Err("it holds more than one document".to_owned()),
    }
}

fn value(yaml: &Yaml<'_>) -> Result<Value, String> {
    Ok(match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(flag)) => Value::Bool(*flag),
        Yaml::Value(Scalar::Integer(number)) => Value::from(*number),
        Yaml::Value(Scalar::FloatingPoint(number)) => {
            Number::from_f64(number.into_inner()).map_or(Value::Null, Value::Number)
        }
        Yaml::Value(Scalar::String(text)) => Value::String(text.to_string()),
        Yaml::Sequence(items) => Value::Array(items.iter().map(value).collect::<Result<_, _>>()?),
        Yaml::Mapping(fields) => {
            let field = |(name, content): (&Yaml<'_>, &Yaml<'_>)| match name.as_str() {
                Some(name) => Ok((name.to_owned(), value(content)?)),
                None => Err("a key of it is not a text".to_owned()),
            };
            Value::Object(fields.iter().map(field).collect::<Result<_, _>>()?)
        }
        _ => return Err("tags and aliases are not understood".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render;

    #[test]
    fn what_is_written_reads_as_it_was() {
        let value = serde_json::json!({
            "GET:/p/{id}": {"a": "no", "b": "- x", "c": "a: b", "d": "é\u{1b}\u{2028}", "e": ["null", "1.5", "", " x"]},
            "list": [{"x": 1, "y": [[], ["{", 2]]}, {"z": {}}],
            "texts": ["~", "#c", "a #b", "@x", "0x10", "1_000", "2026-01-01T00:00:00Z", "a\nb\t", "[x", "=", "y:"],
            "n": null, "f": 2.5, "t": true,
        });
        assert_eq!(read(&render::yaml::of_json(&value.to_string())).unwrap(), value);
    }
}
