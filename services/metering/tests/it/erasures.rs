//! What a meter said is erased, and nobody else's proof with it.

use access::Role;
use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use db::query_scalar;
use metering::Tally;
use reading::SignedReading;
use serde_json::{Value, json};

use crate::api::{ask, get, token};
use crate::home::{Device, Home, at, community};

/// A hundred days later.
const LATER: i64 = 96 * 100;

/// The first day of `device`, from midnight to midnight.
fn a_day(device: &Device) -> Vec<SignedReading> {
    (1..=97).map(|page| device.read(page, i64::from(page) - 1, u64::from(page) * 10, 0)).collect()
}

async fn rows(home: &Home, table: &str, device: &Device) -> i64 {
    let sql = format!("select count(*) from {table} where meter = $1");
    let count = query_scalar(db::AssertSqlSafe(sql)).bind(device.meter.to_string());
    count.fetch_one(home.metering.db().read()).await.unwrap()
}

async fn erase(home: &Home, device: &Device, before: &str, token: &str) -> (StatusCode, Value) {
    let path = format!("/v1/meters/{}/erasures", device.meter);
    let body = json!({ "before": before });
    ask(home, TestRequest::post().uri(&path).set_json(body), token).await
}

fn evidence(device: &Device, slots: i64) -> String {
    format!("/v1/readings/evidence?meter={}&time={}", device.meter, at(slots))
}

#[actix_web::test]
async fn what_is_erased_is_gone_and_the_proofs_of_others_stay() {
    let devices = ["H01", "H02", "H03", "H04"].map(Device::new);
    let [one, two, three, four] = &devices;
    let admin = token(None, community(), &[Role::Admin]);
    let own = |device: &Device| token(Some(device.account()), community(), &[Role::Prosumer]);
    for mut home in Home::everywhere(&devices).await {
        home.hand.move_to(at(97));
        for device in &devices {
            home.hear(&a_day(device)).await;
        }
        home.pass(97).await;
        let before = get(&home, &evidence(two, 1), &own(two)).await;
        assert_eq!((before.0, &before.1["count"]), (StatusCode::OK, &json!(4)));

        let operator = token(None, community(), &[Role::Operator]);
        for other in [&own(one), &operator] {
            let (status, _) = erase(&home, one, "2026-06-02", other).await;
            assert_eq!(status, StatusCode::FORBIDDEN);
        }
        let (_, refused) = erase(&home, one, "2026-06-02", &admin).await;
        assert_eq!(refused["code"], "TOO_RECENT");

        for device in [one, two, three] {
            home.revoke(device).await;
        }
        home.hand.move_to(at(LATER));
        let (_, refused) = erase(&home, one, "2026-06-03", &admin).await;
        assert_eq!(refused["code"], "NOT_ANCHORED", "the second day is not over here");
        for _ in 0..2 {
            let (status, erased) = erase(&home, one, "2026-06-02", &admin).await;
            assert_eq!(status, StatusCode::OK, "{erased}");
            assert_eq!(erased.as_array().unwrap().len(), 1, "{erased}");
            assert_eq!(
                (&erased[0]["readings"], &erased[0]["before"]),
                (&json!(96), &json!("2026-06-02"))
            );
        }
        assert_eq!(home.stored_pages(one).await, [97], "midnight belongs to the next day");
        for table in ["salt", "checked", "estimate", "energy_interval"] {
            assert!(rows(&home, table, two).await >= rows(&home, table, one).await);
        }
        assert_eq!(rows(&home, "energy_interval", one).await, 0);
        assert_eq!(rows(&home, "salt", one).await, 1);

        assert_eq!(get(&home, &evidence(two, 1), &own(two)).await, before);
        assert_eq!(get(&home, &evidence(one, 1), &own(one)).await.0, StatusCode::NOT_FOUND);
        let tally = home.hear(&[one.read(5, 4, 50, 0)]).await;
        assert_eq!(tally, Tally { duplicates: 1, ..Tally::default() });
        assert_eq!(home.stored_pages(one).await, [97]);

        // The next reading of a meter that is enrolled is held against its last one.
        let (_, erased) = erase(&home, four, "2026-06-05", &admin).await;
        assert_eq!(erased[0]["before"], "2026-06-02", "{erased}");
        assert_eq!(home.stored_pages(four).await, [97]);
        let tally = home.hear(&[four.read(98, 9_000, 5, 0)]).await;
        assert_eq!((tally.accepted, tally.quarantined), (0, 1), "its register ran backwards");
        assert_eq!(home.hear(&[four.read(98, 9_000, 2_000, 0)]).await.accepted, 1);
        home.revoke(four).await;

        home.keep_readings(92).await;
        home.pass(LATER).await;
        home.pass(LATER + 96).await;
        for device in [one, two, three] {
            assert_eq!(home.stored_pages(device).await, [0_i64; 0]);
            for table in ["salt", "checked", "finding", "estimate", "energy_interval"] {
                assert_eq!(rows(&home, table, device).await, 0, "{table}");
            }
        }
        assert_eq!(home.stored_pages(four).await, [98]);
        assert_eq!(home.quarantined().await.len(), 1, "it came less than 92 days ago");
        let path = format!("/v1/meters/{}/erasures", three.meter);
        let (_, erased) = get(&home, &path, &own(three)).await;
        assert_eq!(
            (&erased[0]["readings"], &erased[0]["ordered_by"]),
            (&json!(97), &json!("retention"))
        );
        assert_eq!(get(&home, &evidence(two, 1), &own(two)).await.0, StatusCode::NOT_FOUND);
    }
}
