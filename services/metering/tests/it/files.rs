//! Files of utilities: kept beside what meters signed, row by row.

use access::Role;
use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use meterdata::{Item, canonical};
use serde_json::{Value, json};

use crate::api::{ask, bytes, get, token};
use crate::home::{Device, Home, at, community};

/// A day of NEM12 of the meter `6123456789`: every quarter-hour of 2026-06-01 in UTC+10 has `wh`.
fn nem12(wh: u64) -> String {
    let values = vec![format!("0.{wh:03}"); 96].join(",");
    [
        "100,NEM12,202606020000,UTILITY,RETAILER".to_owned(),
        "200,6123456789,E1B1,,E1,N1,METER1,kWh,15,".to_owned(),
        format!("300,20260601,{values},A,,,20260602000000,"),
        "200,6123456789,E1Q1,,Q1,N1,METER1,kVArh,15,".to_owned(),
        format!("300,20260601,{values},A,,,20260602000000,"),
        "200,6123456798,E1,,E1,N1,METER2,kWh,15,".to_owned(),
        format!("300,20260601,{values},A,,,20260602000000,"),
        "200,6123456789,B1,,B1,N1,METER1,kWh,15,".to_owned(),
        "300,20260601,0.1,0.2,A,,,20260602000000,".to_owned(),
        "900".to_owned(),
    ]
    .join("\n")
}

/// How a NEM12 file of our meter is read.
const NEM12: &str = "format=nem12&name=6123456789";

fn upload(device: &Device, query: &str, body: String) -> TestRequest {
    let path = format!("/v1/meters/{}/files?{query}", device.meter);
    TestRequest::post().uri(&path).set_payload(body)
}

fn utility() -> String {
    token(None, community(), &[Role::Utility])
}

#[actix_web::test]
async fn a_file_is_taken_in_once_and_its_rows_are_accounted_for() {
    let one = Device::new("H01");
    for home in Home::everywhere(std::slice::from_ref(&one)).await {
        let own = token(Some(one.account()), community(), &[Role::Prosumer]);
        let (status, _) = ask(&home, upload(&one, NEM12, nem12(10)), &own).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "whoever is billed does not bring the proof");
        let send = || upload(&one, NEM12, nem12(10));
        let (status, file) = ask(&home, send(), &utility()).await;
        assert_eq!(status, StatusCode::OK, "{file}");
        assert_eq!((&file["state"], &file["trust"]), (&json!("done"), &json!("unsigned")));
        assert_eq!(file["intervals"], 96);
        home.hand.move_to(at(1));
        assert_eq!(ask(&home, send(), &utility()).await.1, file, "the same again");

        let path = format!("/v1/meters/{}/files/{}", one.meter, file["file"].as_str().unwrap());
        let (_, report) = get(&home, &format!("{path}?limit=1000"), &own).await;
        let rows = report["rows"]["items"].as_array().unwrap();
        let of = |code: &str| rows.iter().filter(|row| row["code"] == code).count();
        assert_eq!(of("OTHER_METER"), 96);
        assert_eq!(of("INTERVAL_COUNT"), 1, "{rows:?}");
        let told = ["rejected", "left_out"].map(|name| file[name].as_u64().unwrap());
        assert_eq!(rows.len() as u64, told.iter().sum::<u64>());
        let (_, first) = get(&home, &format!("{path}?limit=50"), &own).await;
        let next = first["rows"]["next"].as_str().unwrap();
        let (_, second) = get(&home, &format!("{path}?limit=50&cursor={next}"), &own).await;
        assert_eq!(second["rows"]["items"][0], rows[50]);

        let (_, files) = get(&home, &format!("/v1/meters/{}/files", one.meter), &own).await;
        assert_eq!(files["items"].as_array().unwrap().len(), 1);
        let stranger = token(Some(Device::new("H02").account()), community(), &[Role::Prosumer]);
        assert_eq!(get(&home, &path, &stranger).await.0, StatusCode::NOT_FOUND);
    }
}

#[actix_web::test]
async fn a_file_that_cannot_be_read_says_where_and_a_wrong_question_why() {
    let one = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&one)).await;
    let cut = nem12(10).replace("\n900", "");
    let (status, file) = ask(&home, upload(&one, NEM12, cut), &utility()).await;
    assert_eq!((status, &file["state"]), (StatusCode::OK, &json!("refused")));
    assert!(file["refusal"].as_str().unwrap().contains("TRUNCATED"), "{file}");
    for query in ["format=pdf", "format=csv", "format=nem12&mapping=%7B%7D", "format=csv&mapping=x"]
    {
        let (status, problem) = ask(&home, upload(&one, query, nem12(1)), &utility()).await;
        let expected = (StatusCode::BAD_REQUEST, &json!("MALFORMED"));
        assert_eq!((status, &problem["code"]), expected, "{query}");
    }
    let large = "x".repeat((16 << 20) + 1);
    let (status, _) = ask(&home, upload(&one, NEM12, large), &utility()).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[actix_web::test]
async fn a_csv_is_read_by_its_mapping_and_the_newest_file_counts() {
    let one = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&one)).await;
    let mapping = json!({
        "time": { "columns": ["time"], "pattern": "%Y-%m-%d %H:%M", "zone": "UTC",
                  "label": "start" },
        "minutes": 15, "meter": { "fixed": "meter 7" },
        "energy": [{ "column": "wh", "unit": "Wh", "direction": "import" }],
    });
    let encode =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let query = format!("format=csv&name=meter%207&mapping={}", encode(&mapping.to_string()));
    let csv = |wh: u32| {
        format!("time,wh\n2026-05-31 18:15,{wh}\n2026-05-31 18:30,20\n2026-05-31 18:45,x\n")
    };
    for wh in [10, 12] {
        let (status, file) = ask(&home, upload(&one, &query, csv(wh)), &utility()).await;
        assert_eq!(
            (status, &file["intervals"], &file["rejected"]),
            (StatusCode::OK, &json!(2), &json!(1)),
            "{file}"
        );
    }
    home.hand.move_to(at(1));
    home.hear(&[one.read(1, 0, 100, 0), one.read(2, 1, 110, 0)]).await;
    home.pass(1).await;
    let path = format!("/v1/meters/{}/comparison?from={}&to={}", one.meter, at(0), at(8));
    let (status, said) = get(&home, &path, &utility()).await;
    assert_eq!(status, StatusCode::OK, "{said}");
    let shown = |window: &Value| {
        (window["file_wh"].clone(), window["signed_wh"].clone(), window["difference_wh"].clone())
    };
    let windows: Vec<_> = said["windows"].as_array().unwrap().iter().map(shown).collect();
    assert_eq!(windows, [(json!(12), json!(10), json!(2)), (json!(20), Value::Null, Value::Null),]);
    assert_eq!((&said["file_import_wh"], &said["signed_import_wh"]), (&json!(12), &json!(10)));
    let own = token(Some(one.account()), community(), &[Role::Prosumer]);
    let intervals = format!("/v1/intervals?connection_point={}", one.point());
    let (_, intervals) = get(&home, &intervals, &own).await;
    assert_eq!(intervals["items"][0]["import_wh"], 10, "what is billed is what was signed");
}

#[actix_web::test]
async fn what_was_measured_goes_out_as_a_file_and_comes_back_the_same() {
    let one = Device::new("H01");
    for home in Home::everywhere(std::slice::from_ref(&one)).await {
        home.hand.move_to(at(3));
        home.hear(&[one.read(1, 0, 0, 0), one.read(2, 1, 50, 1), one.read(4, 3, 71, 2)]).await;
        home.pass(4).await;
        let own = token(Some(one.account()), community(), &[Role::Prosumer]);
        let file = |query: &str| format!("/v1/meters/{}/interval-file?{query}", one.meter);

        let (status, csv) = bytes(&home, &file("format=csv&name=HOME"), &own).await;
        assert_eq!(status, StatusCode::OK);
        let mut reader = meterdata::Import::new(canonical::Reader::new(&csv[..]));
        let mut found = Vec::new();
        while let Some(item) = reader.next_item().unwrap() {
            let Item::Record(record) = item else { panic!("{item:?}") };
            assert_eq!(record.meter.as_str(), "HOME");
            found.push((record.direction.name(), record.energy.wh(), record.quality.name()));
        }
        let expected = [
            ("import", 50, "measured"),
            ("export", 1, "measured"),
            ("import", 11, "substituted"),
            ("export", 1, "substituted"),
            ("import", 10, "substituted"),
            ("export", 0, "substituted"),
        ];
        assert_eq!(found[..6], expected);

        // Whoever gets the file can send it in again: it says what was measured.
        let (status, sent) =
            bytes(&home, &file("format=nem12&name=6123456789&timezone=Europe/Berlin"), &own).await;
        assert_eq!(status, StatusCode::OK);
        let text = String::from_utf8(sent).unwrap();
        assert!(text.starts_with("100,NEM12,") && text.trim_end().ends_with("900"), "{text}");
        let back = upload(&one, "format=nem12&name=6123456789&timezone=Europe/Berlin", text);
        let (status, taken) = ask(&home, back, &utility()).await;
        assert_eq!((status, &taken["state"]), (StatusCode::OK, &json!("done")), "{taken}");

        let (status, xml) = bytes(&home, &file("format=greenbutton"), &own).await;
        assert_eq!(status, StatusCode::OK);
        assert!(String::from_utf8(xml).unwrap().contains("<IntervalBlock"));
        for bad in ["format=pdf", "format=nem12&mapping=x", "format=nem12&name=not-one"] {
            let (status, problem) = get(&home, &file(bad), &own).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}: {problem}");
        }
    }
}
