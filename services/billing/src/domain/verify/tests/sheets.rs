//! Bills of tariffs that charge by blocks, power and moments, and carry something on.

use alloy_primitives::Address;
use reading::Status as MeterStatus;
use serde_json::{Value, json};
use tariff::Tariff;

use super::agreed::{day, heading, period};
use super::world::{World, deals};
use super::*;
use crate::domain::bill::{CarriedOver, Class, Invoice, OfReadings, Period};

/// Two of June's thirty days: 13.66 kWh are left of the import, 6.5 of the export, 450 W at most.
pub(super) fn sheet() -> Value {
    json!({
        "id": "standard", "name": "All kinds", "version": 1, "valid_from": "2026-01-01",
        "currency": "EUR", "timezone": "Europe/Berlin",
        "fixed": [{ "per": "month", "amount": 6 }],
        "energy": [
            { "periods": [{ "name": "all day", "tiers": [
                { "max": 150, "price": "0.30" }, { "price": "0.36" }] }] },
            { "class": "network", "price": "0.062" },
            { "name": "Peak levy", "class": "levy", "dynamic": {
                "prices": [{ "from": "2026-06-01T10:00:00Z", "to": "2026-06-01T11:00:00Z",
                             "price": "0.05" }],
                "fallback": "0.01" } },
            { "class": "network", "on": "local", "price": "0.01" },
        ],
        "demand": [{ "price": "4.50" }],
        "export": { "mode": "net_billing", "price": "0.08", "bank": "money_next_month" },
        "minimum": [{ "per": "month", "amount": 150 }],
        "taxes": [{ "name": "VAT", "percent": 19 }],
    })
}

pub(super) fn tariff(sheet: &Value) -> Tariff {
    Tariff::from_json(&sheet.to_string()).unwrap()
}

/// What a line of these words comes to.
fn amount(invoice: &Invoice, label: &str) -> String {
    let line = invoice.lines.iter().find(|line| line.label == label);
    let words: Vec<&str> = invoice.lines.iter().map(|line| &*line.label).collect();
    line.unwrap_or_else(|| panic!("no {label} in {words:?}")).amount.to_string()
}

/// An invoice of the two days before, as the chain has it, that carries `state` on.
pub(super) fn earlier(world: &mut World, state: &Value, to: LocalDay) -> Invoice {
    earlier_of(world, |_| {}, state, to)
}

/// Such an invoice, changed before the chain has it.
fn earlier_of(
    world: &mut World,
    change: impl FnOnce(&mut Invoice),
    state: &Value,
    to: LocalDay,
) -> Invoice {
    let facts = Facts {
        period: Period { from: to.later(-1), to },
        tariff: &world.tariff,
        slot_length: world.bill.invoice.slot_minutes,
        used: &BTreeMap::new(),
        trades: &[],
        before: None,
    };
    let mut invoice = Invoice::issue(heading("INV-2026-0"), &facts, OfReadings::default()).unwrap();
    change(&mut invoice);
    let mut carried = serde_json::to_value(&invoice.carried).unwrap();
    for (key, value) in state.as_object().unwrap() {
        carried["state"][key] = value.clone();
    }
    invoice.carried = Some(serde_json::from_value::<CarriedOver>(carried).unwrap());
    let days = (invoice.period.from.number(), invoice.period.to.number());
    let (owner, meter) = (invoice.address, invoice.meter);
    let call = world.chain.at.anchor_invoice(owner, meter, days, invoice.hash());
    world.send([call]);
    invoice
}

/// On the sheet, without the reading at four in the afternoon of the second day.
fn with_a_lost_reading() -> World {
    let lost = |reading: &Reading| reading.page != 41;
    World::traded((tariff(&sheet()), None), &[1], (MeterStatus::default(), lost, deals)).read()
}

fn publish(world: &mut World, previous: Option<Invoice>) {
    let evidence = Evidence { previous: previous.map(Box::new), ..world.evidence() };
    world.publish(evidence);
}

fn fails(world: &World, part: &str, reason: &str) {
    let report = verify(&world.text, Some(&world.trust));
    let found = report.findings.iter().any(|it| it.part == part && it.reason.contains(reason));
    assert!(found && report.verdict == Verdict::Failed, "{report}");
}

#[test]
fn a_bill_of_blocks_power_a_series_and_a_minimum_holds() {
    let mut world = World::on(tariff(&sheet()));
    publish(&mut world, None);
    let report = verify(&world.text, Some(&world.trust));
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    let invoice = &world.bill.invoice;
    for (label, expected) in [
        ("Standing charge", "0.4"),
        // Ten of 150 kWh are those of two days.
        ("Energy from your supplier, all day, block 1", "3"),
        ("Energy from your supplier, all day, block 2", "1.32"),
        ("Power", "0.14"),
        ("Grid, energy from your supplier", "0.85"),
        // 40 Wh at 5 ct, the rest at 1 ct.
        ("Peak levy", "0.14"),
        // 10 less 5.85.
        ("Up to the least charge", "4.15"),
    ] {
        assert_eq!(amount(invoice, label), expected, "{label}");
    }
    assert!(invoice.lines.iter().all(|line| line.class != Class::FeedIn), "it is in the bank");
    let carried = serde_json::to_value(&invoice.carried).unwrap();
    assert_eq!(carried["state"]["credit"], "0.52", "{carried}");
    let power = invoice.lines.iter().find(|line| line.class == Class::Demand).unwrap();
    assert!(power.inputs.iter().any(|input| input.name == "window of the peak"), "{power:?}");
    let place = invoice.lines.iter().position(|line| line.class == Class::Minimum).unwrap();
    assert_eq!(report.lines[place].status, Status::Attested, "neighbours took less than agreed");
}

#[test]
fn energy_that_was_shared_out_sets_no_peak_and_the_line_says_so() {
    let mut world = with_a_lost_reading();
    publish(&mut world, None);
    let report = verify(&world.text, Some(&world.trust));
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    let power = |invoice: &Invoice| {
        let of_power = |line: &&Line| line.class == Class::Demand;
        invoice.lines.iter().find(of_power).unwrap().clone()
    };
    let line = power(&world.bill.invoice);
    let left_out = |line: &Line| {
        let input = line.inputs.iter().find(|input| input.name.starts_with("windows left out"));
        input.map(|input| input.value.clone())
    };
    assert_eq!(left_out(&line).as_deref(), Some("2"), "{line:?}");
    // Nor is it left out of the note.
    let mut world = with_a_lost_reading();
    let mut bill = world.bill.clone();
    let place = bill.invoice.lines.iter().position(|it| it.class == Class::Demand).unwrap();
    let inputs = &mut bill.invoice.lines[place].inputs;
    inputs.retain(|input| !input.name.starts_with("windows left out"));
    world.anchor(bill);
    fails(&world, &format!("invoice.lines[{place}]"), "");
    let mut measured = World::on(tariff(&sheet()));
    publish(&mut measured, None);
    assert_eq!(left_out(&power(&measured.bill.invoice)), None);
}

#[test]
fn what_was_carried_over_is_the_last_bills_and_nobody_elses() {
    let bank = json!({ "credit": "2" });
    let mut world = World::on(tariff(&sheet()));
    let previous = earlier(&mut world, &bank, period().from.later(-1));
    publish(&mut world, Some(previous.clone()));
    let report = verify(&world.text, Some(&world.trust));
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    assert_eq!(amount(&world.bill.invoice, "Credit of energy fed in"), "-2");

    // The bank cannot be kept back, ...
    let mut world = World::on(tariff(&sheet()));
    earlier(&mut world, &bank, period().from.later(-1));
    publish(&mut world, None);
    fails(&world, "evidence.previous", "the invoice before is missing");
    // ... made smaller, ...
    let mut world = World::on(tariff(&sheet()));
    let mut less = earlier(&mut world, &bank, period().from.later(-1));
    let mut other = serde_json::to_value(&less.carried).unwrap();
    other["state"]["credit"] = json!("1");
    less.carried = serde_json::from_value(other).unwrap();
    publish(&mut world, Some(less));
    fails(&world, "evidence.previous", "not the one the chain holds");
    // ... or taken of an earlier month.
    let mut world = World::on(tariff(&sheet()));
    let first = earlier(&mut world, &bank, day(0).later(-5));
    earlier(&mut world, &json!({ "credit": "3" }), day(0).later(-1));
    publish(&mut world, Some(first));
    fails(&world, "evidence.previous", "not the last one before this");
    // Nor does a bill say that it leaves less.
    let mut world = World::on(tariff(&sheet()));
    let mut bill = world.bill.clone();
    let mut carried = serde_json::to_value(&bill.invoice.carried).unwrap();
    carried["state"]["credit"] = json!("0.5");
    bill.invoice.carried = serde_json::from_value(carried).unwrap();
    world.anchor(bill);
    fails(&world, "invoice.carried", "goes on to the next invoice");
}

#[test]
fn the_first_bill_of_an_address_goes_on_from_the_last_of_the_meter() {
    let (bank, last) = (json!({ "credit": "2" }), period().from.later(-1));
    let check = |change: fn(&mut Invoice), to: LocalDay, refused: Option<&str>| {
        let mut world = World::on(tariff(&sheet()));
        let previous = earlier_of(&mut world, change, &bank, to);
        publish(&mut world, Some(previous));
        match refused {
            Some(reason) => fails(&world, "evidence.previous", reason),
            None => {
                let report = verify(&world.text, Some(&world.trust));
                assert_eq!(report.verdict, Verdict::Holds, "{report}");
                assert_eq!(amount(&world.bill.invoice, "Credit of energy fed in"), "-2");
            }
        }
    };
    let moved: fn(&mut Invoice) = |invoice| invoice.address = Address::repeat_byte(7);
    check(moved, last, None);
    check(moved, last.later(-1), Some("not the last one before this"));
    let neighbour: fn(&mut Invoice) = |invoice| {
        invoice.address = Address::repeat_byte(7);
        invoice.account = ids::AccountId::derived("neighbour");
    };
    check(neighbour, last, Some("of another account"));
    let elsewhere: fn(&mut Invoice) = |invoice| {
        invoice.address = Address::repeat_byte(7);
        invoice.meter = ids::MeterId::derived("elsewhere");
    };
    check(elsewhere, last, Some("of another meter"));
}

#[test]
fn another_tariff_begins_with_nothing_and_a_plain_one_asks_for_no_earlier_bill() {
    let mut world = World::on(tariff(&sheet()));
    let other = json!({ "credit": "2" });
    let mut previous = earlier(&mut world, &other, period().from.later(-3));
    previous.carried.as_mut().unwrap().tariff = "another".to_owned();
    previous.period = Period { from: period().from.later(-2), to: period().from.later(-1) };
    let days = (previous.period.from.number(), previous.period.to.number());
    let (owner, meter) = (previous.address, previous.meter);
    let call = world.chain.at.anchor_invoice(owner, meter, days, previous.hash());
    world.send([call]);
    publish(&mut world, Some(previous.clone()));
    let report = verify(&world.text, Some(&world.trust));
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    assert!(world.bill.invoice.lines.iter().all(|line| line.class != Class::Banked));

    let mut world = World::open();
    publish(&mut world, Some(previous));
    fails(&world, "evidence.previous", "carries nothing over");
}

/// A month's block cannot be shared between two months: what would be charged is not what a month
/// costs.
#[test]
fn a_bill_by_the_month_is_of_one_month() {
    let world = World::on(tariff(&sheet()));
    let facts = Facts {
        period: Period { from: "2026-05-31".parse().unwrap(), to: "2026-06-01".parse().unwrap() },
        tariff: &world.tariff,
        slot_length: world.bill.invoice.slot_minutes,
        used: &BTreeMap::new(),
        trades: &[],
        before: None,
    };
    assert_eq!(bill::rate(&facts).unwrap_err(), bill::BillError::Months);
    let mut plain = sheet();
    for key in ["demand", "export", "minimum"] {
        plain.as_object_mut().unwrap().remove(key);
    }
    plain["energy"][0] = json!({ "price": "0.3" });
    let tariff = tariff(&plain);
    let rated = bill::rate(&Facts { tariff: &tariff, ..facts }).unwrap();
    // A day of May and one of June, of 6 a month: 6/31 + 6/30, rounded once.
    assert_eq!(rated.lines[0].amount.to_string(), "0.39");
    assert_eq!(rated.carried, None);
}
