//! What the operator's word that the grid was curtailed explains, and what it does not.

use calendar::{SlotLength, Timestamp};

use super::agreed::{PERIOD_DAYS, day, heading, period};
use super::world::{World, settled_for};
use super::*;
use crate::domain::bill::Curtailed;

/// The bill of a world whose operator says that these slots were curtailed.
fn published(world: World, known: &[Curtailed]) -> (World, Report) {
    let evidence = world.evidence();
    let hour = SlotLength::from_minutes(60).unwrap();
    let (invoice, _) = issue(heading("INV-2026-1"), period(), hour, &evidence, known).unwrap();
    verified(world, BillFile::new(invoice, evidence))
}

fn verified(mut world: World, bill: BillFile) -> (World, Report) {
    world.anchor(bill);
    let report = verify(&world.text, Some(&world.trust));
    (world, report)
}

/// The slot from an hour of the first day, as the operator said that day.
fn at(hour: i64) -> Curtailed {
    let zone = "Europe/Berlin".parse::<calendar::TimeZone>().unwrap();
    let slot = zone.start_of(day(0)).plus_seconds(hour * 3600);
    Curtailed { slot, told: slot.plus_seconds(7200) }
}

/// Of 900 Wh that were bought for eight o'clock and of which 450 Wh were taken none came.
#[test]
fn nobody_owes_for_a_curtailed_slot_and_the_bill_says_on_whose_word() {
    let (world, report) = published(settled_for(0), &[at(3), at(20)]);
    assert_eq!(world.bill.invoice.curtailed, [at(20)], "at three nothing was missing");
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    let word = |note: &String| note.contains("in 1 slots") && note.contains("operator's word");
    assert!(report.notes.iter().any(word), "{:?}", report.notes);
    let lines = &world.bill.invoice.lines;
    let bought = lines.iter().position(|line| line.class == bill::Class::P2pBought).unwrap();
    assert_eq!(report.lines[bought].status, Status::Attested, "{report}");
    assert!(report.lines[bought].reason.contains("by the operator's word"), "{report}");
    assert!(bill::page(&world.bill.invoice, &[]).contains("When the grid could not carry it"));
}

/// Whoever changes what the invoice says of it changes the hash that the chain has.
#[test]
fn what_was_said_of_the_grid_is_bound_by_the_chain() {
    let (world, _) = published(settled_for(0), &[at(20)]);
    let mut bill = world.bill.clone();
    bill.invoice.curtailed.clear();
    let report = verify(&bill.canonical_json(), Some(&world.trust));
    let reasons: Vec<_> = report.findings.iter().map(|finding| finding.reason.as_str()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("hash is not")), "{report}");
    assert!(reasons.iter().any(|reason| reason.contains("less was settled")), "{report}");
}

#[test]
fn the_operators_word_explains_nothing_else() {
    let over = Timestamp::from_seconds(at(20).slot.seconds() + 15 * 86_400);
    let never = Curtailed { slot: at(20).slot.plus_seconds(40 * 86_400), ..at(20) };
    let cases = [
        ("nothing was missing at ten", vec![at(10), at(20)]),
        ("somebody was short at seven", vec![at(19), at(20)]),
        ("said twice", vec![at(20), at(20)]),
        ("said when corrections were over", vec![Curtailed { told: over, ..at(20) }]),
        ("of another period", vec![at(20), never]),
    ];
    for (case, curtailed) in cases {
        let world = settled_for(0);
        let evidence = world.evidence();
        let hour = SlotLength::from_minutes(60).unwrap();
        let issued = issue(heading("INV-2026-1"), period(), hour, &evidence, &[at(20)]);
        let mut invoice = issued.unwrap().0;
        invoice.curtailed = curtailed;
        let (_, report) = verified(world, BillFile::new(invoice, evidence));
        assert_eq!(report.verdict, Verdict::Failed, "{case}: {report}");
        let named = |finding: &Finding| finding.part.starts_with("invoice.curtailed[");
        assert!(report.findings.iter().any(named), "{case}: {report}");
    }
    assert!(PERIOD_DAYS < 15, "the corrections are over by then");
}
