//! Fills that hold, and what settling them costs.

use alloy_primitives::{Address, B256, Bytes, U256};
use contracts::bindings::EnergyMarket;
use contracts::{
    Call, Clearing, ContractEvent, FillBatch, Posted, Prices, Side, Signature, SignedOrder, Skip,
    SolCall, fill_leaf, requests, storage, trade_id,
};
use units::Energy;

use crate::skip::{high_s, settled, skips};
use crate::world::{
    ANYONE, CONTRACT_ACCOUNTS, GAS_MAX, Pair, SLOT, World, clearing, order, policy, posted,
};

#[test]
fn a_fill_moves_cash_to_escrow_and_collateral() {
    let (mut world, buyer, seller) = World::with_cash();
    let pair = (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 5000);
    let batch = world.post_one(posted(&policy()), std::slice::from_ref(&pair));
    let id = batch.posted.clearing.id();
    let receipt = world.settle(&batch);
    let [ContractEvent::TradeCreated(event)] = &receipt.events[..] else {
        panic!("{:?}", receipt.events);
    };
    let (buy, sell) = (world.order_hash(&pair.0), world.order_hash(&pair.1));
    assert_eq!((event.trade, event.index), (trade_id(id, 0), 0));
    assert_eq!((event.buyer, event.seller), (buyer, seller));
    assert_eq!((event.buyOrder, event.sellOrder, event.clearing), (buy, sell, id));
    assert_eq!(event.quantity, 5000);
    // Slot and prices are those of the clearing.
    let prices = world.trades[&event.trade].trade.prices;
    let entry = contracts::Settled::of(event, Side::Buy, &world.posted[&id].clearing, prices);
    assert_eq!((entry.quantity.wh(), entry.slot), (5000, SLOT));
    assert_eq!(entry.prices, Prices { buyer: 180_000, seller: 180_000 });
    assert_eq!((entry.retail_price, entry.feed_in_price), (300_000, 80_000));
    assert_eq!((entry.trade, entry.policy), (event.trade, policy().id()));
    assert_eq!(event.escrow, U256::from(960_000_000));
    assert_eq!(event.collateral, U256::from(540_000_000));
    assert_eq!(world.free(buyer), U256::from(4_040_000_000_u64));
    assert_eq!(world.free(seller), U256::from(460_000_000));
    // What is kept of the batch says the same: the books hold it against the contract.
    let traded = world.trades[&event.trade].clone();
    assert_eq!((traded.escrow, traded.collateral), (event.escrow, event.collateral));
    assert_eq!((traded.clearing, traded.trade.last), (id, None));
    assert_eq!(world.batch(id, 0).to_sol().trades, [U256::from(5000) << 200 | places(&world)]);
    assert_eq!(world.word(world.at.market, storage::free(buyer)), world.free(buyer));
    // One batch filled all that its clearing fills of them: their nonces say so.
    for (order, account) in [(buy, buyer), (sell, seller)] {
        assert_eq!(world.word(world.at.market, storage::order_filled(order)), U256::ZERO);
        let nonce = U256::from(1);
        let used = EnergyMarket::nonceUsedCall { account, nonce };
        assert!(world.view(world.at.market, used));
    }
}

/// The places of accounts 1, who buys, and 2, who sells, among the two of them.
fn places(world: &World) -> U256 {
    let traded = &world.trades[&world.only_trade()].trade;
    U256::from(if traded.buyer < traded.seller { 0x0001 } else { 0x0100 })
}

#[test]
fn the_contract_and_rust_hash_alike() {
    let (mut world, buyer, seller) = World::with_cash();
    let mut order = order(buyer, Side::Buy, 1);
    order.delegate = seller;
    let question = EnergyMarket::orderHashCall { order: order.to_sol() };
    assert_eq!(world.view(world.at.market, question), world.order_hash(&order));

    let question = EnergyMarket::policiesCall { policy: policy().id() };
    assert!(world.view(world.at.market, question));
    assert_eq!(world.policies[&policy().id()], policy(), "as it was logged");
    assert_eq!(contracts::Policy::from_sol(&policy().to_sol()), Some(policy()));
    world.post(posted(&policy()), &[]);
    let (id, terms) = (clearing(&policy()).id(), posted(&policy()).to_sol());
    let question = EnergyMarket::clearedCall { zone: policy_zone(), slot: SLOT };
    assert_eq!(world.view(world.at.market, question), id);
    assert_eq!(world.view(world.at.market, EnergyMarket::clearingOfCall { terms }), id);
    assert_eq!(world.posted[&id], posted(&policy()), "as it was logged");
    assert_eq!(Clearing::from_sol(&clearing(&policy()).to_sol()), clearing(&policy()));
}

fn policy_zone() -> B256 {
    policy().zone.to_bytes32().into()
}

#[test]
fn the_same_fill_does_not_settle_twice() {
    let (mut world, buyer, seller) = World::with_cash();
    let pair = (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 2000);
    let batch = world.post_one(posted(&policy()), &[pair]);
    let mut twice = batch.clone();
    twice.fills.push(batch.fills[0]);
    let call = world.at.settle(&twice);
    world.refused(buyer, call, "BadBatch");
    let first = world.settle(&batch);
    assert_eq!((settled(&first), skips(&first)), (1, vec![]));
    for _ in 0..2 {
        let again = world.settle(&batch);
        assert_eq!((settled(&again), skips(&again)), (0, vec![Skip::AlreadySettled]));
    }
    assert_eq!(world.trades.len(), 1);
}

/// A buyer of 5000 Wh in parts: the third is one Wh more than is left.
fn in_parts(world: &mut World, buyer: Address, seller: Address) -> [Pair; 3] {
    let other = world.account(3);
    world.fund(other, 1_000_000_000);
    let buy = order(buyer, Side::Buy, 1);
    [
        (buy.clone(), order(seller, Side::Sell, 1), 2000),
        (buy.clone(), order(other, Side::Sell, 1), 3000),
        (buy, order(other, Side::Sell, 2), 1),
    ]
}

#[test]
fn an_order_is_filled_in_parts_but_never_beyond_its_quantity() {
    let (mut world, buyer, seller) = World::with_cash();
    let pairs = in_parts(&mut world, buyer, seller);
    let mut honest = world.clone();
    let batch = honest.post_one(posted(&policy()), &pairs[..2]);
    assert_eq!(settled(&honest.settle(&batch)), 2);

    // A clearing that fills more of an order than there is of it has none of its fills settled.
    let mut open = world.clone();
    let batch = open.post_one(posted(&policy()), &pairs);
    let receipt = open.settle(&batch);
    assert_eq!((settled(&receipt), skips(&receipt)), (0, vec![Skip::BuyerQuantity; 3]));

    // One that says that it fills less than it does: until that much is filled.
    let mut batch = world.batches(posted(&policy()), &pairs, |_| true).1.remove(0);
    set_filled(&mut batch, buyer, 5000);
    world.post_as_said(&mut batch);
    let receipt = world.settle(&batch);
    assert_eq!((settled(&receipt), skips(&receipt)), (2, vec![Skip::BuyerQuantity]));
    let question = EnergyMarket::orderFilledCall { order: world.order_hash(&pairs[0].0) };
    assert_eq!(world.view(world.at.market, question), 0, "all that it says is filled");
    let receipt = world.settle(&batch);
    let again = Skip::AlreadySettled;
    assert_eq!((settled(&receipt), skips(&receipt)), (0, vec![again, again, Skip::BuyerNonce]));
}

/// Says that the clearing fills so much of an account's order.
fn set_filled(batch: &mut FillBatch, of: Address, wh: u64) {
    for order in &mut batch.orders {
        match order {
            SignedOrder::Shown { terms, filled, .. } if terms.account == of => {
                *filled = Energy::from_wh(wh);
            }
            _ => {}
        }
    }
}

impl World {
    /// Posts the clearing whose only batch this is, with the root that its fills have.
    fn post_as_said(&mut self, batch: &mut FillBatch) {
        let order = |place: u8| match &batch.orders[usize::from(place)] {
            SignedOrder::Shown { terms, filled, .. } => (self.order_hash(terms), *filled),
            SignedOrder::Hidden { hash, filled } => (*hash, *filled),
        };
        let leaf = |&(buy, sell, quantity): &(u8, u8, Energy)| {
            let ((buy, buy_filled), (sell, sell_filled)) = (order(buy), order(sell));
            let prices = Prices::one(batch.posted.clearing.price);
            let met = contracts::Met { buy, sell, quantity, prices };
            merkle::leaf(&fill_leaf(&met, [buy_filled, sell_filled]))
        };
        let leaves = batch.fills.iter().map(leaf).collect();
        batch.posted.clearing.fills_root = merkle::Tree::new(leaves).root();
        let call = self.at.clear(&batch.posted);
        self.ok(self.operator, call);
    }
}

#[test]
fn an_order_of_another_chain_is_worthless() {
    let (mut world, buyer, seller) = World::with_cash();
    let pair = (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 5000);
    let mut fork = world.clone();
    let batch = world.post_one(posted(&policy()), std::slice::from_ref(&pair));
    // The fork shares everything, also the clearing, but has an id of its own.
    let call = fork.at.clear(&batch.posted);
    fork.ok(fork.operator, call);
    fork.chain_id = 4712;
    let call = fork.at.settle(&batch);
    fork.refused(buyer, call, "BadBatch");
    assert!(fork.trades.is_empty());

    // Even a clearing of the other chain's own cannot use the signatures of this one.
    let (mut other, _, _) = World::with_cash();
    other.chain_id = 4712;
    let mut replayed = other.post_one(posted(&policy()), &[pair]);
    *signature_of(&mut replayed, buyer) = signature_of(&mut batch.clone(), buyer).clone();
    let receipt = other.settle(&replayed);
    assert_eq!(skips(&receipt), [Skip::BuyerSignature]);
}

/// The signature of an account's first order in a batch.
fn signature_of(batch: &mut FillBatch, of: Address) -> &mut Signature {
    for order in &mut batch.orders {
        match order {
            SignedOrder::Shown { terms, signature, .. } if terms.account == of => return signature,
            _ => {}
        }
    }
    panic!("no order of {of} is shown");
}

/// Answers the magic value of ERC-1271 to everything.
pub(crate) const ACCEPTS: &[u8] =
    &[0x63, 0x16, 0x26, 0xba, 0x7e, 0x60, 0xe0, 0x1b, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3];
/// Answers nothing.
pub(crate) const SILENT: &[u8] = &[0x00];
/// Loops until its gas is gone.
pub(crate) const BURNS: &[u8] = &[0x5b, 0x5f, 0x56];

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
    let batch = world.post_one(posted(&policy()), &pairs);
    let receipt = world.settle(&batch);
    assert_eq!(skips(&receipt), [Skip::BuyerSignature, Skip::BuyerSignature]);
    assert_eq!(settled(&receipt), 2);
    let settled_by = |index| trade_id(batch.posted.clearing.id(), index);
    assert!([2, 3].map(settled_by).iter().all(|trade| world.trades.contains_key(trade)));
}

#[test]
fn a_batch_of_contracts_that_burn_their_gas_still_fits_a_transaction() {
    let (mut world, buyer, seller) = World::with_cash();
    let burning = |number: u8, side: u8| {
        let account = Address::left_padding_from(&[0xc4, side, number]);
        (account, order(account, if side == 0 { Side::Buy } else { Side::Sell }, 1))
    };
    let mut pairs = Vec::new();
    for number in 0..63 {
        let [(buys, buy), (sells, sell)] = [burning(number, 0), burning(number, 1)];
        world.set_code(buys, BURNS);
        world.set_code(sells, BURNS);
        pairs.push((buy, sell, 100));
    }
    pairs.push((order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 100));
    let batch = world.post_one(posted(&policy()), &pairs);
    let receipt = world.settle(&batch);
    assert_eq!((settled(&receipt), skips(&receipt)), (1, vec![Skip::BuyerSignature; 63]));
    assert!(receipt.gas < GAS_MAX, "{} gas", receipt.gas);
}

#[test]
fn a_65_byte_signature_of_a_wallet_is_accepted() {
    let (mut world, buyer, seller) = World::with_cash();
    let pair = (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 5000);
    let mut batch = world.post_one(posted(&policy()), std::slice::from_ref(&pair));
    // Of an order in the 64 bytes that it becomes.
    let Signature::Key(compact) = signature_of(&mut batch, buyer) else { panic!("it is of a key") };
    let of_wallet = keys::Signature::from_bytes(*compact).unwrap().to_rsv();
    *compact = *keys::Signature::from_rsv(&of_wallet).unwrap().as_bytes();
    assert_eq!(settled(&world.settle(&batch)), 1);
    // Of everything else as it is, and only with a low s.
    let nonce = U256::from(9);
    let hash = requests::cancel(world.chain_id, world.at.market, buyer, nonce);
    let signature = keys::Signature::from_slice(&world.sign(buyer, hash)).unwrap();
    let forged = world.at.cancel_for(buyer, nonce, high_s(&signature));
    world.refused(seller, forged, "NotSigned");
    let call = world.at.cancel_for(buyer, nonce, Bytes::from(signature.to_rsv()));
    world.ok(seller, call);
}

/// Takes the signature when nearly all of its gas is gone.
pub(crate) const DAWDLES: &[u8] = &[
    0x5b, 0x5a, 0x61, 0x04, 0x00, 0x10, 0x5f, 0x57, 0x63, 0x16, 0x26, 0xba, 0x7e, 0x60, 0xe0, 0x1b,
    0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3,
];

#[test]
fn a_full_batch_of_strangers_fits_a_transaction() {
    let (mut world, _, _) = World::with_cash();
    let mut pairs = Vec::new();
    for number in 0..64 {
        let (buyer, seller) = (world.account(1000 + number), world.account(2000 + number));
        world.fund(buyer, 1_000_000_000);
        world.fund(seller, 1_000_000_000);
        pairs.push((order(buyer, Side::Buy, number), order(seller, Side::Sell, number), 5000));
    }
    let mut batch = world.post_one(posted(&policy()), &pairs);
    let mut of_contracts = world.clone();
    let receipt = world.settle(&batch);
    assert_eq!(settled(&receipt), 64);
    assert!(receipt.gas < GAS_MAX, "{} gas", receipt.gas);

    // And so does one of as many contracts, each as slow as it may be.
    for order in &mut batch.orders {
        let SignedOrder::Shown { terms, signature, .. } = order else { panic!("all are shown") };
        *signature = Signature::Contract(Bytes::from_static(&[7; 65]));
        of_contracts.set_code(terms.account, DAWDLES);
    }
    let slow = of_contracts.settle(&batch);
    assert_eq!(settled(&slow), 64);
    assert!(slow.gas > receipt.gas + 128 * 40_000, "{} gas", slow.gas);
    assert!(slow.gas < GAS_MAX, "{} gas", slow.gas);
}

#[test]
fn a_clearing_is_posted_once_in_time_and_inside_the_policy() {
    let (world, _, _) = World::with_cash();
    let check = |edit: fn(&mut Posted), reason: &str| {
        let mut world = world.clone();
        let mut terms = posted(&policy());
        edit(&mut terms);
        let call = world.at.clear(&terms);
        world.refused(world.operator, call, reason);
    };
    check(|terms| terms.clearing.policy = B256::ZERO, "UnknownPolicy");
    check(|terms| terms.policy.network_fee += 1, "UnknownPolicy");
    let unregistered = |terms: &mut Posted| {
        terms.policy.network_fee += 1;
        terms.clearing.policy = terms.policy.id();
    };
    check(unregistered, "UnknownPolicy");
    check(|terms| terms.clearing.slot -= 1800, "SlotOver");
    check(|terms| terms.clearing.slot += 1, "BadClearing");
    check(|terms| terms.clearing.retail_price = 400_001, "BadClearing");
    check(|terms| terms.clearing.feed_in_price = 19_999, "BadClearing");

    let mut world = world.clone();
    let call = world.at.clear(&posted(&policy()));
    world.refused(ANYONE, call.clone(), "AccessControlUnauthorizedAccount");
    world.ok(world.operator, call.clone());
    world.refused(world.operator, call.clone(), "AlreadyCleared");
    let mut other = posted(&policy());
    other.clearing.price += 1;
    let call = world.at.clear(&other);
    world.refused(world.operator, call, "AlreadyCleared");
}

#[test]
fn nothing_settles_after_the_slot_or_without_a_clearing() {
    let (mut world, buyer, seller) = World::with_cash();
    let pair: Pair = (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 5000);
    let (_, unknown) = world.batches(posted(&policy()), std::slice::from_ref(&pair), |_| true);
    let call = world.at.settle(&unknown[0]);
    world.refused(buyer, call, "UnknownClearing");
    let batch = world.post_one(posted(&policy()), &[pair]);
    for edit in [
        |terms: &mut Posted| terms.clearing.price -= 1,
        |terms: &mut Posted| terms.clearing.fills += 1,
        |terms: &mut Posted| terms.policy.network_fee -= 1,
        |terms: &mut Posted| terms.policy.slot_seconds *= 2,
    ] {
        let mut other = batch.clone();
        edit(&mut other.posted);
        let call = world.at.settle(&other);
        world.refused(buyer, call, "UnknownClearing");
    }
    world.now = SLOT + 900;
    let call = world.at.settle(&batch);
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
        |policy: &mut contracts::Policy| policy.balance_account = Address::ZERO,
        // Nothing could be reconciled.
        |policy: &mut contracts::Policy| policy.settle_seconds = policy.correction_seconds,
    ] {
        let mut bad = policy();
        edit(&mut bad);
        let call = world.at.register_policy(&bad);
        world.refused(world.operator, call, "BadPolicy");
    }
    let terms = policy().to_sol();
    for terms in [
        EnergyMarket::Policy { sellerShort: 3, ..terms.clone() },
        EnergyMarket::Policy { buyerShort: 4, ..terms },
    ] {
        assert_eq!(contracts::Policy::from_sol(&terms), None);
        let data = EnergyMarket::registerPolicyCall { terms }.abi_encode().into();
        let call = Call { to: world.at.market, data };
        world.refused(world.operator, call, "BadPolicy");
    }
    let call = world.at.register_policy(&policy());
    assert_eq!(world.ok(world.operator, call.clone()).events.len(), 1);
    assert_eq!(world.ok(world.operator, call).events.len(), 0);
}
