//! A charger's values as Venus OS publishes them over MQTT.
//!
//! Topic `N/<portal>/solarcharger/<instance>/<path>`, payload `{"value": x}`; a value that a device
//! does not have is `null`. A value is published when it changed; a keep-alive asks for all of
//! them, and `N/<portal>/full_publish_completed` ends the answer. Where a device disappears each of
//! its topics gets an empty payload. Paths, units and codes are those of `attributes.csv` of
//! `dbus_modbustcp`, the rules those of `dbus-flashmq`. Deliberately absent: the line to a broker.

use serde::Serialize;
use serde_json::{Value, json};

use crate::charger::{Fault, Operation, Phase, Status};

/// Characters of a portal's id at most.
pub const PORTAL_CHARS_MAX: usize = 64;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Where it is published.
    pub topic: String,
    /// What; empty where the device is gone.
    pub payload: String,
}

/// A portal's id that makes no topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no portal id: 1 to 64 letters and digits")]
pub struct BadPortal(pub String);

impl BadPortal {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        "mppt.portal"
    }
}

/// A charger among the devices of a portal, and what it published so far.
#[derive(Debug, Clone)]
pub struct Publisher {
    portal: String,
    instance: u32,
    last: Vec<Value>,
}

impl Publisher {
    /// The charger of this device instance.
    ///
    /// # Errors
    /// [`BadPortal`] where the id has other signs than letters and digits: `/`, `+` and `#` mean
    /// something in a topic.
    pub fn new(portal: &str, instance: u32) -> Result<Publisher, BadPortal> {
        let is_short = (1..=PORTAL_CHARS_MAX).contains(&portal.len());
        if !is_short || !portal.chars().all(|sign| sign.is_ascii_alphanumeric()) {
            return Err(BadPortal(crate::table::shown(portal, PORTAL_CHARS_MAX)));
        }
        Ok(Publisher { portal: portal.to_owned(), instance, last: Vec::new() })
    }

    /// What changed since the last time; all of it the first time.
    pub fn changes(&mut self, status: &Status) -> Vec<Line> {
        let values = values(status, self.instance);
        let now: Vec<Value> = values.iter().map(|(_, value)| value.clone()).collect();
        let is_new = |place: usize| self.last.get(place) != Some(&now[place]);
        let changed = values.iter().enumerate().filter(|(place, _)| is_new(*place));
        let lines = changed.map(|(_, (path, value))| self.line(path, value)).collect();
        self.last = now;
        lines
    }

    /// All values, and that these were all, as the answer to a keep-alive at `seconds` since 1970.
    pub fn all(&mut self, status: &Status, seconds: i64) -> Vec<Line> {
        self.last.clear();
        let mut lines = self.changes(status);
        let topic = format!("N/{}/full_publish_completed", self.portal);
        lines.push(Line { topic, payload: json!({ "value": seconds }).to_string() });
        lines
    }

    /// What is published where the device disappears.
    pub fn gone(&mut self, status: &Status) -> Vec<Line> {
        self.last.clear();
        let values = values(status, self.instance);
        values
            .iter()
            .map(|(path, _)| Line { topic: self.topic(path), payload: String::new() })
            .collect()
    }

    fn topic(&self, path: &str) -> String {
        format!("N/{}/solarcharger/{}/{path}", self.portal, self.instance)
    }

    fn line(&self, path: &str, value: &Value) -> Line {
        Line { topic: self.topic(path), payload: json!({ "value": value }).to_string() }
    }
}

impl Phase {
    /// The number of `/State`.
    pub fn code(self) -> u8 {
        match self {
            Phase::Off => 0,
            Phase::Fault => 2,
            Phase::Bulk => 3,
            Phase::Absorption => 4,
            Phase::Float => 5,
        }
    }
}

impl Operation {
    /// The number of `/MppOperationMode`.
    pub fn code(self) -> u8 {
        match self {
            Operation::Off => 0,
            Operation::Limited => 1,
            Operation::Tracking => 2,
        }
    }
}

impl Fault {
    /// The number of `/ErrorCode`.
    pub fn code(self) -> u8 {
        match self {
            Fault::BatteryVoltage => 2,
            Fault::InputCurrent => 34,
        }
    }
}

/// The paths of a charger and their values, in a fixed order.
fn values(status: &Status, instance: u32) -> Vec<(&'static str, Value)> {
    let alarm = if status.fault.is_some() { 2 } else { 0 };
    let high = if status.fault == Some(Fault::BatteryVoltage) { 2 } else { 0 };
    let [today, yesterday] = status.days;
    vec![
        ("DeviceInstance", json!(instance)),
        ("CustomName", json!("")),
        ("Mode", json!(1)),
        ("State", json!(status.phase.code())),
        ("MppOperationMode", json!(status.operation.code())),
        ("ErrorCode", json!(status.fault.map_or(0, Fault::code))),
        ("Alarms/Alarm", json!(alarm)),
        ("Alarms/LowVoltage", json!(0)),
        ("Alarms/HighVoltage", json!(high)),
        ("Relay/0/State", Value::Null),
        ("Equalization/Pending", json!(0)),
        ("Equalization/TimeRemaining", Value::Null),
        ("Pv/V", rounded(status.input.voltage, 2)),
        ("Pv/I", rounded(status.input.current, 2)),
        ("Dc/0/Voltage", rounded(status.voltage, 2)),
        ("Dc/0/Current", rounded(status.current, 1)),
        ("Dc/0/Temperature", status.temperature.map_or(Value::Null, |heat| rounded(heat, 1))),
        ("Yield/Power", rounded(status.input.power(), 0)),
        ("Yield/User", rounded(status.energy, 2)),
        ("Yield/System", rounded(status.energy, 2)),
        ("History/Daily/0/Yield", rounded(today.energy, 2)),
        ("History/Daily/0/MaxPower", rounded(today.power_max, 0)),
        ("History/Daily/1/Yield", rounded(yesterday.energy, 2)),
        ("History/Daily/1/MaxPower", rounded(yesterday.power_max, 0)),
    ]
}

/// A number with so many decimals.
fn rounded(number: f64, decimals: i32) -> Value {
    let scale = (10.0_f64).powi(decimals);
    let number = (number * scale).round() / scale;
    // A zero has no sign on the wire.
    json!(if number == 0.0 { 0.0 } else { number })
}
