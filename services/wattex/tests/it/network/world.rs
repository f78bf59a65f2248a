//! Four nodes as processes in two halves of a network, and what is seen of them.

use std::collections::BTreeMap;
use std::fs;

use alloy_consensus::{TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, TxKind, U256};
use chain::GenesisSpec;
use chain::genesis::Allocation;
use keys::SecretKey;
use ledger::peers::PeerId;
use serde_json::json;
use service::Clock;

use super::blame::{Blame, blames};
use super::halves::Halves;
use super::{Seen, block, check_directory, until};
use crate::node::Node;
use crate::program::{Place, text};
use crate::signed::signed;

const CHAIN_ID: u64 = 4_713;
/// Wanted seconds between blocks. With one the difficulty could never rise: no two blocks have the
/// same second.
pub const BLOCK_TIME: u64 = 2;
/// Room for two calls of [`LOGGER`] in a block, and for one.
const BLOCK_GAS: u64 = 60_000;
const CALL_GAS: u64 = 25_000;
/// It logs nothing under the word that it is called with.
pub const LOGGER: Address = Address::repeat_byte(0xcc);
const LOGGER_CODE: [u8; 6] = [0x5f, 0x35, 0x5f, 0x5f, 0xa1, 0x00];
/// Keys with money.
const KEYS: u8 = 3;

/// A key with money, by its number from 1.
pub fn key(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number; 32]).unwrap()
}

/// A call that is logged under this word.
pub fn call(signer: u8, nonce: u64, word: u64) -> TxEnvelope {
    let unsigned = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: CALL_GAS,
        max_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(LOGGER),
        input: B256::from(U256::from(word)).0.into(),
        ..TxEip1559::default()
    };
    signed(&key(signer), unsigned)
}

/// A chain that begins now with this difficulty, which doubles or halves when blocks are so many
/// seconds early or late.
fn spec(difficulty: u64, half_life: u64) -> GenesisSpec {
    let mut spec = GenesisSpec::new(CHAIN_ID, Clock::real().now().unsigned());
    (spec.target_block_time, spec.half_life) = (BLOCK_TIME, half_life);
    (spec.difficulty, spec.gas_limit) = (U256::from(difficulty), BLOCK_GAS);
    let rich = Allocation { balance: U256::from(10).pow(U256::from(21)), ..Allocation::default() };
    spec.alloc.extend((1..=KEYS).map(|number| (key(number).address(), rich.clone())));
    let logger = Allocation { nonce: 1, code: LOGGER_CODE.into(), ..Allocation::default() };
    spec.alloc.insert(LOGGER, logger);
    spec
}

/// Four nodes. The first two are in one half, the others in the other one.
pub struct World {
    // Before what they live in.
    pub nodes: Vec<Node>,
    pub halves: Halves,
    pub place: Place,
    pub spec: GenesisSpec,
    /// What each node said of its peers.
    heard: [Vec<Blame>; 4],
}

impl World {
    /// Starts all, those that are named with one thread that mines.
    pub async fn start(difficulty: u64, half_life: u64, miners: &[usize]) -> World {
        let place = Place::new();
        let halves = Halves::start(&place).await;
        let spec = spec(difficulty, half_life);
        fs::write(place.path("genesis.json"), serde_json::to_string(&spec).unwrap()).unwrap();
        let mut world = World { nodes: Vec::new(), halves, place, spec, heard: Default::default() };
        // Miners last: nobody misses what they find.
        let mines = |number: &usize| miners.contains(number);
        let (mining, following): (Vec<usize>, Vec<usize>) = (0..4).partition(mines);
        let started: BTreeMap<usize, Node> = following
            .into_iter()
            .chain(mining)
            .map(|number| (number, world.node(number, mines(&number))))
            .collect();
        world.nodes = started.into_values().collect();
        world
    }

    /// Starts a node in its directory.
    fn node(&self, number: usize, mines: bool) -> Node {
        let (genesis, folder) = (self.place.path("genesis.json"), self.folder(number));
        let arguments = ["--genesis", text(&genesis), "--dir", &folder];
        // Miners with one address would search the same nonces of the same blocks.
        let miner = Address::with_last_byte(u8::try_from(number).unwrap() + 1).to_string();
        let mine = ["--mine", if mines { "1" } else { "0" }, "--miner", &miner];
        self.halves.node(number / 2, &[&arguments[..], &mine].concat())
    }

    fn folder(&self, number: usize) -> String {
        text(&self.place.path(&format!("node{number}"))).to_owned()
    }

    /// Starts a node again that `end` has ended, as a miner or not.
    pub fn again(&mut self, number: usize, mines: bool, end: impl FnOnce(Node)) {
        self.blames();
        end(self.nodes.remove(number));
        self.nodes.insert(number, self.node(number, mines));
    }

    /// The newest block of each node.
    pub async fn heads(&self) -> Vec<Seen> {
        let mut heads = Vec::new();
        for node in &self.nodes {
            heads.push(head(node).await);
        }
        heads
    }

    /// Waits until all nodes have one head, at this height or above; it.
    pub async fn agreed(&self, height: u64) -> Seen {
        let one = |heads: &Vec<Seen>| {
            heads[0].number >= height && heads.iter().all(|head| *head == heads[0])
        };
        until(&format!("one head, at {height} or above"), async || self.heads().await, one).await[0]
            .clone()
    }

    /// What each node said of its peers so far.
    pub fn blames(&mut self) -> &[Vec<Blame>; 4] {
        for (node, heard) in self.nodes.iter_mut().zip(&mut self.heard) {
            heard.extend(blames(node));
        }
        &self.heard
    }

    /// Stops all. None of them ignored anybody but the liars, and what each has on its disk follows
    /// from the genesis.
    pub fn end(mut self, liars: &[PeerId]) {
        let heard = self.blames().iter().flatten();
        let wronged: Vec<_> =
            heard.filter(|one| one.ignored && !liars.contains(&one.peer)).collect();
        assert!(wronged.is_empty(), "{wronged:?}");
        let folders = [0, 1, 2, 3].map(|number| self.folder(number));
        self.nodes.into_iter().for_each(|node| node.stop("INT"));
        folders.iter().for_each(|folder| check_directory(folder));
    }
}

/// The newest block of a node.
pub async fn head(node: &Node) -> Seen {
    block(node, json!("latest")).await
}

/// A node's block at a height.
pub async fn at(node: &Node, height: u64) -> Seen {
    block(node, json!(format!("{height:#x}"))).await
}

/// Hands a transaction to a node.
pub async fn send(node: &Node, transaction: &TxEnvelope) {
    let raw = alloy_primitives::hex::encode_prefixed(transaction.encoded_2718());
    node.ask("eth_sendRawTransaction", json!([raw])).await;
}
