//! Meters, readings and records: what is anchored is found where a proof looks for it.

use alloy_primitives::{Address, B256, U256, keccak256};
use contracts::requests::{self, MeterEnrolment};
use contracts::storage::{self, MeterKey};
use contracts::{ContractEvent, READINGS_OF_DAY, READINGS_OF_SLOT};
use ids::{CommunityId, ConnectionPointId, MeterId};

use crate::world::{DAY, SLOT, World, key};

fn stored_key(world: &mut World, meter: MeterId, version: u32) -> MeterKey {
    let at = world.at.meters;
    MeterKey::from_words(storage::meter_key(meter, version).map(|place| world.word(at, place)))
}

#[test]
fn a_meter_gets_a_key_rotates_and_loses_it() {
    let mut world = World::new(1);
    let (owner, installer, operator) = (world.account(1), world.account(100), world.operator);
    let meter = MeterId::derived("H01");
    let enrolment = |version| MeterEnrolment {
        meter,
        key: key(200).address(),
        owner,
        installer,
        connection_point: ConnectionPointId::derived("H01"),
        version,
    };
    let enrol = |world: &World, of: MeterEnrolment, signers: [Address; 2]| {
        let hash = requests::enrolment(world.chain_id, world.at.meters, &of);
        let [owner, installer] = signers.map(|signer| world.sign(signer, hash));
        world.at.enrol(&of, owner, installer)
    };
    let good = enrol(&world, enrolment(1), [owner, installer]);
    world.refused(owner, good.clone(), "AccessControlUnauthorizedAccount");
    let nothing = MeterEnrolment { meter: MeterId::from_uuid(ids::Uuid::nil()), ..enrolment(1) };
    let bad = enrol(&world, nothing, [owner, installer]);
    world.refused(operator, bad, "NoMeter");
    for signers in [[installer, installer], [owner, owner]] {
        let bad = enrol(&world, enrolment(1), signers);
        world.refused(operator, bad, "BadSignature");
    }
    let not_installer = MeterEnrolment { installer: owner, ..enrolment(1) };
    let bad = enrol(&world, not_installer, [owner, owner]);
    world.refused(operator, bad, "AccessControlUnauthorizedAccount");
    let receipt = world.ok(operator, good.clone());
    assert_eq!(receipt.events[0].name(), "MeterRegistered");
    world.refused(operator, good.clone(), "AlreadyEnrolled");
    let first = stored_key(&mut world, meter, 1);
    let valid_from = world.now;
    assert_eq!(first, MeterKey { key: key(200).address(), valid_from, valid_to: 0, owner });

    world.now += 100;
    let rotate = |world: &World, signer: u64| {
        let new = key(201).address();
        let hash = requests::rotation(world.chain_id, world.at.meters, meter, new, (2, SLOT));
        world.at.rotate(meter, new, SLOT, (*key(signer).sign(hash).as_bytes()).into())
    };
    let (bad, good_rotation) = (rotate(&world, 201), rotate(&world, 200));
    world.refused(operator, bad, "BadSignature");
    let before = std::mem::replace(&mut world.now, SLOT + 1);
    world.refused(owner, good_rotation.clone(), "RotationExpired");
    world.now = before;
    world.ok(owner, good_rotation.clone());
    world.refused(owner, good_rotation, "BadSignature");
    let first = stored_key(&mut world, meter, 1);
    assert_eq!(first.valid_to, world.now);
    assert!(first.valid_at(world.now - 1) && !first.valid_at(world.now));
    assert_eq!(stored_key(&mut world, meter, 2).key, key(201).address());

    let revoke = world.at.revoke(meter);
    world.refused(installer, revoke.clone(), "NotAllowed");
    world.ok(owner, revoke.clone());
    world.refused(owner, revoke, "NotEnrolled");
    world.refused(operator, good, "BadSignature");
    let again = enrol(&world, enrolment(3), [owner, installer]);
    world.ok(operator, again);
    let versions = world.word(world.at.meters, storage::meter_versions(meter));
    assert_eq!(versions, U256::from(3));
}

#[test]
fn roots_of_readings_are_appended_and_never_replaced() {
    let mut world = World::new(1);
    let (operator, at) = (world.operator, world.at.readings);
    let community = CommunityId::derived("community");
    for (kind, period) in [(READINGS_OF_SLOT, SLOT), (READINGS_OF_DAY, u64::from(DAY))] {
        for batch in 1..=3 {
            let root = keccak256([kind, batch]);
            let anchor = world.at.anchor_readings(community, kind, period, root, u32::from(batch));
            world.refused(Address::repeat_byte(9), anchor.clone(), "AccessControl");
            let receipt = world.ok(operator, anchor);
            let ContractEvent::ReadingsAnchored(event) = &receipt.events[0] else {
                panic!("{:?}", receipt.events);
            };
            assert_eq!((event.batch, event.root), (u32::from(batch), root));
        }
        let batches = world.word(at, storage::reading_batches(community, kind, period));
        assert_eq!(batches, U256::from(3));
        for batch in 1..=3_u8 {
            let number = u32::from(batch);
            let root = world.word(at, storage::reading_root(community, kind, period, number));
            assert_eq!(B256::from(root), keccak256([kind, batch]));
            let rest = world.word(at, storage::reading_count(community, kind, period, number));
            assert_eq!(storage::number_and_time(rest), (number, world.now));
        }
    }
}

#[test]
fn a_tariff_is_in_force_from_a_day_that_never_falls() {
    let mut world = World::new(1);
    let (operator, at) = (world.operator, world.at.records);
    let key = keccak256("tariff");
    for (version, valid_from) in [(1_u8, DAY), (2, DAY), (3, DAY + 30)] {
        let anchor = world.at.anchor_tariff(key, valid_from, keccak256([version]));
        world.refused(Address::repeat_byte(9), anchor.clone(), "AccessControl");
        let events = world.ok(operator, anchor).events;
        let [ContractEvent::TariffPublished(event)] = &events[..] else { panic!("{events:?}") };
        assert_eq!(
            (event.key, event.version, event.validFrom),
            (key, u32::from(version), valid_from)
        );
        let words = storage::tariff(key, u32::from(version)).map(|place| world.word(at, place));
        assert_eq!(B256::from(words[0]), keccak256([version]));
        assert_eq!(storage::number_and_time(words[1]), (valid_from, world.now));
        let next = storage::tariff(key, u32::from(version) + 1);
        assert_eq!(next.map(|place| world.word(at, place)), [U256::ZERO; 2]);
        world.now += 60;
    }
    let earlier = world.at.anchor_tariff(key, DAY + 29, keccak256("earlier"));
    world.refused(operator, earlier, "ValidBeforeLast");
    let nothing = world.at.anchor_tariff(key, DAY + 31, B256::ZERO);
    world.refused(operator, nothing, "NoHash");
}

#[test]
fn no_day_of_an_account_or_a_meter_is_billed_twice() {
    let mut world = World::new(2);
    let (operator, at) = (world.operator, world.at.records);
    let accounts = [world.account(1), world.account(2)];
    let meters = ["H01", "H02"].map(MeterId::derived);
    let nothing = world.at.anchor_invoice(accounts[0], meters[0], (DAY, DAY), B256::ZERO);
    world.refused(operator, nothing, "NoHash");
    let mut until = [0; 2];
    let mut check = |account: usize, meter: usize, days: (u32, u32), reason: Option<&str>| {
        let hash = keccak256([account, meter].map(|place| u8::try_from(place).unwrap()));
        let call = world.at.anchor_invoice(accounts[account], meters[meter], days, hash);
        world.refused(Address::repeat_byte(9), call.clone(), "AccessControl");
        match reason {
            Some(reason) => world.refused(operator, call, reason),
            None => {
                let events = world.ok(operator, call).events;
                let [ContractEvent::InvoiceIssued(event)] = &events[..] else {
                    panic!("{events:?}");
                };
                assert_eq!((event.account, event.hash), (accounts[account], hash));
                let words = storage::invoice(accounts[account], meters[meter], days.0);
                let words = words.map(|place| world.word(at, place));
                assert_eq!(B256::from(words[0]), hash);
                assert_eq!(storage::number_and_time(words[1]), (days.1, world.now));
                let before = std::mem::replace(&mut until[account], days.1 + 1);
                assert_eq!(storage::since(words[1]), before);
            }
        }
    };
    check(0, 0, (DAY, DAY + 29), None);
    check(0, 0, (DAY, DAY + 29), Some("BadPeriod"));
    check(0, 0, (DAY + 29, DAY + 40), Some("BadPeriod"));
    check(0, 0, (DAY - 1, DAY - 1), Some("BadPeriod"));
    // Neither another meter of the account nor another account of the meter.
    check(0, 1, (DAY + 29, DAY + 40), Some("BadPeriod"));
    check(1, 0, (DAY + 29, DAY + 40), Some("BadPeriod"));
    check(1, 1, (DAY + 9, DAY + 8), Some("BadPeriod"));
    check(1, 1, (DAY, DAY), None);
    check(0, 0, (DAY + 31, DAY + 31), None);
}
