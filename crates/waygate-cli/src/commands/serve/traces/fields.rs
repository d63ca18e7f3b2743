//! Fields of spans and of lines, as values.

use std::fmt;

use serde_json::{Value, json};
use tracing::field::{Field, Visit};

#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) Vec<(&'static str, Value)>);

impl Fields {
    /// Takes a field out; null where there is none.
    pub(super) fn take(&mut self, name: &str) -> Value {
        let at = self.0.iter().position(|(known, _)| *known == name);
        at.map_or(Value::Null, |at| self.0.swap_remove(at).1)
    }

    /// As OTLP has them.
    pub(super) fn attributes(&self) -> Vec<Value> {
        let attribute = |(name, value): &(&'static str, Value)| {
            let value = match value {
                Value::Bool(it) => json!({"boolValue": it}),
                Value::Number(number) if number.is_f64() => json!({"doubleValue": number}),
                Value::Number(number) => json!({"intValue": number.to_string()}),
                Value::String(text) => json!({"stringValue": text}),
                other => json!({"stringValue": other.to_string()}),
            };
            json!({"key": name, "value": value})
        };
        self.0.iter().map(attribute).collect()
    }
}

impl<const N: usize> From<[(&'static str, Value); N]> for Fields {
    fn from(fields: [(&'static str, Value); N]) -> Self {
        Self(fields.into())
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}").into()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push((field.name(), value.into()));
    }
}
