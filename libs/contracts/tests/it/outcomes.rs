//! The Rust arithmetic of an outcome, against the contract's, for random trades and deliveries.

use alloy_primitives::U256;
use contracts::bindings::EnergyMarket;
use contracts::{
    ContractEvent, Delivery, Imbalance, Outcome, OutcomeError, Policy, Side, Terms, money, outcome,
};
use proptest::prelude::*;
use units::{Energy, Money};

use crate::world::{DAY, SLOT, World, order, policy, posted};

/// Prices around each other, so that every comparison goes both ways.
const PRICE_MAX: u64 = 1_000_000;

#[derive(Debug, Clone)]
struct Case {
    policy: Policy,
    price_above_fee: u64,
    retail_price: u64,
    feed_in_price: u64,
    quantity: u64,
    /// Parts of the quantity in 1/1000, and whose the shortfall is.
    deliveries: Vec<(u64, u64, bool)>,
}

fn case() -> impl Strategy<Value = Case> {
    let fees = (0..100_000_u64, 0..100_000_u64, 0..100_000_u64);
    let rule = (0..=10_000_u16, 0..1000_u32, any::<bool>());
    let prices = (0..PRICE_MAX, 0..2 * PRICE_MAX, 0..PRICE_MAX);
    let quantity = prop_oneof![1..100_u64, 1..1_000_000_000_u64];
    let deliveries = prop::collection::vec((0..=1000_u64, 0..=1100_u64, any::<bool>()), 1..5);
    (fees, rule, prices, quantity, deliveries).prop_map(
        |(fees, rule, prices, quantity, deliveries)| Case {
            policy: Policy {
                network_fee: fees.0,
                buyer_fee: fees.1,
                seller_fee: fees.2,
                tolerance_bps: rule.0,
                tolerance_wh: rule.1,
                imbalance: if rule.2 { Imbalance::MakeWhole } else { Imbalance::None },
                retail_price_max: u64::MAX,
                feed_in_price_min: 0,
                ..policy()
            },
            price_above_fee: prices.0,
            retail_price: prices.1,
            feed_in_price: prices.2,
            quantity,
            deliveries,
        },
    )
}

fn tokens(amount: Money) -> U256 {
    U256::from(u64::try_from(amount.n()).unwrap())
}

/// What the contract answers beforehand.
fn previewed(answer: &EnergyMarket::Outcome) -> Outcome {
    let amount = |amount| money(amount).unwrap();
    Outcome {
        seller_net: amount(answer.sellerNet),
        network: amount(answer.network),
        platform: amount(answer.platform),
        make_whole: amount(answer.makeWhole),
        compensation: amount(answer.compensation),
        refund: amount(answer.refund),
        collateral_back: amount(answer.collateralBack),
    }
}

/// Settles the trade of a case in a fresh copy of the world.
fn settle(world: &mut World, case: &Case) -> Terms {
    let (buyer, seller) = (world.account(1), world.account(2));
    let call = world.at.register_policy(&case.policy);
    world.ok(world.operator, call);
    let mut posted = posted(&case.policy);
    posted.clearing.price = case.price_above_fee + case.policy.seller_fee;
    posted.clearing.retail_price = case.retail_price;
    posted.clearing.feed_in_price = case.feed_in_price;
    let quantity = Energy::from_wh(case.quantity);
    let terms = Terms::new(&case.policy, &posted.clearing, quantity);
    let (mut buy, mut sell) = (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1));
    for order in [&mut buy, &mut sell] {
        order.policy = case.policy.id();
        order.quantity = quantity;
    }
    buy.limit_price = posted.clearing.price + case.policy.network_fee + case.policy.buyer_fee;
    sell.limit_price = case.price_above_fee;
    // Exactly the cash that the mirror says is needed.
    world.fund(buyer, terms.escrow().unwrap().n());
    world.fund(seller, terms.collateral().unwrap().n());
    let batch = world.post_one(posted, &[(buy, sell, case.quantity)]);
    world.settle(&batch);
    assert_eq!(world.trades.len(), 1, "the cash suffices");
    assert_eq!(world.free(buyer) + world.free(seller), U256::ZERO, "and none is left");
    terms
}

/// The random deliveries, then shortfalls of the tolerance and of one more, of either side.
fn deliveries(case: &Case) -> Vec<(Energy, Energy, Energy)> {
    let quantity = case.quantity;
    let random = case.deliveries.iter().map(|&(delivered, short, of_seller)| {
        let delivered = quantity * delivered / 1000;
        (delivered, (quantity - delivered).saturating_mul(short) / 1000, of_seller)
    });
    let tolerance = case.policy.tolerance(Energy::from_wh(quantity)).wh();
    let edges = [(tolerance, true), (tolerance + 1, true), (tolerance, false)];
    let edges = edges.into_iter().filter(|(short, _)| *short <= quantity);
    let edges = edges.map(|(short, of_seller)| (quantity - short, short, of_seller));
    let by_side = |(delivered, short, of_seller): (u64, u64, bool)| {
        let [delivered, short] = [delivered, short].map(Energy::from_wh);
        let none = Energy::ZERO;
        if of_seller { (delivered, short, none) } else { (delivered, none, short) }
    };
    random.chain(edges).map(by_side).collect()
}

fn check(mut world: World, case: &Case) {
    let terms = settle(&mut world, case);
    let trade = world.only_trade();
    let posted = world.posted[&world.trades[&trade].clearing].clone();
    let (buyer, seller, policy) = (world.account(1), world.account(2), case.policy.id());
    world.now = SLOT + 900;
    for (run, (delivered, seller_short, buyer_short)) in (0_u8..).zip(deliveries(case)) {
        let delivery = Delivery { trade, delivered, seller_short, buyer_short };
        let call = world.run(run, &[delivery]);
        let expected = outcome(&terms, delivered, seller_short, buyer_short);
        let Ok(expected) = expected else {
            assert_eq!(expected, Err(OutcomeError::BadDelivery));
            world.refused(world.operator, call, "BadDelivery");
            continue;
        };
        let question = EnergyMarket::previewCall {
            terms: posted.to_sol(),
            quantity: case.quantity,
            delivery: world.batch_of(trade).delivery(&delivery).unwrap(),
        };
        let answer = world.view(world.at.market, question);
        let receipt = world.ok(world.operator, call);
        let [ContractEvent::TradeReconciled(event)] = &receipt.events[..] else {
            panic!("{:?}", receipt.events);
        };
        let (escrow, collateral) = (terms.escrow().unwrap(), terms.collateral().unwrap());
        assert_eq!(Outcome::of(event, escrow, collateral), Ok(expected));
        assert_eq!(previewed(&answer), expected);
        assert_eq!(world.locked_by(buyer, policy, DAY), tokens(expected.to_buyer().unwrap()));
        assert_eq!(world.locked_by(seller, policy, DAY), tokens(expected.to_seller().unwrap()));
    }
}

#[test]
fn rust_and_the_contract_agree_about_every_outcome() {
    let world = World::new(1);
    proptest!(ProptestConfig::with_cases(48), |(case in case())| {
        check(world.clone(), &case);
    });
}
