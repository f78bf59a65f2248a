//! The nonce search of one core against openssl's SHA-256, and of two threads against one.

use super::node::{Node, genesis};
use super::token::Token;
use crate::measure::{Pair, RUNS, alternate, count, process_seconds, timed, worked};
use crate::peer::{Instructions, openssl_compressions};
use crate::report::Row;
use alloy_primitives::U256;
use anyhow::{Context, Result, ensure};
use chain::Candidate;
use seal::{Engine, Work};
use sha2::{Digest, Sha256};

/// Nonces of a run, half of them for the engines without instructions of their own.
const NONCES: u32 = 8_000_000;
const UNIT: &str = "compressions/s";
/// A nonce costs two compressions of a block.
const COMPRESSIONS: f64 = 2.0;
/// Zero bits that a pow hash has to begin with in the check of an engine.
const ZERO_BITS: usize = 16;
/// The difficulty of the search by several threads, and how many nonces it may take: enough for a
/// second, as few as anybody waits for.
const DIFFICULTY: u64 = 1 << 25;
const NONCES_MIN: u64 = 20_000_000;
const NONCES_MAX: u64 = 60_000_000;

pub(crate) fn rows() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for engine in Engine::available() {
        check(engine)?;
        let (peer, goal) = match engine {
            Engine::Avx512 => (Instructions::All, 2.5),
            Engine::ShaNi => (Instructions::All, 1.8),
            Engine::Avx2 => (Instructions::Vectors, 1.0),
            Engine::Portable => (Instructions::Base, 0.95),
        };
        let name = format!("nonce search by {}, per core, to {}", engine.name(), peer.name());
        let pair = alternate(|| Ok(compressions(engine)), || openssl_compressions(peer))?;
        rows.push(Row::rate(name, UNIT, &pair).aims_at(goal));
    }
    let all = Instructions::All;
    let pair = alternate(|| Ok(plain_compressions()), || openssl_compressions(all))?;
    let name = format!("plain search with the sha2 crate, per core, to {}", all.name());
    rows.push(Row::rate(name, UNIT, &pair));
    rows.extend(two_threads()?);
    Ok(rows)
}

/// A search that finds nothing: the target is zero.
fn compressions(engine: Engine) -> f64 {
    let nonces = if engine == Engine::Portable { NONCES / 8 } else { NONCES };
    let work = Work::new(&[7; 32], &[0; 32]);
    let (found, seconds) = worked(|| engine.first(&work, 1, u64::from(nonces)));
    assert_eq!(found, None, "no hash is zero");
    COMPRESSIONS * f64::from(nonces) / seconds
}

/// The search as it is defined, with another implementation of SHA-256.
fn plain(seal_hash: &[u8; 32], target: &[u8; 32], tries: u64) -> Option<u64> {
    let mut preimage = [0; 40];
    preimage[..32].copy_from_slice(seal_hash);
    (0..tries).find(|nonce| {
        preimage[32..].copy_from_slice(&nonce.to_be_bytes());
        <[u8; 32]>::from(Sha256::digest(Sha256::digest(preimage))) <= *target
    })
}

fn plain_compressions() -> f64 {
    let (found, seconds) = worked(|| plain(&[7; 32], &[0; 32], u64::from(NONCES / 2)));
    assert_eq!(found, None, "no hash is zero");
    COMPRESSIONS * f64::from(NONCES / 2) / seconds
}

fn check(engine: Engine) -> Result<()> {
    let mut target = [0xff; 32];
    target[..ZERO_BITS / 8].fill(0);
    for seed in 0..4 {
        let seal_hash = [seed; 32];
        let (found, tries) = (engine.first(&Work::new(&seal_hash, &target), 0, 1 << 20), 1 << 20);
        let expected = plain(&seal_hash, &target, tries);
        ensure!(expected.is_some() && found == expected, "{}: {found:?}", engine.name());
    }
    Ok(())
}

/// The miner's own search, of one candidate, to its end: by the clock, which needs both processors
/// idle, and by what the processors worked, which tells what the threads cost each other.
fn two_threads() -> Result<[Row; 2]> {
    let mut genesis = genesis(&Token::new());
    genesis.difficulty = U256::from(DIFFICULTY);
    let one = Node::start(genesis.clone(), 1, None)?;
    let two = Node::start(genesis, 2, None)?;
    let candidate = worth_searching(one.candidates()?)?;
    let [mut passed, mut worked] = [(); 2].map(|()| Pair::default());
    for _ in 0..RUNS {
        for (at, node) in [&two, &one].into_iter().enumerate() {
            let before = process_seconds();
            let (block, seconds) = timed(|| node.ledger.node().seal(&candidate));
            let after = process_seconds();
            ensure!(block.header.is_sealed(), "the nonce does not seal the block");
            // Threads take turns, so that all nonces below were tried.
            let nonces = count(u64::from_be_bytes(block.header.nonce.0));
            let spent = before.and_then(|before| Some(after? - before)).unwrap_or(seconds);
            for (pair, seconds) in [(&mut passed, seconds), (&mut worked, spent)] {
                let side = if at == 0 { &mut pair.ours } else { &mut pair.theirs };
                side.push(nonces / seconds);
            }
        }
    }
    let name = "nonce search by two threads, to one";
    Ok([
        Row::rate(name, "nonces/s", &passed).aims_at(1.95),
        Row::rate(format!("{name}, per second of a processor"), "nonces/s", &worked).aims_at(0.975),
    ])
}

/// A candidate whose first nonce is neither near nor far.
fn worth_searching(candidates: Vec<Candidate>) -> Result<Candidate> {
    let is_worth = |candidate: &Candidate| {
        let found = candidate.seal(0, NONCES_MAX);
        found.is_some_and(|nonce| u64::from_be_bytes(nonce.0) >= NONCES_MIN)
    };
    candidates.into_iter().find(is_worth).context("no candidate takes as long as wanted")
}
