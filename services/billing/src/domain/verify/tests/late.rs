//! A reading that came after the corrections: bills of honest and of other operators.
//!
//! The reading of nine o'clock of the first day is lost: 490 Wh taken and 600 Wh given are shared
//! out over the hours before and after. In truth it was 450 and nothing, then 40 and 600.

use contracts::Side;

use super::agreed::{PERIOD_DAYS, day};
use super::world::{Deal, World, deal};
use super::*;

const LATE: u32 = 10;

/// Sold by what was known, of what was not there.
fn sold(place: u32) -> Vec<Deal> {
    if place == 0 { vec![deal(8, Side::Sell, 300, 300, 0)] } else { Vec::new() }
}

/// Bought by what was known, of what was not taken.
fn bought(place: u32) -> Vec<Deal> {
    if place == 0 { vec![deal(9, Side::Buy, 245, 245, 0)] } else { Vec::new() }
}

/// Charged for what was missing by what was known, and was there.
fn short(place: u32) -> Vec<Deal> {
    if place == 0 { vec![deal(9, Side::Sell, 600, 300, 300)] } else { Vec::new() }
}

/// Nobody was short by what was known, and more was there.
fn less(place: u32) -> Vec<Deal> {
    if place == 0 { vec![deal(9, Side::Sell, 600, 300, 0)] } else { Vec::new() }
}

/// Two trades, of which the later one was settled with the reading and the earlier one without.
fn torn(place: u32) -> Vec<Deal> {
    let deals = vec![deal(8, Side::Sell, 300, 300, 0), deal(9, Side::Sell, 600, 600, 0)];
    if place == 0 { deals } else { Vec::new() }
}

/// The world of some deals; the lost reading comes and is anchored, in time or too late.
fn world(deals: fn(u32) -> Vec<Deal>, in_time: bool) -> World {
    let mut world = World::with(|reading| reading.page != LATE, deals);
    world.hear(LATE);
    if !in_time {
        let over = world.tariff.head().timezone.start_of(day(PERIOD_DAYS));
        world.now = over.plus_seconds(i64::from(world.policy.correction_seconds));
    }
    world.anchor_days();
    world
}

/// Evidence that says of the lost reading that it came late.
fn evidence(world: &World) -> Evidence {
    let mut evidence = world.evidence();
    evidence.days.iter_mut().for_each(|day| day.batch = 2);
    let path = evidence.days[0].path.clone();
    evidence.days[0].before = Some(Before { late: vec![LATE], batch: 1, index: 1, count: 3, path });
    evidence
}

fn published(mut world: World) -> World {
    let evidence = evidence(&world);
    world.publish(evidence);
    world
}

fn line(world: &World, report: &Report, class: bill::Class) -> LineReport {
    let lines = &world.bill.invoice.lines;
    report.lines[lines.iter().position(|line| line.class == class).unwrap()].clone()
}

fn fails(world: &World, reason: &str, about: About) {
    let report = verify(&world.text, Some(&world.trust));
    assert_eq!(report.verdict, Verdict::Failed, "{report}");
    let found = report.findings.iter().find(|finding| finding.reason.contains(reason));
    assert_eq!(found.map(|finding| finding.about), Some(about), "{report}");
}

#[test]
fn what_was_paid_stands_and_the_lines_that_a_late_reading_contradicts_say_so() {
    use bill::Class::{FeedIn, P2pBought, P2pSold, SellerPenalty};
    for (deals, class) in [
        (sold as fn(u32) -> _, P2pSold),
        (bought, P2pBought),
        (short, SellerPenalty),
        (less, P2pSold),
    ] {
        let world = published(world(deals, false));
        let report = verify(&world.text, Some(&world.trust));
        assert_eq!(report.verdict, Verdict::Holds, "{report}");
        assert_eq!(world.bill.invoice.late_readings, 1);
        let line = line(&world, &report, class);
        assert_eq!(line.status, Status::NotSigned, "{report}");
        assert!(line.reason.contains("came after the corrections"), "{report}");
        assert!(report.notes.iter().any(|note| note.contains("1 readings")), "{:?}", report.notes);
        let of_grid = self::line(&world, &report, FeedIn);
        assert_eq!(of_grid.status, Status::NotSigned, "{report}");
    }
}

/// 14 times 600 Wh were given: what neighbours did not pay for the grid took, no more and no less,
/// whether the late reading counts or not.
#[test]
fn no_watt_hour_is_billed_twice_for_a_late_reading() {
    for (deals, fed_in) in [(sold as fn(u32) -> _, "8.1"), (short, "8.1"), (less, "8.1")] {
        let world = published(world(deals, false));
        let invoice = &world.bill.invoice;
        let line = invoice.lines.iter().find(|line| line.class == bill::Class::FeedIn).unwrap();
        assert_eq!(line.inputs[0].value, format!("{fed_in} kWh"), "{line:?}");
    }
}

/// Neither with the reading nor without does all fit: what was paid stands, nothing is left for the
/// grid in the two hours, and each trade fits what was known when it was settled.
#[test]
fn trades_that_were_settled_with_and_without_a_late_reading_are_billed_all_the_same() {
    let world = published(world(torn, false));
    let report = verify(&world.text, Some(&world.trust));
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    let invoice = &world.bill.invoice;
    let line = invoice.lines.iter().find(|line| line.class == bill::Class::FeedIn).unwrap();
    assert_eq!(line.inputs[0].value, "7.8 kWh");
}

#[test]
fn a_reading_that_was_on_chain_in_time_excuses_nothing() {
    fails(&published(world(sold, true)), "more was sold than the meter", About::Settlement);
    fails(&published(world(bought, true)), "more was bought than the meter", About::Settlement);
    fails(&published(world(short, true)), "more than its meter lacked", About::Settlement);
    fails(&published(world(less, true)), "less was settled than", About::Settlement);
}

#[test]
fn an_operator_cannot_say_afterwards_that_a_reading_came_late() {
    // The reading was in the first batch; the day is anchored once more when all is over.
    let mut world = World::with(|_| true, short);
    let over = world.tariff.head().timezone.start_of(day(PERIOD_DAYS));
    world.now = over.plus_seconds(i64::from(world.policy.correction_seconds));
    world.anchor_days();
    let world = published(world);
    fails(&world, "what was anchored of 2026-06-01 before", About::File);
    fails(&world, "more than its meter lacked", About::Settlement);
}

#[test]
fn a_late_reading_needs_the_leaf_that_lacks_it() {
    let mut world = world(short, false);
    let mut evidence = evidence(&world);
    evidence.days[0].before = None;
    world.publish(evidence);
    fails(&world, "more than its meter lacked", About::Settlement);
    for late in [vec![], vec![LATE, LATE], vec![LATE, 40]] {
        let mut world = self::world(short, false);
        let mut evidence = self::evidence(&world);
        evidence.days[0].before.as_mut().unwrap().late = late;
        world.publish(evidence);
        fails(&world, "what was anchored of 2026-06-01 before", About::File);
    }
}

#[test]
fn an_invoice_cannot_keep_quiet_about_late_readings() {
    let mut world = world(sold, false);
    let evidence = evidence(&world);
    world.publish(evidence);
    let mut bill = world.bill.clone();
    bill.invoice.late_readings = 0;
    let mut other = self::world(sold, false);
    other.anchor(bill);
    fails(&other, "recomputed it is 1", About::File);
}
