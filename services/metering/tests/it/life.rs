//! A meter's life: its next key, its end, its next beginning, its calibration.

use access::Role;
use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use contracts::SolCall;
use contracts::bindings::MeterRegistry::{enrolCall, revokeCall, rotateCall};
use db::{DbError, Row, query};
use events::identity::{MeterEnrolled, MeterHandedOver};
use keys::SecretKey;
use serde_json::json;

use crate::api::{ask, get, token};
use crate::home::{Device, Home, SLOT, at, community};

/// The calls of the registry that were handed to the chain, in the order of their nonces.
async fn registry_calls(home: &Home) -> Vec<&'static str> {
    let rows = query("select call from chain_tx where cause like 'registry/%' order by nonce")
        .fetch_all(home.metering.db().read())
        .await
        .unwrap();
    let named = [
        ("enrol", enrolCall::SELECTOR),
        ("rotate", rotateCall::SELECTOR),
        ("revoke", revokeCall::SELECTOR),
    ];
    let calls = rows.iter().map(|row| {
        let kept: Vec<u8> = row.get(0);
        let has = |selector: [u8; 4]| kept.windows(4).any(|window| window == selector);
        named.iter().find(|(_, selector)| has(*selector)).unwrap().0
    });
    calls.collect()
}

fn next_key(device: &Device) -> Device {
    Device { key: SecretKey::from_bytes(&[77; 32]).unwrap(), ..device.clone() }
}

#[actix_web::test]
async fn a_page_is_signed_by_the_old_key_before_the_change_and_by_the_next_one_after_it() {
    let old = Device::new("H01");
    let next = next_key(&old);
    for home in Home::everywhere(std::slice::from_ref(&old)).await {
        home.hand.move_to(at(2));
        home.hear(&[old.read(1, 1, 10, 0), old.read(2, 2, 20, 0)]).await;
        home.rotate(&old, &next.key, 5, 4).await;
        home.hand.move_to(at(8));
        let tally = home
            .hear(&[
                // Not yet: by its page, by its time, by both.
                next.read(5, 3, 30, 0),
                next.read(4, 4, 40, 0),
                next.read(3, 3, 30, 0),
                old.read(3, 3, 30, 0),
                // No longer.
                old.read(5, 4, 40, 0),
                old.read(4, 4, 40, 0),
                next.read(5, 4, 40, 0),
                next.read(6, 5, 50, 0),
                old.read(7, 6, 60, 0),
                // A page of the old key between those of the next, in whatever time.
                old.read(6, 3, 35, 0),
            ])
            .await;
        assert_eq!((tally.accepted, tally.quarantined), (3, 7));
        assert_eq!(home.stored_pages(&old).await, [1, 2, 3, 5, 6]);
        assert_eq!(home.quarantined().await, ["SIGNATURE"; 7]);
    }
}

#[actix_web::test]
async fn what_a_next_key_said_before_its_event_came_counts_once_it_has_come() {
    let old = Device::new("H01");
    let next = next_key(&old);
    for home in Home::everywhere(std::slice::from_ref(&old)).await {
        home.hand.move_to(at(8));
        let forged = Device { key: SecretKey::from_bytes(&[78; 32]).unwrap(), ..old.clone() };
        home.hear(&[
            old.read(1, 1, 10, 0),
            next.read(5, 4, 40, 0),
            forged.read(6, 5, 55, 0),
            next.read(6, 5, 50, 0),
            // A page of the old key's: not now, and not later.
            next.read(2, 2, 20, 0),
        ])
        .await;
        assert_eq!(home.stored_pages(&old).await, [1]);
        home.rotate(&old, &next.key, 5, 4).await;
        assert_eq!(home.stored_pages(&old).await, [1, 5, 6]);
        assert_eq!(home.quarantined().await, ["SIGNATURE"; 2]);
        let tally = home.hear(&[next.read(6, 5, 50, 0), next.read(7, 6, 60, 0)]).await;
        assert_eq!((tally.duplicates, tally.accepted), (1, 1));
    }
}

#[actix_web::test]
async fn the_registry_hears_of_a_next_key_between_the_last_reading_and_the_first() {
    let old = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&old)).await;
    home.rotate(&old, &next_key(&old).key, 5, 4).await;
    home.pass_seconds(3 * SLOT).await;
    assert_eq!(registry_calls(&home).await, ["enrol"], "the reading of now is the old key's");
    home.pass_seconds(3 * SLOT + 1).await;
    home.pass_seconds(3 * SLOT + 2).await;
    assert_eq!(registry_calls(&home).await, ["enrol", "rotate"]);
}

#[actix_web::test]
async fn a_meter_goes_to_its_next_owner_right_after_a_slot_and_counts_on() {
    let one = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&one)).await;
    let MeterEnrolled { meter, connection_point, key, enrolment, .. } = one.enrolled();
    let handed =
        MeterHandedOver { meter, connection_point, key, version: 2, from: at(4), enrolment };
    home.tell(&handed).await;
    home.pass(4).await;
    assert_eq!(registry_calls(&home).await, ["enrol"], "the reading of now is the last owner's");
    home.pass_seconds(4 * SLOT + 2).await;
    assert_eq!(registry_calls(&home).await, ["enrol", "revoke", "enrol"]);
    home.hear(&[one.read(1, 1, 10, 0), one.read(2, 4, 20, 0)]).await;
    home.hand.move_to(at(5));
    home.hear(&[one.read(3, 5, 30, 0)]).await;
    assert_eq!(home.stored_pages(&one).await, [1, 2, 3], "for the device nothing has changed");

    // Of each meter the end and the beginning go together, that they are in one block.
    let two = [Device::new("H03"), Device::new("H04")];
    let home = Home::with(&two).await;
    for one in &two {
        let (meter, key) = (one.meter, one.key.address());
        let connection_point = one.enrolled().connection_point;
        home.tell(&MeterHandedOver { meter, connection_point, key, ..handed.clone() }).await;
    }
    home.pass_seconds(4 * SLOT + 1).await;
    assert_eq!(registry_calls(&home).await[2..], ["revoke", "enrol", "revoke", "enrol"]);

    // Both wait when the meter is revoked: as the registry counts, so they go.
    let other = Device::new("H02");
    let home = Home::with(std::slice::from_ref(&other)).await;
    let (meter, key) = (other.meter, other.key.address());
    let connection_point = other.enrolled().connection_point;
    home.tell(&MeterHandedOver { meter, connection_point, key, from: at(40), ..handed }).await;
    home.revoke(&other).await;
    assert_eq!(registry_calls(&home).await, ["enrol", "revoke", "enrol", "revoke"]);
}

#[actix_web::test]
async fn staff_is_told_that_the_registry_has_missed_a_next_key_or_owner() {
    let (one, two, three) = (Device::new("H01"), Device::new("H02"), Device::new("H03"));
    for home in Home::everywhere(&[one.clone(), two.clone(), three.clone()]).await {
        let warnings = async |device: &Device| {
            let path = format!("/v1/meters/{}/status", device.meter);
            let operator = token(None, community(), &[Role::Operator]);
            get(&home, &path, &operator).await.1["warnings"].clone()
        };
        for device in [&one, &two] {
            home.rotate(device, &next_key(device).key, 5, 4).await;
        }
        let MeterEnrolled { meter, connection_point, key, enrolment, .. } = three.enrolled();
        let handed =
            MeterHandedOver { meter, connection_point, key, version: 2, from: at(4), enrolment };
        home.tell(&handed).await;
        // The rotation expires 96 slots behind its first reading, and no node ever answers.
        home.pass_seconds(100 * SLOT + 300).await;
        for (device, status) in [(&two, 1), (&three, 2)] {
            let decide = "update chain_tx set status = $1 where cause in \
                          (select cause from rotation where meter = $2)";
            let meter = device.meter.to_string();
            let decided = home.metering.db().transact::<_, DbError, _>(move |tx| {
                Box::pin(async move {
                    Ok(query(decide).bind(status).bind(meter).execute(tx.conn()).await?)
                })
            });
            assert_eq!(decided.await.unwrap().rows_affected(), 2);
        }
        for device in [&one, &three] {
            assert_eq!(warnings(device).await, json!([]), "it may be on its way");
        }
        home.pass_seconds(100 * SLOT + 301).await;
        assert_eq!(warnings(&three).await, json!(["ENROLMENT_MISSED"]));
        assert_eq!(warnings(&one).await, json!(["ROTATION_MISSED"]));
        assert_eq!(warnings(&two).await, json!([]));
        home.revoke(&one).await;
        home.tell(&next_key(&one).enrolled()).await;
        assert_eq!(warnings(&one).await, json!([]), "it has begun anew");
    }
}

#[actix_web::test]
async fn a_next_key_that_waits_goes_before_the_end_of_its_meter() {
    let old = Device::new("H01");
    let home = Home::with(std::slice::from_ref(&old)).await;
    home.rotate(&old, &next_key(&old).key, 5, 40).await;
    home.revoke(&old).await;
    assert_eq!(registry_calls(&home).await, ["enrol", "rotate", "revoke"]);
    home.pass(40).await;
    assert_eq!(registry_calls(&home).await.len(), 3);
}

#[actix_web::test]
async fn a_meter_that_is_enrolled_again_counts_with_its_new_key_alone() {
    let one = Device::new("H01");
    let again = next_key(&one);
    for home in Home::everywhere(std::slice::from_ref(&one)).await {
        home.hand.move_to(at(2));
        home.hear(&[one.read(1, 1, 10, 0)]).await;
        home.revoke(&one).await;
        home.hear(&[one.read(2, 2, 20, 0)]).await;
        let mut enrolled = again.enrolled();
        enrolled.valid_from = at(3);
        home.tell(&enrolled).await;
        home.hand.move_to(at(5));
        home.hear(&[
            one.read(2, 2, 20, 0),
            one.read(4, 4, 40, 0),
            again.read(3, 3, 30, 0),
            again.read(4, 4, 40, 0),
        ])
        .await;
        assert_eq!(home.stored_pages(&one).await, [1, 3, 4]);
        assert_eq!(home.quarantined().await, ["REVOKED", "UNKNOWN_METER", "SIGNATURE"]);
    }
}

#[actix_web::test]
async fn a_reading_after_the_calibration_counts_and_is_flagged() {
    let one = Device::new("H01");
    for home in Home::everywhere(std::slice::from_ref(&one)).await {
        let operator = token(None, community(), &[Role::Operator]);
        let own = token(Some(one.account()), community(), &[Role::Prosumer]);
        let path = format!("/v1/meters/{}/description", one.meter);
        let said = json!({ "calibrated_until": "2026-06-01", "storage": false });
        let put = |body| TestRequest::put().uri(&path).set_json(body);
        let (status, _) = ask(&home, put(said.clone()), &own).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        let (status, kept) = ask(&home, put(said.clone()), &operator).await;
        assert_eq!((status, kept), (StatusCode::OK, said.clone()));
        for (field, value, code) in
            [("latitude", json!(1), "MALFORMED"), ("modules_w", json!(2_000_000_000), "POWER")]
        {
            let mut bad = said.clone();
            bad[field] = value;
            assert_eq!(ask(&home, put(bad), &operator).await.1["code"], code);
        }

        let status_path = format!("/v1/meters/{}/status", one.meter);
        home.hand.move_to(at(96));
        home.hear(&[one.read(1, 96, 10, 0)]).await;
        let (_, status) = get(&home, &status_path, &own).await;
        assert_eq!(status["warnings"], json!([]), "the day in Kathmandu has just ended");
        home.hand.move_to(at(97));
        home.hear(&[one.read(2, 97, 20, 0)]).await;
        let (_, status) = get(&home, &status_path, &own).await;
        assert_eq!(status["warnings"], json!(["CALIBRATION_EXPIRED"]));
        assert_eq!((&status["firmware"], &status["description"]), (&json!(1), &said));
        assert_eq!(status["last_seen"], at(97).to_string());
        let readings = format!("/v1/readings?meter={}", one.meter);
        let (_, page) = get(&home, &readings, &own).await;
        let flags: Vec<_> =
            page["items"].as_array().unwrap().iter().map(|it| &it["flags"]).collect();
        assert_eq!(flags, [&json!([]), &json!(["CALIBRATION_EXPIRED"])]);
    }
}
