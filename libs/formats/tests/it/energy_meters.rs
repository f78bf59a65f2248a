//! Meters of the grid: P1, HAN, SML, and what reads them for others.

use formats::{Format, Point, Quality, Stream, When};

use crate::{build, check, decode, device, refused, samples, short, shorts, time};

#[test]
fn a_telegram_has_registers_by_tariff_and_their_sum() {
    let readings = check(
        "dsmr",
        "",
        &samples::telegram(),
        &[
            "import_energy t1 1234567 Wh",
            "import_energy t2 765433 Wh",
            "export_energy t1 1001 Wh",
            "export_energy t2 2002 Wh",
            "import_power 244000 mW",
            "export_power 0 mW",
            "voltage L1 230100 mV",
            "current L1 1060 mA",
            "volume 107107 l",
            "import_energy 2000000 Wh",
            "export_energy 3003 Wh",
        ],
    );
    assert_eq!((device(&readings), readings[0].point), ("KAMS001", Point::Grid));
    assert_eq!(time(&readings).as_deref(), Some("2026-06-01T10:15:00Z"));
    let gas = &readings[8];
    assert_eq!((gas.device.as_deref(), gas.channel.as_deref()), (Some("G0012"), Some("0-1")));
    assert_eq!(gas.time, When::At("2026-06-01T10:10:00Z".parse().unwrap()));
    let total = &readings[9];
    assert_eq!(
        (total.quality, total.source.path.as_str()),
        (Quality::Calculated, "1-0:1.8.1+1-0:1.8.2")
    );
    assert_eq!(total.register().map(units::Register::wh), Some(2_000_000));
    assert_eq!(readings[0].register(), None);
}

#[test]
fn winter_and_summer_are_an_hour_apart() {
    let at = |stamp: &str| {
        let object = format!("0-0:1.0.0({stamp})");
        let text = build::telegram(&[&object, "1-0:1.8.0(000001.000*kWh)"]);
        time(&check("dsmr", "", &text, &["import_energy 1000 Wh"])).unwrap()
    };
    assert_eq!(at("261025023000S"), "2026-10-25T00:30:00Z");
    assert_eq!(at("261025023000W"), "2026-10-25T01:30:00Z");
}

#[test]
fn a_telegram_without_its_checksum_is_of_an_old_meter() {
    let text = "/ABC3\\1\r\n\r\n1-0:1.8.1(00001.001*kWh)\r\n0-1:24.1.0(3)\r\n\
                0-1:24.3.0(090212160000)(00)(60)(1)(0-1:24.2.1)(m3)\r\n(00001.001)\r\n!\r\n";
    let readings = check(
        "dsmr",
        "",
        text,
        &["import_energy t1 1001 Wh", "volume 1001 l", "import_energy 1001 Wh"],
    );
    assert_eq!(readings[0].time, When::OnReceipt);
    assert_eq!(readings[1].time, When::At("2009-02-12T15:00:00Z".parse().unwrap()));
}

#[test]
fn a_telegram_that_lost_its_carriage_returns_is_still_whole() {
    let unix = samples::telegram().replace("\r\n", "\n");
    assert_eq!(decode("dsmr", "", unix.as_bytes()).unwrap().len(), 11);
}

#[test]
fn every_changed_byte_of_a_telegram_is_noticed() {
    let good = samples::telegram().into_bytes();
    let end = good.iter().position(|byte| *byte == b'!').unwrap();
    for at in 1..end {
        let mut changed = good.clone();
        changed[at] ^= 1;
        assert!(decode("dsmr", "", &changed).is_err(), "byte {at}");
    }
    refused("dsmr", "", &good[..end], "PAYLOAD_SYNTAX", "");
}

#[test]
fn a_telegram_names_what_is_wrong() {
    for (object, code, path) in [
        ("1-0:1.8.0(-00001.0*kWh)", "FIELD_NEGATIVE", "1-0:1.8.0"),
        ("1-0:1.8.0(000001.0)", "FIELD_UNIT", "1-0:1.8.0"),
        ("1-0:1.8.0(000001.0*V)", "FIELD_UNIT", "1-0:1.8.0"),
        ("1-0:1.8.0(abc*kWh)", "FIELD_TYPE", "1-0:1.8.0"),
        ("1-0:1.8.0()", "FIELD_TYPE", "1-0:1.8.0"),
        ("1-0:2.7.0(nan*kW)", "FIELD_NOT_FINITE", "1-0:2.7.0"),
        ("1-0:1.8.0(99999999999999.0*kWh)", "FIELD_RANGE", "1-0:1.8.0"),
        ("0-0:1.0.0(261301000000W)", "FIELD_TYPE", "0-0:1.0.0"),
        ("1-0:1.8.0 000001", "PAYLOAD_SYNTAX", ""),
    ] {
        refused("dsmr", "", build::telegram(&[object]).as_bytes(), code, path);
    }
}

#[test]
fn a_list_with_scales_is_read_by_them() {
    let readings = decode("han", "", &samples::aidon()).unwrap();
    assert_eq!(
        shorts(&readings),
        ["import_power 763000 mW", "voltage L1 232800 mV", "import_energy 109562070 Wh",]
    );
    assert_eq!(device(&readings), "7359992895000001");
    assert_eq!(readings[0].time, When::At("2026-06-01T10:15:00Z".parse().unwrap()));
    let digits: String = samples::aidon().iter().map(|byte| format!("{byte:02X} ")).collect();
    assert_eq!(decode("han", "", digits.as_bytes()).unwrap(), readings);
}

/// A list of Kamstrup: codes and values without scales.
fn kamstrup() -> Vec<u8> {
    let time = build::cosem_time([0x07, 0xea, 1, 15], [12, 0, 5], i16::MIN);
    let pair = |code: [u8; 6], value: Vec<u8>| [build::octets(9, &code), value].concat();
    let items = [
        build::octets(10, b"Kamstrup_V0001"),
        pair([1, 1, 0, 0, 5, 255], build::octets(10, b"5706567000000000")),
        pair([1, 1, 96, 1, 1, 255], build::octets(10, b"6841121BN243101040")),
        pair([1, 1, 1, 7, 0, 255], build::long(1468)),
        pair([1, 1, 31, 7, 0, 255], build::long(564)),
        pair([1, 1, 32, 7, 0, 255], vec![0x12, 0, 232]),
        pair([0, 1, 1, 0, 0, 255], build::octets(9, &time[1..])),
        pair([1, 1, 1, 8, 0, 255], build::long(8_582_328)),
    ];
    build::frame(&time, &[&[0x02, 15][..], &items.concat()].concat())
}

#[test]
fn kamstrup_counts_in_tens_of_watt_hours() {
    let readings = decode("han", "", &kamstrup()).unwrap();
    assert_eq!(
        shorts(&readings),
        [
            "import_power 1468000 mW",
            "current L1 5640 mA",
            "voltage L1 232000 mV",
            "import_energy 85823280 Wh",
        ]
    );
    assert_eq!(device(&readings), "5706567000000000");
    // No offset: Norway's, and perhaps wrong.
    assert_eq!(readings[0].time, When::Unsure("2026-01-15T11:00:05Z".parse().unwrap()));
}

/// A list of Kaifa, with the registers of an hour or not.
fn kaifa(is_hourly: bool) -> Vec<u8> {
    let time = build::cosem_time([0x07, 0xea, 1, 15], [12, 0, 5], i16::MIN);
    let mut items = vec![
        build::octets(9, b"KFM_001"),
        build::octets(9, b"6970631409168767"),
        build::octets(9, b"MA304H3E"),
    ];
    items.extend([2269, 0, 0, 720, 7087, 6896, 4206, 2367, 0, 2367].map(build::long));
    if is_hourly {
        items.push(build::octets(9, &time[1..]));
        items.extend([12_345_678, 9, 8, 7].map(build::long));
    }
    build::frame(&time, &build::structure(&items))
}

#[test]
fn kaifa_is_read_by_place() {
    let expected = [
        "import_power 2269000 mW",
        "export_power 0 mW",
        "import_reactive_power 0 mvar",
        "export_reactive_power 720000 mvar",
        "current L1 7087 mA",
        "current L2 6896 mA",
        "current L3 4206 mA",
        "voltage L1 236700 mV",
        "voltage L2 0 mV",
        "voltage L3 236700 mV",
    ];
    let readings = decode("han", "", &kaifa(false)).unwrap();
    assert_eq!(shorts(&readings), expected);
    assert_eq!(device(&readings), "6970631409168767");
    let hourly = decode("han", "", &kaifa(true)).unwrap();
    assert_eq!(shorts(&hourly[..10]), expected);
    assert_eq!(
        shorts(&hourly[10..]),
        [
            "import_energy 12345678 Wh",
            "export_energy 9 Wh",
            "import_reactive_energy 8 varh",
            "export_reactive_energy 7 varh",
        ]
    );
    let short_list = build::frame(&[0], &build::structure(&[build::long(3059)]));
    let readings = decode("han", "", &short_list).unwrap();
    assert_eq!(
        (shorts(&readings), readings[0].time),
        (vec!["import_power 3059000 mW".into()], When::OnReceipt)
    );
}

#[test]
fn frames_are_refused_rather_than_guessed() {
    let good = kamstrup();
    for at in 1..good.len() - 1 {
        let mut changed = good.clone();
        changed[at] ^= 1;
        assert!(decode("han", "", &changed).is_err(), "byte {at}");
    }
    let unknown = build::frame(
        &[0],
        &build::structure(&[
            build::octets(10, b"ISK1030775"),
            build::octets(9, &[1, 0, 1, 8, 0, 255]),
            build::long(5),
        ]),
    );
    refused("han", "", &unknown, "FIELD_UNIT", "1-0:1.8.0");
    let frame = build::frame(&[], &[]);
    assert_eq!(decode("han", "", &frame).unwrap_err().reason.code(), "PAYLOAD_SYNTAX");
    let mut inside = frame;
    inside.truncate(3);
    refused("han", "", &inside, "PAYLOAD_SYNTAX", "");
}

#[test]
fn sml_files_have_registers_and_one_power_for_both_ways() {
    let readings = decode("sml", "", &samples::sml()).unwrap();
    assert_eq!(
        shorts(&readings),
        [
            "import_energy 12345678 Wh",
            "export_energy 0 Wh",
            "import_power 0 mW",
            "export_power 1234000 mW",
        ]
    );
    assert_eq!(device(&readings), "0a0149534b0000000007");
    let digits: String = samples::sml().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(decode("sml", "", digits.as_bytes()).unwrap(), readings);
}

#[test]
fn every_changed_byte_of_a_file_of_sml_is_noticed() {
    let good = samples::sml();
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        assert!(decode("sml", "", &changed).is_err(), "byte {at}");
    }
}

#[test]
fn an_escape_inside_a_file_of_sml_is_no_end() {
    let number = [&[0x69][..], &0x1b1b_1b1b_u64.to_be_bytes()].concat();
    let plain = build::sml(b"1", &[build::sml_row([1, 0, 1, 8, 0, 255], 30, 0, number)]);
    // The text has the escape, so a meter writes it twice: not so this one.
    assert!(decode("sml", "", &plain).is_err());
}

#[test]
fn readers_of_ams_meters_put_lists_into_data_or_beside_it() {
    let expected = [
        "import_power 1200000 mW",
        "current L1 5200 mA",
        "voltage L1 230500 mV",
        "import_energy 12345670 Wh",
    ];
    let nested = r#"{"id":"mac","t":1700000000,"data":{"id":"m1","P":1200,"I1":5.2,"U1":230.5,
        "tPI":12345.67,"rtc":1700003600},"realtime":{"h":1.5}}"#;
    let readings = check("ams", "", nested, &expected);
    assert_eq!(
        (device(&readings), time(&readings).unwrap().as_str()),
        ("m1", "2023-11-14T23:13:20Z")
    );
    let flat =
        r#"{"id":"mac","t":1700000000,"P":1200,"I1":5.2,"U1":230.5,"tPI":12345.67,"meterId":"m1"}"#;
    let readings = check("ams", "", flat, &expected);
    assert_eq!(
        (device(&readings), time(&readings).unwrap().as_str()),
        ("m1", "2023-11-14T22:13:20Z")
    );
    refused("ams", "", br#"{"data":{"tPI":-1}}"#, "FIELD_NEGATIVE", "data.tPI");
}

#[test]
fn channels_of_vzlogger_are_what_their_announcements_say() {
    let mut stream = Stream::new(Format::named("vzlogger").unwrap(), None);
    let mut tell = |topic: &str, text: &str| stream.decode(Some(topic), text.as_bytes());
    let refusal = tell("vzlogger/chn0/raw", "5").unwrap_err();
    assert_eq!(refusal.reason.code(), "FIELD_UNNAMED");
    assert_eq!(tell("vzlogger/chn0/id", "1-0:1.8.0").unwrap(), []);
    assert_eq!(tell("vzlogger/chn0/uuid", "fde8f1d0").unwrap(), []);
    let readings = tell("vzlogger/chn0/raw", "1234567.8").unwrap();
    assert_eq!(
        (shorts(&readings), readings[0].time),
        (vec!["import_energy 1234567 Wh".into()], When::OnReceipt)
    );
    let readings = tell("vzlogger/chn0/agg", r#"{"timestamp":1700000000999,"value":1.0}"#).unwrap();
    assert_eq!(time(&readings).as_deref(), Some("2023-11-14T22:13:20Z"));
    let push = r#"{"data":[{"uuid":"fde8f1d0","tuples":[[1700000000000,5.9],[1700000001000,6]]}]}"#;
    let readings = tell("vzlogger/push", push).unwrap();
    assert_eq!(shorts(&readings), ["import_energy 5 Wh", "import_energy 6 Wh"]);
    tell(
        "x",
        r#"{"meters":[{"protocol":"d0","channels":[{"uuid":"u","identifier":"counter-out"}]}]}"#,
    )
    .unwrap();
    let readings = tell("x", r#"{"data":[{"uuid":"u","tuples":[[1700000000000,5.9]]}]}"#).unwrap();
    assert_eq!(shorts(&readings), ["export_energy 5900 Wh"]);
}

#[test]
fn meters_by_radio_are_electricity_only_where_they_say_so() {
    let readings = check(
        "wmbusmeters",
        "",
        r#"{"_":"telegram","media":"electricity","meter":"amiplus","name":"Home","id":"10101010",
            "total_energy_consumption_kwh":15694.05,"current_power_consumption_kw":0.33,
            "total_energy_production_kwh":7.48,"voltage_at_phase_1_v":236,"frequency_hz":null,
            "total_energy_consumption_tariff_2_kwh":1.5,"device_datetime":"2019-03-20 12:57",
            "timestamp":"2026-06-01T10:00:00Z"}"#,
        &[
            "import_energy 15694050 Wh",
            "import_power 330000 mW",
            "export_power 0 mW",
            "export_energy 7480 Wh",
            "voltage L1 236000 mV",
            "import_energy t2 1500 Wh",
        ],
    );
    assert_eq!(device(&readings), "10101010");
    check(
        "wmbusmeters",
        "",
        r#"{"media":"heat","id":"1","total_energy_consumption_kwh":5}"#,
        &["heat_energy 5000 Wh"],
    );
    check(
        "wmbusmeters",
        "",
        r#"{"media":"cold water","id":"1","total_m3":6.408}"#,
        &["volume 6408 l"],
    );
    assert_eq!(short(&readings[0]), "import_energy 15694050 Wh");
    let wrong = br#"{"media":"electricity","total_energy_consumption_kwh":"5"}"#;
    refused("wmbusmeters", "", wrong, "FIELD_TYPE", "total_energy_consumption_kwh");
}
