//! W1 and W2: trades with oneself, and there and back.

use surveillance::{Evidence, Fact, Kind, Severity, Subject};

use crate::town::*;

/// `a` sells to `b` at ten.
fn sale(wh: u64) -> Town {
    let (mut town, slot) = (Town::default(), slot(1, "10:00"));
    town.sell("a", slot, wh, 10);
    town.buy("b", slot, wh, 20);
    town.clear(slot);
    town
}

#[test]
fn a_trade_between_accounts_of_one_party_is_a_wash_trade() {
    check(&sale(1_000), Kind::W1, false, "of two parties");
    let mut town = sale(1_000);
    town.give("b", "a");
    check(&town, Kind::W1, true, "of one party");
    let case = only(&watch(&town.facts));
    let (at, accounts) = (slot(1, "10:00"), case.accounts());
    assert_eq!(case.severity, Severity::High);
    assert_eq!(accounts, [account("a"), account("b")].into());
    assert_eq!((case.slots(), case.energy_wh()), ([at].into(), 1_000));
    let evidence = &case.incidents.values().next().unwrap().evidence;
    assert!(evidence.contains(&Evidence::Trade { trade: trade(at, 0), slot: at }), "{evidence:?}");
    let name = |id| if id == account("a") { "Home a".to_owned() } else { "Home b".to_owned() };
    let sentence = case.sentence(name);
    assert!(sentence.contains("Home a") && sentence.contains("1000 Wh"), "{sentence}");
    assert!(sentence.ends_with("1 time on 2026-06-01."), "{sentence}");
}

#[test]
fn who_owns_both_parties_is_one_owner_also_when_that_is_learnt_later() {
    let mut town = sale(1_000);
    town.facts.push(Fact::Controlled { party: party("a"), by: party("holding") });
    check(&town, Kind::W1, false, "only one of them");
    town.facts.push(Fact::Controlled { party: party("b"), by: party("holding") });
    check(&town, Kind::W1, true, "both");
    let case = only(&watch(&town.facts));
    let Subject::Owners(owners) = &case.subject else { panic!("{:?}", case.subject) };
    let owner = format!("party/{}", party("holding"));
    assert_eq!(owners.iter().map(ToString::to_string).collect::<Vec<_>>(), [owner]);
    town.facts.push(Fact::Controlled { party: party("b"), by: party("b") });
    check(&town, Kind::W1, true, "what was found stays");
}

/// `a` sells to `b` in the morning, `b` to `a` in the evening.
fn there_and_back(there: u64, back: u64) -> Town {
    let mut town = sale(there);
    let evening = slot(1, "18:00");
    town.sell("b", evening, back, 10);
    town.buy("a", evening, back, 20);
    town.clear(evening);
    town
}

#[test]
fn flows_there_and_back_are_a_circle_below_one_percent_net() {
    // 10 of 1 990 is 0.50 %, 20 of 2 000 is 1 %.
    check(&there_and_back(1_000, 1_000), Kind::W2, true, "nothing left");
    check(&there_and_back(1_010, 1_000), Kind::W2, true, "0.5 % left");
    check(&there_and_back(1_010, 990), Kind::W2, false, "below 1 kWh one way");
    check(&there_and_back(10_099, 9_901), Kind::W2, true, "0.99 % left");
    check(&there_and_back(10_100, 9_900), Kind::W2, false, "1 % left");
    check(&there_and_back(999, 999), Kind::W2, false, "too little");
    let case = only(&watch(&there_and_back(1_010, 1_000).facts));
    assert_eq!((case.energy_wh(), case.slots().len()), (2_010, 2));
    let sentence = case.sentence(|id| id.to_string());
    assert!(sentence.ends_with("on 1 day on 2026-06-01."), "{sentence}");
}

#[test]
fn a_circle_is_judged_when_the_day_is_over() {
    let mut town = there_and_back(5_000, 5_000);
    let mut machine = surveillance::Surveillance::default();
    town.facts.iter().for_each(|fact| assert_eq!(machine.note(fact), Ok(vec![])));
    let next = slot(2, "00:00");
    town.meter("a", next, 0, 0);
    let changed = machine.note(town.facts.last().unwrap()).unwrap();
    assert_eq!(changed.len(), 1, "the next day has begun");
    assert_eq!(machine.case(changed[0]).unwrap().kind, Kind::W2);
}

#[test]
fn flows_of_two_days_or_of_three_owners_are_no_circle() {
    let mut town = sale(2_000);
    let next = slot(2, "10:00");
    town.sell("b", next, 2_000, 10);
    town.buy("a", next, 2_000, 20);
    town.clear(next);
    check(&town, Kind::W2, false, "the day after");
    let mut town = sale(2_000);
    let evening = slot(1, "18:00");
    town.sell("b", evening, 2_000, 10);
    town.buy("c", evening, 2_000, 20);
    town.clear(evening);
    check(&town, Kind::W2, false, "to somebody else");
    town.give("c", "a");
    check(&town, Kind::W2, true, "who is the same owner");
}
