//! One JSON text per value: sorted keys, no spaces. Values here have no floats.

use serde::Serialize;
use serde_json::Value;

/// The canonical text of `value`.
pub(crate) fn json(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).expect("terms are plain data with string keys");
    let mut text = String::new();
    write(&value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            list('{', '}', fields, text, |(key, value), text| {
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write(value, text);
            });
        }
        Value::Array(values) => list('[', ']', values.iter().collect(), text, write),
        scalar => text.push_str(&scalar.to_string()),
    }
}

fn list<T>(
    open: char,
    close: char,
    items: Vec<T>,
    text: &mut String,
    each: impl Fn(T, &mut String),
) {
    text.push(open);
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        each(item, text);
    }
    text.push(close);
}
