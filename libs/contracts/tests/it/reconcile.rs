//! From a settled trade to free cash.

use alloy_primitives::{Address, B256, U256};
use contracts::bindings::EnergyMarket;
use contracts::{Clearing, ContractEvent, Delivery, OrderTerms, RUN_EXPIRED, Side, WINDOWS_MAX};
use units::Energy;

use crate::world::{DAY, SLOT, World, clearing, order, policy};

const END: u64 = SLOT + 900;
const CORRECTIONS_END: u64 = END + 8 * 86_400;
const RELEASE: u64 = CORRECTIONS_END + 3 * 86_400;

fn delivery(trade: B256, delivered: u64, seller_short: u64, buyer_short: u64) -> Delivery {
    Delivery {
        trade,
        delivered: Energy::from_wh(delivered),
        seller_short: Energy::from_wh(seller_short),
        buyer_short: Energy::from_wh(buyer_short),
    }
}

/// A world with one trade of 5000 Wh at 18 ct, at the end of its slot.
fn traded() -> (World, Address, Address, B256) {
    let (mut world, buyer, seller) = World::with_cash();
    let pair = (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 5000);
    let (id, fills) = world.post(clearing(&policy()), &[pair]);
    let call = world.at.settle(id, &fills);
    world.ok(buyer, call);
    let trade = *world.trades.first().unwrap();
    world.now = END;
    (world, buyer, seller, trade)
}

fn reconcile(world: &mut World, run: u8, delivery: Delivery) -> EnergyMarket::TradeReconciled {
    let call = world.at.reconcile(run, &[delivery]);
    let mut events = world.ok(world.operator, call).events;
    let Some(ContractEvent::TradeReconciled(event)) = events.pop() else {
        panic!("nothing was reconciled");
    };
    event
}

impl World {
    fn check_locked(&mut self, expected: [(Address, i64); 4]) {
        for (account, amount) in expected {
            assert_eq!(self.locked(account, DAY), U256::from(amount), "locked of {account}");
        }
    }
}

#[test]
fn the_worked_example_holds_to_the_last_unit_and_so_does_its_correction() {
    let (mut world, buyer, seller, trade) = traded();
    let (network, platform) = (policy().network_account, policy().platform_account);
    let event = reconcile(&mut world, 0, delivery(trade, 4200, 800, 0));
    assert_eq!(event.sellerNet, U256::from(747_600_000));
    assert_eq!(event.network, U256::from(42_000_000));
    assert_eq!(event.platform, U256::from(16_800_000));
    assert_eq!(event.makeWhole, U256::from(86_400_000));
    assert_eq!(event.compensation, U256::ZERO);
    assert_eq!(event.refund, U256::from(153_600_000));
    assert_eq!(event.collateralBack, U256::from(453_600_000));
    // The buyer pays the agreed cost exactly: escrow - refund - make-whole + the rest at retail.
    assert_eq!(960_000_000 - 153_600_000 - 86_400_000 + 800 * 300_000, 960_000_000);
    world.check_locked([
        (seller, 747_600_000 + 453_600_000),
        (buyer, 153_600_000 + 86_400_000),
        (network, 42_000_000),
        (platform, 16_800_000),
    ]);

    // The seller's export is corrected to 4500: 500 Wh short, which is inside the tolerance.
    world.now = CORRECTIONS_END;
    let event = reconcile(&mut world, 1, delivery(trade, 4500, 500, 0));
    assert_eq!(event.sellerNet, U256::from(801_000_000));
    assert_eq!(event.makeWhole, U256::ZERO);
    world.check_locked([
        (seller, 801_000_000 + 540_000_000),
        (buyer, 96_000_000),
        (network, 45_000_000),
        (platform, 18_000_000),
    ]);
    let after = world.trade(trade);
    assert_eq!((after.runs, after.delivered, after.sellerShort), (2, 4500, 500));
    assert_eq!((after.escrow, after.collateral), (U256::ZERO, U256::ZERO));
}

#[test]
fn a_buyer_who_does_not_take_compensates_and_the_seller_is_not_charged() {
    let (mut world, buyer, seller, trade) = traded();
    let event = reconcile(&mut world, 0, delivery(trade, 4200, 0, 800));
    // 800 Wh x (18 ct - 8 ct feed-in).
    assert_eq!(event.compensation, U256::from(80_000_000));
    assert_eq!(event.collateralBack, U256::from(540_000_000));
    assert_eq!(world.locked(buyer, DAY), U256::from(73_600_000));
    assert_eq!(world.locked(seller, DAY), U256::from(747_600_000 + 540_000_000 + 80_000_000));
}

#[test]
fn a_run_only_rises_inside_its_window_and_by_the_reconciler() {
    let (mut world, buyer, _, trade) = traded();
    let full = world.at.reconcile(1, &[delivery(trade, 5000, 0, 0)]);
    world.refused(buyer, full.clone(), "AccessControlUnauthorizedAccount");
    let operator = world.operator;
    world.now = END - 1;
    world.refused(operator, full.clone(), "OutsideWindow");
    world.now = CORRECTIONS_END + 1;
    world.refused(operator, full.clone(), "OutsideWindow");
    world.now = END;
    world.ok(operator, full.clone());
    world.refused(operator, full, "RunNotHigher");
    for run in [0, 1, RUN_EXPIRED] {
        let call = world.at.reconcile(run, &[delivery(trade, 1, 0, 0)]);
        world.refused(operator, call, "RunNotHigher");
    }
    let unknown = world.at.reconcile(2, &[delivery(B256::ZERO, 1, 0, 0)]);
    world.refused(operator, unknown, "UnknownTrade");
}

#[test]
fn an_impossible_delivery_is_refused() {
    let (mut world, _, _, trade) = traded();
    for bad in [
        delivery(trade, 5001, 0, 0),
        delivery(trade, 4000, 1001, 0),
        delivery(trade, 4000, 0, 1001),
        delivery(trade, 4000, 1, 1),
        delivery(trade, u64::MAX, u64::MAX, 0),
    ] {
        let call = world.at.reconcile(0, &[bad]);
        world.refused(world.operator, call, "BadDelivery");
    }
}

#[test]
fn locked_cash_is_free_after_the_challenge_window() {
    let (mut world, buyer, seller, trade) = traded();
    reconcile(&mut world, 0, delivery(trade, 5000, 0, 0));
    let accounts = vec![buyer, seller, policy().network_account, policy().platform_account];
    let call = world.at.release(policy().id(), DAY, accounts.clone());
    world.now = RELEASE - 1;
    world.refused(buyer, call.clone(), "NotYet");
    world.now = RELEASE;
    let released = world.ok(Address::repeat_byte(9), call.clone());
    // The buyer gets nothing back of a trade that was delivered in full.
    assert_eq!(released.events.len(), 3);
    assert_eq!(world.free(buyer), U256::from(5_000_000_000_u64 - 960_000_000));
    assert_eq!(world.free(seller), U256::from(1_000_000_000 + 890_000_000));
    assert_eq!(world.free(policy().network_account), U256::from(50_000_000));
    assert_eq!(world.free(policy().platform_account), U256::from(20_000_000));
    assert!(world.ok(buyer, call).events.is_empty(), "nothing is released twice");
}

/// Another policy of the zone's next slot names the buyer as receiver of its fees, with windows as
/// long as any: what it locks is its own, and the buyer's proceeds go free when they always would.
#[test]
fn a_policy_that_an_account_did_not_sign_cannot_prolong_its_lock() {
    let (mut world, buyer, seller) = World::with_cash();
    world.fund(seller, 1_000_000_000);
    let mut hostile = policy();
    hostile.network_account = buyer;
    hostile.correction_seconds = WINDOWS_MAX - 1;
    for challenge_seconds in [0, 2] {
        hostile.challenge_seconds = challenge_seconds;
        let call = world.at.register_policy(&hostile);
        world.refused(world.operator, call, "BadPolicy");
    }
    hostile.challenge_seconds = 1;
    let call = world.at.register_policy(&hostile);
    world.ok(world.operator, call);
    let mut trades = Vec::new();
    for (policy, slot, nonce) in [(policy(), SLOT, 1), (hostile.clone(), SLOT + 900, 2)] {
        let terms = Clearing { policy: policy.id(), slot, ..clearing(&policy) };
        let of = |account, side| {
            let (policy, expiry) = (policy.id(), slot + 900);
            OrderTerms { policy, slot, expiry, ..order(account, side, nonce) }
        };
        let trader = if nonce == 1 { buyer } else { world.account(3) };
        world.fund(trader, 2_000_000_000);
        let pair = (of(trader, Side::Buy), of(seller, Side::Sell), 5000);
        let (id, fills) = world.post(terms, &[pair]);
        let call = world.at.settle(id, &fills);
        let receipt = world.ok(buyer, call);
        let Some(ContractEvent::TradeSettled(event)) = receipt.events.last() else {
            panic!("{:?}", receipt.events);
        };
        trades.push(event.trade);
    }
    world.now = SLOT + 1800;
    for trade in trades {
        reconcile(&mut world, 0, delivery(trade, 4000, 0, 0));
    }
    assert!(world.locked_by(buyer, hostile.id(), DAY) > U256::ZERO);
    world.now = RELEASE;
    let own = world.locked(buyer, DAY);
    let before = world.free(buyer);
    let call = world.at.release(policy().id(), DAY, vec![buyer, seller]);
    world.ok(seller, call);
    assert_eq!(world.free(buyer), before + own);
    let call = world.at.release(hostile.id(), DAY, vec![buyer]);
    world.refused(buyer, call, "NotYet");
}

#[test]
fn a_trade_that_nobody_reconciles_gives_the_money_back_even_when_paused() {
    let (mut world, buyer, seller, trade) = traded();
    let pause = world.at.pause();
    world.ok(world.operator, pause);
    let call = world.at.expire(vec![trade]);
    world.now = CORRECTIONS_END;
    world.refused(buyer, call.clone(), "OutsideWindow");
    world.now += 1;
    world.ok(buyer, call.clone());
    world.refused(buyer, call, "RunNotHigher");
    assert_eq!(world.locked(buyer, DAY), U256::from(960_000_000));
    assert_eq!(world.locked(seller, DAY), U256::from(540_000_000));
    world.now = RELEASE;
    let call = world.at.release(policy().id(), DAY, vec![buyer, seller]);
    world.ok(buyer, call);
    assert_eq!(world.free(buyer), U256::from(5_000_000_000_u64));
    assert_eq!(world.free(seller), U256::from(1_000_000_000));
}

#[test]
fn a_pause_stops_trading() {
    let (mut world, buyer, _, trade) = traded();
    world.now = SLOT;
    let pause = world.at.pause();
    world.refused(buyer, pause.clone(), "AccessControlUnauthorizedAccount");
    world.ok(world.operator, pause);
    let trade_view = world.trade(trade);
    for call in [
        world.at.clear(&clearing(&policy())),
        world.at.settle(trade_view.clearing, &[]),
        world.at.reconcile(0, &[]),
    ] {
        world.refused(world.operator, call, "EnforcedPause");
    }
    let unpause = world.at.unpause();
    world.ok(world.operator, unpause);
    world.now = END;
    reconcile(&mut world, 0, delivery(trade, 5000, 0, 0));
}
