//! The money of random trades and deliveries three times: by the contract, by the crate's
//! arithmetic, which bills use, and by postings that share nothing with either.

mod postings;

use std::cell::RefCell;
use std::collections::BTreeSet;

use alloy_primitives::{Address, U256};
use contracts::bindings::Challenges;
use contracts::{
    BuyerRule, Clearing, Delivery, MECHANISM_PRICED, Outcome, OutcomeError, Policy, Posted, Prices,
    SellerRule, Side, SolValue, Terms, money, outcome,
};
use proptest::prelude::*;
use units::{Energy, Money};

use crate::world::{DAY, SLOT, World, order, policy, posted};

use postings::{Account, Books, Deal, Metered};

/// Prices around each other, so that every comparison goes both ways.
const PRICE_MAX: u64 = 1_000_000;

#[derive(Debug, Clone)]
struct Case {
    policy: Policy,
    /// Whether each fill has prices of its own; else both are the clearing's.
    mechanism: u8,
    prices: Prices,
    retail_price: u64,
    feed_in_price: u64,
    quantity: u64,
    /// Parts of the quantity in 1/1000, and whose the shortfall is.
    deliveries: Vec<(u64, u64, bool)>,
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let fees = (0..100_000_u64, 0..100_000_u64, 0..100_000_u64);
    let tolerance = (0..=10_000_u16, 0..1000_u32);
    let rules = (prop::sample::select(SellerRule::ALL), prop::sample::select(BuyerRule::ALL));
    let imbalance_price = prop_oneof![1 => Just(0), 8 => 0..2 * PRICE_MAX];
    (fees, tolerance, rules, imbalance_price).prop_map(
        |(fees, tolerance, rules, imbalance_price)| Policy {
            network_fee: fees.0,
            buyer_fee: fees.1,
            seller_fee: fees.2,
            tolerance_bps: tolerance.0,
            tolerance_wh: tolerance.1,
            seller_short: rules.0,
            buyer_short: rules.1,
            imbalance_price,
            retail_price_max: u64::MAX,
            feed_in_price_min: 0,
            ..policy()
        },
    )
}

fn case() -> impl Strategy<Value = Case> {
    let own = (MECHANISM_PRICED..=u8::MAX, 0..PRICE_MAX / 2);
    let one = (0..MECHANISM_PRICED, Just(0));
    let kind = prop_oneof![one, own];
    // What the seller gets above its fee, then what energy costs and earns elsewhere.
    let prices = (0..PRICE_MAX, 0..2 * PRICE_MAX, 0..PRICE_MAX);
    let quantity = prop_oneof![1..100_u64, 1..1_000_000_000_u64];
    let deliveries = prop::collection::vec((0..=1000_u64, 0..=1100_u64, any::<bool>()), 1..5);
    (any_policy(), kind, prices, quantity, deliveries).prop_map(
        |(policy, (mechanism, above), prices, quantity, deliveries)| {
            let seller = prices.0 + policy.seller_fee;
            Case {
                policy,
                mechanism,
                prices: Prices { buyer: seller + above, seller },
                retail_price: prices.1,
                feed_in_price: prices.2,
                quantity,
                deliveries,
            }
        },
    )
}

fn tokens(amount: Money) -> U256 {
    U256::from(u64::try_from(amount.n()).unwrap())
}

/// What the contract answers beforehand.
fn previewed(answer: &Challenges::Outcome) -> Outcome {
    let amount = |amount| money(amount).unwrap();
    Outcome {
        seller_net: amount(answer.sellerNet),
        network: amount(answer.network),
        platform: amount(answer.platform),
        difference: amount(answer.difference),
        make_whole: amount(answer.makeWhole),
        compensation: amount(answer.compensation),
        imbalance: amount(answer.imbalance),
        refund: amount(answer.refund),
        collateral_back: amount(answer.collateralBack),
    }
}

impl Case {
    fn deal(&self) -> Deal<'_> {
        Deal {
            policy: &self.policy,
            prices: self.prices,
            retail: self.retail_price,
            feed_in: self.feed_in_price,
            quantity: self.quantity,
        }
    }
}

/// Settles the trade of a case in a fresh copy of the world.
fn settle(world: &mut World, case: &Case) -> Terms {
    let (buyer, seller) = (world.account(1), world.account(2));
    let call = world.at.register_policy(&case.policy);
    world.ok(world.operator, call);
    let Prices { buyer: buy_price, seller: sell_price } = case.prices;
    let mut posted = posted(&case.policy);
    posted.clearing = Clearing {
        mechanism: case.mechanism,
        retail_price: case.retail_price,
        feed_in_price: case.feed_in_price,
        ..posted.clearing
    };
    // A figure only, where each fill has prices of its own.
    posted.clearing.price = if posted.clearing.is_priced() { case.quantity } else { sell_price };
    let quantity = Energy::from_wh(case.quantity);
    let terms = Terms::new(&case.policy, &posted.clearing, case.prices, quantity);
    let (mut buy, mut sell) = (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1));
    for order in [&mut buy, &mut sell] {
        order.policy = case.policy.id();
        order.quantity = quantity;
    }
    buy.limit_price = buy_price + case.policy.network_fee + case.policy.buyer_fee;
    sell.limit_price = sell_price - case.policy.seller_fee;
    // Exactly the cash that both ways say is needed.
    let agreed = Books::agreed(&case.deal());
    let (escrow, collateral) = (terms.escrow().unwrap().n(), terms.collateral().unwrap().n());
    let held = [Account::Escrow, Account::Collateral].map(|account| agreed.of(account));
    assert_eq!([escrow, collateral].map(i128::from), held);
    world.fund(buyer, escrow);
    world.fund(seller, collateral);
    let batches = world.post_at(posted, &[(buy, sell, case.quantity)], &[case.prices]);
    world.settle(&batches[0]);
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
    let edges = [tolerance, tolerance + 1].into_iter().filter(|short| *short <= quantity);
    let edges = edges.flat_map(|short| [(short, true), (short, false)]);
    let edges = edges.map(|(short, of_seller)| (quantity - short, short, of_seller));
    let by_side = |(delivered, short, of_seller): (u64, u64, bool)| {
        let [delivered, short] = [delivered, short].map(Energy::from_wh);
        let none = Energy::ZERO;
        if of_seller { (delivered, short, none) } else { (delivered, none, short) }
    };
    random.chain(edges).map(by_side).collect()
}

/// The question for what a run would move.
fn preview(
    world: &World,
    posted: &Posted,
    case: &Case,
    delivery: &Delivery,
) -> Challenges::previewCall {
    let Prices { buyer, seller } = case.prices;
    Challenges::previewCall {
        terms: Challenges::Terms::abi_decode(&posted.to_sol().abi_encode()).unwrap(),
        prices: U256::from(buyer) << 64 | U256::from(seller),
        quantity: case.quantity,
        delivery: world.batch_of(delivery.trade).delivery(delivery).unwrap(),
    }
}

/// What everybody is owed who can be owed anything, by the crate.
fn owed(case: &Case, [buyer, seller]: [Address; 2], of: &Outcome) -> [(Address, Money); 6] {
    [
        (buyer, of.to_buyer().unwrap()),
        (seller, of.to_seller().unwrap()),
        (case.policy.network_account, of.network),
        (case.policy.platform_account, of.platform),
        (case.policy.difference_account, of.difference),
        (case.policy.balance_account, of.imbalance),
    ]
}

/// The same by the postings: what there is more than when the cash was tied up.
fn booked(case: &Case, wh: Metered) -> Option<[i128; 6]> {
    let deal = case.deal();
    let (before, after) = (Books::agreed(&deal), Books::delivered(&deal, wh)?);
    let all = [
        Account::Buyer,
        Account::Seller,
        Account::Network,
        Account::Platform,
        Account::Difference,
        Account::Balance,
    ];
    Some(all.map(|account| after.of(account) - before.of(account)))
}

/// A rule and whether it made somebody pay for a shortfall.
type Seen = (&'static str, u8, bool);

fn check(mut world: World, case: &Case) -> BTreeSet<Seen> {
    let terms = settle(&mut world, case);
    let trade = world.only_trade();
    let posted = world.posted[&world.trades[&trade].clearing].clone();
    let (accounts, policy) = ([1, 2].map(|number| world.account(number)), case.policy.id());
    let mut seen = BTreeSet::new();
    world.now = SLOT + 900;
    for (run, (delivered, seller_short, buyer_short)) in (0_u8..).zip(deliveries(case)) {
        let delivery = Delivery { trade, delivered, seller_short, buyer_short };
        let call = world.run(run, &[delivery]);
        let question = preview(&world, &posted, case, &delivery);
        let expected = outcome(&terms, delivered, seller_short, buyer_short);
        let [delivered, seller_short, buyer_short] =
            [delivered, seller_short, buyer_short].map(|energy| energy.wh());
        let booked = booked(case, Metered { delivered, seller_short, buyer_short });
        let Some(booked) = booked else {
            assert_eq!(expected, Err(OutcomeError::BadDelivery));
            world.refused(world.operator, call, "BadDelivery");
            assert!(world.ask(world.at.challenges, question).is_err());
            continue;
        };
        let expected = expected.unwrap();
        let answer = world.view(world.at.challenges, question);
        assert_eq!(previewed(&answer), expected);
        world.ok(world.operator, call);
        let owed = owed(case, accounts, &expected);
        assert_eq!(owed.map(|(_, amount)| i128::from(amount.n())), booked);
        for (account, amount) in owed {
            assert!(amount >= Money::ZERO);
            assert_eq!(world.locked_by(account, policy, DAY), tokens(amount), "of {account}");
        }
        let all = Money::sum(owed.map(|(_, amount)| amount));
        assert_eq!(all, terms.escrow().unwrap().plus(terms.collateral().unwrap()));
        let Policy { seller_short: of_seller, buyer_short: of_buyer, .. } = case.policy;
        for (side, rule, short) in
            [("seller", of_seller.code(), seller_short), ("buyer", of_buyer.code(), buyer_short)]
        {
            if short > 0 {
                seen.insert((side, rule, case.deal().costs(short)));
            }
        }
    }
    seen
}

#[test]
fn the_contract_the_crate_and_postings_agree_about_every_outcome() {
    let (world, seen) = (World::new(1), RefCell::new(BTreeSet::new()));
    proptest!(ProptestConfig::with_cases(96), |(case in case())| {
        seen.borrow_mut().extend(check(world.clone(), &case));
    });
    // Each rule, within the tolerance and beyond it.
    let rules = SellerRule::ALL.iter().map(|rule| ("seller", rule.code()));
    let rules = rules.chain(BuyerRule::ALL.iter().map(|rule| ("buyer", rule.code())));
    let all = rules.flat_map(|(side, rule)| [false, true].map(|costs| (side, rule, costs)));
    assert_eq!(seen.into_inner(), all.collect());
}

/// The worked examples of the design: 5000 Wh at 18 ct, network 1.0 ct, platform 0.2 ct on each
/// side, retail 30 ct, feed-in 8 ct.
#[test]
fn postings_come_to_the_worked_examples() {
    let (policy, prices) = (policy(), Prices::one(180_000));
    let deal = Deal { policy: &policy, prices, retail: 300_000, feed_in: 80_000, quantity: 5_000 };
    let of = |delivered, seller_short, buyer_short| {
        let books = Books::delivered(&deal, Metered { delivered, seller_short, buyer_short });
        let (books, agreed) = (books.unwrap(), Books::agreed(&deal));
        [Account::Buyer, Account::Seller, Account::Network, Account::Platform]
            .map(|account| books.of(account) - agreed.of(account))
    };
    // Refund and make-whole; net price and what is left of the collateral.
    let (to_buyer, to_seller) = (153_600_000 + 86_400_000, 747_600_000 + 453_600_000);
    assert_eq!(of(4_200, 800, 0), [to_buyer, to_seller, 42_000_000, 16_800_000]);
    // The seller delivered all of it: what the buyer did not take is no fault of the seller's.
    let (to_buyer, to_seller) = (153_600_000 - 80_000_000, 747_600_000 + 80_000_000 + 540_000_000);
    assert_eq!(of(4_200, 0, 800), [to_buyer, to_seller, 42_000_000, 16_800_000]);
}
