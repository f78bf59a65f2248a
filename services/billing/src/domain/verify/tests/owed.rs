//! What the own meter proves was owed, and what the neighbour's can explain.

use alloy_primitives::B256;
use contracts::{Policy, RUN_EXPIRED};

use super::agreed::{key, period, policy, terms};
use super::world::{World, settled_for};
use super::*;

fn published(mut world: World, batch: u32) -> (World, Report) {
    let mut evidence = world.evidence();
    evidence.days.iter_mut().for_each(|day| day.batch = batch);
    world.publish(evidence);
    let report = verify(&world.text, Some(&world.trust));
    (world, report)
}

fn bought(world: &World, report: &Report) -> LineReport {
    let lines = &world.bill.invoice.lines;
    let place = lines.iter().position(|line| line.class == bill::Class::P2pBought).unwrap();
    report.lines[place].clone()
}

#[test]
fn less_than_the_own_meter_proves_fails_though_the_contract_was_told_so() {
    for delivered in [0, 359] {
        let (world, report) = published(settled_for(delivered), 1);
        assert_eq!((report.verdict, report.exit_code()), (Verdict::Failed, 10), "{report}");
        let [finding] = &report.findings[..] else { panic!("{report}") };
        assert!(finding.reason.contains("less was settled than the meter proves"), "{report}");
        assert_eq!(finding.about, About::Settlement);
        assert_eq!(bought(&world, &report).status, Status::Failed);
    }
}

/// 90 Wh of 900 the seller may lack without owing anything: nobody has to record that.
#[test]
fn what_the_neighbours_meter_can_explain_is_said_and_not_refused() {
    let (world, report) = published(settled_for(360), 1);
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    let line = bought(&world, &report);
    assert_eq!(line.status, Status::NotSigned, "{report}");
    assert!(line.reason.contains("less was settled than your own meter shows"), "{report}");
    let (_, report) = published(settled_for(450), 1);
    assert!(report.lines.iter().all(|line| line.status != Status::NotSigned), "{report}");
}

/// Where a page is missing at the end of the slot, the own registers prove nothing of it.
#[test]
fn doubtful_registers_prove_no_debt() {
    let mut world = settled_for(0);
    shift_pages(&mut world, 21);
    let (_, report) = published(world, 2);
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
}

/// Pages of the readings from `place` on are one higher, signed and anchored anew.
fn shift_pages(world: &mut World, place: usize) {
    for signed in &mut world.readings[place..] {
        let reading = Reading { page: signed.reading.page + 1, ..signed.reading };
        *signed = reading.sign(&key(2));
    }
    world.anchor_days();
}

#[test]
fn a_gap_in_the_pages_is_reported_on_the_lines_that_rest_on_it() {
    let mut world = World::open();
    shift_pages(&mut world, 30);
    let (world, report) = published(world, 2);
    assert_eq!(report.verdict, Verdict::Holds, "{report}");
    let lines = &world.bill.invoice.lines;
    let place = lines.iter().position(|line| line.class == bill::Class::Network).unwrap();
    let line = &report.lines[place];
    assert_eq!(line.status, Status::NotSigned, "{report}");
    assert!(line.reason.contains("in 1 the meter itself reported an error or a page is missing"));
}

/// An expired trade is owed like any other, unless its corrections ended before the last run: until
/// then the neighbour's meter may have been waited for.
#[test]
fn a_trade_that_expired_is_excused_where_the_neighbours_meter_may_have_been_waited_for() {
    let zone = terms().timezone;
    let slot = zone.start_of(period().from).plus_seconds(12 * 3600);
    let excused = |policy: &Policy, run: u8| {
        let (trade, id) = (B256::repeat_byte(7), policy.id());
        let settled = Entries::Settled {
            side: contracts::Side::Buy,
            slot: slot.unsigned(),
            prices: (180_000, 180_000),
            retail: 300_000,
            feed_in: 80_000,
            policy: 0,
            trades: vec![(trade, 900)],
        };
        let ended = Entries::Reconciled { run, trades: vec![(0, 0, 0, 0)] };
        let day = DayTrades { day: period().from, entries: vec![settled, ended], later: 0 };
        let within = slot..slot.plus_seconds(1);
        let policies = std::slice::from_ref(policy);
        let replayed = trades::replay(&day, (policies, &[id]), &within, &zone);
        replayed.map(|replayed| replayed.traded[0].excused.wh()).unwrap()
    };
    let short = Policy { correction_seconds: 3 * 86_400, ..policy() };
    assert_eq!(excused(&policy(), RUN_EXPIRED), 90);
    assert_eq!(excused(&short, RUN_EXPIRED), 900);
    assert_eq!(excused(&short, 2), 90);
}
