//! Who has to leave a full pool, and for whom.

use crate::support::{Key, MINER, transaction};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, U256};
use chain::pool::PER_SENDER_MIN;
use chain::state::Account;
use chain::{Pool, PoolError, PoolLimits, Recovered};

fn account() -> Account {
    Account { balance: U256::MAX / U256::from(2), ..Account::default() }
}

/// A transaction of one of many senders, with the tip that the miner gets.
fn of(sender: u8, nonce: u64, tip: u128) -> Recovered {
    // Senders are told apart by what they send too, so that no two have the same hash.
    let unsigned = TxEip1559 {
        max_fee_per_gas: 1_000,
        max_priority_fee_per_gas: tip,
        value: U256::from(sender),
        ..transaction(nonce, MINER, Bytes::new())
    };
    Recovered::new_unchecked(Key::new(9).sign(unsigned), Address::repeat_byte(sender))
}

fn hash(sender: u8, nonce: u64, tip: u128) -> B256 {
    *of(sender, nonce, tip).inner().tx_hash()
}

/// A pool that these fill to the last place.
fn full(change: impl FnOnce(&mut PoolLimits), content: &[(u8, u64, u128)]) -> Pool {
    let mut limits = PoolLimits { count_max: content.len(), ..PoolLimits::default() };
    change(&mut limits);
    let mut pool = Pool::new(limits);
    pool.set_base_fee(7);
    for (sender, nonce, tip) in content {
        pool.add(of(*sender, *nonce, *tip), &account()).unwrap();
    }
    pool
}

/// Adds (sender, nonce, tip); who left for it.
fn add(pool: &mut Pool, one: (u8, u64, u128)) -> Result<Vec<B256>, PoolError> {
    pool.add(of(one.0, one.1, one.2), &account()).map(|added| added.evicted)
}

#[test]
fn what_is_queued_leaves_first_whatever_it_offers() {
    let mut pool = full(|_| {}, &[(1, 0, 5), (2, 3, 900), (2, 4, 900), (3, 1, 1)]);
    // Who has most behind a gap loses its last.
    assert_eq!(add(&mut pool, (4, 0, 1)), Ok(vec![hash(2, 4, 900)]));
    // Of equals the cheapest.
    assert_eq!(add(&mut pool, (5, 0, 1)), Ok(vec![hash(3, 1, 1)]));
    assert_eq!(add(&mut pool, (6, 0, 1)), Ok(vec![hash(2, 3, 900)]));
    // Then only who pays more gets in.
    let refused = Err(PoolError::Outbid { got: 1, cheapest: 1 });
    assert_eq!(add(&mut pool, (7, 0, 1)), refused);
    assert_eq!(add(&mut pool, (7, 0, 2)), Ok(vec![hash(6, 0, 1)]), "the newest of equals");
}

#[test]
fn what_is_queued_never_pushes_out_what_is_pending() {
    let mut pool = full(|_| {}, &[(1, 0, 1), (2, 0, 1)]);
    assert_eq!(add(&mut pool, (3, 1, 900)), Err(PoolError::FutureReplacesPending));
    let refused = "future transaction tries to replace pending";
    assert_eq!(PoolError::FutureReplacesPending.to_string(), refused);
    let mut pool = full(|_| {}, &[(1, 0, 1), (2, 1, 1)]);
    // Nor those of a sender that has less behind its gap.
    let refused = Err(PoolError::Outbid { got: 900, cheapest: 1 });
    assert_eq!(add(&mut pool, (2, 2, 900)), refused);
}

#[test]
fn queues_are_bounded_together_and_the_longest_gives_way() {
    let mut pool =
        full(|limits| (limits.count_max, limits.queued_max) = (9, 3), &[(1, 1, 9), (1, 2, 9)]);
    assert_eq!(add(&mut pool, (2, 1, 1)), Ok(vec![]));
    assert_eq!(add(&mut pool, (3, 1, 1)), Ok(vec![hash(1, 2, 9)]));
    // A gap that is filled makes room.
    assert_eq!(add(&mut pool, (1, 0, 1)), Ok(vec![]));
    assert_eq!(pool.pending(Address::repeat_byte(1)).count(), 2);
    assert_eq!(add(&mut pool, (4, 1, 1)), Ok(vec![]));
}

#[test]
fn above_its_fair_share_the_heaviest_gives_way_whatever_it_pays() {
    let share = |limits: &mut PoolLimits| limits.fair_share = 2;
    let heavy = [(1, 0, 900), (1, 1, 900), (1, 2, 900), (1, 3, 900), (2, 0, 5), (2, 1, 5)];
    let mut pool = full(share, &heavy);
    // It cannot take more, not even from the cheaper.
    assert_eq!(add(&mut pool, (1, 4, 901)), Err(PoolError::Full));
    assert_eq!(PoolError::Full.to_string(), "txpool is full");
    assert_eq!(add(&mut pool, (3, 0, 1)), Ok(vec![hash(1, 3, 900)]));
    // Somebody else above the share takes from who has more than both would have.
    assert_eq!(add(&mut pool, (2, 2, 5)), Err(PoolError::Full));
    assert_eq!(add(&mut pool, (3, 1, 1)), Ok(vec![hash(1, 2, 900)]));
    // Now all are within their share, and price decides.
    assert_eq!(add(&mut pool, (4, 0, 1)), Err(PoolError::Outbid { got: 1, cheapest: 1 }));
    assert_eq!(add(&mut pool, (4, 0, 6)), Ok(vec![hash(3, 1, 1)]));
    assert_eq!(pool.pending(Address::repeat_byte(1)).count(), 2);
}

#[test]
fn a_dear_one_behind_a_cheap_one_counts_as_cheap() {
    let mut pool = full(|_| {}, &[(1, 0, 5), (2, 0, 1), (2, 1, 900)]);
    assert_eq!(add(&mut pool, (3, 0, 3)), Ok(vec![hash(2, 1, 900)]));
    assert_eq!(add(&mut pool, (2, 1, 900)), Err(PoolError::Outbid { got: 1, cheapest: 1 }));
    // Once the cheap one pays more, so do those after it.
    let mut pool = full(|_| {}, &[(1, 0, 5), (2, 0, 1), (2, 1, 900)]);
    let raised = TxEip1559 {
        max_fee_per_gas: 2_000,
        max_priority_fee_per_gas: 800,
        value: U256::from(2),
        ..transaction(0, MINER, Bytes::new())
    };
    let raised = Recovered::new_unchecked(Key::new(9).sign(raised), Address::repeat_byte(2));
    assert!(pool.add(raised, &account()).unwrap().replaced.is_some());
    assert_eq!(add(&mut pool, (3, 0, 6)), Ok(vec![hash(1, 0, 5)]));
}

#[test]
fn a_high_cap_with_a_low_tip_pushes_nobody_out() {
    let mut pool = full(|_| {}, &[(1, 0, 5)]);
    let rich_in_words = TxEip1559 {
        max_fee_per_gas: 1_000_000_000_000,
        max_priority_fee_per_gas: 1,
        ..transaction(0, MINER, Bytes::new())
    };
    let refused = pool.add(Key::new(2).send(rich_in_words.clone()), &account());
    assert_eq!(refused, Err(PoolError::Outbid { got: 1, cheapest: 5 }));
    // When the base fee has risen over what the other pays at most, it is worth more.
    pool.set_base_fee(1_001);
    let added = pool.add(Key::new(2).send(rich_in_words), &account()).unwrap();
    assert_eq!(added.evicted, [hash(1, 0, 5)]);
}

#[test]
fn a_refused_claim_leaves_everything_as_it_was() {
    // The bytes of the large one would take the place of both others; only one is cheaper.
    let large = |tip| {
        let unsigned = TxEip1559 {
            max_fee_per_gas: 1_000,
            max_priority_fee_per_gas: tip,
            gas_limit: 1_000_000,
            ..transaction(0, MINER, vec![0; 1_500].into())
        };
        Key::new(2).send(unsigned)
    };
    let mut empty = Pool::default();
    empty.add(of(1, 0, 1), &account()).unwrap();
    empty.add(of(3, 0, 9), &account()).unwrap();
    let limits = PoolLimits { bytes_max: empty.memory() + 100, ..PoolLimits::default() };
    let mut pool = Pool::new(limits);
    pool.set_base_fee(7);
    assert_eq!(add(&mut pool, (1, 0, 1)), Ok(vec![]));
    assert_eq!(add(&mut pool, (3, 0, 9)), Ok(vec![]));
    let (before, memory) = (pool.hashes(), pool.memory());
    let refused = pool.add(large(5), &account());
    assert_eq!(refused, Err(PoolError::Outbid { got: 5, cheapest: 9 }));
    assert_eq!((pool.hashes(), pool.memory()), (before, memory));
    assert_eq!(pool.add(large(10), &account()).unwrap().evicted.len(), 2);
}

#[test]
fn senders_are_bounded_and_those_with_nothing_pending_leave_first() {
    let three = |limits: &mut PoolLimits| (limits.count_max, limits.senders_max) = (99, 3);
    let mut pool = full(three, &[(1, 0, 5), (2, 1, 900), (2, 2, 900), (3, 0, 6), (3, 1, 6)]);
    assert_eq!(add(&mut pool, (4, 1, 1)), Ok(vec![hash(2, 2, 900), hash(2, 1, 900)]));
    assert_eq!(add(&mut pool, (5, 0, 1)), Ok(vec![hash(4, 1, 1)]));
    // Then whoever pays less and loses little.
    assert_eq!(add(&mut pool, (6, 0, 7)), Ok(vec![hash(5, 0, 1)]));
    assert_eq!(add(&mut pool, (7, 0, 7)), Ok(vec![hash(1, 0, 5)]));
    assert_eq!(add(&mut pool, (8, 0, 7)), Ok(vec![hash(3, 1, 6), hash(3, 0, 6)]));
    let refused = Err(PoolError::Outbid { got: 7, cheapest: 7 });
    assert_eq!(add(&mut pool, (9, 0, 7)), refused);
    assert_eq!(add(&mut pool, (9, 1, 900)), Err(PoolError::FutureReplacesPending));
    // Who is there already may add.
    assert_eq!(add(&mut pool, (8, 1, 1)), Ok(vec![]));
}

#[test]
fn nothing_is_queued_for_longer_than_its_time() {
    let mut pool = full(|limits| limits.count_max = 99, &[(1, 0, 1), (1, 1, 1)]);
    let life = pool.limits().queued_seconds_max;
    pool.pass(1_000);
    add(&mut pool, (1, 3, 1)).unwrap();
    add(&mut pool, (2, 1, 1)).unwrap();
    pool.pass(2_000);
    add(&mut pool, (1, 5, 1)).unwrap();
    assert_eq!(pool.pass(1_000 + life - 1), Vec::<B256>::new());
    // A gap that is filled in time saves what is behind it.
    add(&mut pool, (2, 0, 1)).unwrap();
    assert_eq!(pool.pass(1_000 + life), [hash(1, 3, 1)]);
    assert_eq!(pool.pass(2_000 + life), [hash(1, 5, 1)]);
    // What becomes queued has its time from then on.
    pool.remove(hash(1, 0, 1)).unwrap();
    assert_eq!(pool.pass(2_000 + life + life - 1), Vec::<B256>::new());
    assert_eq!(pool.pass(2_000 + life + life), [hash(1, 1, 1)]);
    assert_eq!((pool.len(), pool.pending_len()), (2, 2));
}

#[test]
fn what_is_left_without_its_predecessor_is_queued_as_far_as_it_may() {
    let content: Vec<_> = (0..100).map(|nonce| (1, nonce, 1)).collect();
    let mut pool = full(|limits| limits.queued_per_sender_max = 10, &content);
    pool.remove(hash(1, 50, 1)).unwrap();
    let sender = Address::repeat_byte(1);
    assert_eq!((pool.pending(sender).count(), pool.queued(sender).count()), (50, 10));
    assert_eq!(pool.queued(sender).next().map(|pooled| pooled.hash), Some(hash(1, 51, 1)));
}

#[test]
fn a_lost_block_brings_a_long_row_back_whole() {
    let count = u64::try_from(3 * PER_SENDER_MIN).unwrap();
    let content: Vec<_> = (0..count).map(|nonce| (1, nonce, 1)).collect();
    let mut pool = full(|limits| limits.count_max *= 2, &content);
    let sender = Address::repeat_byte(1);
    let used = Account { nonce: 10, ..account() };
    pool.follow(&[(sender, used)].into(), []);
    assert_eq!(pool.pending(sender).count(), content.len() - 10);
    let returned = (0..10).map(|nonce| of(1, nonce, 1));
    pool.follow(&[(sender, account())].into(), returned);
    assert_eq!((pool.pending(sender).count(), pool.queued(sender).count()), (content.len(), 0));
}

#[test]
fn what_comes_back_does_not_exceed_the_limits() {
    let mut pool = full(|_| {}, &[(1, 0, 1), (2, 0, 2), (3, 0, 3)]);
    let returned = [of(4, 0, 4), of(5, 1, 900)];
    let accounts = [4, 5].map(|sender| (Address::repeat_byte(sender), account()));
    pool.follow(&accounts.into(), returned);
    assert_eq!(pool.len(), 3);
    let left: Vec<_> = [(1, 1), (2, 2), (3, 3), (4, 4)]
        .into_iter()
        .filter(|(sender, tip)| pool.get(&hash(*sender, 0, *tip)).is_some())
        .collect();
    assert_eq!(left, [(2, 2), (3, 3), (4, 4)]);
}
