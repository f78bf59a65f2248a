//! From a settled trade to free cash.

use alloy_primitives::{Address, B256, U256};
use contracts::bindings::EnergyMarket;
use contracts::{
    BatchError, BatchTrade, Call, ContractEvent, Delivery, OrderTerms, Outcome, RUN_CHALLENGED,
    RUN_EXPIRED, Reconciled, Side, SolCall, TRADE_WH_MAX, TradeBatch, WINDOWS_MAX,
};
use units::{Energy, Money};

use crate::skip::settled;
use crate::world::{ANYONE, DAY, Receipt, SLOT, World, order, policy, posted};

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
    let batch = world.post_one(posted(&policy()), &[pair]);
    world.settle(&batch);
    let trade = world.only_trade();
    world.now = END;
    (world, buyer, seller, trade)
}

/// A run over one trade: where its money goes then.
fn reconcile(world: &mut World, run: u8, delivery: Delivery) -> Outcome {
    let call = world.run(run, &[delivery]);
    let events = world.ok(world.operator, call).events;
    let [ContractEvent::TradeReconciled(event), ContractEvent::SlotReconciled(of_batch)] =
        &events[..]
    else {
        panic!("{events:?}");
    };
    let Delivery { trade, delivered, seller_short, buyer_short } = delivery;
    let said = Reconciled { trade, run, delivered, seller_short, buyer_short };
    assert_eq!(Reconciled::of(event), said);
    let index = world.trades[&trade].trade.index;
    assert_eq!((of_batch.number, of_batch.run), (index / 64, run));
    world.outcome_of(trade)
}

/// Of how many trades something was said.
pub(crate) fn reconciled(receipt: &Receipt) -> usize {
    let reconciled = |event: &&ContractEvent| matches!(event, ContractEvent::TradeReconciled(_));
    receipt.events.iter().filter(reconciled).count()
}

/// A run with these words as deliveries, as the contract takes them.
fn raw(world: &World, run: u8, batch: &TradeBatch, deliveries: &[U256]) -> Call {
    let (batch, deliveries) = (batch.to_sol(), deliveries.to_vec());
    let data = EnergyMarket::reconcileCall { run, batch, deliveries }.abi_encode().into();
    Call { to: world.at.market, data }
}

impl World {
    fn check_locked(&mut self, expected: [(Address, i64); 6]) {
        for (account, amount) in expected {
            assert_eq!(self.locked(account, DAY), U256::from(amount), "locked of {account}");
        }
    }
}

#[test]
fn the_worked_example_holds_to_the_last_unit_and_so_does_its_correction() {
    let (mut world, buyer, seller, trade) = traded();
    let (network, platform) = (policy().network_account, policy().platform_account);
    let nobody = [policy().difference_account, policy().balance_account].map(|one| (one, 0));
    let all = Outcome {
        seller_net: Money::from_n(747_600_000),
        network: Money::from_n(42_000_000),
        platform: Money::from_n(16_800_000),
        difference: Money::ZERO,
        make_whole: Money::from_n(86_400_000),
        compensation: Money::ZERO,
        imbalance: Money::ZERO,
        refund: Money::from_n(153_600_000),
        collateral_back: Money::from_n(453_600_000),
    };
    assert_eq!(reconcile(&mut world, 0, delivery(trade, 4200, 800, 0)), all);
    // The buyer pays the agreed cost exactly: escrow - refund - make-whole + the rest at retail.
    assert_eq!(960_000_000 - 153_600_000 - 86_400_000 + 800 * 300_000, 960_000_000);
    world.check_locked([
        (seller, 747_600_000 + 453_600_000),
        (buyer, 153_600_000 + 86_400_000),
        (network, 42_000_000),
        (platform, 16_800_000),
        nobody[0],
        nobody[1],
    ]);

    // The seller's export is corrected to 4500: 500 Wh short, which is inside the tolerance.
    world.now = CORRECTIONS_END;
    let all = reconcile(&mut world, 1, delivery(trade, 4500, 500, 0));
    assert_eq!((all.seller_net, all.make_whole), (Money::from_n(801_000_000), Money::ZERO));
    world.check_locked([
        (seller, 801_000_000 + 540_000_000),
        (buyer, 96_000_000),
        (network, 45_000_000),
        (platform, 18_000_000),
        nobody[0],
        nobody[1],
    ]);
    // What is kept of the batch says so: the books hold it against the contract.
    let after = world.trades[&trade].clone();
    let Delivery { delivered, seller_short, buyer_short, .. } = delivery(trade, 4500, 500, 0);
    let last = Reconciled { trade, run: 1, delivered, seller_short, buyer_short };
    assert_eq!(after.trade.last, Some(last));
    assert_eq!((after.escrow, after.collateral), (U256::ZERO, U256::ZERO));
}

#[test]
fn a_buyer_who_does_not_take_compensates_and_the_seller_is_not_charged() {
    let (mut world, buyer, seller, trade) = traded();
    let all = reconcile(&mut world, 0, delivery(trade, 4200, 0, 800));
    // 800 Wh x (18 ct - 8 ct feed-in).
    assert_eq!(all.compensation, Money::from_n(80_000_000));
    assert_eq!(all.make_whole, Money::ZERO, "all of the collateral goes back");
    assert_eq!(world.locked(buyer, DAY), U256::from(73_600_000));
    assert_eq!(world.locked(seller, DAY), U256::from(747_600_000 + 540_000_000 + 80_000_000));
}

#[test]
fn a_run_only_rises_inside_its_window_and_by_the_reconciler() {
    let (mut world, buyer, _, trade) = traded();
    let full = world.run(1, &[delivery(trade, 5000, 0, 0)]);
    world.refused(buyer, full.clone(), "AccessControlUnauthorizedAccount");
    let operator = world.operator;
    world.now = END - 1;
    world.refused(operator, full.clone(), "OutsideWindow");
    world.now = CORRECTIONS_END + 1;
    world.refused(operator, full.clone(), "OutsideWindow");
    world.now = END;
    world.ok(operator, full.clone());
    world.refused(operator, full, "BatchChanged");
    for run in [0, 1] {
        let call = world.run(run, &[delivery(trade, 1, 0, 0)]);
        world.refused(operator, call, "RunNotHigher");
    }
    let cut = world.run(RUN_CHALLENGED, &[delivery(trade, 1, 0, 0)]);
    let expired = world.run(RUN_EXPIRED, &[delivery(trade, 0, 0, 0)]);
    world.refused(operator, cut.clone(), "NotChallenges");
    world.refused(operator, expired.clone(), "OutsideWindow");
    world.now = CORRECTIONS_END + 1;
    world.refused(operator, cut, "NotChallenges");
    world.refused(operator, expired, "RunNotHigher");
    world.now = CORRECTIONS_END;
    let last = world.run(RUN_CHALLENGED - 1, &[delivery(trade, 1, 0, 0)]);
    world.ok(operator, last);
}

/// The contract keeps a hash of the trades, and only who shows what it is of changes them.
#[test]
fn a_run_is_over_the_trades_as_they_stand() {
    let (mut world, buyer, seller) = World::with_cash();
    let stranger = world.account(3);
    let pairs = [
        (order(stranger, Side::Buy, 1), order(seller, Side::Sell, 1), 1000),
        (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 2), 1000),
        (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 3), 1000),
    ];
    let batch = world.post_one(posted(&policy()), &pairs);
    assert_eq!(settled(&world.settle(&batch)), 2, "the stranger has no cash");
    world.now = END;
    let id = batch.posted.clearing.id();
    let [skipped, first, second] = [0, 1, 2].map(|index| contracts::trade_id(id, index));
    let (operator, before) = (world.operator, world.batch(id, 0));
    let one = delivery(first, 900, 0, 100);

    // Trades that the batch has not: Rust does not name them, the contract does not know them.
    let unknown = BatchError::UnknownTrade;
    for trade in [B256::ZERO, skipped] {
        let of = world.at.reconcile(0, &before, &[delivery(trade, 1, 0, 0)]);
        assert_eq!(of, Err(unknown(trade)));
    }
    for place in [0, 3, 63, 255] {
        let call = raw(&world, 0, &before, &[U256::from(1) << 144 | U256::from(place)]);
        world.refused(operator, call, if place == 0 { "UnknownTrade" } else { "panic" });
    }

    // One that was not settled, one less, one of more energy, one of somebody else.
    let mut trades = [first, second].map(|trade| world.trades[&trade].trade);
    let shown = |world: &World, trades: &[BatchTrade]| {
        TradeBatch::new(world.posted[&id].clone(), 0, trades).unwrap()
    };
    assert_eq!(shown(&world, &trades), before);
    let reversed: Vec<_> = trades.iter().rev().copied().collect();
    assert_eq!(shown(&world, &reversed), before, "their order is that of the fills");
    let more = [&trades[..], &[BatchTrade { index: 0, ..trades[0] }]].concat();
    let mut altered = vec![shown(&world, &more), shown(&world, &trades[..1])];
    trades[1].quantity = Energy::from_wh(1001);
    altered.push(shown(&world, &trades));
    trades[1].quantity = Energy::from_wh(1000);
    trades[1].buyer = stranger;
    altered.push(shown(&world, &trades));
    for other in altered {
        let call = world.at.reconcile(0, &other, &[one]).unwrap();
        world.refused(operator, call, "BatchChanged");
    }
    let outside = [BatchTrade { index: 3, ..trades[0] }];
    let outside = TradeBatch::new(world.posted[&id].clone(), 0, &outside);
    assert_eq!(outside, Err(unknown(contracts::trade_id(id, 3))));

    // The batch of before the run is none after it, and a run has a trade once.
    let call = world.at.reconcile(0, &before, &[one]).unwrap();
    world.ok(operator, call.clone());
    world.refused(operator, call, "BatchChanged");
    let twice = world.run(1, &[delivery(second, 1000, 0, 0), delivery(second, 1, 0, 0)]);
    world.refused(operator, twice, "RunNotHigher");
    let both = world.run(1, &[delivery(second, 1000, 0, 0), delivery(first, 1, 0, 0)]);
    assert_eq!(reconciled(&world.ok(operator, both)), 2);
    let mut posted = world.posted[&id].clone();
    posted.policy.network_fee += 1;
    let other = TradeBatch::new(posted, 0, &[]).unwrap();
    let call = raw(&world, 2, &other, &[]);
    world.refused(operator, call, "UnknownClearing");
}

#[test]
fn an_impossible_delivery_is_refused() {
    let (mut world, _, _, trade) = traded();
    for bad in [
        delivery(trade, 5001, 0, 0),
        delivery(trade, 4000, 1001, 0),
        delivery(trade, 4000, 0, 1001),
        delivery(trade, 4000, 1, 1),
        delivery(trade, TRADE_WH_MAX, TRADE_WH_MAX, 0),
    ] {
        let call = world.run(0, &[bad]);
        world.refused(world.operator, call, "BadDelivery");
    }
    let batch = world.batch_of(trade);
    for bad in [u64::MAX, TRADE_WH_MAX + 1] {
        for [delivered, seller_short, buyer_short] in [[bad, 0, 0], [0, bad, 0], [0, 0, bad]] {
            let one = delivery(trade, delivered, seller_short, buyer_short);
            assert_eq!(world.at.reconcile(0, &batch, &[one]), Err(BatchError::Overflow));
        }
    }
    // All bits that mean something.
    let call = raw(&world, 0, &batch, &[U256::MAX - U256::from(255)]);
    world.refused(world.operator, call, "BadDelivery");
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
    let released = world.ok(ANYONE, call.clone());
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
        let mut terms = posted(&policy);
        terms.clearing.slot = slot;
        let of = |account, side| {
            let (policy, expiry) = (policy.id(), slot + 900);
            OrderTerms { policy, slot, expiry, ..order(account, side, nonce) }
        };
        let trader = if nonce == 1 { buyer } else { world.account(3) };
        world.fund(trader, 2_000_000_000);
        let pair = (of(trader, Side::Buy), of(seller, Side::Sell), 5000);
        let batch = world.post_one(terms, &[pair]);
        let receipt = world.settle(&batch);
        let Some(ContractEvent::TradeCreated(event)) = receipt.events.last() else {
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
    let batch = world.batch_of(trade);
    let call = world.at.expire(&batch, &[trade]).unwrap();
    world.now = CORRECTIONS_END;
    world.refused(buyer, call.clone(), "OutsideWindow");
    world.now += 1;
    // Nothing was delivered, and nobody is short.
    for bad in [delivery(trade, 1, 0, 0), delivery(trade, 0, 1, 0), delivery(trade, 0, 0, 1)] {
        let call = world.at.reconcile(RUN_EXPIRED, &batch, &[bad]).unwrap();
        world.refused(world.operator, call, "BadDelivery");
    }
    let none = world.at.expire(&batch, &[]).unwrap();
    world.refused(buyer, none, "NoTrades");
    world.ok(buyer, call.clone());
    world.refused(buyer, call, "BatchChanged");
    let again = world.at.expire(&world.batch_of(trade), &[trade]).unwrap();
    world.refused(buyer, again, "RunNotHigher");
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
    let (mut world, buyer, seller, trade) = traded();
    world.now = SLOT;
    let pause = world.at.pause();
    world.refused(buyer, pause.clone(), "AccessControlUnauthorizedAccount");
    world.ok(world.operator, pause);
    let pair = (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 5000);
    let (posted, batches) = world.batches(posted(&policy()), &[pair], |_| true);
    for call in [
        world.at.clear(&posted),
        world.at.settle(&batches[0]),
        world.at.reconcile(0, &world.batch_of(trade), &[]).unwrap(),
        world.run(0, &[delivery(trade, 5000, 0, 0)]),
    ] {
        world.refused(world.operator, call, "EnforcedPause");
    }
    let unpause = world.at.unpause();
    world.ok(world.operator, unpause);
    world.now = END;
    reconcile(&mut world, 0, delivery(trade, 5000, 0, 0));
}

/// Nothing brings a trade back that was given up, and nothing gives one up that had a run.
#[test]
fn only_what_had_no_run_expires_and_that_for_good() {
    let (mut world, buyer, seller) = World::with_cash();
    let pair = |nonce| (order(buyer, Side::Buy, nonce), order(seller, Side::Sell, nonce), 1000);
    let batch = world.post_one(posted(&policy()), &[pair(1), pair(2), pair(3)]);
    world.settle(&batch);
    let id = batch.posted.clearing.id();
    let trades = [0, 1, 2].map(|index| contracts::trade_id(id, index));
    world.now = END;
    reconcile(&mut world, 0, delivery(trades[1], 0, 0, 0));
    world.now = CORRECTIONS_END + 1;
    let all = world.at.expire(&world.batch(id, 0), &trades).unwrap();
    world.refused(ANYONE, all, "RunNotHigher");
    let others = world.at.expire(&world.batch(id, 0), &[trades[2], trades[0]]).unwrap();
    assert_eq!(reconciled(&world.ok(ANYONE, others)), 2);
    let runs = trades.map(|trade| world.trades[&trade].trade.last.unwrap().run);
    assert_eq!(runs, [RUN_EXPIRED, 0, RUN_EXPIRED]);
    let late = world.run(1, &[delivery(trades[0], 1000, 0, 0)]);
    world.refused(world.operator, late, "OutsideWindow");
    assert_eq!(world.trades[&trades[1]].escrow, U256::ZERO);
}
