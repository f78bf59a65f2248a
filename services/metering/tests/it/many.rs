//! Many meters at once: what is done in sets of rows leaves what a few at a time would leave.

use std::time::Duration;

use db::{Cell, DbError, Row, insert_rows, query, query_scalar};
use metering::Metering;
use reading::SignedReading;
use service::{Clock, Tick};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use crate::home::{Device, Home, SLOT, anchor, at, nowhere};

const METERS: usize = 24;
/// A local day and the first slots of the next.
const SLOTS: u32 = 100;
/// How many messages "a few" are.
const FEW: usize = 5;

fn devices() -> Vec<Device> {
    (0..METERS).map(|number| Device::new(&format!("M{number}"))).collect()
}

/// Gives every meter the same salts in each home, which are random otherwise.
async fn salt(home: &Home, devices: &[Device]) {
    let mut rows = Vec::new();
    for device in devices {
        for day in 20_600..20_610_i64 {
            let salt = Sha256::digest(format!("{}/{day}", device.name)).to_vec();
            rows.push(vec![Cell::Text(device.meter.to_string()), Cell::Int(day), salt.into()]);
        }
    }
    let insert = home.metering.db().transact::<_, DbError, _>(move |tx| {
        Box::pin(insert_rows(tx, "insert into salt (meter, day, salt)", 3, rows, ""))
    });
    insert.await.unwrap();
}

/// All that the tables hold: events with their ids, transactions with their roots, readings with
/// their marks, versions, leaves, and what was kept apart.
async fn left(home: &Home) -> Vec<String> {
    const TABLES: [&str; 7] = [
        "select id || ' ' || subject || ' ' || occurred_at || ' ' || body, null from outbox \
         order by place",
        "select cause || ' ' || nonce, call from chain_tx order by nonce",
        "select meter || ' ' || page || ' ' || time || ' ' || import_wh || ' ' || received_at \
         || ' ' || fresh || ' ' || published || ' ' || coalesce(slot_batch, -1), signature \
         from reading order by meter, page",
        "select meter || ' ' || slot || ' ' || version || ' ' || account || ' ' || import_wh \
         || ' ' || export_wh || ' ' || quality || ' ' || coalesce(method, '-') || ' ' || known_at, \
         null from energy_interval order by meter, slot, version",
        "select slot || ' ' || batch || ' ' || leaves, root from slot_anchor order by slot, batch",
        "select day || ' ' || batch || ' ' || meter, leaf from day_leaf order by day, batch, meter",
        "select digest || ' ' || meter || ' ' || coalesce(community, '-') || ' ' || code || ' ' \
         || bytes || ' ' || first_at || ' ' || last_at || ' ' || repeats, message from quarantine \
         order by place",
    ];
    let mut left = Vec::new();
    for sql in TABLES {
        for row in query(sql).fetch_all(home.metering.db().read()).await.unwrap() {
            let bytes: Option<Vec<u8>> = row.try_get(1).ok().flatten();
            left.push(format!(
                "{} {}",
                row.get::<String, _>(0),
                hex::encode(bytes.unwrap_or_default())
            ));
        }
    }
    left
}

/// The reading of `device` at the end of a slot; each slot takes another amount.
fn read(device: &Device, slot: u32) -> SignedReading {
    let taken = u64::from(slot) * 100 + u64::from(slot % 7);
    device.read(slot + 1, slot.into(), taken, u64::from(slot) * 3)
}

/// Whether the reading of the meter in this place comes late: at most one in a slot.
fn is_late(place: usize, slot: u32) -> bool {
    slot % 3 == 1 && place == usize::try_from(slot).unwrap() % METERS
}

/// A day in which now and then a reading comes four slots late. `at_once` messages are stored
/// before what is due is done.
async fn live(home: &Home, devices: &[Device], at_once: usize) {
    salt(home, devices).await;
    for slot in 0..SLOTS {
        home.hand.move_to(at(slot.into()));
        let said = devices.iter().enumerate().filter(|(place, _)| !is_late(*place, slot));
        let said = Vec::from_iter(said.map(|(_, device)| read(device, slot)));
        // The boundary at the start ends a slot that closed before anybody was there.
        let at_once = if slot == 0 { METERS } else { at_once };
        for part in said.chunks(at_once) {
            home.hear(part).await;
            home.pass(slot.into()).await;
        }
        let late = (0..METERS).find(|place| slot >= 4 && is_late(*place, slot - 4));
        if let Some(place) = late {
            home.hear(&[read(&devices[place], slot - 4)]).await;
            home.pass(slot.into()).await;
        }
        home.pass_seconds(i64::from(slot) * SLOT + 700).await;
    }
}

#[actix_web::test]
async fn a_slot_closed_for_many_meters_leaves_what_a_few_at_a_time_leave() {
    let devices = devices();
    let few = Home::with(&devices).await;
    live(&few, &devices, FEW).await;
    let expected = left(&few).await;
    let versions = expected.iter().filter(|row| row.contains(" substituted E1 ")).count();
    assert!(versions > 30, "late readings were substituted at first: {versions}");
    for home in Home::everywhere(&devices).await {
        live(&home, &devices, METERS).await;
        assert_eq!(left(&home).await, expected);
    }
}

/// More slots than thirty days have.
const LATER: i64 = 3_000;

#[actix_web::test]
async fn readings_of_many_months_and_of_two_services_are_kept_once() {
    let one = Device::new("H01");
    for home in Home::everywhere(std::slice::from_ref(&one)).await {
        let (clock, _) = Clock::set(at(10 * LATER));
        let other = Metering::open(home.config(), clock, anchor(), nowhere()).await.unwrap();
        home.hand.move_to(at(10 * LATER));
        let read = |page: u32| one.read(page, i64::from(page) * LATER, page.into(), 0);
        // In turns, and each page to both: what one remembers the other has made old.
        for page in 1..=10 {
            let bytes = read(page).encode().to_vec();
            let first = other.store(vec![(one.meter, bytes)]).await.unwrap();
            assert_eq!((first.accepted, first.duplicates), (1, 0), "page {page}");
            let lie = one.read(page, i64::from(page) * LATER, 0, 1);
            let second = home.hear(&[read(page), lie]).await;
            assert_eq!((second.duplicates, second.quarantined), (1, 1), "page {page}");
        }
        assert_eq!(home.stored_pages(&one).await, (1..=10).collect::<Vec<_>>());
        assert_eq!(home.quarantined().await, ["PAGE_CONFLICT"; 10]);
        if home.metering.db().kind() == db::Kind::Postgres {
            let parts = parts(&home).await;
            assert!((4..=10).contains(&parts), "{parts} parts of ten months");
            home.metering.tick(at(10 * LATER)).await.unwrap();
            assert_eq!(self::parts(&home).await, parts + 2, "sixty days ahead");
        }
    }
}

#[actix_web::test]
async fn parts_that_are_made_ahead_give_way_to_whoever_reads() {
    let home = Home::on_postgres().await;
    let (reads, reading) = oneshot::channel();
    let (end, ended) = oneshot::channel::<()>();
    let db = home.metering.db().clone();
    let reader = tokio::spawn(async move {
        db.transact::<_, DbError, _>(move |tx| {
            Box::pin(async move {
                query("select count(*) from reading").fetch_one(tx.conn()).await?;
                reads.send(()).unwrap();
                ended.await.ok();
                Ok(())
            })
        })
        .await
    });
    reading.await.unwrap();
    let (before, now) = (parts(&home).await, at(10 * LATER));
    let refused = tokio::time::timeout(Duration::from_secs(30), home.metering.tick(now)).await;
    assert!(refused.expect("it does not wait for the reader").is_err());
    assert_eq!(parts(&home).await, before);
    end.send(()).unwrap();
    reader.await.unwrap().unwrap();
    home.metering.tick(now).await.unwrap();
    assert_eq!(parts(&home).await, before + 3, "the next tick makes them");
}

/// How many parts the readings' table has on PostgreSQL.
async fn parts(home: &Home) -> i64 {
    query_scalar("select count(*) from pg_inherits where inhparent = 'reading'::regclass")
        .fetch_one(home.metering.db().read())
        .await
        .unwrap()
}

/// What arrives in one slot: readings, repeats, forgeries that come twice, other contents for a
/// page that is known, strangers, a page before its predecessor.
fn arrivals(devices: &[Device], slot: u32) -> Vec<SignedReading> {
    let mut said = Vec::new();
    for (place, device) in devices.iter().enumerate() {
        let (signed, next) = (read(device, slot), read(device, slot + 1));
        let forged = SignedReading { signature: next.signature, ..signed };
        let other = device.read(slot + 1, slot.into(), 1, 1);
        said.extend(match (place + usize::try_from(slot).unwrap()) % 6 {
            0 => vec![signed, signed],
            1 => vec![forged, forged, signed],
            2 => vec![signed, other, forged],
            3 => vec![read(&Device::new("stranger"), slot), signed],
            4 if slot.is_multiple_of(2) => vec![],
            4 => vec![signed, read(device, slot - 1), read(device, slot - 1)],
            _ => vec![signed],
        });
    }
    said
}

#[actix_web::test]
async fn messages_of_one_batch_are_judged_as_if_they_came_one_by_one() {
    let devices = devices();
    let mut homes = Home::everywhere(&devices).await;
    homes.push(Home::with(&devices).await);
    let mut all = Vec::new();
    for (home, at_once) in homes.iter().zip([usize::MAX, usize::MAX, 1]) {
        salt(home, &devices).await;
        for slot in 0..12 {
            home.hand.move_to(at(slot.into()));
            for part in arrivals(&devices, slot).chunks(at_once) {
                home.hear(part).await;
            }
            home.pass(slot.into()).await;
        }
        all.push((home.quarantined().await.len(), left(home).await));
    }
    assert!(all[0].0 > 50, "{}", all[0].0);
    assert_eq!(all[0], all[2]);
    assert_eq!(all[1], all[2]);
}
