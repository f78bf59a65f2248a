//! Cash in and out.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use contracts::requests::{self, CashTransfer, Redemption, Withdrawal};
use contracts::{Call, ContractEvent};
use units::Money;

use crate::world::{ANYONE, SLOT, WITHDRAWAL_DELAY, World};

#[test]
fn a_payment_is_minted_and_deposited_once() {
    let mut world = World::new(1);
    let (account, operator) = (world.account(1), world.operator);
    let payment = keccak256("payment 1");
    let amount = Money::from_n(1_000_000_000);
    let mint = world.at.mint(operator, amount, payment).unwrap();
    let deposit = world.at.deposit_for(account, amount, payment).unwrap();
    world.refused(account, mint.clone(), "AccessControlUnauthorizedAccount");
    world.ok(operator, mint.clone());
    world.refused(operator, mint, "PaymentAlreadyMinted");
    world.refused(operator, deposit.clone(), "ERC20InsufficientAllowance");
    let approve = world.at.approve_market(U256::MAX);
    world.ok(operator, approve);
    world.ok(operator, deposit.clone());
    world.refused(operator, deposit, "PaymentAlreadyDeposited");
    assert_eq!(world.free(account), U256::from(1_000_000_000));
    assert!(world.at.mint(operator, Money::from_n(-1), B256::ZERO).is_err());
}

#[test]
fn a_withdrawal_takes_its_time_and_no_pause_stops_it() {
    let (mut world, buyer, seller) = World::with_cash();
    let pause = world.at.pause();
    world.ok(world.operator, pause);
    let request = |n| world.at.request_withdrawal(Money::from_n(n)).unwrap();
    let (all, more) = (request(5_000_000_000), request(5_000_000_001));
    world.refused(buyer, more, "NotEnoughFree");
    world.ok(buyer, all);
    assert_eq!(world.free(buyer), U256::ZERO);
    let withdraw = world.at.withdraw(buyer);
    world.now += u64::from(WITHDRAWAL_DELAY) - 1;
    world.refused(seller, withdraw.clone(), "NotYet");
    world.now += 1;
    world.ok(seller, withdraw.clone());
    assert_eq!(world.balance(buyer), U256::from(5_000_000_000_u64));
    world.refused(seller, withdraw, "NothingToWithdraw");
    let burn = world.at.burn(Money::from_n(5_000_000_000)).unwrap();
    world.ok(buyer, burn);
    assert_eq!(world.balance(buyer), U256::ZERO);
}

#[test]
fn a_signed_withdrawal_needs_no_gas_and_works_once_until_it_expires() {
    let (mut world, buyer, seller) = World::with_cash();
    let (amount, nonce) = (Money::from_n(1000), U256::from(5));
    let of = Withdrawal { account: buyer, amount, nonce, expiry: SLOT - 500 };
    let hash = requests::withdrawal(world.chain_id, world.at.market, &of).unwrap();
    let request = |of: Withdrawal, signature| world.at.request_withdrawal_for(&of, signature);
    let signature = world.sign(buyer, hash);
    let signed = request(of, signature.clone()).unwrap();
    let forged = request(of, world.sign(seller, hash)).unwrap();
    let more = Withdrawal { amount: Money::from_n(1001), ..of };
    let later = Withdrawal { expiry: of.expiry + 1, ..of };
    let changed = [more, later].map(|other| request(other, signature.clone()).unwrap());
    let negative = Withdrawal { amount: Money::from_n(-1), ..of };
    assert!(request(negative, signature).is_err());
    for call in changed.into_iter().chain([forged]) {
        world.refused(seller, call, "NotSigned");
    }
    world.now = of.expiry + 1;
    world.refused(seller, signed.clone(), "WithdrawalExpired");
    world.now = of.expiry;
    world.ok(seller, signed.clone());
    world.refused(seller, signed, "NonceAlreadyUsed");
    assert_eq!(world.free(buyer), U256::from(5_000_000_000_u64 - 1000));
}

/// What the buyer gives the seller, sent by anybody until some seconds before the slot.
fn transfer(buyer: Address, seller: Address) -> CashTransfer {
    CashTransfer {
        account: buyer,
        to: seller,
        amount: Money::from_n(1000),
        nonce: U256::from(5),
        expiry: SLOT - 500,
        sender: Address::ZERO,
        link: keccak256("what for"),
    }
}

fn signature_of(world: &World, of: &CashTransfer) -> Bytes {
    let hash = requests::cash_transfer(world.chain_id, world.at.market, of).unwrap();
    world.sign(of.account, hash)
}

fn signed_transfer(world: &World, of: &CashTransfer) -> Call {
    world.at.transfer_for(of, signature_of(world, of)).unwrap()
}

#[test]
fn signed_cash_changes_hands_once_until_it_expires_and_no_pause_stops_it() {
    let (mut world, buyer, seller) = World::with_cash();
    let pause = world.at.pause();
    world.ok(world.operator, pause);
    let of = transfer(buyer, seller);
    let call = signed_transfer(&world, &of);
    world.now = of.expiry + 1;
    world.refused(ANYONE, call.clone(), "TransferExpired");
    world.now = of.expiry;
    let events = world.ok(ANYONE, call.clone()).events;
    let [ContractEvent::CashTransferred(event)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((event.account, event.to, event.link), (buyer, seller, of.link));
    assert_eq!(event.amount, U256::from(1000));
    assert_eq!(world.free(buyer), U256::from(5_000_000_000_u64 - 1000));
    assert_eq!(world.free(seller), U256::from(1_000_001_000));
    world.refused(ANYONE, call, "NonceAlreadyUsed { nonce: 5 }");
    // Nonces are those of everything else that an account signs.
    for nonce in [6, 7] {
        let cancel = world.at.cancel(U256::from(nonce));
        world.ok(buyer, cancel);
        let call = signed_transfer(&world, &CashTransfer { nonce: U256::from(nonce), ..of });
        world.refused(ANYONE, call, "NonceAlreadyUsed");
    }
}

#[test]
fn nothing_of_a_transfer_is_anything_but_what_was_signed() {
    let (mut world, buyer, seller) = World::with_cash();
    let of = transfer(buyer, seller);
    let signature = signature_of(&world, &of);
    let edits: [fn(&mut CashTransfer); 7] = [
        |of| of.account = of.to,
        |of| of.to = ANYONE,
        |of| of.amount = Money::from_n(1001),
        |of| of.nonce = U256::from(6),
        |of| of.expiry += 1,
        |of| of.sender = ANYONE,
        |of| of.link = B256::ZERO,
    ];
    for edit in edits {
        let mut other = of;
        edit(&mut other);
        let call = world.at.transfer_for(&other, signature.clone()).unwrap();
        world.refused(ANYONE, call, "NotSigned");
    }
    let hashes = [
        requests::cash_transfer(4712, world.at.market, &of),
        requests::cash_transfer(world.chain_id, world.at.token, &of),
    ];
    for signature in [
        world.sign(seller, requests::cash_transfer(4711, world.at.market, &of).unwrap()),
        world.sign(buyer, hashes[0].unwrap()),
        world.sign(buyer, hashes[1].unwrap()),
        Bytes::new(),
    ] {
        let call = world.at.transfer_for(&of, signature).unwrap();
        world.refused(ANYONE, call, "NotSigned");
    }
    let nobody = CashTransfer { to: Address::ZERO, ..of };
    let call = signed_transfer(&world, &nobody);
    world.refused(ANYONE, call, "NobodyToReceive");
    let more = CashTransfer { amount: Money::from_n(5_000_000_001), ..of };
    let call = signed_transfer(&world, &more);
    world.refused(ANYONE, call, "NotEnoughFree");
    let negative = CashTransfer { amount: Money::from_n(-1), ..of };
    assert!(requests::cash_transfer(4711, world.at.market, &negative).is_err());
    assert!(world.at.transfer_for(&negative, signature.clone()).is_err());
    // Refused, it used no nonce.
    let call = world.at.transfer_for(&of, signature).unwrap();
    world.ok(ANYONE, call);
}

#[test]
fn a_transfer_that_names_who_sends_it_is_sent_by_nobody_else() {
    let (mut world, buyer, seller) = World::with_cash();
    let of = CashTransfer { sender: seller, ..transfer(buyer, seller) };
    let call = signed_transfer(&world, &of);
    for sender in [ANYONE, buyer, world.operator] {
        world.refused(sender, call.clone(), "NotSender");
    }
    world.ok(seller, call);
    assert_eq!(world.free(seller), U256::from(1_000_001_000));
}

/// A token holder who is paid out, and the redemption that it signs.
fn redeeming() -> (World, Redemption) {
    let mut world = World::new(4711);
    let account = world.account(1);
    let mint = world.at.mint(account, Money::from_n(1000), keccak256("payment")).unwrap();
    world.ok(world.operator, mint);
    let (amount, destination) = (Money::from_n(600), keccak256("the account's bank account"));
    let nonce = U256::from(3);
    (world, Redemption { account, amount, destination, nonce, expiry: SLOT - 500 })
}

fn signed_redemption(world: &World, of: &Redemption) -> Call {
    let hash = requests::redemption(world.chain_id, world.at.token, of).unwrap();
    world.at.redeem_for(of, world.sign(of.account, hash)).unwrap()
}

#[test]
fn signed_tokens_are_destroyed_once_and_say_where_they_are_paid_out_to() {
    let (mut world, of) = redeeming();
    let call = signed_redemption(&world, &of);
    world.now = of.expiry + 1;
    world.refused(ANYONE, call.clone(), "RedemptionExpired");
    world.now = of.expiry;
    let events = world.ok(ANYONE, call.clone()).events;
    let [ContractEvent::Transfer(burned), ContractEvent::Redeemed(event)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((burned.from, burned.to, burned.value), (of.account, Address::ZERO, event.amount));
    assert_eq!((event.account, event.destination), (of.account, of.destination));
    assert_eq!((event.amount, event.nonce), (U256::from(600), of.nonce));
    assert_eq!(world.balance(of.account), U256::from(400));
    world.refused(ANYONE, call, "AlreadyRedeemed { nonce: 3 }");
    // More than there is, which uses no nonce; then all of it.
    let next = Redemption { nonce: U256::MAX, ..of };
    for (amount, reason) in [(401, Some("ERC20InsufficientBalance")), (400, None)] {
        let call = signed_redemption(&world, &Redemption { amount: Money::from_n(amount), ..next });
        match reason {
            Some(reason) => world.refused(ANYONE, call, reason),
            None => assert_eq!(world.ok(ANYONE, call).events.len(), 2),
        }
    }
    assert_eq!(world.balance(of.account), U256::ZERO);
}

#[test]
fn nothing_of_a_redemption_is_anything_but_what_was_signed() {
    let (mut world, of) = redeeming();
    let other_account = world.account(2);
    let hash = requests::redemption(world.chain_id, world.at.token, &of).unwrap();
    let signature = world.sign(of.account, hash);
    for other in [
        Redemption { account: other_account, ..of },
        Redemption { amount: Money::from_n(601), ..of },
        Redemption { destination: B256::ZERO, ..of },
        Redemption { nonce: U256::from(4), ..of },
        Redemption { expiry: of.expiry + 1, ..of },
    ] {
        let call = world.at.redeem_for(&other, signature.clone()).unwrap();
        world.refused(ANYONE, call, "NotSigned");
    }
    for hash in [
        requests::redemption(4712, world.at.token, &of).unwrap(),
        requests::redemption(world.chain_id, world.at.market, &of).unwrap(),
    ] {
        let call = world.at.redeem_for(&of, world.sign(of.account, hash)).unwrap();
        world.refused(ANYONE, call, "NotSigned");
    }
    let call = world.at.redeem_for(&of, world.sign(other_account, hash)).unwrap();
    world.refused(other_account, call, "NotSigned");
    let negative = Redemption { amount: Money::from_n(-1), ..of };
    assert!(requests::redemption(4711, world.at.token, &negative).is_err());
    assert!(world.at.redeem_for(&negative, signature).is_err());
}
