//! Clearings whose fills have two prices each: what the buyer pays and what the seller gets.

use alloy_primitives::{Address, U256};
use contracts::{
    ContractEvent, Delivery, FillBatch, Met, OrderTerms, Policy, Prices, RUN_EXPIRED, Settled,
    Side, Skip, TradeBatch, fill_leaf, trade_id,
};
use units::{Energy, Money};

use crate::skip::{settled, skips};
use crate::world::{
    ANYONE, DAY, GAS_MAX, Pair, SLOT, World, own_prices, policy, posted, priced, wide,
};

const END: u64 = SLOT + 900;

/// The fill of a clearing with these prices.
fn post(world: &mut World, prices: Prices) -> FillBatch {
    let (buyer, seller) = (world.account(1), world.account(2));
    let pair = (wide(buyer, Side::Buy, 1), wide(seller, Side::Sell, 1), 1000);
    world.post_at(priced(&policy()), &[pair], &[prices]).remove(0)
}

#[test]
fn a_fill_costs_the_buyers_price_and_says_both() {
    let (mut world, buyer, seller) = World::with_cash();
    let prices = Prices { buyer: 200_000, seller: 150_000 };
    let batch = post(&mut world, prices);
    let id = batch.posted.clearing.id();
    let receipt = world.settle(&batch);
    let [ContractEvent::TradePriced(told), ContractEvent::TradeCreated(event)] =
        &receipt.events[..]
    else {
        panic!("{:?}", receipt.events);
    };
    assert_eq!((told.trade, told.buyPrice, told.sellPrice), (trade_id(id, 0), 200_000, 150_000));
    // 20 ct, 1.0 ct network, 0.2 ct platform; and what the rest of 30 ct is.
    assert_eq!(event.escrow, U256::from(1000 * 212_000));
    assert_eq!(event.collateral, U256::from(1000 * 88_000));
    assert_eq!(world.free(buyer), U256::from(5_000_000_000_u64 - 1000 * 212_000));
    assert_eq!(world.free(seller), U256::from(1_000_000_000_u64 - 1000 * 88_000));
    let entry = Settled::of(event, Side::Sell, &world.posted[&id].clearing, prices);
    assert_eq!((entry.prices.of(Side::Buy), entry.prices.of(Side::Sell)), (200_000, 150_000));

    world.now = END;
    let trade = event.trade;
    let (delivered, seller_short) = (Energy::from_wh(800), Energy::from_wh(200));
    let run = [Delivery { trade, delivered, seller_short, buyer_short: Energy::ZERO }];
    let call = world.run(0, &run);
    world.ok(world.operator, call);
    let all = world.outcome_of(trade);
    assert_eq!(all.difference, Money::from_n(800 * 50_000));
    assert_eq!(world.locked(policy().difference_account, DAY), U256::from(800 * 50_000));
    assert_eq!(all.seller_net, Money::from_n(800 * 148_000));
    assert_eq!(all.make_whole, Money::from_n(200 * 88_000));
    assert_eq!(world.locked(buyer, DAY), U256::from(200 * 212_000 + 200 * 88_000));
    assert_eq!(world.locked(seller, DAY), U256::from(800 * 148_000 + 800 * 88_000));
}

#[test]
fn each_side_has_its_limit_at_its_own_price_and_none_crosses() {
    let check = |buyer, seller, expected: Option<Skip>| {
        let (mut world, ..) = World::with_cash();
        let batch = post(&mut world, Prices { buyer, seller });
        let receipt = world.settle(&batch);
        assert_eq!(skips(&receipt), Vec::from_iter(expected), "{buyer} and {seller}");
        assert_eq!(settled(&receipt), usize::from(expected.is_none()));
    };
    check(238_000, 102_000, None);
    check(238_001, 102_000, Some(Skip::BuyerLimit));
    check(238_000, 101_999, Some(Skip::SellerLimit));
    check(u64::MAX, 102_000, Some(Skip::BuyerLimit));
    check(238_000, 0, Some(Skip::SellerLimit));
    check(150_000, 150_000, None);
    check(150_000, 150_001, Some(Skip::BadPrices));
    check(0, u64::MAX, Some(Skip::BadPrices));
    check(u64::MAX, u64::MAX, Some(Skip::BuyerLimit));
}

/// The prices are those of the leaf, and which ones count depends on the clearing's mechanism.
#[test]
fn a_batch_shows_the_prices_that_its_clearing_has() {
    let (mut world, buyer, seller) = World::with_cash();
    let pairs = |slot, nonces: std::ops::Range<u64>| -> Vec<Pair> {
        let of = |account, side, nonce| OrderTerms {
            slot,
            expiry: slot + 900,
            ..wide(account, side, nonce)
        };
        let pair = |nonce| (of(buyer, Side::Buy, nonce), of(seller, Side::Sell, nonce), 10 + nonce);
        nonces.map(pair).collect()
    };
    let mut one_price = posted(&policy());
    one_price.clearing.slot += 900;
    let own = world.post_at(priced(&policy()), &pairs(SLOT, 0..3), &own_prices(3)).remove(0);
    let one = world.post(one_price, &pairs(SLOT + 900, 3..6)).remove(0);
    let mut check = |batch: &FillBatch, edit: &dyn Fn(&mut Vec<Prices>)| {
        let mut other = batch.clone();
        edit(&mut other.prices);
        let call = world.at.settle(&other);
        world.refused(ANYONE, call, "BadBatch");
    };
    check(&own, &|prices| prices[1].buyer += 1);
    check(&own, &|prices| prices[1].seller -= 1);
    check(&own, &|prices| prices[1] = Prices::one(1));
    check(&own, &|prices| prices.swap(0, 2));
    check(&own, &|prices| prices.truncate(2));
    check(&own, &|prices| prices.push(prices[0]));
    check(&own, &|prices| prices.clear());
    check(&one, &|prices| prices.push(Prices::one(180_000)));
    check(&one, &|prices| *prices = vec![Prices::one(180_000); 3]);
    for batch in [own, one] {
        assert_eq!(settled(&world.settle(&batch)), 3);
    }
}

/// The first mechanism that has two prices is the 128th, and every later one.
#[test]
fn the_number_of_a_mechanism_says_whether_fills_have_prices_of_their_own() {
    for (mechanism, has_own) in [(0, false), (127, false), (128, true), (255, true)] {
        let (mut world, buyer, seller) = World::with_cash();
        let pair = (wide(buyer, Side::Buy, 1), wide(seller, Side::Sell, 1), 1000);
        let mut terms = posted(&policy());
        terms.clearing.mechanism = mechanism;
        assert_eq!(terms.clearing.is_priced(), has_own);
        let prices = if has_own { own_prices(1) } else { crate::world::usual(1) };
        let batch = world.post_at(terms, &[pair], &prices).remove(0);
        let receipt = world.settle(&batch);
        assert_eq!(settled(&receipt), 1);
        assert_eq!(receipt.events.len(), 1 + usize::from(has_own));
    }
}

/// What is kept of a batch has the prices of its trades: nobody reconciles at others.
#[test]
fn a_run_is_at_the_prices_of_the_trades_as_they_were_settled() {
    let (mut world, buyer, seller) = World::with_cash();
    let poor = world.account(7);
    let pair = |buyer, nonce| (wide(buyer, Side::Buy, nonce), wide(seller, Side::Sell, nonce), 100);
    let pairs = [pair(buyer, 1), pair(poor, 2), pair(buyer, 3)];
    let batch = world.post_at(priced(&policy()), &pairs, &own_prices(3)).remove(0);
    let receipt = world.settle(&batch);
    assert_eq!((settled(&receipt), skips(&receipt)), (2, vec![Skip::BuyerFunds]));
    let id = batch.posted.clearing.id();
    let good = world.batch(id, 0);
    let words = good.to_sol().prices;
    let word = |prices: Prices| U256::from(prices.buyer) << 64 | U256::from(prices.seller);
    let [first, _, third] = own_prices(3)[..] else { panic!("three") };
    assert_eq!(words, [word(first), U256::ZERO, word(third)], "none where none was settled");

    world.now = END;
    let trades = [0, 2].map(|index| world.trades[&trade_id(id, index)].trade);
    let of = |edit: &dyn Fn(&mut Prices)| {
        let mut trades = trades;
        edit(&mut trades[1].prices);
        TradeBatch::new(world.posted[&id].clone(), 0, &trades).unwrap()
    };
    let none = Energy::ZERO;
    let delivery = Delivery {
        trade: trade_id(id, 2),
        delivered: Energy::from_wh(100),
        seller_short: none,
        buyer_short: none,
    };
    let altered = [
        of(&|prices| prices.buyer -= 1),
        of(&|prices| prices.seller += 1),
        of(&|prices| *prices = first),
        of(&|prices| *prices = Prices::default()),
    ];
    assert_eq!(of(&|_| {}), good);
    for other in altered {
        let call = world.at.reconcile(0, &other, &[delivery]).unwrap();
        world.refused(world.operator, call, "BatchChanged");
    }
    let call = world.run(0, &[delivery]);
    world.ok(world.operator, call);
    assert_eq!(world.outcome_of(delivery.trade).difference.n(), {
        100 * i64::try_from(third.buyer - third.seller).unwrap()
    });
    // What nobody reconciles goes back at the prices that it was taken at.
    world.now = END + 8 * 86_400 + 1;
    let call = world.at.expire(&world.batch(id, 0), &[trade_id(id, 0)]).unwrap();
    world.ok(ANYONE, call);
    let last = world.trades[&trade_id(id, 0)].trade.last.unwrap();
    assert_eq!(last.run, RUN_EXPIRED);
    assert_eq!(world.outcome_of(last.trade).refund.n(), {
        100 * i64::try_from(first.buyer + 12_000).unwrap()
    });
}

/// A later batch is filled at its own prices though an order began in the first.
#[test]
fn an_order_is_filled_at_another_price_in_each_of_its_fills() {
    let (mut world, buyer, seller) = World::with_cash();
    let (buy, sell) = (wide(buyer, Side::Buy, 1), wide(seller, Side::Sell, 1));
    let pairs: Vec<Pair> = vec![(buy, sell, 10); 130];
    let prices = own_prices(130);
    let batches = world.post_at(priced(&policy()), &pairs, &prices);
    for number in [1, 0, 2] {
        let count = batches[number].fills.len();
        assert_eq!(settled(&world.settle(&batches[number])), count);
    }
    let spent: u64 = prices.iter().map(|prices| 10 * (prices.buyer + 12_000)).sum();
    assert_eq!(world.free(buyer), U256::from(5_000_000_000 - spent));
    for traded in world.trades.values() {
        assert_eq!(traded.trade.prices, prices[traded.trade.index as usize]);
    }
}

#[test]
fn a_full_batch_of_strangers_with_prices_of_their_own_fits_a_transaction() {
    let (mut world, _, _) = World::with_cash();
    let mut pairs = Vec::new();
    for number in 0..64 {
        let (buyer, seller) = (world.account(1000 + number), world.account(2000 + number));
        world.fund(buyer, 2_000_000_000);
        world.fund(seller, 1_000_000_000);
        pairs.push((wide(buyer, Side::Buy, number), wide(seller, Side::Sell, number), 5000));
    }
    let batch = world.post_at(priced(&policy()), &pairs, &own_prices(64)).remove(0);
    let receipt = world.settle(&batch);
    assert_eq!(settled(&receipt), 64);
    assert!(receipt.gas < GAS_MAX, "{} gas", receipt.gas);
    world.now = END;
    let id = batch.posted.clearing.id();
    let delivery = |index| Delivery {
        trade: trade_id(id, index),
        delivered: Energy::from_wh(4000),
        seller_short: Energy::from_wh(1000),
        buyer_short: Energy::ZERO,
    };
    let deliveries: Vec<Delivery> = (0..64).map(delivery).collect();
    let call = world.run(0, &deliveries);
    let receipt = world.ok(world.operator, call);
    assert!(receipt.gas < GAS_MAX, "{} gas", receipt.gas);
}

#[test]
fn the_leaf_of_a_fill_has_its_orders_its_energies_and_its_prices() {
    let [buy, sell] = [0xb1, 0xb2].map(contracts::B256::repeat_byte);
    let (quantity, prices) = (Energy::from_wh(0x11), Prices { buyer: 0x44, seller: 0x55 });
    let leaf = fill_leaf(&Met { buy, sell, quantity, prices }, [0x22, 0x33].map(Energy::from_wh));
    assert_eq!(leaf[..64], [[0xb1; 32], [0xb2; 32]].concat());
    let words: Vec<u64> =
        leaf[64..].chunks(8).map(|word| u64::from_be_bytes(word.try_into().unwrap())).collect();
    assert_eq!(words, [0x11, 0x22, 0x33, 0x44, 0x55]);
}

/// Who signed a policy that names nobody for it pays no difference.
#[test]
fn a_policy_without_an_account_for_the_difference_has_one_price_for_all() {
    let (mut world, buyer, seller) = World::with_cash();
    let without = Policy { difference_account: Address::ZERO, ..policy() };
    let call = world.at.register_policy(&without);
    world.ok(world.operator, call);
    for mechanism in [128, 129, 255] {
        let mut terms = posted(&without);
        terms.clearing.mechanism = mechanism;
        let call = world.at.clear(&terms);
        world.refused(world.operator, call, "BadClearing");
    }
    let of = |account, side| OrderTerms { policy: without.id(), ..wide(account, side, 1) };
    let pair = (of(buyer, Side::Buy), of(seller, Side::Sell), 1000);
    let mut terms = posted(&without);
    terms.clearing.mechanism = 127;
    let batch = world.post_one(terms, &[pair]);
    assert_eq!(settled(&world.settle(&batch)), 1);
    world.now = END;
    let (trade, none) = (world.only_trade(), Energy::ZERO);
    let delivered = Energy::from_wh(1000);
    let call =
        world.run(0, &[Delivery { trade, delivered, seller_short: none, buyer_short: none }]);
    world.ok(world.operator, call);
    assert_eq!(world.locked_by(Address::ZERO, without.id(), DAY), U256::ZERO);
}
