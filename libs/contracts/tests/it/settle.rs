//! Fills that hold, and what settling them costs.

use alloy_primitives::{Address, B256, U256, keccak256};
use contracts::bindings::EnergyMarket;
use contracts::{ContractEvent, Side, Skip, storage, trade_id};

use crate::skip::{settled, skips};
use crate::world::{CONTRACT_ACCOUNTS, GAS_MAX, Pair, SLOT, World, clearing, order, policy};

#[test]
fn a_fill_moves_cash_to_escrow_and_collateral() {
    let (mut world, buyer, seller) = World::with_cash();
    let pair = (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 5000);
    let (id, fills) = world.post(clearing(&policy()), std::slice::from_ref(&pair));
    let call = world.at.settle(id, &fills);
    let receipt = world.ok(Address::repeat_byte(9), call);
    let [ContractEvent::TradeSettled(event)] = &receipt.events[..] else {
        panic!("{:?}", receipt.events);
    };
    let (buy, sell) = (world.order_hash(&pair.0), world.order_hash(&pair.1));
    assert_eq!(event.trade, trade_id(id, buy, sell));
    assert_eq!((event.buyer, event.seller, event.slot), (buyer, seller, SLOT));
    assert_eq!((event.buyOrder, event.sellOrder, event.clearing), (buy, sell, id));
    assert_eq!((event.quantity, event.price, event.slot), (5000, 180_000, SLOT));
    assert_eq!(event.escrow, U256::from(960_000_000));
    assert_eq!(event.collateral, U256::from(540_000_000));
    assert_eq!(world.free(buyer), U256::from(4_040_000_000_u64));
    assert_eq!(world.free(seller), U256::from(460_000_000));
    let trade = world.trade(event.trade);
    assert_eq!((trade.escrow, trade.collateral), (event.escrow, event.collateral));
    assert_eq!((trade.clearing, trade.runs), (id, 0));
    assert_eq!(world.word(world.at.market, storage::free(buyer)), world.free(buyer));
    assert_eq!(world.word(world.at.market, storage::order_filled(buy)), U256::from(5000));
}

#[test]
fn the_contract_and_rust_hash_alike() {
    let (mut world, buyer, seller) = World::with_cash();
    let mut order = order(buyer, Side::Buy, 1);
    order.delegate = seller;
    let question = EnergyMarket::orderHashCall { order: order.to_sol() };
    assert_eq!(world.view(world.at.market, question), world.order_hash(&order));

    let registered = EnergyMarket::policyCall { id: policy().id() };
    let registered = world.view(world.at.market, registered);
    assert_eq!(registered, policy().to_sol());
    assert_eq!(contracts::Policy::from_sol(&registered), Some(policy()));
    let (id, _) = world.post(clearing(&policy()), &[]);
    let posted = world.view(world.at.market, EnergyMarket::clearingCall { id });
    assert_eq!(posted, clearing(&policy()).to_sol());
    assert_eq!(contracts::Clearing::from_sol(&posted), clearing(&policy()));
}

#[test]
fn the_same_fill_does_not_settle_twice() {
    let (mut world, buyer, seller) = World::with_cash();
    let pair = (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 2000);
    let (id, fills) = world.post(clearing(&policy()), &[pair]);
    let call = world.at.settle(id, &[fills.clone(), fills].concat());
    let first = world.ok(buyer, call.clone());
    assert_eq!((settled(&first), skips(&first)), (1, vec![Skip::AlreadySettled]));
    let again = world.ok(buyer, call);
    assert_eq!(skips(&again), [Skip::AlreadySettled, Skip::AlreadySettled]);
    assert_eq!(world.trades.len(), 1);
}

#[test]
fn an_order_is_filled_in_parts_but_never_beyond_its_quantity() {
    let (mut world, buyer, seller) = World::with_cash();
    let other = world.account(3);
    world.fund(other, 1_000_000_000);
    let buy = order(buyer, Side::Buy, 1);
    let pairs: [Pair; 3] = [
        (buy.clone(), order(seller, Side::Sell, 1), 2000),
        (buy.clone(), order(other, Side::Sell, 1), 3000),
        (buy.clone(), order(other, Side::Sell, 2), 1),
    ];
    let (id, fills) = world.post(clearing(&policy()), &pairs);
    let call = world.at.settle(id, &fills);
    let receipt = world.ok(buyer, call);
    assert_eq!((settled(&receipt), skips(&receipt)), (2, vec![Skip::BuyerQuantity]));
    let question = EnergyMarket::orderFilledCall { order: world.order_hash(&buy) };
    assert_eq!(world.view(world.at.market, question), 5000);
}

#[test]
fn an_order_of_another_chain_is_worthless() {
    let (mut world, buyer, seller) = World::with_cash();
    let pair = (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 5000);
    let mut fork = world.clone();
    let (id, fills) = world.post(clearing(&policy()), std::slice::from_ref(&pair));
    // The fork shares everything, also the clearing, but has an id of its own.
    fork.post_as_is(&clearing(&policy()), &world, std::slice::from_ref(&pair));
    fork.chain_id = 4712;
    let call = fork.at.settle(id, &fills);
    let receipt = fork.ok(buyer, call);
    assert_eq!(skips(&receipt), [Skip::NotIncluded]);

    // Even a clearing of the other chain's own cannot use the signatures of this one.
    let (mut other, _, _) = World::with_cash();
    other.chain_id = 4712;
    let (id, mut replayed) = other.post(clearing(&policy()), &[pair]);
    replayed[0].buy_signature = fills[0].buy_signature.clone();
    let call = other.at.settle(id, &replayed);
    let receipt = other.ok(buyer, call);
    assert_eq!(skips(&receipt), [Skip::BuyerSignature]);
}

impl World {
    /// Posts the clearing that `other` posted.
    fn post_as_is(&mut self, clearing: &contracts::Clearing, other: &World, pairs: &[Pair]) {
        let (clearing, _) = other.prove(clearing.clone(), pairs);
        let call = self.at.clear(&clearing);
        self.ok(self.operator, call);
    }
}

/// Answers the magic value of ERC-1271 to everything.
const ACCEPTS: &[u8] =
    &[0x63, 0x16, 0x26, 0xba, 0x7e, 0x60, 0xe0, 0x1b, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3];
/// Answers nothing.
const SILENT: &[u8] = &[0x00];
/// Loops until its gas is gone.
const BURNS: &[u8] = &[0x5b, 0x5f, 0x56];

#[test]
fn contract_accounts_sign_by_erc_1271_and_cannot_stop_a_batch() {
    let (mut world, buyer, seller) = World::with_cash();
    for (account, code) in CONTRACT_ACCOUNTS.into_iter().zip([ACCEPTS, SILENT, BURNS]) {
        world.set_code(account, code);
        world.fund(account, 2_000_000_000);
    }
    let [accepts, silent, burns] = CONTRACT_ACCOUNTS;
    let sell = |nonce| order(seller, Side::Sell, nonce);
    let pairs = [
        (order(burns, Side::Buy, 1), sell(1), 100),
        (order(silent, Side::Buy, 1), sell(2), 100),
        (order(accepts, Side::Buy, 1), sell(3), 100),
        (order(buyer, Side::Buy, 1), sell(4), 100),
    ];
    let (id, fills) = world.post(clearing(&policy()), &pairs);
    let call = world.at.settle(id, &fills);
    let receipt = world.ok(buyer, call);
    assert_eq!(skips(&receipt), [Skip::BuyerSignature, Skip::BuyerSignature]);
    assert_eq!(settled(&receipt), 2);
}

#[test]
fn a_65_byte_signature_of_a_wallet_is_accepted() {
    let (mut world, buyer, seller) = World::with_cash();
    let pair = (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 5000);
    let (id, mut fills) = world.post(clearing(&policy()), &[pair]);
    let compact = keys::Signature::from_slice(&fills[0].buy_signature).unwrap();
    fills[0].buy_signature = compact.to_rsv().into();
    let call = world.at.settle(id, &fills);
    assert_eq!(settled(&world.ok(buyer, call)), 1);
}

#[test]
fn a_batch_of_seventy_fills_fits_a_transaction() {
    let (mut world, _, _) = World::with_cash();
    let mut pairs = Vec::new();
    for number in 0..70 {
        let (buyer, seller) = (world.account(1000 + number), world.account(2000 + number));
        world.fund(buyer, 1_000_000_000);
        world.fund(seller, 1_000_000_000);
        pairs.push((order(buyer, Side::Buy, number), order(seller, Side::Sell, number), 5000));
    }
    let (id, fills) = world.post(clearing(&policy()), &pairs);
    let call = world.at.settle(id, &fills);
    let receipt = world.ok(Address::repeat_byte(9), call);
    assert_eq!(settled(&receipt), 70);
    assert!(receipt.gas < GAS_MAX, "{} gas", receipt.gas);
    println!("{} gas per fill", receipt.gas / 70);
}

#[test]
fn a_clearing_is_posted_once_in_time_and_inside_the_policy() {
    let (world, _, _) = World::with_cash();
    let check = |edit: fn(&mut contracts::Clearing), reason: &str| {
        let mut world = world.clone();
        let mut terms = clearing(&policy());
        edit(&mut terms);
        let call = world.at.clear(&terms);
        world.refused(world.operator, call, reason);
    };
    check(|terms| terms.policy = B256::ZERO, "UnknownPolicy");
    check(|terms| terms.slot -= 1800, "SlotOver");
    check(|terms| terms.slot += 1, "BadClearing");
    check(|terms| terms.retail_price = 400_001, "BadClearing");
    check(|terms| terms.feed_in_price = 19_999, "BadClearing");

    let mut world = world.clone();
    let call = world.at.clear(&clearing(&policy()));
    world.refused(Address::repeat_byte(9), call.clone(), "AccessControlUnauthorizedAccount");
    world.ok(world.operator, call.clone());
    world.refused(world.operator, call.clone(), "AlreadyCleared");
    let mut other = clearing(&policy());
    other.price += 1;
    let call = world.at.clear(&other);
    world.refused(world.operator, call, "AlreadyCleared");
}

#[test]
fn nothing_settles_after_the_slot_or_without_a_clearing() {
    let (mut world, buyer, seller) = World::with_cash();
    let call = world.at.settle(keccak256("unknown"), &[]);
    world.refused(buyer, call, "UnknownClearing");
    let pair = (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 5000);
    let (id, fills) = world.post(clearing(&policy()), &[pair]);
    world.now = SLOT + 900;
    let call = world.at.settle(id, &fills);
    world.refused(buyer, call.clone(), "SlotOver");
    world.now -= 1;
    assert_eq!(settled(&world.ok(buyer, call)), 1);
}

#[test]
fn a_policy_must_make_sense() {
    let mut world = World::new(1);
    for edit in [
        |policy: &mut contracts::Policy| policy.slot_seconds = 0,
        |policy: &mut contracts::Policy| policy.slot_seconds = 7000,
        |policy: &mut contracts::Policy| policy.tolerance_bps = 10_001,
        |policy: &mut contracts::Policy| policy.network_account = Address::ZERO,
        |policy: &mut contracts::Policy| policy.platform_account = Address::ZERO,
    ] {
        let mut bad = policy();
        edit(&mut bad);
        let call = world.at.register_policy(&bad);
        world.refused(world.operator, call, "BadPolicy");
    }
    let call = world.at.register_policy(&policy());
    assert_eq!(world.ok(world.operator, call.clone()).events.len(), 1);
    assert_eq!(world.ok(world.operator, call).events.len(), 0);
}
