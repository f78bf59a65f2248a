//! Sealed orders: commitments before the gate, what opens them after it, and what proves that.

mod served;
mod told;
mod unopened;

use calendar::{Slot, Timestamp};
use contracts::{B256, OrderTerms, Side};
use market::domain::{
    Change, Commitment, Conditions, Difference, Entry, Exchange, Movement, NewCommitment, NewOrder,
    NextAddress, Opening, Parameters, Placement, Published, Rejection, Seal, SealState,
    SlotJournal, commitment, recompute,
};
use matching::Mechanism;
use units::Money;

pub use served::refused;

use crate::town::*;

/// The first slot whose book opens after the morning: from then on orders are sealed.
const LATER: &str = "2026-06-02T21:00:00Z";
const GATE: &str = "2026-06-02T20:45:00Z";
/// When its book opens.
const OPENS: &str = "2026-06-01T09:00:00Z";
const SALT: B256 = B256::repeat_byte(0x5a);

/// An order of a sealed slot.
fn order(name: &str, side: Side, quantity: u64, limit: u64) -> NewOrder {
    order_in(name, side, quantity, limit, LATER)
}

fn order_in(name: &str, side: Side, quantity: u64, limit: u64, slot: &str) -> NewOrder {
    let slot = Slot::starting(at(slot), slot_length()).unwrap();
    let (start, expiry) = (slot.start.unsigned(), slot.end().unsigned());
    let terms = neighbour(name).terms(side, quantity, limit);
    neighbour(name).sign(OrderTerms { slot: start, expiry, ..terms })
}

fn slot_length() -> calendar::SlotLength {
    calendar::SlotLength::QUARTER_HOUR
}

/// The town, in which orders are sealed from [`LATER`] on.
fn sealed_town() -> Exchange {
    let mut town = town();
    let change = Change::Seal { from: at(LATER), reveal_seconds: Some(120) };
    let by = neighbour("operator").party();
    let entry = town.change(&change, by, &parameters(), morning()).unwrap().unwrap();
    town.apply(&entry);
    assert_eq!(town.change(&change, by, &parameters(), morning()), Ok(None), "a repeat");
    town
}

fn new(order: &NewOrder, deposited: bool) -> NewCommitment {
    NewCommitment {
        hash: commitment(order.hash, SALT),
        account: order.account,
        slot: Timestamp::from_seconds(order.terms.slot.cast_signed()),
        deposit: deposited.then(|| (order.clone(), SALT)),
    }
}

/// Takes a commitment in; what the journal has of it.
fn seal(town: &mut Exchange, new: &NewCommitment, now: &str) -> Result<Commitment, Rejection> {
    match town.seal(new, &parameters(), at(now))? {
        Seal::New(commitment) => {
            record(town, &Entry::Sealed((*commitment).clone()));
            Ok(*commitment)
        }
        Seal::Repeated(_) => panic!("a commitment of its own was expected"),
    }
}

/// Applies an entry as a journal does.
fn record(town: &mut Exchange, entry: &Entry) {
    let text = serde_json::to_string(entry).unwrap();
    let entry = serde_json::from_str(&text).unwrap();
    town.fits(&entry).unwrap();
    town.apply(&entry);
}

fn close(town: &mut Exchange, now: &str) {
    for slot in town.gates_to_close(&parameters(), at(now)) {
        let root = town.sealed_book(slot).unwrap().root();
        record(town, &Entry::GateClosed { slot, root, at: at(now) });
    }
}

fn open(town: &mut Exchange, order: &NewOrder, now: &str) -> Result<(), Rejection> {
    let opening = Opening { commitment: commitment(order.hash, SALT), salt: SALT };
    match town.open(opening, order, &parameters(), at(now))? {
        Placement::New(accepted) => record(town, &Entry::Accepted(*accepted)),
        Placement::Repeated(_) => panic!("an order of its own was expected"),
    }
    Ok(())
}

/// b1 and s1 seal and open, b2 takes its commitment back, b3 opens nothing. Cleared after the
/// window, and the journal of that.
fn published() -> (Exchange, SlotJournal) {
    let mut town = sealed_town();
    let (buy, sell) =
        (order("b1", Side::Buy, 5000, 200_000), order("s1", Side::Sell, 3000, 100_000));
    let (back, silent) =
        (order("b2", Side::Buy, 4000, 250_000), order("b3", Side::Buy, 500, 250_000));
    for (order, deposited) in [(&buy, true), (&sell, false), (&back, true), (&silent, false)] {
        seal(&mut town, &new(order, deposited), OPENS).unwrap();
    }
    let withdrawn = commitment(back.hash, SALT);
    let entry = town.withdraw_seal(withdrawn, back.account, &parameters(), at(OPENS));
    record(&mut town, &entry.unwrap().unwrap());
    let again = town.withdraw_seal(withdrawn, back.account, &parameters(), at(OPENS));
    assert_eq!(again, Ok(None), "a repeat");
    assert_eq!(open(&mut town, &sell, "2026-06-02T20:44:59Z"), Err(Rejection::RevealClosed));
    close(&mut town, GATE);
    assert_eq!(open(&mut town, &back, GATE), Err(Rejection::RevealClosed), "it was taken back");
    let deposited = town.deposits_due();
    assert_eq!(deposited.iter().map(|(_, order)| order.hash).collect::<Vec<_>>(), [buy.hash]);
    open(&mut town, &deposited[0].1, GATE).unwrap();
    open(&mut town, &sell, "2026-06-02T20:46:59Z").unwrap();
    let due = |now: &str| town.due(&parameters(), at(now));
    assert_eq!(due("2026-06-02T20:46:59Z"), [], "b3 can still open");
    let over = "2026-06-02T20:47:00Z";
    assert_eq!(due(over), [at(LATER)]);
    assert_eq!(open(&mut town.clone(), &silent, over), Err(Rejection::RevealClosed));
    let slot = Slot::starting(at(LATER), slot_length()).unwrap();
    let cleared = town.clear(slot, &parameters(), at(over));
    let apart = town.of_slot(slot.start).clear(slot, &parameters(), at(over));
    assert_eq!(apart, cleared, "a slot apart from the rest clears alike");
    record(&mut town, &Entry::Cleared(cleared.clone()));
    let journal = town.published(&cleared, &parameters(), (CHAIN_ID, deployment().market));
    (town, journal)
}

#[test]
fn only_what_was_committed_to_before_the_gate_trades() {
    let (town, journal) = published();
    let text = serde_json::to_string(&journal).unwrap();
    let read: SlotJournal = serde_json::from_str(&text).unwrap();
    let same = recompute(&read, &journal.clearing).unwrap();
    assert_eq!((same.orders, same.fills, same.volume.wh()), (2, 1, 3000));
    let sealed = same.sealed.unwrap();
    let counts = [sealed.commitments, sealed.withdrawn, sealed.opened, sealed.unrevealed];
    assert_eq!(counts, [4, 1, 2, 1]);
    let states = town.commitments().map(|known| (known.state.clone(), known.counted));
    let states: Vec<_> = states.collect();
    assert!(matches!(states[0], (SealState::Opened { .. }, false)));
    assert!(matches!(states[2], (SealState::Withdrawn { .. }, false)));
    assert_eq!(states[3], (SealState::Expired, true));
    let unrevealed = |name: &str| town.unrevealed(neighbour(name).account(), at(LATER));
    assert_eq!(["b1", "b2", "b3"].map(unrevealed), [0, 0, 1]);
    // A snapshot of it is what it is.
    let state = serde_json::to_string(&town).unwrap();
    let again: Exchange = serde_json::from_str(&state).unwrap();
    assert_eq!((again.hash(), &again), (town.hash(), &town));
}

#[test]
fn a_commitment_is_by_the_address_that_its_account_has_in_the_slot() {
    let mut town = sealed_town();
    let (home, later) = (neighbour("s1"), neighbour("s1 later"));
    let (account, address) = (home.account(), later.address());
    town.apply(&Entry::Address(NextAddress { account, address, from: at(LATER) }));
    let amount = Money::from_n(DEPOSIT);
    town.apply(&block(2, 2, vec![Movement::In { address, amount }]));
    let terms = order("s1", Side::Sell, 3000, 100_000).terms;
    let sell = NewOrder { account, ..later.sign(OrderTerms { account: address, ..terms }) };
    let buy = order("b1", Side::Buy, 3000, 200_000);
    for order in [&buy, &sell] {
        seal(&mut town, &new(order, true), OPENS).unwrap();
    }
    close(&mut town, GATE);
    for (_, order) in town.deposits_due() {
        open(&mut town, &order, GATE).unwrap();
    }
    let slot = Slot::starting(at(LATER), slot_length()).unwrap();
    let cleared = town.clear(slot, &parameters(), at(GATE));
    record(&mut town, &Entry::Cleared(cleared.clone()));
    let journal = town.published(&cleared, &parameters(), (CHAIN_ID, deployment().market));
    assert_eq!(journal.commitments[1].account, address);
    assert_eq!(recompute(&journal, &journal.clearing).unwrap().sealed.unwrap().opened, 2);
}

/// The first difference of a journal that an operator changed, with the roots that go with it.
fn forged(change: impl FnOnce(&mut SlotJournal, &mut Conditions)) -> Difference {
    let (_, mut journal) = published();
    let mut conditions: Conditions = serde_json::from_str(&journal.conditions).unwrap();
    change(&mut journal, &mut conditions);
    journal.conditions = conditions.text();
    let hashed = journal.orders.iter().map(|order| {
        (order.terms.hash(journal.chain_id, journal.market), order.sequence, order.accepted)
    });
    journal.clearing.journal_root = contracts::journal_root(&journal.conditions, hashed);
    recompute(&journal, &journal.clearing.clone()).unwrap_err()
}

#[test]
fn an_order_without_a_commitment_from_before_the_gate_is_found() {
    // One that its account signed after the gate, and would not change the seed of this mechanism.
    let late = order("b2", Side::Buy, 100, 90_000);
    let published = Published {
        sequence: 99,
        uncovered: false,
        accepted: false,
        terms: late.terms.clone(),
        signature: late.signature.clone(),
    };
    let uncommitted = forged(|journal, _| journal.orders.push(published.clone()));
    assert_eq!(uncommitted, Difference::Uncommitted { sequence: 99 });
    // A commitment is made up for it, after the root was fixed.
    let added = forged(|journal, _| {
        journal.orders.push(published.clone());
        let mut known = journal.commitments[0].clone();
        known.commitment = commitment(late.hash, SALT);
        known.account = late.terms.account;
        known.order = Some(99);
        journal.commitments.push(known);
    });
    assert!(matches!(added, Difference::CommitmentsRoot { .. }), "{added}");
    let what = |found: Difference| match found {
        Difference::Commitment { what, .. } => what,
        other => panic!("{other}"),
    };
    // Another order is put into a commitment that was left unopened.
    let other = what(forged(|journal, _| {
        journal.orders.push(published.clone());
        (journal.commitments[3].order, journal.commitments[3].salt) = (Some(99), Some(SALT));
    }));
    assert_eq!(other, "the order does not open it");
    // One commitment stands for two orders.
    let twice = what(forged(|journal, _| {
        journal.commitments[3] = {
            let silent = &journal.commitments[3];
            let opened = &journal.commitments[1];
            market::domain::PublishedCommitment {
                order: opened.order,
                salt: opened.salt,
                ..silent.clone()
            }
        }
    }));
    assert!(twice.starts_with("there is no such order") || twice.starts_with("the order does not"));
    // Opening is said to have taken so long, or to have begun so late, that any block is in time.
    let long = forged(|_, conditions| {
        conditions.sealed.as_mut().unwrap().reveal_seconds = 601;
    });
    let begun = forged(|_, conditions| {
        conditions.sealed.as_mut().unwrap().closed = Some(at("2026-06-02T21:15:00Z"));
    });
    for (found, what) in [(long, "how long"), (begun, "when")] {
        let said = Difference::Rules { what: format!("{what} commitments were opened") };
        assert_eq!(found, said);
    }
    // The gate is said to be earlier than a commitment.
    let late = what(forged(|_, conditions| {
        conditions.sealed.as_mut().unwrap().gate = at(OPENS);
    }));
    assert_eq!(late, "it came after the gate, or twice");
    // It is said that nothing was sealed.
    let open = forged(|_, conditions| conditions.sealed = None);
    assert!(matches!(open, Difference::Rules { .. }), "{open}");
}

#[test]
fn only_call_auctions_are_sealed_and_sealed_slots_stay_call_auctions() {
    let mut town = sealed_town();
    let by = neighbour("operator").party();
    let judge = |town: &Exchange, change: &Change| {
        town.change(change, by, &parameters(), morning()).map(|entry| entry.is_some())
    };
    let choose = |from: &str, mechanism| Change::Choose { from: at(from), mechanism };
    let seal = |from: &str, reveal_seconds| Change::Seal { from: at(from), reveal_seconds };
    let continuous = choose("2026-06-03T00:00:00Z", Mechanism::Continuous);
    assert_eq!(judge(&town, &continuous), Err(Rejection::NotSealable));
    let end = town.change(&seal("2026-06-03T00:00:00Z", None), by, &parameters(), morning());
    town.apply(&end.unwrap().unwrap());
    assert_eq!(judge(&town, &continuous), Ok(true), "they are not sealed any more");
    let before = choose(LATER, Mechanism::Continuous);
    assert_eq!(judge(&town, &before), Err(Rejection::NotSealable));
    let entry = town.change(&continuous, by, &parameters(), morning()).unwrap().unwrap();
    town.apply(&entry);
    let later = seal("2026-06-04T00:00:00Z", Some(60));
    assert_eq!(judge(&town, &later), Err(Rejection::NotSealable));
    // A market that starts with another gate, or another mechanism, is told.
    let now = morning();
    assert_eq!(town.check_sealed(&parameters(), now), Ok(()));
    let short = Parameters { gate_seconds: 150, ..parameters() };
    let at_once = Parameters { mechanism: Mechanism::Continuous, ..parameters() };
    for (other, why) in [(&short, Rejection::RevealWindow), (&at_once, Rejection::NotSealable)] {
        assert_eq!(town.check_sealed(other, now), Err((at(LATER), why)));
        assert_eq!(town.check_sealed(other, at("2026-06-03T00:00:00Z")), Ok(()), "it is over");
    }
    for (seconds, fits) in [(29, false), (30, true), (600, true), (601, false)] {
        let expected = if fits { Ok(true) } else { Err(Rejection::RevealWindow) };
        assert_eq!(judge(&town, &seal("2026-06-02T22:00:00Z", Some(seconds))), expected);
    }
}
