//! What is left unopened, what counts of it, and what an account can help.

use market::domain::{
    CONTRACT_ORDERS_PER_SLOT_MAX, OrderSignature, UNDEPOSITED_PER_PARTY_MAX, UNREVEALED_MAX,
};

use super::*;

/// When opening is over.
const OVER: &str = "2026-06-02T20:47:00Z";

/// Clears the slot [`LATER`] and records it.
fn clear(town: &mut Exchange, parameters: &Parameters, now: &str) -> SlotJournal {
    let slot = Slot::starting(at(LATER), slot_length()).unwrap();
    let cleared = town.clear(slot, parameters, at(now));
    record(town, &Entry::Cleared(cleared.clone()));
    town.published(&cleared, parameters, (CHAIN_ID, deployment().market))
}

fn unrevealed(town: &Exchange, name: &str) -> u32 {
    town.unrevealed(neighbour(name).account(), at(LATER))
}

#[test]
fn a_party_that_leaves_too_much_unopened_commits_no_more_for_a_day() {
    let mut town = sealed_town();
    let next = "2026-06-02T21:15:00Z";
    for n in 0..u64::from(UNREVEALED_MAX) {
        seal(&mut town, &new(&order("b1", Side::Buy, 100 + n, 200_000), false), OPENS).unwrap();
    }
    let other = new(&order_in("b1", Side::Buy, 100, 210_000, next), false);
    close(&mut town, GATE);
    // Where everybody is stopped nobody can help it.
    let mut stopped = town.clone();
    let stop = Change::Stop { reason: "a test".to_owned() };
    let entry = stopped.change(&stop, neighbour("operator").party(), &parameters(), morning());
    record(&mut stopped, &entry.unwrap().unwrap());
    clear(&mut stopped, &parameters(), OVER);
    assert_eq!(unrevealed(&stopped, "b1"), 0);
    clear(&mut town, &parameters(), OVER);
    let late = "2026-06-02T20:50:00Z";
    assert_eq!(seal(&mut town, &other, late), Err(Rejection::Unrevealed));
    let neighbours = new(&order_in("b2", Side::Buy, 100, 210_000, next), false);
    seal(&mut town, &neighbours, late).unwrap();
    let tomorrow = "2026-06-03T21:15:00Z";
    let other = new(&order_in("b1", Side::Buy, 100, 210_000, tomorrow), false);
    assert_eq!(seal(&mut town, &other, "2026-06-03T20:59:59Z"), Err(Rejection::Unrevealed));
    seal(&mut town, &other, "2026-06-03T21:00:01Z").unwrap_err();
    let after = new(&order_in("b1", Side::Buy, 100, 210_000, "2026-06-03T21:30:00Z"), false);
    seal(&mut town, &after, "2026-06-03T21:00:01Z").unwrap();
}

#[test]
fn what_a_seller_may_not_open_does_not_count() {
    let mut town = sealed_town();
    let sell = order("s1", Side::Sell, 1000, 100_000);
    seal(&mut town, &new(&sell, false), OPENS).unwrap();
    seal(&mut town, &new(&order("s2", Side::Sell, 1000, 100_000), false), OPENS).unwrap();
    let trader = market::domain::Trader::Seller(neighbour("s1").account());
    let suspend = Change::Suspend { trader, reason: "a test".to_owned() };
    let entry = town.change(&suspend, neighbour("operator").party(), &parameters(), at(OPENS));
    record(&mut town, &entry.unwrap().unwrap());
    close(&mut town, GATE);
    assert_eq!(open(&mut town, &sell, GATE), Err(Rejection::Suspended));
    clear(&mut town, &parameters(), OVER);
    assert_eq!(["s1", "s2"].map(|name| unrevealed(&town, name)), [0, 1]);
}

#[test]
fn an_order_that_is_opened_and_then_taken_back_on_chain_counts() {
    let mut town = sealed_town();
    let (before, after) =
        (order("b1", Side::Buy, 1000, 200_000), order("b2", Side::Buy, 1000, 200_000));
    let kept = order("b3", Side::Buy, 1000, 200_000);
    for order in [&before, &after, &kept] {
        seal(&mut town, &new(order, false), OPENS).unwrap();
    }
    close(&mut town, GATE);
    for order in [&before, &after, &kept] {
        open(&mut town, order, GATE).unwrap();
    }
    // One block is from before the gate, and came late.
    let blocks = [(2, "2026-06-02T20:44:59Z", &before), (3, "2026-06-02T20:46:00Z", &after)];
    for (number, time, order) in blocks {
        let (address, nonce) = (order.terms.account, order.terms.nonce);
        let mut entry = block(number, number, vec![Movement::NonceEnded { address, nonce }]);
        let Entry::Connected { timestamp, .. } = &mut entry else { unreachable!("it is a block") };
        *timestamp = at(time);
        let taken_back = town.consequences(&entry);
        assert_eq!(taken_back.len(), 1);
        record(&mut town, &entry);
        taken_back.iter().for_each(|entry| record(&mut town, entry));
    }
    clear(&mut town, &parameters(), GATE);
    assert_eq!(["b1", "b2", "b3"].map(|name| unrevealed(&town, name)), [0, 1, 0]);
}

#[test]
fn nobody_can_help_it_where_a_slot_is_over_before_its_trades_could_be_settled() {
    let mut town = sealed_town();
    let mut settles_later = parameters();
    settles_later.terms.settle_seconds = 86_400;
    seal(&mut town, &new(&order("b1", Side::Buy, 1000, 200_000), false), OPENS).unwrap();
    close(&mut town, GATE);
    let mut in_time = town.clone();
    clear(&mut in_time, &settles_later, "2026-06-02T21:14:59Z");
    assert_eq!(unrevealed(&in_time, "b1"), 1);
    clear(&mut town, &settles_later, "2026-06-02T21:15:00Z");
    assert_eq!(unrevealed(&town, "b1"), 0);
    assert_eq!(town.commitments().next().unwrap().state, SealState::Expired);
}

#[test]
fn commitments_are_opened_anew_where_the_market_was_away() {
    let mut town = sealed_town();
    let (buy, left) = (order("b1", Side::Buy, 1000, 200_000), order("b2", Side::Buy, 900, 200_000));
    seal(&mut town, &new(&buy, false), OPENS).unwrap();
    seal(&mut town, &new(&left, true), OPENS).unwrap();
    let cut_short = |town: &Exchange, now: &str| town.cut_short(&parameters(), at(now));
    let back = "2026-06-02T20:50:00Z";
    assert_eq!(cut_short(&town, back), [], "its gate was not closed");
    close(&mut town, GATE);
    assert_eq!(cut_short(&town, GATE), [], "nobody has lost anything");
    assert_eq!(cut_short(&town, back), [at(LATER)]);
    assert_eq!(cut_short(&town, "2026-06-02T21:15:00Z"), [], "the slot is over");
    record(&mut town, &Entry::RevealResumed { slot: at(LATER), at: at(back) });
    let (_, deposited) = town.deposits_due().remove(0);
    open(&mut town, &deposited, back).unwrap();
    assert_eq!(town.due(&parameters(), at("2026-06-02T20:51:59Z")), []);
    open(&mut town, &buy, "2026-06-02T20:51:59Z").unwrap();
    assert_eq!(cut_short(&town, "2026-06-02T20:51:59Z"), [], "all is opened");
    let journal = clear(&mut town, &parameters(), "2026-06-02T20:51:59Z");
    let same = recompute(&journal, &journal.clearing).unwrap();
    assert_eq!(same.sealed.unwrap().until, Some(at("2026-06-02T20:52:00Z")));
}

#[test]
fn deposits_of_contracts_have_their_places_when_they_are_committed() {
    let mut town = sealed_town();
    let blob = || OrderSignature::Contract { contract: "0xc0ffee".parse().unwrap() };
    let deposited = |town: &mut Exchange, name: &str, quantity: u64| {
        let order = order(name, Side::Buy, quantity, 200_000);
        let order = NewOrder { signature: blob(), ..order };
        seal(town, &new(&order, true), OPENS)
    };
    let few = CONTRACT_ORDERS_PER_SLOT_MAX / 5;
    for name in ["b1", "b2", "b3", "s1", "s2"] {
        for n in 0..few as u64 {
            deposited(&mut town, name, 100 + n).unwrap();
        }
    }
    assert_eq!(deposited(&mut town, "s3", 100), Err(Rejection::TooMany));
    let key = order("s3", Side::Buy, 100, 200_000);
    seal(&mut town, &new(&key, true), OPENS).unwrap();
    close(&mut town, GATE);
    let due = town.deposits_due();
    assert_eq!(due.len(), CONTRACT_ORDERS_PER_SLOT_MAX + 1);
    for (_, order) in due {
        open(&mut town, &order, GATE).unwrap();
    }
    assert_eq!(town.deposits_due(), []);
}

#[test]
fn a_party_keeps_few_commitments_back_over_all_slots() {
    let mut town = sealed_town();
    let slots: Vec<_> = (0..5).map(|n| at(LATER).plus_seconds(900 * n).to_string()).collect();
    let now = "2026-06-01T10:00:00Z";
    let each = UNDEPOSITED_PER_PARTY_MAX / 4;
    let mut kept = Vec::new();
    for slot in &slots[..4] {
        for n in 0..each as u64 {
            let order = order_in("b1", Side::Buy, 100 + n, 200_000, slot);
            kept.push(seal(&mut town, &new(&order, false), now).unwrap());
        }
    }
    let one_more = order_in("b1", Side::Buy, 100, 200_000, &slots[4]);
    assert_eq!(seal(&mut town, &new(&one_more, false), now), Err(Rejection::TooMany));
    let left = order_in("b1", Side::Buy, 99, 200_000, &slots[4]);
    seal(&mut town, &new(&left, true), now).unwrap();
    let back = town.withdraw_seal(kept[0].hash, kept[0].account, &parameters(), at(now));
    record(&mut town, &back.unwrap().unwrap());
    seal(&mut town, &new(&one_more, false), now).unwrap();
}
