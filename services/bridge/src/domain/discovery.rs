//! What Home Assistant needs to show a meter without being set up: MQTT discovery.
//!
//! Source: Home Assistant, MQTT integration, "MQTT discovery" and "Sensor".

use ids::MeterId;
use reading::Reading;
use serde_json::{Value, json};

use super::sampler::Direction;

/// A retained message.
#[derive(Debug, Clone, PartialEq)]
pub struct Retained {
    /// Its topic.
    pub topic: String,
    /// Its payload.
    pub payload: Value,
}

/// Where a bridge says whether it is there: `online` or `offline`.
pub fn availability(client_id: &str) -> String {
    format!("wattex/bridge/{client_id}/availability")
}

/// Where the last reading of a meter stands.
fn state_topic(meter: MeterId) -> String {
    format!("wattex/bridge/meter/{meter}")
}

/// What announces the registers of a meter under `prefix`; `imports`, `exports`: which it has.
pub fn announcements(
    prefix: &str,
    client_id: &str,
    meter: MeterId,
    name: &str,
    (imports, exports): (bool, bool),
) -> Vec<Retained> {
    let directions = [(Direction::Import, imports), (Direction::Export, exports)];
    let counted = directions.into_iter().filter(|(_, counted)| *counted);
    counted.map(|(direction, _)| announcement(prefix, client_id, meter, name, direction)).collect()
}

fn announcement(
    prefix: &str,
    client_id: &str,
    meter: MeterId,
    name: &str,
    direction: Direction,
) -> Retained {
    let (key, label) = match direction {
        Direction::Import => ("import", "From the grid"),
        Direction::Export => ("export", "Into the grid"),
    };
    let id = format!("wattex_{}_{key}", meter.uuid().simple());
    let payload = json!({
        "name": label,
        "unique_id": id,
        "state_topic": state_topic(meter),
        "value_template": format!("{{{{ value_json.{key}_kwh }}}}"),
        "availability_topic": availability(client_id),
        "device_class": "energy",
        "state_class": "total_increasing",
        "unit_of_measurement": "kWh",
        "suggested_display_precision": 1,
        "device": {
            "identifiers": [format!("wattex_{}", meter.uuid().simple())],
            "name": name,
            "manufacturer": "Wattex",
            "model": "Signed readings",
        },
    });
    Retained { topic: format!("{prefix}/sensor/{id}/config"), payload }
}

/// The last reading of a meter.
pub fn state(reading: &Reading) -> Retained {
    let kwh = |wh: u64| format!("{}.{:03}", wh / 1000, wh % 1000);
    let payload = json!({
        "time": reading.time,
        "page": reading.page,
        "import_kwh": kwh(reading.import.wh()),
        "export_kwh": kwh(reading.export.wh()),
    });
    Retained { topic: state_topic(reading.meter), payload }
}

#[cfg(test)]
mod tests {
    use calendar::Timestamp;
    use reading::Status;
    use units::Register;

    use super::*;

    #[test]
    fn a_meter_is_announced_by_the_registers_that_it_has() {
        let meter = MeterId::derived("H01");
        let both = announcements("homeassistant", "bridge", meter, "House", (true, true));
        assert_eq!(both.len(), 2);
        let one = announcements("homeassistant", "bridge", meter, "House", (false, true));
        let id = format!("wattex_{}_export", meter.uuid().simple());
        assert_eq!(one[0].topic, format!("homeassistant/sensor/{id}/config"));
        assert_eq!(one[0].payload["value_template"], "{{ value_json.export_kwh }}");
        assert_eq!(one[0].payload["availability_topic"], "wattex/bridge/bridge/availability");
    }

    #[test]
    fn the_state_has_kilowatt_hours_to_the_watt_hour() {
        let reading = Reading {
            meter: MeterId::derived("H01"),
            page: 7,
            time: Timestamp::from_seconds(1_780_272_900),
            import: Register::from_wh(1_234_005),
            export: Register::from_wh(0),
            status: Status::from_bits(Status::RELAYED),
            firmware: 0,
        };
        let state = state(&reading);
        assert_eq!(state.payload["import_kwh"], "1234.005");
        assert_eq!(state.payload["export_kwh"], "0.000");
        assert_eq!(state.payload["page"], 7);
    }
}
