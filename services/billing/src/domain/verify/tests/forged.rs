//! What an operator can do who holds every role and every key but the customer's and the meter's.

use keys::SecretKey;
use reading::SignedReading;
use tariff::Tariff;
use units::{Price, Register};

use super::agreed::{period, terms};
use super::world::{World, settled_for};
use super::*;
use crate::domain::bill::Period;

/// The bill fails, some finding says `reason`, and the line of this class fails with it.
fn check(world: &World, reason: &str, class: bill::Class) {
    let report = verify(&world.text, Some(&world.trust));
    assert_eq!(report.verdict, Verdict::Failed, "{report}");
    let found = report.findings.iter().find(|finding| finding.reason.contains(reason));
    assert!(found.is_some(), "{report}");
    let place = world.bill.invoice.lines.iter().position(|line| line.class == class).unwrap();
    assert_eq!(report.lines[place].status, Status::Failed, "{report}");
}

#[test]
fn a_higher_price_fails_though_the_invoice_was_anchored_anew() {
    let mut world = World::open();
    let mut evidence = world.evidence();
    for entries in &mut evidence.trades[0].entries {
        if let Entries::Settled { prices, .. } = entries {
            *prices = (prices.0 + 10_000, prices.1 + 10_000);
        }
    }
    world.publish(evidence);
    check(&world, "not those that the contract settled", bill::Class::P2pBought);
}

#[test]
fn a_higher_register_fails_though_it_was_signed_and_anchored_anew() {
    let mut world = World::open();
    let operator = SecretKey::from_bytes(&[9; 32]).unwrap();
    for signed in &mut world.readings[30..] {
        let mut reading = signed.reading;
        reading.import = Register::from_wh(reading.import.wh() + 5000);
        *signed = reading.sign(&operator);
    }
    world.anchor_days();
    let mut evidence = world.evidence();
    evidence.days.iter_mut().for_each(|day| day.batch = 2);
    world.publish(evidence);
    check(&world, "not signed by a key the meter had then", bill::Class::Retail);
}

#[test]
fn a_left_out_reading_fails_because_its_day_was_anchored_with_it() {
    let mut world = World::open();
    let mut evidence = world.evidence();
    evidence.readings.remove(20);
    world.publish(evidence);
    check(&world, "do not lead to the root on chain", bill::Class::Retail);
}

#[test]
fn another_quantity_fails_though_the_invoice_was_anchored_anew() {
    let mut world = World::open();
    let mut evidence = world.evidence();
    for entries in &mut evidence.trades[1].entries {
        if let Entries::Reconciled { trades, .. } = entries
            && trades.len() > 5
        {
            trades[5].1 += 100;
            trades[5].2 -= 100;
        }
    }
    world.publish(evidence);
    check(&world, "not those that the contract settled", bill::Class::P2pBought);
}

#[test]
fn more_than_the_own_meter_took_fails_though_the_contract_was_told_so() {
    let mut world = settled_for(900);
    let bill = BillFile::new(world.bill.invoice.clone(), world.evidence());
    world.anchor(bill);
    check(&world, "more was bought than the meter imported", bill::Class::P2pBought);
}

#[test]
fn another_tariff_fails_though_it_was_anchored_anew() {
    for (id, version) in [("standard", 2), ("standard-plus", 1)] {
        let mut world = World::open();
        let mut dearer = terms();
        dearer.id = id.to_owned();
        dearer.energy.periods[1].price = Price::from_n_per_wh(258_000);
        let dearer = Tariff::new(dearer).unwrap();
        let key = tariff_key(world.bill.invoice.community, id);
        let from = terms().valid_from.number();
        let call = world.chain.at.anchor_tariff(key, from, dearer.hash());
        world.send([call]);
        let evidence = Evidence { tariff: dearer, tariff_version: version, ..world.evidence() };
        world.publish(evidence);
        check(&world, "put on chain after the period had begun", bill::Class::Retail);
    }
}

#[test]
fn trades_cannot_be_left_out() {
    let mut world = World::open();
    let mut evidence = world.evidence();
    evidence.trades.remove(0);
    world.publish(evidence);
    check(&world, "the contract settled some, the bill shows none", bill::Class::Network);
}

#[test]
fn an_invoice_of_other_days_than_the_chain_holds_it_for_fails() {
    let mut world = World::open();
    let over = world.now.plus_seconds(i64::from(world.policy.correction_seconds));
    world.now = over;
    let shorter = Period { to: period().from, ..period() };
    world.anchor_for(shorter, world.bill.clone());
    check(&world, "days could be billed twice", bill::Class::Fixed);
}

#[test]
fn a_bill_before_the_end_of_its_corrections_fails() {
    let mut world = World::open();
    world.anchor_for(period(), world.bill.clone());
    check(&world, "trades of the period can change", bill::Class::Fixed);
}

#[test]
fn the_version_of_a_tariff_that_was_in_force_is_the_one_that_counts() {
    let (from, to) = (period().from, period().to);
    for (valid_from, in_time, holds) in [
        (terms().valid_from, true, false),
        (from, true, false),
        (to, true, false),
        (to.next(), true, true),
        // Nobody could know of it while the period lasted.
        (terms().valid_from, false, true),
        (to, false, true),
    ] {
        let mut world = match in_time {
            true => World::with_next_version(valid_from),
            false => World::open(),
        };
        if !in_time {
            world.send([world.next_version(valid_from)]);
        }
        world.anchor(world.bill.clone());
        if holds {
            let report = verify(&world.text, Some(&world.trust));
            assert_eq!(report.verdict, Verdict::Holds, "{report}");
        } else {
            check(&world, "another version of it is in force", bill::Class::Retail);
        }
    }
}

#[test]
fn a_tariff_that_the_customer_did_not_agree_to_fails() {
    let mut world = World::new();
    let Some(tariff) = &mut world.trust.tariff else { panic!("the tests pin a tariff") };
    tariff.id = "cheaper".to_owned();
    check(&world, "not the tariff that the trust file names", bill::Class::Retail);
    world.trust.tariff = None;
    let report = verify(&world.text, Some(&world.trust));
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    assert!(report.notes.iter().any(|note| note.contains("own word")), "{:?}", report.notes);
}

#[test]
fn a_bill_in_another_time_zone_than_the_trust_file_names_fails() {
    let mut world = World::new();
    let Some(tariff) = &mut world.trust.tariff else { panic!("the tests pin a tariff") };
    tariff.timezone = "Europe/London".to_owned();
    check(&world, "not the tariff that the trust file names", bill::Class::Retail);
}

#[test]
fn days_that_were_never_billed_are_said() {
    let from = period().from;
    let notes = |earlier: Option<(LocalDay, LocalDay)>| {
        let mut world = World::open();
        let invoice = world.bill.invoice.clone();
        let call = earlier.map(|(from, to)| {
            let (days, hash) = ((from.number(), to.number()), B256::repeat_byte(1));
            world.chain.at.anchor_invoice(invoice.address, invoice.meter, days, hash)
        });
        world.send(call);
        world.anchor(world.bill.clone());
        let report = verify(&world.text, Some(&world.trust));
        assert_eq!(report.verdict, Verdict::Holds, "{report}");
        report.notes
    };
    let said = |notes: &[String]| notes.iter().any(|note| note.contains("never billed"));
    let left_out = notes(Some((from.later(-9), from.later(-3))));
    let expected =
        format!("the days from {} to before this bill were never billed", from.later(-2));
    assert_eq!(left_out, [expected]);
    assert!(!said(&notes(Some((from.later(-9), from.later(-1))))));
    assert!(!said(&notes(None)), "a first bill leaves nothing out");
}

/// Trades of the period that lie in a UTC day before its first local day cannot be left out, and
/// one of the evening before is in the digest but on no line.
#[test]
fn trades_of_a_neighbouring_utc_day_are_proved_with_the_others() {
    let world = World::new();
    let before = &world.bill.evidence.trades[0];
    assert_eq!(before.day.next(), period().from);
    let settled = before.entries.iter().filter(|entry| matches!(entry, Entries::Settled { .. }));
    assert_eq!(settled.count(), 2);
    let mut world = World::open();
    let mut evidence = world.evidence();
    let kept = evidence.trades[0].entries.split_off(1);
    evidence.trades[0].entries = kept;
    let bill = BillFile::new(world.bill.invoice.clone(), evidence);
    world.anchor(bill);
    check(&world, "trades of 2026-05-31", bill::Class::P2pBought);
}

#[test]
fn a_line_that_does_not_follow_is_named_with_what_it_should_be() {
    let mut world = World::open();
    let mut bill = world.bill.clone();
    let line = &mut bill.invoice.lines[1];
    line.amount = line.amount.plus(units::Money::from_n(10_000_000)).unwrap();
    world.anchor(bill);
    let report = verify(&world.text, Some(&world.trust));
    let finding = &report.findings[0];
    assert_eq!((finding.part.as_str(), &finding.lines), ("invoice.lines[1]", &vec![2]), "{report}");
    assert!(finding.reason.contains("recomputed"), "{report}");
    let others = report.lines.iter().filter(|line| line.number != 2);
    assert!(others.into_iter().all(|line| line.status != Status::Failed), "{report}");
}

#[test]
fn a_meter_of_somebody_else_fails() {
    let mut world = World::open();
    let mut bill = world.bill.clone();
    bill.invoice.address = world.policy.network_account;
    bill.evidence.trades.clear();
    bill.evidence.policies.clear();
    world.anchor(bill);
    check(&world, "belongs to another address", bill::Class::Retail);
}

#[test]
fn another_chain_than_the_trusted_one_fails() {
    let world = World::new();
    let mut trust = world.trust.clone();
    trust.chain.chain_id += 1;
    assert_eq!(verify(&world.text, Some(&trust)).findings[0].part, "evidence.chain");
    let mut trust = world.trust.clone();
    trust.block.hash = trust.chain.genesis;
    assert_eq!(verify(&world.text, Some(&trust)).findings[0].part, "evidence.header");
}

#[test]
fn a_reading_outside_the_life_of_its_key_fails() {
    let mut world = World::open();
    let early = SignedReading {
        reading: Reading {
            page: 0,
            time: world.readings[0].reading.time.plus_seconds(-3 * 86_400),
            ..world.readings[0].reading
        },
        ..world.readings[0]
    };
    let early = early.reading.sign(&SecretKey::from_bytes(&[2; 32]).unwrap());
    world.readings.insert(0, early);
    let evidence = world.evidence();
    world.publish(evidence);
    check(&world, "page 0", bill::Class::Retail);
}
