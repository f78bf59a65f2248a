//! Cash in and out.

use alloy_primitives::{B256, Bytes, U256, keccak256};
use contracts::requests;
use units::Money;

use crate::world::{WITHDRAWAL_DELAY, World};

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
fn a_signed_withdrawal_needs_no_gas_and_works_once() {
    let (mut world, buyer, seller) = World::with_cash();
    let (amount, nonce) = (Money::from_n(1000), U256::from(5));
    let market = world.at.market;
    let hash = requests::withdrawal(world.chain_id, market, buyer, U256::from(1000), nonce);
    let signature = world.sign(buyer, hash);
    let request = |signature: Bytes| {
        world.at.request_withdrawal_for(buyer, amount, nonce, signature).unwrap()
    };
    let (signed, forged) = (request(signature), request(world.sign(seller, hash)));
    world.refused(seller, forged, "NotSigned");
    world.ok(seller, signed.clone());
    world.refused(seller, signed, "NonceAlreadyUsed");
    assert_eq!(world.free(buyer), U256::from(5_000_000_000_u64 - 1000));
}
