//! Batches as words, without a contract.

use ids::{CommunityId, ZoneId};

use super::*;
use crate::clearing::{Clearing, MECHANISM_PRICED};
use crate::policy::{BuyerRule, Policy, SellerRule};

fn posted(fills: u32, fills_root: B256) -> Posted {
    posted_by(1, fills, fills_root)
}

fn posted_by(mechanism: u8, fills: u32, fills_root: B256) -> Posted {
    let policy = Policy {
        community: CommunityId::derived("x"),
        zone: ZoneId::derived("x"),
        slot_seconds: 900,
        network_fee: 0,
        buyer_fee: 0,
        seller_fee: 0,
        retail_price_max: 0,
        feed_in_price_min: 0,
        tolerance_bps: 0,
        tolerance_wh: 0,
        seller_short: SellerRule::PayActual,
        buyer_short: BuyerRule::PayActual,
        imbalance_price: 0,
        settle_seconds: 0,
        correction_seconds: 0,
        challenge_seconds: 1,
        network_account: Address::repeat_byte(1),
        platform_account: Address::repeat_byte(2),
        difference_account: Address::repeat_byte(3),
        balance_account: Address::repeat_byte(4),
    };
    let clearing = Clearing::from_sol(&EnergyMarket::Clearing {
        policy: policy.id(),
        mechanism,
        fills,
        fillsRoot: fills_root,
        ..EnergyMarket::Clearing::default()
    });
    Posted { clearing, policy }
}

/// As an auction fills: order after order.
fn met(fills: u64) -> Vec<Met> {
    let met = |fill: u64| Met {
        buy: keccak256([0, fill / 10].map(u64::to_be_bytes).concat()),
        sell: keccak256([1, fill / 15].map(u64::to_be_bytes).concat()),
        quantity: Energy::from_wh(fill + 1),
        prices: Prices { buyer: fill + 2, seller: fill },
    };
    (0..fills).map(met).collect()
}

fn hidden(order: &SignedOrder) -> (B256, Energy) {
    match order {
        SignedOrder::Hidden { hash, filled } => (*hash, *filled),
        SignedOrder::Shown { .. } => panic!("no order is shown"),
    }
}

fn leaf_of(batch: &FillBatch, (buy, sell, quantity): (u8, u8, Energy), prices: Prices) -> B256 {
    let [(buy, buy_filled), (sell, sell_filled)] =
        [buy, sell].map(|place| hidden(&batch.orders[usize::from(place)]));
    let met = Met { buy, sell, quantity, prices };
    merkle::leaf(&fill_leaf(&met, [buy_filled, sell_filled]))
}

#[test]
fn a_batch_is_a_subtree_of_its_clearing_and_has_an_order_once() {
    for count in 0..=200 {
        let met = met(u64::from(count));
        let fills = Fills::new(met.clone()).unwrap();
        let posted = posted_by(MECHANISM_PRICED, count, fills.root());
        let batches = fills.batches(&posted, |_| None);
        assert_eq!(batches.len(), count.div_ceil(64) as usize);
        let mut leaves = Vec::new();
        for (number, batch) in batches.iter().enumerate() {
            assert_eq!(batch.number as usize, number);
            let prices: Vec<Prices> =
                met.iter().skip(64 * number).take(64).map(|met| met.prices).collect();
            assert_eq!(batch.prices, prices, "of each of its fills");
            let own = batch.fills.iter().zip(prices);
            let own: Vec<B256> = own.map(|(fill, prices)| leaf_of(batch, *fill, prices)).collect();
            let root = Tree::new(own.clone()).root();
            assert!(merkle::verify(fills.root(), root, number, batches.len(), &batch.path));
            let orders = batch.orders.iter().map(|order| hidden(order).0);
            assert!(orders.is_sorted_by(|one, next| one < next), "each once, and rising");
            leaves.extend(own);
        }
        assert_eq!(Tree::new(leaves).root(), fills.root());
    }
}

#[test]
fn a_batch_has_prices_where_each_fill_has_its_own_and_none_where_all_have_one() {
    let fills = Fills::new(met(70)).unwrap();
    for (mechanism, counts) in [(127, [0, 0]), (128, [64, 6])] {
        let posted = posted_by(mechanism, 70, fills.root());
        let batches = fills.batches(&posted, |_| None);
        let of = |batch: &FillBatch| (batch.prices.len(), batch.to_sol().prices.len());
        let found: Vec<_> = batches.iter().map(of).collect();
        assert_eq!(found, counts.map(|count| (count, count)));
    }
    let batch = &fills.batches(&posted_by(128, 70, fills.root()), |_| None)[1];
    let word = U256::from_be_bytes(alloy_primitives::hex!(
        "00000000000000000000000000000000 0000000000000043 0000000000000041"
    ));
    assert_eq!(batch.to_sol().prices[1], word, "the buyer's above the seller's");
}

#[test]
fn prices_are_kept_where_each_trade_has_its_own() {
    let [one, other] = [7, 9].map(|buyer| Prices { buyer, seller: 5 });
    let of = |mechanism, prices| {
        let posted = posted_by(mechanism, 66, B256::ZERO);
        TradeBatch::new(posted, 1, &[BatchTrade { prices, ..trade(65, 1) }]).unwrap()
    };
    assert_eq!(of(127, one), of(127, other));
    assert_eq!(of(127, one).to_sol().prices, Vec::<U256>::new());
    assert_ne!(of(128, one).hash(), of(128, other).hash());
    assert_eq!(of(128, one).to_sol().prices, [U256::ZERO, one.word()]);
}

#[test]
fn what_is_filled_of_an_order_is_the_sum_of_its_fills() {
    let mut met = met(64);
    let fills = Fills::new(met.clone()).unwrap();
    assert_eq!(fills.filled(met[63].buy).wh(), 61 + 62 + 63 + 64);
    assert_eq!(fills.filled(B256::ZERO), Energy::ZERO);
    met[63].quantity = Energy::from_wh(u64::MAX);
    assert_eq!(Fills::new(met), Err(Overflow));
}

fn trade(index: u32, quantity: u64) -> BatchTrade {
    let (buyer, seller) = (Address::repeat_byte(0xbb), Address::repeat_byte(0xaa));
    let (quantity, prices) = (Energy::from_wh(quantity), Prices::one(7));
    BatchTrade { index, buyer, seller, quantity, prices, last: None }
}

#[test]
fn a_trade_is_one_word_at_the_place_of_its_fill() {
    let posted = posted(66, B256::ZERO);
    let [delivered, seller_short, buyer_short] = [0x33, 0x22, 0x11].map(Energy::from_wh);
    let name = trade_id(posted.clearing.id(), 65);
    let last = Reconciled { trade: name, run: 254, delivered, seller_short, buyer_short };
    let trades = [BatchTrade { last: Some(last), ..trade(65, 0x66) }];
    let batch = TradeBatch::new(posted.clone(), 1, &trades).unwrap().to_sol();
    assert_eq!(batch.accounts, [Address::repeat_byte(0xaa), Address::repeat_byte(0xbb)]);
    let word = U256::from_be_bytes(alloy_primitives::hex!(
        "00000000000066 00000000000033 00000000000022 00000000000011 00ff 01 00"
    ));
    assert_eq!(batch.trades, [U256::ZERO, word]);
}

#[test]
fn what_is_of_another_batch_or_does_not_fit_is_refused() {
    let posted = posted(66, B256::ZERO);
    let batch = |number, trade| TradeBatch::new(posted.clone(), number, &[trade]);
    let id = |index| trade_id(posted.clearing.id(), index);
    for (number, index) in [(0, 64), (1, 63), (1, 66), (2, 66)] {
        let unknown = BatchError::UnknownTrade(id(index));
        assert_eq!(batch(number, trade(index, 1)), Err(unknown));
    }
    assert_eq!(batch(0, trade(0, TRADE_WH_MAX + 1)), Err(BatchError::Overflow));
    let first = batch(0, trade(0, TRADE_WH_MAX)).unwrap();
    let of = |index, delivered| {
        let (seller_short, buyer_short) = (Energy::ZERO, Energy::ZERO);
        let delivered = Energy::from_wh(delivered);
        first.delivery(&Delivery { trade: id(index), delivered, seller_short, buyer_short })
    };
    assert_eq!(of(0, 5), Ok(U256::from(5) << 144));
    assert_eq!(of(0, TRADE_WH_MAX + 1), Err(BatchError::Overflow));
    for index in [1, 64] {
        assert_eq!(of(index, 1), Err(BatchError::UnknownTrade(id(index))));
    }
}
