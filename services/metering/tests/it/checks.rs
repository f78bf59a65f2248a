//! The rules over what is stored: they remark, and change nothing.

use access::Role;
use actix_web::test::TestRequest;
use reading::{SignedReading, Status};
use serde_json::{Value, json};

use crate::api::{ask, get, token};
use crate::home::{Device, Home, at, community};

/// The slots of a day.
const DAY: i64 = 96;

/// A day from midnight to midnight: 97 pages, `wh` in each slot and as told in some.
fn day(device: &Device, number: i64, wh: u64, told: &[(i64, u64)]) -> Vec<SignedReading> {
    let first = number * DAY;
    let energy = |slot: i64| told.iter().find(|(at, _)| *at == slot).map_or(wh, |(_, wh)| *wh);
    // Every day before used the same, so that registers go on where they were.
    let mut import = 1000 + u64::try_from(first).unwrap() * wh;
    let mut readings = Vec::new();
    for slot in 0..=DAY {
        let page = u32::try_from(first + slot + 1).unwrap();
        readings.push(device.read(page, first + slot, import, 0));
        import += energy(slot);
    }
    if number > 0 {
        readings.remove(0);
    }
    readings
}

async fn checked(home: &Home, device: &Device) -> Vec<Value> {
    let auditor = token(None, community(), &[Role::Auditor]);
    let path = format!("/v1/meters/{}/checks", device.meter);
    let (_, page) = get(home, &path, &auditor).await;
    page["items"].as_array().unwrap().clone()
}

fn codes(day: &Value) -> Vec<(&str, &str, &str)> {
    let findings = day["findings"].as_array().unwrap().iter();
    findings
        .map(|it| ["rule", "code", "action"].map(|name| it[name].as_str().unwrap()).into())
        .collect()
}

#[actix_web::test]
async fn a_day_is_checked_once_it_is_over_and_again_when_more_is_known() {
    let one = Device::new("H01");
    for home in Home::everywhere(std::slice::from_ref(&one)).await {
        home.pass(0).await;
        let mut readings = day(&one, 0, 100, &[(40, 2000)]);
        let late = readings.remove(60);
        home.hand.move_to(at(DAY));
        home.hear(&readings).await;
        let mut forged = one.read(200, DAY, 1, 0);
        forged.signature = one.read(201, DAY, 1, 0).signature;
        home.hear(&[forged]).await;
        home.pass(DAY - 1).await;
        assert_eq!(checked(&home, &one).await, [] as [Value; 0], "the day is not over");
        home.pass(DAY).await;
        let days = checked(&home, &one).await;
        let [first] = days.as_slice() else { panic!("{days:?}") };
        let counts = ["slots", "measured", "substituted", "missing"].map(|name| &first[name]);
        assert_eq!(counts, [96, 94, 2, 0].map(Value::from).each_ref());
        let found = codes(first);
        assert!(found.contains(&("V1", "PAGE_GAP", "flag")), "{found:?}");
        assert!(found.contains(&("V5", "SPIKE", "flag")), "{found:?}");
        assert!(!found.iter().any(|(rule, ..)| *rule == "V4"), "{found:?}");
        let spike = first["findings"].as_array().unwrap();
        let spike = spike.iter().find(|it| it["code"] == "SPIKE").unwrap();
        assert_eq!(spike["channel"], "import");

        home.hear(&[late]).await;
        home.pass(DAY + 1).await;
        let days = checked(&home, &one).await;
        assert_eq!((&days[0]["measured"], &days[0]["substituted"]), (&json!(96), &json!(0)));
        let found = codes(&days[0]);
        assert!(!found.contains(&("V1", "PAGE_GAP", "flag")), "{found:?}");
        let interval = home.known(&one).await[&40].clone();
        assert_eq!(interval.import.wh(), 2000, "a finding changes no interval");
    }
}

#[actix_web::test]
async fn what_was_kept_apart_and_what_a_meter_says_of_itself_is_found() {
    let one = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&one)).await;
    home.pass(0).await;
    let mut readings = day(&one, 0, 100, &[]);
    let mut doubtful = readings[10].reading;
    doubtful.status = Status::from_bits(Status::ENERGY_ERROR | Status::CLOCK_UNSYNCHRONISED);
    readings[10] = doubtful.sign(&one.key);
    home.hand.move_to(at(50));
    home.hear(&readings[..50]).await;
    let mut forged = one.read(51, 50, 1, 0);
    forged.signature = one.read(52, 50, 1, 0).signature;
    let mut odd = one.read(51, 50, 6000, 0).reading;
    odd.time = odd.time.plus_seconds(-7);
    home.hear(&[forged, odd.sign(&one.key), one.read(51, 50, 9_000_000, 0)]).await;
    home.hand.move_to(at(DAY));
    home.hear(&readings[50..]).await;
    home.pass(DAY).await;
    let days = checked(&home, &one).await;
    let found = codes(&days[0]);
    for expected in [
        ("V1", "SIGNATURE", "fail"),
        ("V2", "NOT_A_SLOT_BOUNDARY", "fail"),
        ("V6", "TOO_FAST", "fail"),
        ("V1", "ENERGY_ERROR", "flag"),
        ("V3", "CLOCK_UNSYNCHRONISED", "flag"),
        ("V8", "FLAT_LINE", "warn"),
    ] {
        assert!(found.contains(&expected), "{expected:?} in {found:?}");
    }
    assert_eq!(days[0]["measured"], 96);
}

#[actix_web::test]
async fn what_is_open_is_estimated_beside_what_is_billed() {
    let one = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&one)).await;
    home.pass(0).await;
    // Three weeks of which every day has a high hour; then one with a gap around it.
    let peak = [(40, 500), (41, 500), (42, 500), (43, 500)];
    let days = 21;
    let mut import = 1000;
    let mut readings = vec![one.read(1, 0, import, 0)];
    for slot in 0..days * DAY {
        let energy = peak.iter().find(|(at, _)| *at == slot % DAY).map_or(100, |(_, wh)| *wh);
        import += energy;
        readings.push(one.read(u32::try_from(slot).unwrap() + 2, slot + 1, import, 0));
    }
    let last = (days - 1) * DAY;
    readings.retain(|it| {
        !(last + 38..last + 46).contains(&(it.reading.time.seconds_since(at(0)) / 900))
    });
    home.hand.move_to(at(days * DAY));
    home.hear(&readings).await;
    home.pass(days * DAY).await;
    let before = home.known(&one).await;
    let checked = checked(&home, &one).await;
    assert_eq!(checked.len(), 21);
    let estimates = checked[0]["estimates"].as_array().unwrap();
    let import = |it: &&Value| it["channel"] == "import";
    let shape: Vec<(u64, &str)> = estimates
        .iter()
        .filter(import)
        .map(|it| (it["energy_wh"].as_u64().unwrap(), it["method"].as_str().unwrap()))
        .collect();
    let form = [100, 100, 100, 500, 500, 500, 500, 100, 100];
    assert_eq!(shape, form.map(|wh| (wh, "E1-LIKE")), "the form of like days");
    // What is billed is the even share that anyone can prove, as before.
    let billed: Vec<u64> = (last + 37..last + 46).map(|slot| before[&slot].import.wh()).collect();
    assert_eq!(billed.iter().sum::<u64>(), 2500);
    assert!(billed.iter().all(|wh| wh.abs_diff(277) <= 1), "{billed:?}");
}

#[actix_web::test]
async fn what_is_fed_in_after_dark_needs_something_that_feeds_in() {
    let one = Device::new("H01");
    let operator = token(None, community(), &[Role::Operator]);
    for storage in [false, true] {
        let home = Home::with(std::slice::from_ref(&one)).await;
        let said = json!({
            "latitude": 27_700_000, "longitude": 85_300_000, "modules_w": 5000,
            "storage": storage,
        });
        let path = format!("/v1/meters/{}/description", one.meter);
        let put = TestRequest::put().uri(&path).set_json(&said);
        assert_eq!(ask(&home, put, &operator).await.0, 200);
        home.pass(0).await;
        // Half an hour after midnight in Kathmandu.
        let readings = (0..=DAY).map(|slot| {
            let page = u32::try_from(slot).unwrap() + 1;
            let import = 1000 + u64::try_from(slot * slot % 97).unwrap() + 200 * u64::from(page);
            one.read(page, slot, import, if slot > 2 { 300 } else { 0 })
        });
        let readings: Vec<_> = readings.collect();
        home.hand.move_to(at(DAY));
        home.hear(&readings).await;
        home.pass(DAY).await;
        let days = checked(&home, &one).await;
        let at_night = codes(&days[0]).contains(&("V9", "EXPORT_AT_NIGHT", "fail"));
        assert_eq!(at_night, !storage);
        let sold = home.known(&one).await[&2].clone();
        assert_eq!(sold.export.wh(), 300, "what was signed stays");
    }
}

#[actix_web::test]
async fn two_homes_that_say_the_same_are_told_apart_by_staff() {
    let (one, two) = (Device::new("H01"), Device::new("H02"));
    let home = Home::with(&[one.clone(), two.clone()]).await;
    home.pass(0).await;
    let line = |device: &Device, factor: u64| -> Vec<SignedReading> {
        let mut import = 0;
        let readings = (0..=DAY).map(|slot| {
            let page = u32::try_from(slot).unwrap() + 1;
            let reading = device.read(page, slot, import, 0);
            import += factor * (10 + u64::try_from(slot * 37 % 89).unwrap());
            reading
        });
        readings.collect()
    };
    home.hand.move_to(at(DAY));
    home.hear(&line(&one, 1)).await;
    home.hear(&line(&two, 3)).await;
    home.pass(DAY).await;
    let days = checked(&home, &one).await;
    let findings = days[0]["findings"].as_array().unwrap();
    let copy = findings.iter().find(|it| it["code"] == "TWIN_COPIES").unwrap();
    assert_eq!(copy["other_meter"], two.meter.to_string());
    let own = token(Some(one.account()), community(), &[Role::Prosumer]);
    let (_, page) = get(&home, &format!("/v1/meters/{}/checks", one.meter), &own).await;
    let findings = page["items"][0]["findings"].as_array().unwrap();
    let copy = findings.iter().find(|it| it["code"] == "TWIN_COPIES").unwrap();
    assert_eq!(copy.get("other_meter"), None, "a household does not learn whose");
}
