//! Energy that is shared out after its slot: who has a part, which, when, and what comes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_consensus::Transaction;
use calendar::Timestamp;
use contracts::requests::Mandate;
use contracts::{BuyerRule, SellerRule, Side};
use events::Envelope;
use events::metering::{IntervalFact, IntervalsClosed, Quality};
use ids::MeterId;
use market::MarketConfig;
use market::domain::{
    Buying, Change, Difference, Entry, Exchange, Membership, Metered, Movement, NewOrder,
    NextAddress, Parameters, PointShare, Rejection, TimeInForce, recompute,
};
use matching::Mechanism;
use reqwest::{Method, StatusCode};
use revm::primitives::TxKind;
use serde_json::json;
use service::Tick;
use tempfile::TempDir;
use units::{Energy, Money, Price};

use crate::contract::{CASH, Evm};
use crate::http::*;
use crate::refusals::Answer;
use crate::service::{connected, known, past};
use crate::town::*;

const PRICE: Price = Price::from_n_per_wh(150_000);
/// Three hours after the slot.
const DEADLINE: &str = "2026-06-01T13:15:00Z";
const MEMBERS: [&str; 4] = ["b1", "b2", "b3", "s1"];

/// A market that settles for six hours after the slot, and waits three for readings.
fn sharing(mechanism: Mechanism) -> MarketConfig {
    let mut config = MarketConfig { mechanism, ..config() };
    config.policy.settle_seconds = 6 * 3_600;
    config.policy.seller_short = SellerRule::PayActual;
    config.policy.buyer_short = BuyerRule::PayActual;
    config
}

fn by(mechanism: Mechanism) -> Parameters {
    sharing(mechanism).parameters().unwrap()
}

fn changed(town: &mut Exchange, change: &Change, parameters: &Parameters) -> Result<(), Rejection> {
    let entry = town.change(change, neighbour("b1").party(), parameters, morning())?;
    entry.iter().for_each(|entry| town.apply(entry));
    Ok(())
}

fn membership(name: &str, from: &str) -> Membership {
    let home = neighbour(name);
    let (account, connection_point) = (home.account(), home.point());
    Membership { account, connection_point, from: at(from), until: None }
}

fn shares(shares: &[(&str, u32)]) -> Vec<PointShare> {
    let share =
        |&(name, bps): &(&str, u32)| PointShare { connection_point: neighbour(name).point(), bps };
    shares.iter().map(share).collect()
}

/// What the account lets the delegate sign, up to so much a slot.
fn mandate(name: &str, per_slot: u64, parameters: &Parameters) -> Movement {
    Movement::Mandated(Mandate {
        account: neighbour(name).address(),
        delegate: rules_delegate().address(),
        policy: parameters.policy,
        until: at("2027-01-01T00:00:00Z").unsigned(),
        buy_price_max: 162_000,
        sell_price_min: 148_000,
        quantity_per_slot: Energy::from_wh(per_slot),
        quantity_per_day: Energy::from_wh(100_000),
        version: per_slot,
    })
}

fn metered(town: &mut Exchange, homes: &[(&str, u64, u64)], version: u32) {
    let point = |&(name, import, export): &(&str, u64, u64)| Metered {
        connection_point: neighbour(name).point(),
        import: Energy::from_wh(import),
        export: Energy::from_wh(export),
        version,
    };
    town.apply(&Entry::Metered { slot: slot().start, points: homes.iter().map(point).collect() });
}

/// Four homes share by 50, 30 and 20 %, and have granted what they need.
fn members(parameters: &Parameters) -> Exchange {
    let mut town = town();
    for name in MEMBERS {
        let join = Change::Join(membership(name, SLOT));
        changed(&mut town, &join, parameters).unwrap();
    }
    let table = shares(&[("b1", 5_000), ("b2", 3_000), ("b3", 2_000)]);
    let change = Change::Share { from: slot().start, shares: table };
    changed(&mut town, &change, parameters).unwrap();
    let granted = MEMBERS.map(|name| mandate(name, 5_000, parameters));
    town.apply(&block(2, 2, granted.to_vec()));
    town
}

/// Shares out the slot as the service does; what each home bought and sold, and why others did not.
fn shared_out(
    town: &mut Exchange,
    parameters: &Parameters,
    now: Timestamp,
) -> (BTreeMap<String, [u64; 2]>, Vec<Rejection>) {
    let delegate = rules_delegate();
    let mut refused = Vec::new();
    for wanted in town.shared_orders(slot(), parameters, delegate.address()) {
        let hash = wanted.terms.hash(CHAIN_ID, deployment().market);
        let order = NewOrder {
            id: ids::OrderId::derived(&hash.to_string()),
            account: wanted.account,
            signer: Some(delegate.address()),
            signature: delegate.sign(hash).into(),
            hash,
            terms: wanted.terms,
            replaces: None,
            time_in_force: TimeInForce::GoodTillGate,
            beyond_reference: false,
        };
        match town.place_shared(&order, parameters, now) {
            Ok(accepted) => town.apply(&Entry::Accepted(*accepted)),
            Err(why) => refused.push(why),
        }
    }
    let cleared = town.clear(slot(), parameters, now);
    town.apply(&Entry::Cleared(cleared.clone()));
    let mut energy: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for trade in &cleared.trades {
        for (side, order) in [trade.buy, trade.sell].into_iter().enumerate() {
            let account = town.order(order).unwrap().account;
            let name = NAMES.iter().find(|name| neighbour(name).account() == account).unwrap();
            energy.entry((*name).to_owned()).or_default()[side] += trade.quantity.wh();
        }
    }
    (energy, refused)
}

#[test]
fn a_snapshot_tells_who_shares_and_what_was_metered() {
    let parameters = by(Mechanism::StaticAllocation { price: PRICE });
    let mut town = members(&parameters);
    let leave = Change::Leave(neighbour("b3").account());
    changed(&mut town, &leave, &parameters).unwrap();
    metered(&mut town, &[("b1", 2_000, 0), ("s1", 0, 3_000)], 1);
    let state = serde_json::to_string(&town).unwrap();
    let mut read: Exchange = serde_json::from_str(&state).unwrap();
    assert_eq!((read.hash(), &read), (town.hash(), &town));
    let shared = |town: &mut Exchange| shared_out(town, &parameters, at(DEADLINE));
    let out = shared(&mut town);
    assert!(!out.0.is_empty());
    assert_eq!(shared(&mut read), out);
}

#[test]
fn what_is_generated_is_shared_out_by_shares_by_consumption_and_by_both() {
    for (mechanism, expected) in [
        (Mechanism::StaticAllocation { price: PRICE }, [1_500, 500, 600]),
        (Mechanism::DynamicAllocation { price: PRICE }, [1_500, 375, 1_125]),
        (Mechanism::CascadeAllocation { price: PRICE }, [1_643, 500, 857]),
    ] {
        let parameters = by(mechanism);
        let mut town = members(&parameters);
        let homes = [("b1", 2_000, 0), ("b2", 500, 0), ("b3", 1_500, 0), ("s1", 0, 3_000)];
        metered(&mut town, &homes, 1);
        let now = slot().end();
        assert_eq!(town.due_shares(&parameters, now), [slot().start]);
        let (energy, refused) = shared_out(&mut town, &parameters, now);
        assert_eq!(refused, []);
        let bought = ["b1", "b2", "b3"].map(|name| energy[name][0]);
        assert_eq!(bought, expected, "{mechanism}");
        assert_eq!(energy["s1"][1], expected.iter().sum::<u64>(), "the rest goes to the grid");
        assert_eq!(town.due_shares(&parameters, now), [], "a slot is shared out once");
        // Nothing is held of who sells what was delivered, and of a buyer what it pays.
        assert_eq!(town.wallet(neighbour("s1").address()).held().n(), 0);
        let held = i64::try_from(expected[0]).unwrap() * 162_000;
        assert_eq!(town.wallet(neighbour("b1").address()).held().n(), held);

        let cleared = town.slot(slot().start).unwrap().cleared.clone().unwrap();
        let signed_for = (CHAIN_ID, deployment().market);
        let mut journal = town.published(&cleared, &parameters, signed_for);
        let again = recompute(&journal, &journal.clearing).unwrap();
        assert_eq!(again.volume, cleared.volume);
        assert_eq!(again.shared.is_some_and(|all| !all.is_empty()), mechanism.has_shares());
        journal.conditions = journal.conditions.replace(",\"shared\":true", "");
        let differs = recompute(&journal, &journal.clearing).unwrap_err();
        assert!(matches!(differs, Difference::Rules { .. }), "{differs}");
    }
}

#[test]
fn a_slot_waits_for_all_meters_until_its_deadline() {
    let parameters = by(Mechanism::DynamicAllocation { price: PRICE });
    let mut town = members(&parameters);
    metered(&mut town, &[("b1", 900, 0), ("b2", 100, 0), ("s1", 0, 500)], 1);
    metered(&mut town, &[("b1", 300, 0)], 2);
    metered(&mut town, &[("b1", 777, 0)], 1);
    let early = at(DEADLINE).plus_seconds(-1);
    assert_eq!(town.due_shares(&parameters, early), [], "b3 says nothing");
    assert_eq!(town.due_shares(&parameters, at(DEADLINE)), [slot().start]);
    let (energy, _) = shared_out(&mut town, &parameters, at(DEADLINE));
    assert_eq!(energy["b1"][0] + energy["b2"][0], 400, "of the newest version, all that is taken");
    // What comes now is of no slot that waits.
    metered(&mut town, &[("b3", 100, 0)], 1);
    assert!(!town.awaits(slot().start, neighbour("b3").point(), &parameters));
    assert_eq!(town.due_shares(&parameters, at(DEADLINE)), []);
}

#[test]
fn nothing_is_shared_out_that_the_chain_would_not_settle_or_nobody_granted() {
    let parameters = by(Mechanism::DynamicAllocation { price: PRICE });
    let mut town = members(&parameters);
    let homes = [("b1", 2_000, 0), ("b2", 500, 0), ("b3", 6_000, 0), ("s1", 0, 3_000)];
    metered(&mut town, &homes, 1);
    let mut late = town.clone();
    let (energy, _) = shared_out(&mut late, &parameters, parameters.settled_until(slot().start));
    assert_eq!(energy, BTreeMap::new(), "it is too late");
    // b3 took more than it lets anybody sign, b2 has ended its mandate.
    town.apply(&block(
        3,
        3,
        vec![mandate("b2", 0, &parameters), mandate("b2", 5_001, &parameters)],
    ));
    town.apply(&block(4, 4, vec![mandate("b2", 5_002, &parameters)]));
    let (energy, refused) = shared_out(&mut town, &parameters, slot().end());
    assert_eq!(refused, [Rejection::Delegate]);
    let bought = ["b1", "b2"].map(|name| energy[name][0]);
    assert_eq!(bought, [2_000, 500]);
    assert!(!energy.contains_key("b3"));
}

#[test]
fn who_is_suspended_from_selling_takes_its_share_and_gives_none() {
    let parameters = by(Mechanism::DynamicAllocation { price: PRICE });
    let mut town = members(&parameters);
    metered(&mut town, &[("b1", 2_000, 0), ("b2", 0, 0), ("b3", 0, 400), ("s1", 0, 3_000)], 1);
    let trader = market::domain::Trader::Seller(neighbour("s1").account());
    let suspend = Change::Suspend { trader, reason: "a test".to_owned() };
    changed(&mut town, &suspend, &parameters).unwrap();
    let (energy, refused) = shared_out(&mut town, &parameters, slot().end());
    assert_eq!(refused, [Rejection::Suspended]);
    let expected = [("b1", [400, 0]), ("b3", [0, 400])];
    assert_eq!(energy, BTreeMap::from(expected.map(|(name, of)| (name.to_owned(), of))));
}

#[test]
fn who_owes_too_much_gets_no_share_and_gives_its_own() {
    let parameters = by(Mechanism::DynamicAllocation { price: PRICE });
    let mut town = members(&parameters);
    let homes = [("b1", 2_000, 300), ("b2", 500, 0), ("b3", 0, 0), ("s1", 0, 3_000)];
    metered(&mut town, &homes, 1);
    let said = Buying { number: 1, reasons: vec!["dunning".to_owned()], at: slot().start };
    let entry = town.buying_told(neighbour("b1").account(), said).unwrap();
    town.apply(&entry);
    let (energy, refused) = shared_out(&mut town, &parameters, slot().end());
    assert_eq!(refused, [Rejection::BuyingHeld]);
    assert_eq!(energy["b2"], [500, 0]);
    assert_eq!(energy.get("b1").map_or(0, |of| of[0]), 0);
}

#[test]
fn a_member_shares_at_the_address_that_its_slot_settles_at() {
    let parameters = by(Mechanism::CascadeAllocation { price: PRICE });
    let (later, next) = (neighbour("b1 later"), slot().start);
    let at = |from| {
        let mut town = members(&parameters);
        let account = neighbour("b1").account();
        town.apply(&Entry::Address(NextAddress { account, address: later.address(), from }));
        let homes = [("b1", 2_000, 0), ("b2", 500, 0), ("b3", 1_500, 0), ("s1", 0, 3_000)];
        metered(&mut town, &homes, 1);
        town
    };
    let mut town = at(next.plus_seconds(900));
    let (energy, _) = shared_out(&mut town, &parameters, slot().end());
    assert_eq!(energy["b1"][0], 1_643, "its time has not come");
    let mut town = at(next);
    let (energy, refused) = shared_out(&mut town.clone(), &parameters, slot().end());
    assert_eq!((energy.get("b1"), &refused[..]), (None, &[Rejection::Delegate][..]));
    // A mandate is of an address; the shares are the member's.
    let cash = Movement::In { address: later.address(), amount: Money::from_n(DEPOSIT) };
    town.apply(&block(3, 3, vec![mandate("b1 later", 5_000, &parameters), cash]));
    let (energy, refused) = shared_out(&mut town, &parameters, slot().end());
    assert_eq!((energy["b1"][0], &refused[..]), (1_643, &[][..]));
    assert!(town.wallet(later.address()).held().n() > 0);
    assert_eq!(town.wallet(neighbour("b1").address()).held().n(), 0);
}

#[test]
fn members_and_shares_change_for_slots_that_have_not_begun() {
    let parameters = by(Mechanism::StaticAllocation { price: PRICE });
    let mut town = members(&parameters);
    let mut tried = |change: &Change| changed(&mut town, change, &parameters).err();
    let begun = "2026-06-01T08:30:00Z";
    assert_eq!(tried(&Change::Join(membership("s2", begun))), Some(Rejection::GateClosed));
    let half = Membership { from: at("2026-06-01T10:05:00Z"), ..membership("s2", SLOT) };
    assert_eq!(tried(&Change::Join(half)), Some(Rejection::Slot));
    let theirs = Membership { account: neighbour("b3").account(), ..membership("s2", SLOT) };
    assert_eq!(tried(&Change::Join(theirs)), Some(Rejection::Unknown));
    let next = "2026-06-01T11:00:00Z";
    assert_eq!(tried(&Change::Join(membership("b1", next))), Some(Rejection::Member));
    assert_eq!(tried(&Change::Join(membership("b1", SLOT))), None, "as it stands");
    assert_eq!(tried(&Change::Leave(neighbour("b1").account())), None);
    assert_eq!(tried(&Change::Join(membership("b1", next))), None, "again");
    let table =
        |bps| Change::Share { from: at(next), shares: shares(&[("b1", 9_999), ("b2", bps)]) };
    assert_eq!(tried(&table(2)), Some(Rejection::Shares));
    assert_eq!(tried(&table(0)), Some(Rejection::Shares));
    assert_eq!(tried(&table(1)), None);
    assert_eq!(town.shares_in(slot().start).len(), 3, "as it was until then");
    assert_eq!(town.shares_in(at(next)).len(), 2);
    let b1 = town.memberships(neighbour("b1").account());
    assert_eq!(b1.iter().map(|known| known.from).collect::<Vec<_>>(), [at(next)]);
}

#[test]
fn who_may_owe_for_being_short_shares_nothing_after_the_slot() {
    let mut config = sharing(Mechanism::DynamicAllocation { price: PRICE });
    config.policy.seller_short = SellerRule::MakeWhole;
    assert!(config.parameters().unwrap_err().to_string().contains("mechanism"));
    let mut config = sharing(Mechanism::DynamicAllocation { price: PRICE });
    config.allocation_seconds = config.policy.settle_seconds;
    assert!(config.parameters().unwrap_err().to_string().contains("allocation_seconds"));
}

/// What is answered in a market that shares to what `code` refuses.
pub async fn refused(code: &str) -> (Running, Answer) {
    let config = sharing(Mechanism::StaticAllocation { price: PRICE });
    let policy = config.policy.id();
    let running = start_with(Arc::new(TempDir::new().unwrap()), config).await;
    for envelope in past() {
        running.bus.publish(&envelope).await.unwrap();
    }
    let b1 = neighbour("b1");
    let path = format!("/v1/memberships/{}", b1.point());
    let answer = match code {
        "SHARED_OUT" => {
            let mut terms = b1.terms(Side::Buy, 1_000, 200_000);
            terms.policy = policy;
            running.place("b1", body(&b1.sign(terms))).await
        }
        "MEMBER" => {
            let joined = running.request(Method::PUT, &path, trader("b1"), Some(json!({}))).await;
            assert_eq!(joined.1["warnings"], json!(["NO_MANDATE"]), "{}", joined.1);
            let later = json!({ "from": "2026-06-03T10:00:00Z" });
            running.request(Method::PUT, &path, trader("b1"), Some(later)).await
        }
        _ => {
            let share = json!({ "connection_point": b1.point(), "bps": 10_001 });
            let path = format!("/v1/shares/{SLOT}");
            let shares = Some(json!({ "shares": [share] }));
            running.request(Method::PUT, &path, operator(), shares).await
        }
    };
    (running, answer)
}

/// What metering says of the homes in the slot.
fn closed(homes: &[(&str, u64, u64)]) -> Envelope {
    let interval = |&(name, import, export): &(&str, u64, u64)| IntervalFact {
        connection_point: neighbour(name).point(),
        account: neighbour(name).account(),
        meter: MeterId::derived(name),
        import: Energy::from_wh(import),
        export: Energy::from_wh(export),
        quality: Quality::Measured,
        version: 1,
        readings: Vec::new(),
    };
    let intervals = homes.iter().map(interval).collect();
    let event = IntervalsClosed { community: community(), slot: slot(), intervals };
    Envelope::of(&event, &format!("{}", homes.len()), slot().end())
}

/// Each member has cash, signs its mandate, which somebody sends, and joins; what the chain logs.
async fn granted_and_joined(
    running: &Running,
    evm: &mut Evm,
    parameters: &Parameters,
) -> Vec<events::ledger::Log> {
    let mut logs = Vec::new();
    for name in MEMBERS {
        let home = neighbour(name);
        logs.extend(evm.fund(home.address()));
        let Movement::Mandated(of) = mandate(name, 5_000, parameters) else { unreachable!() };
        let expiry = slot().end().unsigned();
        let hash = contracts::requests::mandate(CHAIN_ID, deployment().mandates, &of, expiry);
        let signature = home.key.sign(hash).as_bytes().to_vec().into();
        let grant = deployment().grant_mandate_for(&of, expiry, signature);
        logs.extend(evm.call(home.address(), grant));
        let path = format!("/v1/memberships/{}", home.point());
        let (status, joined) =
            running.request(Method::PUT, &path, trader(name), Some(json!({}))).await;
        assert_eq!(status, StatusCode::OK, "{joined}");
    }
    logs
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contracts_settle_after_the_slot_what_members_have_granted_once() {
    let mut config = sharing(Mechanism::CascadeAllocation { price: PRICE });
    let policy = config.policy.clone();
    config.lot_min = Energy::from_wh(1_000);
    let parameters = config.parameters().unwrap();
    let running = start_with(Arc::new(TempDir::new().unwrap()), config).await;
    let mut evm = Evm::with(&policy);
    for envelope in known(&MEMBERS) {
        running.bus.publish(&envelope).await.unwrap();
    }
    let logs = granted_and_joined(&running, &mut evm, &parameters).await;
    running.bus.publish(&connected(1, 1, logs)).await.unwrap();
    let table = [("b1", 5_000), ("b2", 3_000), ("b3", 2_000)];
    let share = |(name, bps): (&str, u32)| {
        let point = neighbour(name).point();
        json!({ "connection_point": point, "bps": bps })
    };
    let body = json!({ "shares": table.map(share) });
    let path = "/v1/shares/2026-06-01T08:45:00Z";
    let (status, set) = running.request(Method::PUT, path, operator(), Some(body)).await;
    assert_eq!(status, StatusCode::OK, "{set}");
    let about = running.get("b2", "/v1/memberships").await;
    let seen = &about["items"][0];
    assert_eq!((&seen["share_bps"], &seen["warnings"]), (&json!(3_000), &json!([])), "{about}");
    assert_eq!(about["items"].as_array().unwrap().len(), 1, "nobody else's");

    // Three meters at first, the last one an hour late.
    let end = slot().end();
    let homes = [("b1", 2_000, 0), ("b2", 500, 0), ("b3", 1_500, 0), ("s1", 0, 3_000)];
    running.bus.publish(&closed(&homes[..3])).await.unwrap();
    running.hand.move_to(end);
    assert!(!running.market.tick(end).await.unwrap(), "s1 says nothing yet");
    let late = end.plus_seconds(3_600);
    running.bus.publish(&closed(&homes)).await.unwrap();
    running.hand.move_to(late);
    assert!(running.market.tick(late).await.unwrap());
    assert!(!running.market.tick(late).await.unwrap(), "a slot is shared out once");
    running.market.drain(late).await.unwrap();
    evm.now = late.unsigned();
    let mut logs = Vec::new();
    for transaction in running.node.taken() {
        let to = TxKind::Call(transaction.to().unwrap());
        let (data, gas) = (transaction.input().clone(), transaction.gas_limit());
        logs.extend(evm.run(clearer().address(), to, data, gas));
    }
    running.bus.publish(&connected(2, 2, logs)).await.unwrap();
    let book = running.market.desks()[0].book().await;
    let cleared = book.slot(slot().start).unwrap().cleared.clone().unwrap();
    assert_eq!((cleared.volume.wh(), cleared.mechanism), (3_000, 8));
    let settled = cleared.trades.iter().all(|trade| book.settlement(trade.trade) == "settled");
    assert!(settled, "{:?}", cleared.trades);
    for (name, wh) in [("b1", 1_643), ("b2", 500), ("b3", 857), ("s1", 0)] {
        // The seller's cash is not touched: it cannot be short of what it has delivered.
        let paid = wh * 162_000;
        assert_eq!(evm.free(neighbour(name).address()), CASH - paid, "{name}");
        let wallet = book.wallet(neighbour(name).address());
        assert_eq!((wallet.held().n(), wallet.tradable().n()), (0, CASH - paid), "{name}");
    }
    let hash = book.hash();
    drop(book);
    let again =
        start_with(running.stop().await, sharing(Mechanism::StaticAllocation { price: PRICE }));
    let again = again.await;
    assert_eq!(again.market.desks()[0].book().await.hash(), hash);
    again.stop().await;
}
