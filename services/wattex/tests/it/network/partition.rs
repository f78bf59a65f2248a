//! Two halves that mined apart.

use serde_json::{Value, json};

use super::socket::Subscriber;
use super::throttle::Throttle;
use super::world::{LOGGER, World, at, call, head, key, send};
use super::{Seen, until};
use crate::node::{Node, quantity};

/// Hashes and seconds. Little work that rises slowly: when the miners are let loose blocks come as
/// fast as they may, which is one for each second and some ahead of the clock.
const DIFFICULTY: u64 = 1 << 18;
const HALF_LIFE: u64 = 8;
/// What the miners run of the time as long as the halves are together, and the weaker one when it
/// has enough to lose.
const WEAK_PERCENT: u32 = 3;
/// Blocks before the halves are cut, and those that the weaker one gives up at least.
const COMMON: u64 = 3;
const LOST: u64 = 20;
/// The stronger half is ahead by the work of so many of its blocks.
const AHEAD: u64 = 2;
/// Calls that only the weaker half hears of, two to a block: when they have to be mined again that
/// takes a while, in which they are seen waiting.
const CALLS: u64 = 16;
/// Who makes those, who makes calls that only the other half hears of, and who makes one in each.
const LOSER: u8 = 1;
const WINNER: u8 = 2;
const DOUBLE: u8 = 3;

/// A log as a subscriber was told of it: whether it is taken back, its block and transaction.
type Told = (bool, Value, Value);

fn told(log: &Value) -> Told {
    (log["removed"].as_bool().unwrap(), log["blockHash"].clone(), log["transactionHash"].clone())
}

/// How many transactions of a key are in a node's best branch.
async fn mined(node: &Node, signer: u8) -> u64 {
    let count = json!([key(signer).address(), "latest"]);
    quantity(&node.ask("eth_getTransactionCount", count).await)
}

/// The block with a transaction, null if there is none.
async fn block_with(node: &Node, hash: &Value) -> Value {
    node.ask("eth_getTransactionReceipt", json!([hash])).await["blockHash"].take()
}

/// What the halves did while they were apart.
struct Apart {
    /// Calls of the weaker half's branch, and of the stronger half's.
    lost: Vec<Value>,
    won: Vec<Value>,
    /// Two with one nonce: the stronger half's and the weaker half's.
    double: [Value; 2],
    /// Where the branches begin, and the first block of the stronger half's.
    first: (u64, Value),
    /// The blocks of the weaker half's.
    given_up: Vec<Value>,
}

/// Hands calls of a key to a node; their hashes.
async fn send_calls(node: &Node, signer: u8, words: std::ops::Range<u64>) -> Vec<Value> {
    let mut hashes = Vec::new();
    for (nonce, word) in words.enumerate() {
        let call = call(signer, nonce as u64, word);
        send(node, &call).await;
        hashes.push(json!(call.tx_hash()));
    }
    hashes
}

/// Lets both halves mine until one has much to lose and is weaker.
async fn mine_apart(world: &World, common: &Seen) -> (Apart, Throttle) {
    let [_, strong, _, weak] = &world.nodes[..] else { unreachable!("there are four") };
    let lost = send_calls(weak, LOSER, 0..CALLS).await;
    let won = send_calls(strong, WINNER, CALLS..CALLS + 1).await;
    let mut double = send_calls(strong, DOUBLE, CALLS + 1..CALLS + 2).await;
    double.extend(send_calls(weak, DOUBLE, CALLS + 2..CALLS + 3).await);
    let double = double.try_into().expect("there are two");
    let began = head(weak).await.number;
    let look = async || (head(weak).await.number, mined(weak, LOSER).await);
    let enough = |(height, calls): &(u64, u64)| *height >= began + LOST && *calls == CALLS;
    until(&format!("{LOST} blocks above {began}"), look, enough).await;
    let throttle = Throttle::start(&world.nodes[2], WEAK_PERCENT);
    let look = async || (head(strong).await, head(weak).await);
    let ahead = |(strong, weak): &(Seen, Seen)| {
        let lead = AHEAD * strong.difficulty;
        strong.work > weak.work + lead && strong.number >= weak.number
    };
    let (_, of_weak) = until("the stronger half ahead", look, ahead).await;
    let (mut first, mut given_up) = (None, Vec::new());
    for height in common.number..=of_weak.number {
        let [ours, theirs] = [at(strong, height).await.hash, at(weak, height).await.hash];
        if ours != theirs {
            first.get_or_insert((height, ours));
            given_up.push(theirs);
        }
    }
    let first = first.expect("they mined apart");
    (Apart { lost, won, double, first, given_up }, throttle)
}

/// The weaker half is on the stronger one's branch, and what it had mined waits again.
async fn check_pool(world: &World, apart: &Apart) {
    let node = &world.nodes[3];
    let (height, hash) = &apart.first;
    let first = async || at(node, *height).await.hash;
    until("the stronger branch", first, |first| first == hash).await;
    let pool = async || {
        let all = node.ask("txpool_contentFrom", json!([key(LOSER).address()])).await;
        all["pending"].as_object().unwrap().len() as u64
    };
    let waiting = until("lost calls that wait", pool, |waiting| *waiting > 0).await;
    let again = mined(node, LOSER).await;
    assert!(waiting + again >= CALLS, "{waiting} wait and {again} are mined of {CALLS}");
}

/// On every node the calls are in the branch that all have now.
async fn check_mined(world: &World, apart: &Apart) {
    let (height, hash) = &apart.first;
    let all = async || {
        let mut seen = Vec::new();
        for node in &world.nodes {
            seen.push((at(node, *height).await.hash, mined(node, LOSER).await));
        }
        seen
    };
    let again = |seen: &Vec<(Value, u64)>| {
        seen.iter().all(|(first, calls)| first == hash && *calls == CALLS)
    };
    until(&format!("{CALLS} lost calls mined on {hash} at {height}"), all, again).await;
    for node in &world.nodes {
        for hash in apart.lost.iter().chain(&apart.won).chain(&apart.double[..1]) {
            let block = block_with(node, hash).await;
            assert!(!block.is_null() && !apart.given_up.contains(&block), "{hash} in {block}");
        }
        let spent = block_with(node, &apart.double[1]).await;
        assert!(spent.is_null(), "{spent} has what another transaction already did");
    }
}

/// Whoever listened to logs knows what stands: each was told once, and taken back where it fell.
fn check_told(told: &[Told], apart: &Apart) {
    let mut standing = Vec::new();
    for (removed, block, transaction) in told {
        let place = standing.iter().position(|one| *one == (block, transaction));
        match (removed, place) {
            (false, None) => standing.push((block, transaction)),
            (true, Some(place)) => drop(standing.swap_remove(place)),
            _ => panic!("removed {removed}: {block} {transaction} of {told:?}"),
        }
    }
    for hash in apart.lost.iter().chain(&apart.double[1..]) {
        let fell = told.iter().any(|(removed, block, transaction)| {
            *removed && transaction == hash && apart.given_up.contains(block)
        });
        assert!(fell, "{hash} was not taken back: {told:?}");
    }
    let stands = |hash: &Value| standing.iter().any(|(_, transaction)| *transaction == hash);
    let mut all = apart.lost.iter().chain(&apart.won).chain(&apart.double[..1]);
    assert!(all.all(stands) && !stands(&apart.double[1]), "{standing:?} of {told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn halves_that_mined_apart_end_on_one_head_and_no_transaction_is_lost() {
    let mut world = World::start(DIFFICULTY, HALF_LIFE, &[0, 2]).await;
    let throttles = [0, 2].map(|miner| Throttle::start(&world.nodes[miner], WEAK_PERCENT));
    let common = world.agreed(COMMON).await;
    let (node, wanted) = (&world.nodes[3], json!({ "address": LOGGER }));
    let filter = node.ask("eth_newFilter", json!([wanted])).await;
    let mut subscriber = Subscriber::to(&node.url, json!(["logs", wanted])).await;

    world.halves.cut();
    let [stronger, weaker] = throttles;
    stronger.release(&world.nodes[0]);
    weaker.release(&world.nodes[2]);
    let (apart, weaker) = mine_apart(&world, &common).await;
    let given_up = apart.given_up.len() as u64;
    assert!(given_up >= LOST, "only {given_up} blocks are lost");

    world.halves.heal();
    check_pool(&world, &apart).await;
    check_mined(&world, &apart).await;
    let changes = world.nodes[3].ask("eth_getFilterChanges", json!([filter])).await;
    let logs: Vec<Told> = changes.as_array().unwrap().iter().map(told).collect();
    check_told(&logs, &apart);
    let same = async || subscriber.told().iter().map(told).take(logs.len()).collect::<Vec<_>>();
    until("the subscriber was told the same", same, |told| *told == logs).await;
    drop(subscriber);
    let (height, _) = apart.first;
    world.agreed(height + LOST).await;
    weaker.release(&world.nodes[2]);
    world.end(&[]);
}
