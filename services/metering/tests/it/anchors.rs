//! Roots over slots and days: what is handed to the chain proves what a meter said.

use alloy_primitives::{B256, keccak256};
use calendar::LocalDay;
use contracts::SolCall;
use contracts::bindings::ReadingAnchor::anchorCall;
use db::{Row, query};
use events::metering::DayAnchored;
use reading::{SignedReading, day_leaf};

use crate::home::{Device, Home, at, community};

/// The calls of `anchor` that wait to be sent, as their causes and arguments.
pub(crate) async fn calls(home: &Home, kind: u8) -> Vec<(String, anchorCall)> {
    let rows = query("select cause, call from chain_tx where cause like 'anchor/%' order by nonce")
        .fetch_all(home.metering.db().read())
        .await
        .unwrap();
    let calls = rows.iter().map(|row| {
        let (cause, kept): (String, Vec<u8>) = (row.get(0), row.get(1));
        // The call stands in the kept transaction as it is: its selector, then five words.
        let selector = anchorCall::SELECTOR;
        let start = kept.windows(4).position(|window| window == selector).unwrap();
        (cause, anchorCall::abi_decode(&kept[start..start + 4 + 5 * 32]).unwrap())
    });
    calls.filter(|(_, call)| call.kind == kind).collect()
}

/// The roots over the first day. The midnight that begins it ends the day before, which therefore
/// has a root too.
async fn of_the_day(home: &Home) -> Vec<DayAnchored> {
    let anchored = home.told::<DayAnchored>().await;
    anchored.into_iter().filter(|anchored| anchored.day == day()).collect()
}

fn day() -> LocalDay {
    "2026-06-01".parse().unwrap()
}

/// A day of `device`: 97 readings from midnight to midnight, without the pages in `lost`.
fn whole_day(device: &Device, lost: &[u32]) -> Vec<SignedReading> {
    let read = |page: u32| device.read(page, i64::from(page) - 1, u64::from(page) * 10, 0);
    (1..=97).filter(|page| !lost.contains(page)).map(read).collect()
}

fn proves(anchored: &DayAnchored, device: &Device, readings: &[SignedReading]) -> bool {
    let Some(leaf) = anchored.leaves.iter().find(|leaf| leaf.meter == device.meter) else {
        return false;
    };
    let hash = day_leaf(leaf.salt, device.meter, anchored.day, readings).unwrap();
    let (index, count) = (leaf.index.try_into().unwrap(), anchored.count.try_into().unwrap());
    merkle::verify(anchored.root, hash, index, count, &leaf.path)
        && leaf.pages.0 == readings[0].reading.page
        && leaf.pages.1 == readings[readings.len() - 1].reading.page
        && usize::from(leaf.readings) == readings.len()
}

#[actix_web::test]
async fn a_finished_day_is_anchored_once_and_proves_each_meters_readings() {
    let devices = [Device::new("H01"), Device::new("H02"), Device::new("H03")];
    for home in Home::everywhere(&devices).await {
        home.hand.move_to(at(96));
        for device in &devices {
            home.hear(&whole_day(device, &[])).await;
        }
        home.pass(95).await;
        assert_eq!(of_the_day(&home).await.len(), 0, "the day is not over");
        home.pass(96).await;
        home.pass(96).await;
        let anchored = of_the_day(&home).await;
        assert_eq!(anchored.len(), 1);
        assert_eq!((anchored[0].day, anchored[0].batch, anchored[0].count), (day(), 1, 3));
        for device in &devices {
            assert!(proves(&anchored[0], device, &whole_day(device, &[])));
            assert!(!proves(&anchored[0], device, &whole_day(device, &[50])));
        }
        let calls = calls(&home, 2).await;
        let of_day: Vec<_> = calls.iter().filter(|(_, call)| call.period == 20_605).collect();
        assert_eq!(of_day.len(), 1);
        let call = &of_day[0].1;
        assert_eq!(call.community, B256::from(community().to_bytes32()));
        assert_eq!((call.root, call.count), (anchored[0].root, 3));
    }
}

#[actix_web::test]
async fn a_late_reading_adds_a_batch_with_its_meter_alone() {
    let (one, two) = (Device::new("H01"), Device::new("H02"));
    for home in Home::everywhere(&[one.clone(), two.clone()]).await {
        home.hand.move_to(at(96));
        home.hear(&whole_day(&one, &[])).await;
        home.hear(&whole_day(&two, &[40])).await;
        home.pass(96).await;
        home.hear(&[two.read(40, 39, 400, 0)]).await;
        home.pass(97).await;
        let anchored = of_the_day(&home).await;
        assert_eq!(anchored.len(), 2);
        assert!(proves(&anchored[0], &two, &whole_day(&two, &[40])));
        assert_eq!((anchored[1].batch, anchored[1].count), (2, 1));
        assert!(proves(&anchored[1], &two, &whole_day(&two, &[])));
        assert!(!proves(&anchored[1], &one, &whole_day(&one, &[])));

        let slots = calls(&home, 1).await;
        let slot = at(38).unsigned();
        let of_slot: Vec<_> = slots.iter().filter(|(_, call)| call.period == slot).collect();
        let counts: Vec<u32> = of_slot.iter().map(|(_, call)| call.count).collect();
        assert_eq!(counts, [1, 1], "the late reading is appended, nothing is replaced");
        let causes: std::collections::HashSet<_> = slots.iter().map(|(cause, _)| cause).collect();
        assert_eq!(causes.len(), slots.len());
    }
}

#[actix_web::test]
async fn a_slot_root_is_made_of_salted_readings_in_order_of_meters() {
    let devices = [Device::new("H01"), Device::new("H02"), Device::new("H03")];
    for home in Home::everywhere(&devices).await {
        home.hand.move_to(at(1));
        for device in &devices {
            home.hear(&[device.read(1, 0, 10, 0), device.read(2, 1, 30, 0)]).await;
        }
        home.pass(1).await;
        let calls = calls(&home, 1).await;
        let call = &calls.iter().find(|(_, call)| call.period == at(0).unsigned()).unwrap().1;
        let mut readings: Vec<_> = devices.iter().map(|device| device.read(2, 1, 30, 0)).collect();
        readings.sort_by_key(|signed| signed.reading.meter);
        let mut leaves = Vec::new();
        for signed in readings {
            let row = query("select salt from salt where meter = $1 and day = $2")
                .bind(signed.reading.meter.to_string())
                .bind(i64::from(day().number()))
                .fetch_one(home.metering.db().read())
                .await
                .unwrap();
            let salt: Vec<u8> = row.get(0);
            let slot = at(0).unsigned().to_be_bytes();
            let salt = keccak256([b"SS1".as_slice(), &salt, &slot].concat());
            leaves.push(merkle::leaf(&[salt.as_slice(), &signed.encode()].concat()));
        }
        assert_eq!((call.root, call.count), (merkle::Tree::new(leaves).root(), 3));
    }
}

#[actix_web::test]
async fn an_enrolled_meter_is_handed_to_the_registry_on_chain_once() {
    let devices = [Device::new("H01"), Device::new("H02")];
    for home in Home::everywhere(&devices).await {
        home.enrol(&devices[0]).await;
        let rows = query("select cause from chain_tx where cause like 'registry/%'")
            .fetch_all(home.metering.db().read())
            .await
            .unwrap();
        assert_eq!(rows.len(), devices.len());
    }
}
