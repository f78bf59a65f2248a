//! Logs in words: the contract, the event's name and its fields.

use std::collections::BTreeSet;

use alloy_primitives::{Address, LogData, U256};
use contracts::{ContractEvent, Deployment};
use events::ledger::Log;
use serde_json::{Map, Value, json};

/// The largest whole number that every JSON reader keeps exactly.
const EXACT_MAX: u64 = 1 << 53;
/// How long an address is as text.
const ADDRESS_LEN: usize = 42;

/// A log, and what it means where one of our contracts emitted it.
pub(crate) struct Decoded {
    /// The typed event, for what the index keeps of it.
    pub(crate) event: Option<ContractEvent>,
    /// The contract's name.
    pub(crate) contract: Option<&'static str>,
    /// The event's name.
    pub(crate) name: Option<&'static str>,
    /// Its fields; empty where the event is not known.
    pub(crate) fields: Value,
}

/// Decodes `log` as an event of `deployment`.
pub(crate) fn decode(deployment: &Deployment, log: &Log) -> Decoded {
    let raw = alloy_primitives::Log {
        address: log.address,
        data: LogData::new_unchecked(log.topics.clone(), log.data.clone()),
    };
    let event = ContractEvent::decode(deployment, &raw);
    let fields = event.as_ref().and_then(|event| serde_json::to_value(event).ok());
    let fields = fields.and_then(|mut value| value.get_mut("fields").map(Value::take));
    Decoded {
        contract: contract_name(deployment, log.address),
        name: event.as_ref().map(ContractEvent::name),
        fields: exact(fields.unwrap_or_else(|| json!({}))),
        event,
    }
}

/// The addresses that a decoded event names.
pub(crate) fn addresses(fields: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect_addresses(fields, &mut found);
    found
}

fn collect_addresses(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.len() == ADDRESS_LEN && text.starts_with("0x") => {
            found.insert(text.to_lowercase());
        }
        Value::Array(items) => items.iter().for_each(|item| collect_addresses(item, found)),
        Value::Object(fields) => {
            fields.values().for_each(|field| collect_addresses(field, found));
        }
        _ => {}
    }
}

/// The name of one of our contracts, by where it is.
pub(crate) fn contract_name(deployment: &Deployment, address: Address) -> Option<&'static str> {
    let names = [
        "SettlementToken",
        "EnergyMarket",
        "MeterRegistry",
        "ReadingAnchor",
        "RecordAnchor",
        "Challenges",
        "EnergyCertificate",
        "TradingMandate",
        "CurrencyExchange",
        "Timelock",
    ];
    let place = deployment.addresses().iter().position(|known| *known == address)?;
    names.get(place).copied()
}

/// Whole numbers that JSON readers would round become decimal strings: 256-bit words, which come as
/// short hex, and integers above 2^53. Addresses and 32-byte words stay hex.
fn exact(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(decimal(&text).unwrap_or(text)),
        Value::Number(number) if number.as_u64().is_some_and(|number| number > EXACT_MAX) => {
            Value::String(number.to_string())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(exact).collect()),
        Value::Object(fields) => {
            let exactly: Map<String, Value> =
                fields.into_iter().map(|(name, value)| (name, exact(value))).collect();
            Value::Object(exactly)
        }
        other => other,
    }
}

fn decimal(text: &str) -> Option<String> {
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() < ADDRESS_LEN - 2)?;
    U256::from_str_radix(digits, 16).ok().map(|number| number.to_string())
}
