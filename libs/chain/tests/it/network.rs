//! Several nodes under simulated time: partitions, reorganisations, liars, miners that come and go.
//!
//! `WATTEX_SEEDS` sets how many worlds are tried, `WATTEX_SEED` tries one.

mod liar;
mod low_work;
mod meanwhile;
mod node;
mod world;

use crate::support::{Key, MINER, transaction};
use alloy_primitives::{B256, Bytes};
use chain::{ChainView, Transaction};
use liar::{Kind, Liar};
use rand::Rng;
use world::{World, spec};

/// Worlds that are tried in an ordinary run.
const SEEDS: u64 = 60;

fn seeds() -> Vec<u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    match number("WATTEX_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("WATTEX_SEEDS").unwrap_or(SEEDS)).collect(),
    }
}

/// Sends a coin from the key with this number.
fn coin(key: u8, nonce: u64) -> Transaction {
    Key::new(key).sign(transaction(nonce, MINER, Bytes::new()))
}

fn is_mined(world: &World, node: usize, hash: B256) -> bool {
    let view = &world.nodes[node].view;
    let blocks = (1..).map_while(|number| view.block(view.canonical_hash(number)?));
    blocks.flat_map(|block| block.transactions).any(|one| *one.tx_hash() == hash)
}

#[test]
fn a_transaction_given_to_one_node_is_mined_by_another_and_known_to_all() {
    let mut world = World::new(1, spec(0, 0, &[]), 4);
    world.nodes[3].rate = 80;
    world.pass(12);
    let sent: Vec<_> = (0..20).map(|nonce| coin(10, nonce)).collect();
    for one in &sent {
        world.submit(0, one.clone());
    }
    world.pass(90);
    world.settle(3);
    for one in &sent {
        assert!((0..4).all(|node| is_mined(&world, node, *one.tx_hash())));
    }
    assert!(world.nodes.iter().all(|node| node.pool.is_empty()));
}

#[test]
fn two_halves_mine_apart_and_the_lighter_one_gives_up_twenty_blocks() {
    let mut world = World::new(2, spec(0, 0, &[]), 4);
    for node in 0..4 {
        world.nodes[node].rate = [25, 25, 15, 15][node];
    }
    world.pass(30);
    world.cut(&[2, 3]);
    let lost = coin(11, 0);
    world.submit(2, lost.clone());
    let far_enough = |world: &World| world.nodes[2].number() >= 26;
    assert!(world.pass_until(900_000, far_enough));
    assert!(is_mined(&world, 3, *lost.tx_hash()));
    assert!(!is_mined(&world, 0, *lost.tx_hash()));
    world.heal();
    world.settle(0);
    let undone = world.nodes.iter().map(|node| node.undone_max).max().unwrap();
    assert!(undone >= 20, "{undone}");
    world.pass(60);
    world.settle(0);
    assert!((0..4).all(|node| is_mined(&world, node, *lost.tx_hash())), "it is mined again");
}

#[test]
fn a_node_that_comes_late_gets_the_chain_from_its_genesis() {
    let mut world = World::new(3, spec(0, 0, &[]), 3);
    world.nodes[0].rate = 80;
    for nonce in 0..30 {
        world.submit(1, coin(10, nonce));
        world.pass(20);
    }
    assert!(world.nodes[0].number() > 60);
    world.join(4);
    let caught_up = |world: &World| world.nodes[3].number() == world.nodes[0].number();
    assert!(world.pass_until(60_000, caught_up), "at {}", world.nodes[3].number());
    world.settle(0);
    assert!(world.nodes[3].machine.status().syncing.is_none());
    assert_eq!(world.nodes[3].machine.status().peers.len(), 3);
}

#[test]
fn every_lie_is_found_by_its_name_and_holds_up_nobody() {
    for kind in Kind::ALL {
        let operators = if kind == Kind::Checkpoint { 3 } else { 0 };
        let mut world = World::new(5, spec(operators, operators.into(), &[]), 3);
        world.loss = 0;
        let liar = Liar::new(kind, 12, &world.spec, 0);
        let id = liar.id();
        world.liars.push(liar);
        world.nodes[0].rate = 80;
        world.pass(180);
        let number = world.nodes[0].number();
        assert!(number >= 18, "{kind:?}: {number} blocks in three minutes");
        for node in &world.nodes {
            assert!(number - node.number() <= 1, "{kind:?} holds up {}", node.number());
            let codes = node.distrusted.get(&id).cloned().unwrap_or_default();
            assert!(codes.contains(&kind.code()), "{kind:?} is called {codes:?}");
            assert!(node.ignored.contains(&id), "{kind:?} is never ignored: {codes:?}");
            let honest = node.distrusted.keys().filter(|peer| **peer != id).count();
            assert_eq!(honest, 0, "{kind:?}: {:?}", node.distrusted);
        }
        world.settle(0);
    }
}

#[test]
fn difficulty_follows_a_hash_rate_ten_times_as_high_and_a_tenth() {
    let mut world = World::new(6, spec(0, 0, &[]), 2);
    let mut spans = Vec::new();
    for rate in [80, 800, 8] {
        world.nodes[0].rate = rate;
        // Four half-lives to follow, then eighty blocks' time to be judged by.
        world.pass(if rate == 8 { 900 } else { 240 });
        let from = world.nodes[0].number();
        world.pass(400);
        spans.push(world.nodes[0].number() - from);
    }
    for blocks in &spans {
        assert!((55..=110).contains(blocks), "{spans:?} blocks in eighty times five seconds");
    }
    world.settle(0);
}

#[test]
fn blocks_that_operators_certified_stay_although_the_others_have_more_work() {
    let mut world = World::new(7, spec(4, 3, &[]), 5);
    for node in 0..5 {
        world.nodes[node].lag = 2;
        world.nodes[node].rate = [5, 5, 5, 0, 60][node];
    }
    world.pass(60);
    world.cut(&[3, 4]);
    world.pass(300);
    let finalized = world.nodes[0].finalized;
    assert!(finalized > 10, "three of four operators go on: {finalized}");
    let hash = world.nodes[0].view.canonical_hash(finalized).unwrap();
    let lone = world.nodes[4].finalized;
    assert!(lone < finalized, "one of four certifies nothing");
    let work = |world: &World, node: usize| {
        let view = &world.nodes[node].view;
        view.total_difficulty(view.head()).unwrap()
    };
    assert!(work(&world, 4) > work(&world, 0));
    world.heal();
    let followed = |world: &World| world.nodes[4].finalized > finalized && world.agrees();
    assert!(world.pass_until(600_000, followed), "{}", world.nodes[4].finalized);
    for node in &world.nodes {
        assert_eq!(node.view.canonical_hash(finalized), Some(hash));
        assert!(node.ignored.is_empty(), "{:?}", node.distrusted);
    }
    assert!(world.nodes[4].undone_max > 10, "{}", world.nodes[4].undone_max);
    world.settle(0);
}

#[test]
fn operators_that_were_split_in_two_halves_agree_again() {
    let mut world = World::new(8, spec(4, 3, &[]), 4);
    for node in 0..4 {
        world.nodes[node].lag = 2;
        world.nodes[node].rate = [30, 20, 10, 20][node];
    }
    world.pass(60);
    world.cut(&[0, 1]);
    world.pass(400);
    let stuck: Vec<_> = world.nodes.iter().map(|node| node.finalized).collect();
    assert!(stuck.iter().all(|finalized| *finalized < 25), "{stuck:?}");
    world.heal();
    let goes_on = |world: &World| {
        world.nodes.iter().all(|node| node.number() > 60 && node.finalized + 12 > node.number())
    };
    assert!(world.pass_until(600_000, goes_on), "finality does not go on");
    world.settle(1);
}

#[test]
fn where_miners_are_named_others_blocks_are_refused() {
    let mut world = World::new(9, spec(0, 0, &[1, 2]), 3);
    world.nodes[0].rate = 40;
    world.nodes[1].rate = 40;
    world.pass(120);
    world.settle(0);
    let view = &world.nodes[2].view;
    for number in 1..=world.nodes[2].number() {
        let block = view.block(view.canonical_hash(number).unwrap()).unwrap();
        let signer = chain::signature::recover(&block.transactions[0]).unwrap();
        assert_eq!(signer, block.header.coinbase);
    }
}

/// Everything at once, as the seed wants it.
fn try_world(seed: u64) {
    let mut dice = World::new(seed, spec(0, 0, &[]), 1).dice;
    let operators: u8 = if dice.random() { 4 } else { 0 };
    let mut world = World::new(seed, spec(operators, u64::from(operators).min(3), &[]), 5);
    world.loss = dice.random_range(0..20);
    for node in 0..5 {
        world.nodes[node].rate = dice.random_range(5..30);
        world.nodes[node].lag = if operators > 0 { 2 } else { 1_000 };
    }
    for number in 0..dice.random_range(0..=2) {
        let kind = Kind::ALL[dice.random_range(0..Kind::ALL.len())];
        world.liars.push(Liar::new(kind, 12 + number, &world.spec, 0));
    }
    let mut sent = Vec::new();
    let mut nonces = [0; 3];
    for _ in 0..6 {
        match dice.random_range(0..6) {
            0 => {
                let group: Vec<usize> = (0..5).filter(|_| dice.random()).collect();
                world.cut(&group);
            }
            1 => world.heal(),
            2 => world.set_down(dice.random_range(0..5), true),
            3 => (0..5).for_each(|node| world.set_down(node, false)),
            4 => (0..5).for_each(|node| {
                let rate = &mut world.nodes[node].rate;
                *rate = (*rate * 10).min(300);
            }),
            _ => (0..5).for_each(|node| world.nodes[node].rate = 4),
        }
        for _ in 0..3 {
            let key = dice.random_range(0..nonces.len());
            let one = coin(10 + u8::try_from(key).unwrap(), nonces[key]);
            // A sender gives all it sends to one node, so that there is no gap.
            world.submit(key, one.clone());
            nonces[key] += 1;
            sent.push(*one.tx_hash());
            world.pass(dice.random_range(1..20));
        }
    }
    world.heal();
    (0..5).for_each(|node| world.set_down(node, false));
    world.settle(0);
    world.pass(60);
    world.settle(0);
    for node in &world.nodes {
        let honest: Vec<_> = world.nodes.iter().map(|node| node.id).collect();
        let wronged = node.ignored.iter().find(|peer| honest.contains(peer));
        assert_eq!(wronged, None, "seed {seed}: {:?}", node.distrusted);
    }
    let missing = sent.iter().filter(|hash| !is_mined(&world, 4, **hash)).count();
    assert_eq!(missing, 0, "seed {seed}: {missing} of {} transactions are lost", sent.len());
}

#[test]
fn whatever_happens_honest_nodes_end_on_one_head_with_one_state() {
    for seed in seeds() {
        println!("seed {seed}");
        try_world(seed);
    }
}
