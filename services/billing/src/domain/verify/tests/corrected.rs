//! Corrections of honest and of other operators.

use serde_json::json;

use super::sheets::{earlier, sheet, tariff};
use super::world::World;
use super::*;
use crate::domain::bill::Invoice;
use crate::domain::correction::{Cause, Correction, Heading, subject};

fn heading(cause: Cause) -> Heading {
    Heading { number: "COR-2026-1".to_owned(), salt: B256::repeat_byte(3), cause, dispute: None }
}

/// An invoice of which a line is missing is on chain, and what should have been.
fn billed() -> (World, Invoice, Invoice) {
    let mut world = World::open();
    let right = world.bill.invoice.clone();
    let mut bill = world.bill.clone();
    let gone = bill.invoice.lines.pop().unwrap();
    bill.invoice.total = bill.invoice.total.minus(gone.amount).unwrap();
    world.anchor(bill);
    let wrong = world.bill.invoice.clone();
    (world, wrong, right)
}

/// The report on a correction that the operator puts on chain in `place`, whatever it says.
fn judged(world: &mut World, invoice: &Invoice, correction: Correction, place: u32) -> Report {
    let (owner, meter) = subject(invoice);
    let call = world.chain.at.anchor_invoice(owner, meter, (place, place), correction.hash());
    world.send([call]);
    let evidence = Evidence { nodes: Vec::new(), ..world.bill.evidence.clone() };
    let file = CorrectionFile::new(correction, invoice.clone(), None, evidence);
    let text = world.chain.prove_correction(file).canonical_json();
    verify(&text, Some(&world.chain.trust()))
}

fn fails(report: &Report, part: &str, reason: &str) {
    let found = report.findings.iter().any(|it| it.part == part && it.reason.contains(reason));
    assert!(found && report.verdict == Verdict::Failed, "{report}");
}

#[test]
fn a_correction_is_what_is_right_less_what_was_billed() {
    let (mut world, wrong, right) = billed();
    let made = Correction::of(heading(Cause::Facts), &wrong, None, right.clone()).unwrap();
    let [line] = &made.lines[..] else { panic!("one line differs: {:?}", made.lines) };
    assert_eq!(
        (line.label.as_str(), line.right),
        (&*right.lines.last().unwrap().label, made.total)
    );
    let report = judged(&mut world, &wrong, made.clone(), 1);
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    assert_eq!((report.number.as_str(), report.due), ("COR-2026-1", made.due));
    assert_eq!(report.lines.len(), 1);

    // Its lines cannot be others, ...
    let (mut world, wrong, right) = billed();
    let mut forged = Correction::of(heading(Cause::Facts), &wrong, None, right.clone()).unwrap();
    forged.lines[0].amount = forged.lines[0].amount.times(2).unwrap();
    fails(&judged(&mut world, &wrong, forged, 1), "correction.lines", "not the differences");
    // ... what is right follows from the facts, ...
    let (mut world, wrong, mut more) = billed();
    let last = more.lines.len() - 1;
    more.lines[last].amount = more.lines[last].amount.times(2).unwrap();
    let forged = Correction::of(heading(Cause::Facts), &wrong, None, more).unwrap();
    let report = judged(&mut world, &wrong, forged, 1);
    fails(&report, &format!("invoice.lines[{last}]"), "recomputed it is");
    // ... none can be left out before it, ...
    let (mut world, wrong, right) = billed();
    let mut second = Correction::of(heading(Cause::Facts), &wrong, None, right).unwrap();
    second.place = 2;
    fails(&judged(&mut world, &wrong, second, 2), "correction.previous", "does not follow");
    // ... it is the one on chain, ...
    let (mut world, wrong, right) = billed();
    let made = Correction::of(heading(Cause::Facts), &wrong, None, right).unwrap();
    fails(&judged(&mut world, &wrong, made, 2), "correction", "its record is not proved");
    // ... of this account and its days, ...
    let (mut world, wrong, mut other) = billed();
    other.pseudonym = "somebody else".to_owned();
    let made = Correction::of(heading(Cause::Facts), &wrong, None, other).unwrap();
    fails(&judged(&mut world, &wrong, made, 1), "correction.right", "of another account");
    // ... and an invoice is not taken back by halves.
    let (mut world, wrong, right) = billed();
    let made = Correction::of(heading(Cause::Cancelled), &wrong, None, right).unwrap();
    fails(&judged(&mut world, &wrong, made, 1), "correction.right", "has no lines");
}

#[test]
fn what_goes_on_is_what_the_correction_of_the_last_bill_leaves() {
    let scene = |anchored: bool| {
        let mut world = World::on(tariff(&sheet()));
        let before = agreed::period().from.later(-1);
        let previous = earlier(&mut world, &json!({ "credit": "2" }), before);
        let mut right = previous.clone();
        let mut carried = serde_json::to_value(&right.carried).unwrap();
        carried["state"]["credit"] = json!("1");
        right.carried = serde_json::from_value(carried).unwrap();
        let made = Correction::of(heading(Cause::Facts), &previous, None, right).unwrap();
        if anchored {
            let (owner, meter) = subject(&previous);
            world.send([world.chain.at.anchor_invoice(owner, meter, (1, 1), made.hash())]);
        }
        let (previous, corrected) = (Some(Box::new(previous)), Some(Box::new(made)));
        let evidence = Evidence { previous, previous_corrected: corrected, ..world.evidence() };
        world.publish(evidence);
        world
    };
    let world = scene(true);
    let report = verify(&world.text, Some(&world.trust));
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    let lines = &world.bill.invoice.lines;
    let credit = lines.iter().find(|line| line.label == "Credit of energy fed in").unwrap();
    assert_eq!(credit.amount.to_string(), "-1");
    let report = verify(&scene(false).text, Some(&scene(false).trust));
    fails(&report, "evidence.previous_corrected", "its record is not proved");
}

/// Only a challenge may come after what an invoice was rated with.
#[test]
fn a_run_of_the_operator_cannot_be_left_out_as_if_it_came_later() {
    let mut world = World::open();
    let mut evidence = world.evidence();
    evidence.trades[1].later = 1;
    let mut bill = world.bill.clone();
    bill.evidence = evidence;
    world.anchor(bill);
    let report = verify(&world.text, Some(&world.trust));
    fails(&report, "evidence.trades[1]", "a run that is no challenge is left out");
}
