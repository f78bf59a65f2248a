//! Real payloads of devices, where they are on this machine.

use std::fs;
use std::path::PathBuf;

use formats::{Format, Stream, messages};

use crate::{decode, device, shorts, time};

/// Where payloads of devices lie.
pub const FOLDERS: [&str; 9] = [
    "dev_dsmr",
    "dev_evcharger",
    "dev_fronius",
    "dev_shelly",
    "dev_sparkplug",
    "dev_sunspec",
    "dev_tasmota",
    "dev_victron",
    "dev_zigbee2mqtt",
];

/// The contents of the files in a folder, by their names.
pub fn files(name: &str) -> Vec<Vec<u8>> {
    let Some(folder) = testkit::data(name) else { return Vec::new() };
    let mut names: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.iter().map(|name| fs::read(name).unwrap()).collect()
}

/// The contents of a file.
pub fn file(folder_name: &str, name: &str) -> Option<Vec<u8>> {
    testkit::data(folder_name).map(|folder| fs::read(folder.join(name)).unwrap())
}

/// Decodes a file of one payload, and compares the first readings with what is expected.
pub fn check(format: &str, folder: &str, name: &str, count: usize, expected: &[&str]) {
    let Some(bytes) = file(folder, name) else { return };
    let readings = decode(format, "", &bytes).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
    let shorts = shorts(&readings);
    for short in expected {
        assert!(shorts.iter().any(|one| one == short), "{name}: no {short} in {shorts:#?}");
    }
    assert_eq!(readings.len(), count, "{name}: {shorts:#?}");
}

#[test]
fn telegrams_of_every_version_are_read() {
    check(
        "dsmr",
        "dev_dsmr",
        "telegram_v2_2.txt",
        9,
        &[
            "import_energy t1 1001 Wh",
            "import_energy 2002 Wh",
            "import_power 1010000 mW",
            "volume 1001 l",
        ],
    );
    check(
        "dsmr",
        "dev_dsmr",
        "telegram_v3.txt",
        9,
        &["export_energy 24691356 Wh", "volume 1001 l"],
    );
    check(
        "dsmr",
        "dev_dsmr",
        "telegram_v4_2.txt",
        18,
        &[
            "import_energy t1 1581123 Wh",
            "import_energy 3016829 Wh",
            "import_power L2 1247000 mW",
            "current L2 6000 mA",
            "volume 981443 l",
        ],
    );
    check(
        "dsmr",
        "dev_dsmr",
        "telegram_v5.txt",
        21,
        &[
            "import_energy 6825 Wh",
            "export_energy 2444 Wh",
            "voltage L3 229000 mV",
            "current L3 860 mA",
        ],
    );
    check(
        "dsmr",
        "dev_dsmr",
        "telegram_fluvius_v171.txt",
        24,
        &[
            "import_energy 15792 Wh",
            "export_energy 11 Wh",
            "import_demand 2351000 mW",
            "import_demand_max 2589000 mW",
            "voltage L1 234700 mV",
            "volume 112384 l",
            "volume 872234 l",
        ],
    );
    let Some(bytes) = file("dev_dsmr", "telegram_v5.txt") else { return };
    let readings = decode("dsmr", "", &bytes).unwrap();
    assert_eq!(device(&readings), "K8EG004046395507");
    assert_eq!(time(&readings).as_deref(), Some("2017-01-02T18:20:02Z"));
    let Some(bytes) = file("dev_dsmr", "telegram_fluvius_v171.txt") else { return };
    let readings = decode("dsmr", "", &bytes).unwrap();
    assert_eq!(time(&readings).as_deref(), Some("2020-05-12T11:54:09Z"));
}

#[test]
fn answers_of_fronius_are_read_or_have_no_numbers() {
    let check = |name: &str, count: usize, expected: &[&str]| {
        check("fronius", "dev_fronius", name, count, expected);
    };
    check("GetActiveDeviceInfo___DeviceClass_System.json", 0, &[]);
    check("GetInverterInfo.json", 0, &[]);
    check("GetLoggerInfo.json", 0, &[]);
    check("GetLoggerLEDInfo.json", 0, &[]);
    let device = "GetInverterRealtimeData___Scope_Device_DeviceId_1_DataCollection";
    check(
        &format!("{device}_3PInverterData.json"),
        6,
        &["current L1 930 mA", "voltage L3 230899 mV"],
    );
    check(
        &format!("{device}_CommonInverterData.json"),
        2,
        &["export_energy 26213502 Wh", "period_export_energy 0 Wh"],
    );
    check("GetInverterRealtimeData___Scope_System.json", 4, &["export_energy 26213502 Wh"]);
    for name in ["Device_DeviceId_0", "System"] {
        check(&format!("GetMeterRealtimeData___Scope_{name}.json"), 2, &["import_power 367722 mW"]);
    }
    check("GetOhmPilotRealtimeData___Scope_System.json", 2, &["import_energy 2964307 Wh"]);
    check(
        "GetPowerFlowRealtimeData.json",
        6,
        &["import_power 367722 mW", "export_energy 26213502 Wh"],
    );
    check(
        "GetStorageRealtimeData___Scope_Device_DeviceId_0.json",
        3,
        &["state_of_charge 80 1/1000"],
    );
    check("GetStorageRealtimeData___Scope_System.json", 3, &["state_of_charge 79 1/1000"]);
    if let Some(bytes) = file("dev_fronius", "output.json") {
        assert_eq!(decode("fronius", "", &bytes).unwrap_err().reason.code(), "PAYLOAD_SYNTAX");
    }
}

#[test]
fn captures_of_shellies_are_read() {
    let check = |format: &str, name: &str, count: usize, expected: &[&str]| {
        check(format, "dev_shelly", name, count, expected);
    };
    let gen1 = "gen1_Shelly_Plug_S_SHPLG-S_20230913-113421-v1.14.0-gcb84623.json";
    check("shelly1", gen1, 3, &["import_energy 43 Wh"]);
    let plus = "gen2_Shelly_Plus_1PM_SNSW-001P16EU_20231219-133934-1.1.0-g34b5d4f.json";
    check("shelly2", plus, 6, &["import_energy 110 Wh", "voltage 232800 mV"]);
    let plug = "gen2_Shelly_Plus_Plug_S_SNPL-00112EU_20231219-134003-1.1.0-g34b5d4f.json";
    check("shelly2", plug, 6, &["import_energy 7258 Wh", "import_power 2700 mW"]);
    let pro = "gen2_Shelly_Pro_3EM_SPEM-003CEBEU_20231219-134001-1.1.0-g34b5d4f.json";
    check(
        "shelly2",
        pro,
        33,
        &[
            "import_energy 2589773 Wh",
            "export_energy 1026 Wh",
            "import_energy L1 2034616 Wh",
            "export_energy L3 985 Wh",
            "import_power 558965 mW",
            "power_factor L3 530 1/1000",
        ],
    );
    let Some(bytes) = file("dev_shelly", pro) else { return };
    let readings = decode("shelly2", "", &bytes).unwrap();
    assert_eq!(device(&readings), "shellypro3em-aabbccddeeff");
    assert_eq!(time(&readings).as_deref(), Some("2024-02-07T17:28:47Z"));
}

/// Every topic of the first generation whose unit the list names is read, with that unit: but for
/// the energy of a relay, which counts in watt-minutes whatever adapters make of it.
#[test]
fn every_topic_of_the_list_for_shellies_is_read() {
    let Some(list) = file("dev_shelly", "gen1_mqtt_topics.csv") else { return };
    let mut read = 0;
    for row in String::from_utf8(list).unwrap().lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        let (topic, unit) = (cells[2].replace("<mqttprefix>", "id"), cells[4]);
        let readings = decode("shelly1", &topic, b"1").unwrap();
        let is_state = unit.is_empty() && !topic.ends_with("/pf");
        let is_limit = topic.ends_with("overpower_value");
        assert_eq!(readings.is_empty(), is_state || is_limit, "{row}");
        if let Some(reading) = readings.first() {
            read += 1;
            let expected = if topic.ends_with("relay/0/energy") { "Wmin" } else { unit };
            assert_eq!(reading.source.unit.to_lowercase(), expected.to_lowercase(), "{row}");
        }
    }
    assert!(read >= 30, "{read}");
}

#[test]
fn samples_of_tasmota_and_zigbee_are_read_from_their_files() {
    let read = |format: &str, folder: &str| {
        let Some(bytes) = file(folder, "samples.jsonl") else { return Vec::new() };
        let format = Format::named(format).unwrap();
        let mut stream = Stream::new(format, None);
        let decode = |message: Result<formats::Message, _>| {
            let message = message.unwrap();
            shorts(&stream.decode(message.topic.as_deref(), &message.bytes).unwrap())
        };
        messages(format.framing, &bytes).into_iter().map(decode).collect::<Vec<_>>()
    };
    let tasmota = read("tasmota", "dev_tasmota");
    if tasmota.is_empty() {
        return;
    }
    assert_eq!(tasmota.len(), 7);
    for (place, expected) in [
        (0, "import_energy 17 Wh"),
        (0, "export_energy t2 0 Wh"),
        (0, "import_reactive_energy 2 varh"),
        (1, "import_energy L2 17 Wh"),
        (2, "import_energy L1 17 Wh"),
        (3, "import_energy 500 Wh"),
        (3, "import_power 2300000 mW"),
        (4, "import_energy 3185 Wh"),
        (5, "import_energy 9098245 Wh"),
    ] {
        assert!(tasmota[place].contains(&expected.to_owned()), "{:?}", tasmota[place]);
    }
    assert_eq!(tasmota[6], Vec::<String>::new());
    assert_eq!(read("zigbee2mqtt", "dev_zigbee2mqtt"), [Vec::<String>::new(), Vec::new()]);
}
