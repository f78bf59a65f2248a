//! What holds of the machine whatever is found: order does not matter, days are refused whole,
//! memory is bounded, cases keep their names.

use std::collections::BTreeSet;

use matching::Side;
use surveillance::{
    Case, Day, EVIDENCE_MAX, EVIDENCE_PER_DAY_MAX, Refusal, Rule, SUBJECTS_MAX, Thresholds, Watch,
};
use units::{Energy, Price};

use crate::attack::Attack;
use crate::small::{At, Hand};
use crate::town::{Dice, FIRST_DAY, Kind, Town};

fn watch() -> Watch {
    Watch::new("village", Thresholds::default()).unwrap()
}

/// Twelve days of a village in which one owner washes.
fn washed() -> Vec<Day> {
    let kind = Kind { accounts: 12, sun: 70, big_seller: false, fickle: 20 };
    let attack = Attack { rule: Rule::W1, strength: 50 };
    let mut town = Town::new(77, kind, Some(attack));
    (0..12).map(|_| town.next()).collect()
}

fn shuffle<T>(list: &mut [T], dice: &mut Dice) {
    for place in (1..list.len()).rev() {
        list.swap(place, dice.place(place + 1));
    }
}

#[test]
fn the_order_of_facts_does_not_matter_and_a_case_keeps_its_name() {
    let (mut one, mut two, mut dice) = (watch(), watch(), Dice(5));
    let (mut cases, mut names): (Vec<Case>, BTreeSet<_>) = Default::default();
    for mut day in washed() {
        cases = one.day(&day).unwrap();
        shuffle(&mut day.slots, &mut dice);
        shuffle(&mut day.orders, &mut dice);
        shuffle(&mut day.trades, &mut dice);
        shuffle(&mut day.intervals, &mut dice);
        assert_eq!(two.day(&day).unwrap(), cases);
        names.extend(cases.iter().filter(|case| case.rule == Rule::W1).map(|case| case.id));
    }
    assert_eq!(one, two);
    assert_eq!(names.len(), 1, "one case over all days");
    let case = cases.iter().find(|case| case.rule == Rule::W1).unwrap();
    assert_eq!(case.last, FIRST_DAY + 11);
    assert!(case.opened < case.last && case.from == case.last - 6, "{case:?}");
    assert!(case.evidence.len() <= EVIDENCE_MAX && case.evidence_left_out > 0);
    assert!(case.evidence.is_sorted() && case.evidence.len() > EVIDENCE_PER_DAY_MAX);
}

#[test]
fn what_happened_more_than_a_week_ago_is_forgotten() {
    let mut watch = watch();
    for day in washed() {
        watch.day(&day).unwrap();
    }
    let full = watch.subjects();
    assert!(full > 0);
    let quiet = |day: u32| Day { number: FIRST_DAY + day, ..Day::default() };
    assert_eq!(watch.day(&quiet(18)).unwrap(), Vec::new(), "a week without anything");
    assert_eq!((watch.subjects(), watch.left_out()), (0, 0));
}

#[test]
fn what_there_is_no_room_for_is_counted() {
    let mut hand = Hand::new(1);
    // So many pairs deal far outside of the band that they do not all fit.
    for (seller, buyer) in (0..230).flat_map(|seller| (230..460).map(move |buyer| (seller, buyer)))
    {
        hand.trade(At(0, seller % 96), seller, buyer, 100, 60);
    }
    let mut watch = watch();
    watch.day(&hand.days[0]).unwrap();
    assert_eq!(watch.subjects(), SUBJECTS_MAX);
    let pairs_and_sellers = 230 * 230 + 230;
    assert!(watch.left_out() >= pairs_and_sellers - SUBJECTS_MAX as u64, "{}", watch.left_out());
}

#[test]
fn a_day_that_does_not_fit_is_refused_whole() {
    let mut hand = Hand::new(1);
    hand.trade(At(0, 3), 0, 1, 500, 20);
    hand.fed(At(0, 3), 0, 500);
    let good = hand.days.remove(0);
    let check = |change: &dyn Fn(&mut Day), refusal: Refusal| {
        let (mut day, mut watch) = (good.clone(), watch());
        change(&mut day);
        assert_eq!(watch.day(&day), Err(refusal));
        assert_eq!(watch, self::watch(), "{}: something stayed", refusal.code());
        assert_eq!(watch.day(&good), Ok(Vec::new()));
        assert_eq!(watch.day(&good), Err(Refusal::Past(good.number)));
    };
    check(&|day| day.slots.push(day.slots[0]), Refusal::Twice("slot"));
    check(&|day| day.orders.push(day.orders[0]), Refusal::Twice("order"));
    check(&|day| day.trades.push(day.trades[0]), Refusal::Twice("trade"));
    check(&|day| day.intervals.push(day.intervals[0]), Refusal::Twice("interval"));
    check(
        &|day| day.slots.retain(|slot| slot.slot != day.orders[0].slot),
        Refusal::Unknown("order"),
    );
    check(&|day| day.orders[0].side = Side::Sell, Refusal::Unknown("trade"));
    check(&|day| day.orders.truncate(1), Refusal::Unknown("trade"));
    check(&|day| day.slots[0].tick = Price::ZERO, Refusal::Range("slot"));
    check(&|day| day.orders[0].quantity = Energy::from_wh(u64::MAX), Refusal::Range("order"));
    check(&|day| day.orders[0].limit = Price::from_n_per_wh(i64::MIN), Refusal::Range("order"));
    let early =
        |day: &mut Day| day.orders[0].cancelled = Some(day.orders[0].placed.plus_seconds(-1));
    check(&early, Refusal::Range("order"));
    let many = Refusal::TooMany { what: "slots", limit: 300 };
    check(&|day| day.slots = vec![day.slots[0]; 301], many);
}

#[test]
fn thresholds_are_checked_and_named_and_keep_their_defaults() {
    let read: Thresholds = serde_json::from_str(r#"{"m1": {"days": 5}}"#).unwrap();
    let mut expected = Thresholds::default();
    expected.m1.days = 5;
    assert_eq!(read, expected);
    assert!(serde_json::from_str::<Thresholds>(r#"{"m1": {"dayz": 5}}"#).is_err());
    expected.m1.days = 8;
    let refused = Watch::new("village", expected).unwrap_err();
    assert_eq!(refused.to_string(), "days is 8, not 1 to 7");
}
