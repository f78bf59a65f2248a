//! What an operator can do who holds every role and every key but the customer's and the meter's.

use contracts::Delivery;
use keys::SecretKey;
use reading::SignedReading;
use tariff::Tariff;
use units::{Energy, Price, Register};

use super::world::{World, period, reconciled, terms};
use super::*;

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
    for number in ["INV-2026-1", "INV-2026-2"] {
        let mut world = World::new();
        let mut evidence = world.evidence();
        for entries in &mut evidence.trades[0].entries {
            if let Entries::Settled { price, .. } = entries {
                *price += 10_000;
            }
        }
        world.publish(number, evidence);
        check(&world, "not those that the contract settled", bill::Class::P2pBought);
    }
}

#[test]
fn a_higher_register_fails_though_it_was_signed_and_anchored_anew() {
    let mut world = World::new();
    let operator = SecretKey::from_bytes(&[9; 32]).unwrap();
    for signed in &mut world.readings[30..] {
        let mut reading = signed.reading;
        reading.import = Register::from_wh(reading.import.wh() + 5000);
        *signed = reading.sign(&operator);
    }
    world.anchor_days();
    let mut evidence = world.evidence();
    evidence.days.iter_mut().for_each(|day| day.batch = 2);
    world.publish("INV-2026-2", evidence);
    check(&world, "not signed by a key the meter had then", bill::Class::Retail);
}

#[test]
fn a_left_out_reading_fails_because_its_day_was_anchored_with_it() {
    let mut world = World::new();
    let mut evidence = world.evidence();
    evidence.readings.remove(20);
    world.publish("INV-2026-2", evidence);
    check(&world, "do not lead to the root on chain", bill::Class::Retail);
}

#[test]
fn another_quantity_fails_though_the_invoice_was_anchored_anew() {
    let mut world = World::new();
    let mut evidence = world.evidence();
    for entries in &mut evidence.trades[1].entries {
        if let Entries::Reconciled { trades, .. } = entries {
            trades[5].1 += 100;
            trades[5].2 -= 100;
        }
    }
    world.publish("INV-2026-2", evidence);
    check(&world, "not those that the contract settled", bill::Class::P2pBought);
}

#[test]
fn more_than_the_own_meter_took_fails_though_the_contract_was_told_so() {
    let mut world = World::new();
    let day = period().from;
    let Some(DigestEntry::Settled(last)) = world.entries[&day].get(6).copied() else {
        panic!("the seventh deal of a day was settled");
    };
    let delivery = Delivery {
        trade: last.trade,
        delivered: Energy::from_wh(900),
        seller_short: Energy::ZERO,
        buyer_short: Energy::ZERO,
    };
    let call = world.chain.at.reconcile(1, &[delivery]);
    world.send([call]);
    let entry = DigestEntry::Reconciled(reconciled(&delivery, 1));
    world.entries.get_mut(&day).unwrap().push(entry);
    let mut invoice = world.bill.invoice.clone();
    invoice.number = "INV-2026-2".to_owned();
    let bill = BillFile::new(invoice, world.evidence());
    world.anchor(bill);
    check(&world, "more was bought than the meter imported", bill::Class::P2pBought);
}

#[test]
fn another_tariff_fails_though_it_was_anchored_anew() {
    for (id, version) in [("standard", 2), ("standard-plus", 1)] {
        let mut world = World::new();
        let mut dearer = terms();
        dearer.id = id.to_owned();
        dearer.energy.periods[1].price = Price::from_n_per_wh(258_000);
        let dearer = Tariff::new(dearer).unwrap();
        let key = tariff_key(world.bill.invoice.community, id);
        let call = world.chain.at.anchor_record(contracts::kind_tariff(), key, dearer.hash());
        world.send([call]);
        let evidence = Evidence { tariff: dearer, tariff_version: version, ..world.evidence() };
        world.publish("INV-2026-2", evidence);
        check(&world, "put on chain after the period had begun", bill::Class::Retail);
    }
}

#[test]
fn trades_cannot_be_left_out() {
    let mut world = World::new();
    let mut evidence = world.evidence();
    evidence.trades.remove(0);
    world.publish("INV-2026-2", evidence);
    check(&world, "the contract settled some, the bill shows none", bill::Class::Network);
}

#[test]
fn an_invoice_is_anchored_once() {
    let mut world = World::new();
    let bill = world.bill.clone();
    world.anchor(bill);
    check(&world, "the chain holds 2 versions of this invoice", bill::Class::Fixed);
}

#[test]
fn a_line_that_does_not_follow_is_named_with_what_it_should_be() {
    let mut world = World::new();
    let mut bill = world.bill.clone();
    bill.invoice.number = "INV-2026-2".to_owned();
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
    let mut world = World::new();
    let mut bill = world.bill.clone();
    bill.invoice.number = "INV-2026-2".to_owned();
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
    let mut world = World::new();
    let early = SignedReading {
        reading: reading::Reading {
            page: 0,
            time: world.readings[0].reading.time.plus_seconds(-3 * 86_400),
            ..world.readings[0].reading
        },
        ..world.readings[0]
    };
    let early = early.reading.sign(&SecretKey::from_bytes(&[2; 32]).unwrap());
    world.readings.insert(0, early);
    let evidence = world.evidence();
    world.publish("INV-2026-2", evidence);
    check(&world, "page 0", bill::Class::Retail);
}
