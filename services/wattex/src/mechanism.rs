//! Mechanisms as arguments name them.

use market::domain::SelfTrade;
use matching::Mechanism;
use serde_json::{Map, Value, json};
use units::Price;

/// The mechanism of a name such as `k_pricing`, or of its JSON, with the parameters that are given.
pub fn named(text: &str, k_bps: Option<u16>, price: Option<Price>) -> Result<Mechanism, String> {
    if let (Some(_), None, None) = (text.find(':').filter(|_| !text.starts_with('{')), k_bps, price)
    {
        return text.parse().map_err(|error| format!("mechanism: {error}"));
    }
    let mut fields = match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::from_iter([("name".to_owned(), json!(text))]),
    };
    let given = [("k_bps", k_bps.map(|k| json!(k))), ("price", price.map(|price| json!(price)))];
    for (field, value) in given {
        if let Some(value) = value {
            fields.insert(field.to_owned(), value);
        }
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| format!("mechanism: {error}"))
}

/// The same without parameters besides.
pub fn parse(text: &str) -> Result<Mechanism, String> {
    named(text, None, None)
}

/// What is done about orders of one party, by its name.
pub fn self_trade(text: &str) -> Result<SelfTrade, String> {
    serde_json::from_value(json!(text)).map_err(|error| format!("self-trade: {error}"))
}
