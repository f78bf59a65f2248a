//! A case: found once, grows, is decided by a person.

use surveillance::{Case, Decision, Fact, Kind, Refusal, Severity, State, Surveillance};

use crate::town::*;

fn decision(reason: &str) -> Decision {
    Decision { reason: reason.to_owned(), by: party("operator"), at: slot(2, "09:00") }
}

/// A trade of `a` with itself.
fn wash(town: &mut Town, day: i64, time: &str) {
    let slot = slot(day, time);
    town.sell("a", slot, 1_000, 10);
    town.buy("a2", slot, 1_000, 20);
    town.give("a2", "a");
    town.clear(slot);
}

/// Feeds the facts that were not fed before.
fn feed(machine: &mut Surveillance, town: &Town, fed: &mut usize) {
    for fact in &town.facts[*fed..] {
        machine.note(fact).unwrap();
    }
    *fed = town.facts.len();
}

fn states(machine: &Surveillance) -> Vec<(bool, usize)> {
    machine.cases().map(|case| (case.is_open(), case.incidents.len())).collect()
}

#[test]
fn a_case_grows_while_it_is_open_and_what_comes_after_a_decision_is_another_one() {
    let (mut machine, mut town, mut fed) = (Surveillance::default(), Town::default(), 0);
    wash(&mut town, 1, "10:00");
    feed(&mut machine, &town, &mut fed);
    let first = only(&machine).id;
    for time in ["10:15", "10:30"] {
        wash(&mut town, 1, time);
        feed(&mut machine, &town, &mut fed);
    }
    assert_eq!((states(&machine), only(&machine).id), (vec![(true, 3)], first));
    machine.dismiss(first, decision("a test of the operator")).unwrap();
    // The same again, as it comes when accounts change hands: nothing new.
    for by in ["holding", "a"] {
        let (party, by) = (party("a"), party(by));
        machine.note(&Fact::Controlled { party, by }).unwrap();
    }
    assert_eq!(states(&machine)[0], (false, 3));
    wash(&mut town, 1, "10:45");
    feed(&mut machine, &town, &mut fed);
    let last: Vec<&Case> = machine.cases().filter(|case| case.is_open()).collect();
    assert_eq!((last.len(), last[0].incidents.len()), (1, 1));
    assert_ne!(last[0].id, first, "of the same type, owner and day");
}

#[test]
fn what_happens_more_than_a_week_later_is_another_case() {
    for (later, cases) in [(8, 1), (9, 2)] {
        let mut town = Town::default();
        wash(&mut town, 1, "10:00");
        wash(&mut town, later, "10:00");
        let machine = watch_with(&town.facts, Default::default());
        assert_eq!(machine.cases().count(), cases, "day {later}");
    }
}

#[test]
fn a_case_becomes_more_severe_with_its_incidents() {
    let mut town = Town::default();
    for day in 1..=5 {
        for (time, seller, buyer) in [("10:00", "a", "b"), ("18:00", "b", "a")] {
            let slot = slot(day, time);
            town.sell(seller, slot, 1_000, 10);
            town.buy(buyer, slot, 1_000, 20);
            town.clear(slot);
        }
        let case = only(&watch(&town.facts));
        let severity = if day < 5 { Severity::Medium } else { Severity::High };
        assert_eq!((case.kind, case.severity), (Kind::W2, severity), "{day} days");
    }
}

#[test]
fn a_decision_needs_a_reason_and_is_made_once() {
    let mut town = Town::default();
    wash(&mut town, 1, "10:00");
    let mut machine = watch(&town.facts);
    let id = only(&machine).id;
    let long = "x".repeat(501);
    for (case, reason, expected) in [
        (id, "", Refusal::Reason),
        (id, &long, Refusal::Reason),
        (ids::CaseId::derived("?"), "why", Refusal::Unknown),
    ] {
        assert_eq!(machine.dismiss(case, decision(reason)), Err(expected));
        assert!(only(&machine).is_open());
    }
    machine.close(id, decision("the account is suspended")).unwrap();
    let closed = State::Closed(decision("the account is suspended"));
    assert_eq!(only(&machine).state, closed);
    assert_eq!(machine.dismiss(id, decision("no")), Err(Refusal::Decided));
    assert_eq!(only(&machine).state, closed);
    let codes = [Refusal::Unknown, Refusal::Decided, Refusal::Reason].map(Refusal::code);
    assert_eq!(codes, ["NOT_FOUND", "CASE_DECIDED", "REASON"]);
}

#[test]
fn a_case_that_was_tampered_with_does_not_follow_from_its_facts() {
    let mut town = Town::default();
    wash(&mut town, 1, "10:00");
    let mut case = only(&watch(&town.facts));
    let name = *case.incidents.keys().next().unwrap();
    case.incidents.get_mut(&name).unwrap().energy = units::Energy::from_wh(2_000);
    let again = surveillance::recompute(&case, &town.facts, Default::default());
    assert_eq!(again, Err(vec![name]));
    let case = only(&watch(&town.facts));
    let without: Vec<&Fact> =
        town.facts.iter().filter(|fact| !matches!(fact, Fact::Cleared(_))).collect();
    let again = surveillance::recompute(&case, without, Default::default());
    assert_eq!(again, Err(vec![name]), "a fact is missing");
}
